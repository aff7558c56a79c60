"""Everything that a run's clock grid and generation trials say, as tidy frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.clocks import compared, crossings, growth, samples
from analysis.clocks.across import across
from analysis.clocks.leaders import leaders
from analysis.clocks.samples import CONDITION, STEP, TWIN
from analysis.load import Run

MEMORY_CONDITION = ["layout", "size", "precision", "threads"]
PAIR = ["variant", "first", "second", "first_name", "second_name", "crossing"]
PLAIN = "plain"
VARIANTS = (PLAIN, "best")
BANDS = (0.5, 0.95)


@dataclass(frozen=True)
class Clocks:
    """The figures of one run; a frame is empty where nothing was measured."""

    run: Run
    grid: samples.Usable
    decodes: samples.Usable
    tokens: int | None
    """Tokens of a step in the layout of constant tokens."""
    medians: pd.DataFrame
    memory: pd.DataFrame
    generation: pd.DataFrame
    subjects: tuple[str, ...]
    """Every architecture, in the plan's order."""
    kernels: Mapping[str, str]
    """Kernel -> the architecture that it computes."""
    columns: tuple[Mapping[str, str | None], ...]
    """Title, family, plain and best architecture of every column of the interview table."""

    @property
    def times(self) -> pd.DataFrame:
        """Medians without the A/A copy."""
        return self.medians[self.medians["subject"] != TWIN]

    @property
    def plain(self) -> dict[str, str]:
        """Family -> its plain architecture."""
        return {str(c["family"]): str(c["plain"]) for c in self.columns}

    @property
    def titles(self) -> dict[str, str]:
        """Family -> title of its column."""
        return {str(c["family"]): str(c["title"]) for c in self.columns}


def measure(run: Run) -> Clocks:
    """Read a run, once; `figures` does the statistics."""
    return run.once("clocks", lambda: _measured(run))


def _measured(run: Run) -> Clocks:
    grid = samples.usable(run, samples.GRID, "clock")
    decodes = samples.usable(run, samples.GENERATION, "decode")
    known = samples.architectures(run)
    decoded = [name for names in decodes.planned["contenders"] for name in names]
    subjects = tuple(dict.fromkeys([*known, *decoded]))
    return Clocks(
        run=run,
        grid=grid,
        decodes=decodes,
        tokens=samples.constant_tokens(grid.planned),
        medians=samples.ordered(samples.medians(run, grid), subjects),
        memory=samples.ordered(samples.memory(run, grid), subjects),
        generation=samples.ordered(samples.generation(run, decodes), subjects),
        subjects=subjects,
        kernels=compared.kernels(known),
        columns=tuple({key: c[key] for key in ("title", "family", "plain", "best")} for c in run.plan["columns"]),
    )


def figures(clocks: Clocks) -> dict[str, pd.DataFrame]:
    """Name -> tidy frame of every figure, made once; nobody may change them."""
    return clocks.run.once("figures of clocks", lambda: _figures(clocks))


def _figures(clocks: Clocks) -> dict[str, pd.DataFrame]:
    times, by = clocks.times, [*CONDITION, "subject"]
    decoded, remembered = clocks.generation, clocks.memory
    by_memory = [*MEMORY_CONDITION, "subject", "metric"]
    return {
        "seconds": across(times, [*by, "length"], "seconds"),
        "tokens_per_second": across(times, [*by, "length"], "tokens_per_second"),
        "exponents": growth.exponents(times, by, "sequence_seconds"),
        "fits": growth.fits(times, by, "sequence_seconds"),
        "leaders": leaders(times, clocks.plain, clocks.titles),
        "crossovers": _crossovers(clocks),
        "cores": compared.cores(times),
        "single_sequence": compared.single_sequence(times),
        "kernel_times": compared.kernel_times(times, clocks.kernels),
        "kernel_bytes": compared.kernel_bytes(remembered, clocks.kernels),
        "words": compared.words(times, clocks.plain, clocks.kernels),
        "precision": compared.precision(times),
        "memory": remembered,
        "memory_exponents": growth.exponents(remembered.assign(replicate=0), by_memory, "bytes"),
        "generation": across(decoded, ["subject", "context"], "seconds"),
        "generation_exponents": growth.exponents(decoded, ["subject"], "seconds", "context"),
        "generation_fits": growth.fits(decoded, ["subject"], "seconds", 1, "context"),
        "generation_crossovers": pd.DataFrame([*_pairs(clocks, decoded, "context")], columns=PAIR),
        "state": decoded.groupby(["subject", "context"], sort=False, as_index=False).agg(
            state_bytes=("state_bytes", "median")
        ),
        "state_exponents": growth.exponents(decoded, ["subject"], "state_bytes", "context"),
        "twins": _twins(clocks),
    }


def _crossovers(clocks: Clocks) -> pd.DataFrame:
    """Every pair of columns under every condition of whole steps, plain with plain, best with best where that differs.

    Columns: CONDITION, PAIR.
    """
    steps = clocks.times[clocks.times["pass"] == STEP]
    groups = steps.groupby(CONDITION, sort=False)
    rows = [(*key, *pair) for key, group in groups for pair in _pairs(clocks, group, "length")]
    return pd.DataFrame(rows, columns=[*CONDITION, *PAIR])


def _pairs(clocks: Clocks, group: pd.DataFrame, along: str) -> Iterator[tuple[Any, ...]]:
    """Families, names and Crossing of every pair of columns of which something is known."""
    held = {str(name): own for name, own in group.groupby("subject", sort=False)}
    for one, other in combinations(clocks.columns, 2):
        for variant in VARIANTS:
            first, second = str(one[variant]), str(other[variant])
            new = variant == PLAIN or (first, second) != (one[PLAIN], other[PLAIN])
            if new and first in held and second in held:
                found = crossings.find(held[first], held[second], along)
                if found:
                    yield variant, one["family"], other["family"], first, second, found


def _twins(clocks: Clocks) -> pd.DataFrame:
    """How far two copies of one architecture differ, over trials and passes: quantiles BANDS of |ratio - 1|."""
    twins = clocks.medians[clocks.medians["subject"] == TWIN]
    firsts = {index: names[0] for index, names in clocks.grid.trials["contenders"].items() if names}
    on = ["layout", "pass", "trial"]
    own = clocks.times[clocks.times["subject"] == clocks.times["trial"].map(firsts)]
    paired = twins.merge(own[[*on, "seconds"]], on=on, suffixes=("", "_own"))
    paired = paired.assign(apart=np.abs(paired["seconds"] / paired["seconds_own"] - 1))
    rows = [
        (*key, *group["apart"].quantile(list(BANDS)), len(group))
        for key, group in paired.groupby(["size", "threads"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["size", "threads", "half", "most", "pairs"])
