"""Sections of the page about time: steps, growth, crossovers, passes, cores, single sequences, precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.clocks import findings, wording
from analysis.clocks.across import pick
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks
from analysis.clocks.samples import PASSES, STEP
from analysis.clocks.tables import Section, by_length, figure, joined, per_group, table
from analysis.stats import Interval

WHO = {"subject": "Architecture"}
SIZED = {"size": "Core parameters", **WHO}
SETTING = ["layout", "size", "precision"]


def steps(clocks: Clocks, frames: Frames) -> Section:
    """Milliseconds and tokens per second of whole steps on one thread."""
    whole = {"pass": STEP, "threads": 1}
    seconds, rates = pick(frames["seconds"], **whole), pick(frames["tokens_per_second"], **whole)
    explanation = (
        "Milliseconds of a training step (forward, backward, clipping, optimiser) with the 95 % interval over "
        "replicates, then tokens per second. Other kernels of the same architectures run along at one size."
    )
    body = joined(
        (
            per_group(clocks, seconds, SETTING, lambda own: by_length(own, WHO, lambda r: figure(r, 1e3))),
            per_group(
                clocks,
                rates,
                ["layout", "precision"],
                lambda own: by_length(own, SIZED, lambda r: wording.number(r["point"])),
            ),
        )
    )
    return Section("What a training step costs", explanation, body)


def growth(clocks: Clocks, frames: Frames) -> Section:
    """Local exponents and fitted laws of whole steps on one thread."""
    whole = {"pass": STEP, "threads": 1, "precision": "fp32"}
    exponents, fits = pick(frames["exponents"], **whole), frames["fits"]
    explanation = (
        "Exponent of the seconds of one sequence (a step's, divided by its sequences) between a length and the one "
        "before: 1 is a cost linear in n, 2 a quadratic one; the last column is the tail. Then the law a + b n + c n^2 "
        "by non-negative least squares with weights 1 / t, and the length from which its quadratic term exceeds the "
        "linear one; intervals are Student's t over the fits of single replicates. At constant tokens longer sequences "
        "are fewer, so that what a position waits for the one before it counts as quadratic too."
    )
    body = joined(
        (
            per_group(
                clocks,
                exponents,
                SETTING,
                lambda own: by_length(own, WHO, lambda r: figure(r, 1.0, wording.decimals), "end", "to {:,}"),
            ),
            per_group(clocks, pick(fits, **whole), SETTING, _fits) if len(fits) else "",
        )
    )
    return Section("How it grows", explanation, body)


def _fits(own: pd.DataFrame) -> str:
    header = ["Architecture", "a [µs]", "b [µs]", "c [ns]", "c n^2 exceeds b n", "largest misfit"]
    rows = []
    for record in own.to_dict("records"):
        r = {str(key): value for key, value in record.items()}
        terms = [_term(r, name, factor) for name, factor in (("a", 1e6), ("b", 1e6), ("c", 1e9))]
        length = Interval(r["overtakes"], r["overtakes_low"], r["overtakes_high"])
        overtakes = wording.length_interval(length, r["shortest"], r["longest"])
        rows.append([str(r["subject"]), *terms, overtakes, f"{r['misfit']:.0%}"])
    return table(header, rows)


def _term(r: Mapping[str, Any], name: str, factor: float) -> str:
    return wording.interval(Interval(r[name], r[f"{name}_low"], r[f"{name}_high"]), wording.number, factor)


def crossovers(clocks: Clocks, frames: Frames) -> Section:
    """Every pair of columns."""
    explanation = (
        "Lengths at which one family's training step becomes cheaper than another's at matched core parameters, from "
        "ratios inside one trial, interpolated between neighbouring lengths; the interval holds every neighbouring "
        "length at which replicates do not exclude a ratio of 1. Below and beyond are outside the measured range."
    )
    body = per_group(clocks, frames["crossovers"], ["threads", "precision"], lambda own: _crossovers(clocks, own))
    return Section("Where one family overtakes another", explanation, body)


def _crossovers(clocks: Clocks, own: pd.DataFrame) -> str:
    header = ["Step", "Core parameters", "Variants", "Pair", "Lengths", "Replicates"]
    rows = []
    for r in own.to_dict("records"):
        titles = [clocks.titles[r[place]] for place in ("first", "second")]
        crossing = r["crossing"]
        rows.append(
            [
                findings.layout_name(clocks, r["layout"]),
                f"{r['size']:,}",
                r["variant"],
                f"{r['first_name']}, {r['second_name']}",
                wording.crossing(crossing, titles),
                f"{crossing.replicates}",
            ]
        )
    return table(header, rows)


def passes(clocks: Clocks, frames: Frames) -> Section:
    """Forward, forward and backward, whole step, on one thread."""
    own = pick(frames["seconds"], threads=1, precision="fp32", size=findings.headline_size(clocks))
    explanation = "Milliseconds of a forward pass without gradients / forward and backward / the whole step."
    keys = ["layout", "size", "precision", "threads", "subject", "length"]
    rows = []
    for key, group in own.groupby(keys, sort=False):
        points = group.set_index("pass")["point"]
        texts = [wording.number(points[name] * 1e3) if name in points else wording.UNKNOWN for name in PASSES]
        rows.append((*key, " / ".join(texts), group["replicates"].min()))
    frame = pd.DataFrame(rows, columns=[*keys, "text", "replicates"])
    body = per_group(clocks, frame, ["layout"], lambda held: by_length(held, WHO, lambda r: str(r["text"])))
    return Section("The parts of a step", explanation, body)


def cores(clocks: Clocks, frames: Frames) -> Section:
    """Speed-up and serial fraction of whole steps."""
    own = pick(frames["cores"], **{"pass": STEP})
    explanation = (
        "Speed-up of a whole step over one thread in the same replicate, and Karp and Flatt's serial fraction "
        "e = (1/S - 1/p) / (1 - 1/p): 0 is perfect, 1 is no gain, above 1 a loss. One thread is read in CPU seconds, "
        "several in wall seconds, which other work on the machine lengthens: a disturbed run understates the speed-up."
    )

    def cell(r: Mapping[str, Any]) -> str:
        serial = Interval(r["serial"], r["serial_low"], r["serial_high"])
        return f"{figure(r, 1.0, wording.decimals)}; e {wording.interval(serial, wording.decimals)}"

    return Section("All cores", explanation, per_group(clocks, own, SETTING, lambda held: by_length(held, WHO, cell)))


def single_sequence(clocks: Clocks, frames: Frames) -> Section:
    """Rate of one sequence over the rate at constant tokens."""
    own = pick(frames["single_sequence"], **{"pass": STEP, "threads": 1})
    tokens = f" of {clocks.tokens:,}" if clocks.tokens else ""
    explanation = (
        f"Tokens per second of a step with one sequence over those at constant tokens{tokens}, in the same replicate: "
        "1 means that one sequence alone keeps the device as busy as many."
    )
    body = per_group(
        clocks, own, ["precision"], lambda held: by_length(held, SIZED, lambda r: figure(r, 1.0, wording.decimals))
    )
    return Section("Single-sequence efficiency", explanation, body)


def precision(clocks: Clocks, frames: Frames) -> Section:
    """Seconds in bf16 over seconds in fp32."""
    own = pick(frames["precision"], **{"pass": STEP})
    explanation = "Seconds of a whole step in another precision (autocast) over those in fp32, in the same replicate."
    return Section("Precision", explanation, per_group(clocks, own, SETTING, lambda held: by_length(held, WHO, figure)))
