"""Ratios between conditions: cores, one sequence against many, kernels, precision; and the word a kernel would earn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import FAMILIES, SPEED
from analysis.clocks.across import FIGURE, across, complete, grid, ratios
from analysis.clocks.samples import CONDITION, CONSTANT, FULL_PRECISION, SINGLE, STEP, TWIN
from analysis.stats import Array, relative_speed

KERNEL_FIELDS = ("fused", "dense")
"""Fields of an architecture that choose a kernel and leave the function of the weights as it is."""
LABELS = ("name", "core_parameters")
"""Fields that say nothing about the function: kernels are clocked at one size, the rest at several."""
DEFAULT = "as shipped"


def kernels(architectures: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name -> name of the architecture that it computes on another kernel: the first that differs in nothing else."""
    first: dict[str, str] = {}
    found = {}
    for name, fields in architectures.items():
        rest = {key: value for key, value in fields.items() if key not in (*LABELS, *KERNEL_FIELDS)}
        base = first.setdefault(repr(sorted(rest.items(), key=str)), name)
        if base != name and set(fields) & set(KERNEL_FIELDS):
            found[name] = base
    return found


def cores(medians: pd.DataFrame) -> pd.DataFrame:
    """Speed-up of several threads over one, and Karp and Flatt's (1990) serial fraction e = (1/S - 1/p) / (1 - 1/p).

    Columns: CONDITION (threads p), subject, length, FIGURE of the speed-up S, serial, serial_low, serial_high.
    e falls as S rises, so its interval is that of S, carried over. Below 0 is faster than p times, above 1 slower
    than one thread.
    """
    on = ["layout", "size", "precision", "pass", "subject", "length", "replicate"]
    own = medians[medians["subject"] != TWIN]
    one, several = own[own["threads"] == 1], own[own["threads"] > 1]
    paired = ratios(several, one, on, "seconds").assign(speedup=lambda f: 1 / f["ratio"])
    found = across(paired, [*CONDITION, "subject", "length"], "speedup")
    p = found["threads"].to_numpy(dtype=float)
    for name, end in (("serial", "point"), ("serial_low", "high"), ("serial_high", "low")):
        with np.errstate(divide="ignore"):
            found[name] = (1 / found[end].to_numpy(dtype=float) - 1 / p) / (1 - 1 / p)
    return found


def single_sequence(medians: pd.DataFrame) -> pd.DataFrame:
    """Tokens per second with one sequence over tokens per second at constant tokens: 1 needs no other sequences.

    Lengths at which both are the same trial are left out. Columns: CONDITION without layout, subject, length, FIGURE.
    """
    condition = [name for name in CONDITION if name != "layout"]
    on = [*condition, "subject", "length", "replicate"]
    own = medians[medians["subject"] != TWIN]
    single, batched = own[own["layout"] == SINGLE], own[own["layout"] == CONSTANT]
    batched = batched[batched["tokens"] > batched["length"]]
    paired = ratios(single, batched, on, "tokens_per_second")
    return across(paired, [*condition, "subject", "length"], "ratio")


def precision(medians: pd.DataFrame) -> pd.DataFrame:
    """Seconds in another precision over seconds in fp32; columns CONDITION, subject, length, FIGURE."""
    on = ["layout", "size", "threads", "pass", "subject", "length", "replicate"]
    own = medians[medians["subject"] != TWIN]
    full, other = own[own["precision"] == FULL_PRECISION], own[own["precision"] != FULL_PRECISION]
    return across(ratios(other, full, on, "seconds"), [*CONDITION, "subject", "length"], "ratio")


def kernel_times(medians: pd.DataFrame, base_of: Mapping[str, str]) -> pd.DataFrame:
    """Seconds of each kernel over those of the architecture it computes, in one trial; CONDITION, subject, length."""
    own = medians[medians["subject"].isin(base_of)]
    own = own.assign(base=own["subject"].map(base_of))
    base = medians.rename(columns={"subject": "base"})
    paired = ratios(own, base, ["layout", "pass", "trial", "base"], "seconds")
    return across(paired, [*CONDITION, "subject", "base", "length"], "ratio")


def kernel_bytes(memory: pd.DataFrame, base_of: Mapping[str, str]) -> pd.DataFrame:
    """Bytes of each kernel over those of the architecture it computes, measured once; column `ratio`."""
    own = memory[memory["subject"].isin(base_of)]
    own = own.assign(base=own["subject"].map(base_of))
    base = memory.rename(columns={"subject": "base"})
    on = ["layout", "size", "precision", "threads", "base", "length", "metric"]
    return ratios(own, base, on, "bytes")[[*on, "subject", "ratio"]]


def words(medians: pd.DataFrame, plain: Mapping[str, str], base_of: Mapping[str, str]) -> pd.DataFrame:
    """The training-speed word of every family in each setting of the grid, as shipped and with each other kernel.

    `plain` is family -> architecture. Columns: CONDITION, kernel (DEFAULT or a name), family, subject, word, reach (all
    words that the interval holds), FIGURE (ratio of tokens/s to the fastest family's, over lengths), shortest, longest.
    """
    speakers = {family: plain[family] for family in FAMILIES if family in plain}
    castings = {DEFAULT: speakers}
    for kernel, base in base_of.items():
        if base in speakers.values():
            castings[kernel] = {family: kernel if name == base else name for family, name in speakers.items()}
    rows = []
    steps = medians[(medians["pass"] == STEP) & (medians["threads"] == 1)]
    for key, group in steps.groupby(CONDITION, sort=False):
        for kernel, casting in castings.items():
            rows += [(*key, kernel, *row) for row in _words(group, casting)]
    names = [*CONDITION, "kernel", "family", "subject", "word", "reach", *FIGURE, "shortest", "longest"]
    return pd.DataFrame(rows, columns=names)


def _words(group: pd.DataFrame, casting: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """One row per family, over the lengths at which every replicate has every speaker; none if one is missing."""
    rates = [grid(group[group["subject"] == name], "tokens_per_second") for name in casting.values()]
    if len(rates) < 2 or any(rate.empty for rate in rates):
        return []
    joined = complete(pd.concat(dict(zip(casting, rates, strict=True)), axis="columns"))
    lengths = [n for n in rates[0].columns if all((family, n) in joined.columns for family in casting)]
    if not lengths:
        return []
    arrays: dict[str, Array] = {family: joined[family][lengths].to_numpy(dtype=float) for family in casting}
    rows = []
    for family, subject in casting.items():
        found = relative_speed(arrays[family], np.stack(list(arrays.values())))
        point, low, high = (min(value, 1.0) for value in found)
        reach = dict.fromkeys(SPEED.word(value) for value in (point, low, high))
        rows.append((family, subject, SPEED.word(point), _ordered(reach), point, low, high, len(joined)))
    return [(*row, lengths[0], lengths[-1]) for row in rows]


def _ordered(reach: Sequence[str] | dict[str, None]) -> str:
    """The words from the best to the worst that is reached; what lies between two of them is reached as well."""
    at = sorted(SPEED.words.index(word) for word in reach)
    return " or ".join(SPEED.words[at[0] : at[-1] + 1])
