"""What was found, in sentences made from the figures: which family is fastest where, what crosses, what grows.

A family speaks through its plain variant, in whole training steps in fp32 on one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.clocks import wording
from analysis.clocks.across import pick
from analysis.clocks.compared import DEFAULT
from analysis.clocks.crossings import ONE, SEVERAL, Crossing
from analysis.clocks.measured import PLAIN, Clocks
from analysis.clocks.samples import CONSTANT, FULL_PRECISION, LAYOUTS, PLAINEST, SINGLE

Frames = Mapping[str, pd.DataFrame]


def headline_size(clocks: Clocks) -> int | None:
    """Core parameters at which other kernels ran along, or the smallest; None without a clock."""
    kernels = clocks.times[clocks.times["subject"].isin(clocks.kernels)]
    held = kernels if len(kernels) else clocks.times
    return int(held["size"].min()) if len(held) else None


def device(clocks: Clocks) -> str:
    """`cpu (AMD EPYC)`."""
    machine = clocks.run.machine
    what = machine.get("accelerator") or machine.get("processor") or machine.get("fingerprint") or ""
    return f"{clocks.run.plan['device']}" + (f" ({what})" if what else "")


def layout_name(clocks: Clocks, layout: str) -> str:
    """The layout with its number of tokens."""
    return f"{clocks.tokens:,} tokens a step" if layout == CONSTANT and clocks.tokens else "one sequence a step"


def fastest(frames: Frames, layout: str, size: int | None = None) -> str:
    """Who leads over which lengths, at one size or at each; sizes of which the same is true share their text.

    Empty where nothing was clocked.
    """
    own = pick(frames["leaders"], layout=layout, **({} if size is None else {"size": size}))
    texts: dict[str, list[str]] = {}
    for at, group in own.groupby("size", sort=False):
        texts.setdefault(_runs(group), []).append(f"{at:,}")
    if len(texts) == 1:
        return next(iter(texts))
    return "; ".join(f"at {wording.listed(sizes)} core parameters {text}" for text, sizes in texts.items())


def _runs(group: pd.DataFrame) -> str:
    """`Transformer at n = 64, LSTM at 128 to 4,096`."""
    found: list[str] = []
    for label, rows in groupby(zip(group["label"], group["length"], strict=True), key=lambda row: row[0]):
        lengths = [int(n) for _, n in rows]
        name = "" if found else "n = "
        found.append(f"{label} at {name}{lengths[0]:,}" + (f" to {lengths[-1]:,}" if len(lengths) > 1 else ""))
    return wording.listed(found)


def sentences(clocks: Clocks, frames: Frames) -> list[str]:
    """Three sentences: the fastest, the crossings, the growth of memory and generation; the last without a grid."""
    generation = _generation(clocks, frames)
    if clocks.grid.planned.empty:
        return [f"{generation[:1].upper()}{generation[1:]}."]
    return [
        _fastest(clocks, frames),
        _crossings(clocks, frames),
        f"{_memory(clocks, frames)}; {generation}.",
    ]


def _fastest(clocks: Clocks, frames: Frames) -> str:
    parts = [(layout_name(clocks, layout), fastest(frames, layout)) for layout in LAYOUTS]
    said = [f"with {name}, {text}" for name, text in parts if text]
    if not said:
        return "No whole training step was clocked on one thread."
    sizes = wording.listed(f"{n:,}" for n in sorted(pick(clocks.times, **PLAINEST)["size"].unique()))
    few = " (one replicate: no interval)" if clocks.times["replicate"].nunique() == 1 else ""
    return (
        f"On {device(clocks)}, one thread, fp32, at matched sizes of {sizes} core parameters, the fastest family of a "
        f"training step is{few}: {'; '.join(said)}."
    )


def _crossings(clocks: Clocks, frames: Frames) -> str:
    """The crossings at which the lead changes hands; all others are in the table."""
    if pick(frames["crossovers"], variant=PLAIN, **PLAINEST).empty:
        return "Where one family overtakes another was not measured."
    texts: dict[str, list[str]] = {}
    for row in lead_changes(frames):
        text = wording.crossing(row["crossing"], [clocks.titles[row[place]] for place in ("first", "second")])
        texts.setdefault(f"with {layout_name(clocks, row['layout'])}", []).append(f"{text} ({row['size']:,})")
    if not texts:
        return "Inside the measured range no family takes the lead from another, as far as the replicates tell."
    said = "; ".join(f"{where}, {', '.join(those)}" for where, those in texts.items())
    return f"The lead changes hands, at lengths n with their 95 % intervals (core parameters in brackets): {said}."


def lead_changes(frames: Frames) -> list[dict[str, Any]]:
    """The crossovers, as records of that frame, in which one family takes the lead from another."""
    lead = frames["leaders"]
    rows: list[dict[str, Any]] = pick(frames["crossovers"], variant=PLAIN, **PLAINEST).to_dict("records")  # type: ignore[assignment]
    return [row for row in rows if _changes_hands(pick(lead, layout=row["layout"], size=row["size"]), row)]


def _changes_hands(lead: pd.DataFrame, row: Mapping[str, Any]) -> bool:
    """Whether the pair leads on both sides of one of its crossings."""
    crossing: Crossing = row["crossing"]
    for point in crossing.points if crossing.kind in (ONE, SEVERAL) else ():
        before = lead.loc[lead["length"] <= point.point, "fastest"]
        after = lead.loc[lead["length"] >= point.point, "fastest"]
        if len(before) and len(after) and {before.iloc[-1], after.iloc[0]} == {row["first"], row["second"]}:
            return True
    return False


def _memory(clocks: Clocks, frames: Frames) -> str:
    """How one sequence's bytes grow over the last doubling."""
    own = pick(
        frames["memory_exponents"],
        layout=SINGLE,
        size=headline_size(clocks),
        metric="saved_bytes",
        tail=True,
        threads=1,
    )
    own = pick(own, precision=FULL_PRECISION).set_index("subject")
    exponents = own["point"].to_dict()
    texts = [
        f"n^{wording.decimals(exponents[name])} ({clocks.titles[family]})"
        for family, name in clocks.plain.items()
        if name in exponents
    ]
    if not texts:
        return "How memory grows was not measured"
    start, end = int(own["start"].iloc[0]), int(own["end"].iloc[0])
    return (
        f"From n = {start:,} to {end:,} the bytes that one sequence keeps for the backward pass grow as "
        f"{wording.listed(texts)}"
    )


def _generation(clocks: Clocks, frames: Frames) -> str:
    """Seconds of a token and bytes of the state after the longest context."""
    seconds, fits = frames["generation"], frames["generation_fits"]
    if seconds.empty:
        return "generation was not measured"
    longest = int(seconds["context"].max())
    held = pick(seconds, context=longest).set_index("subject")["point"]
    state = pick(frames["state"], context=longest).set_index("subject")["state_bytes"]
    texts = []
    for family, name in clocks.plain.items():
        if name in held.index:
            bytes_ = state.get(name, np.nan)
            kept = f" with a state of {wording.size(bytes_)}" if np.isfinite(bytes_) else ""
            texts.append(f"{wording.number(held[name] * 1e6)} µs{kept} ({clocks.titles[family]}{_grows(fits, name)})")
    return f"after {longest:,} tokens of context a token generated by the plain variants takes {wording.listed(texts)}"


def _grows(fits: pd.DataFrame, name: str) -> str:
    """What a further thousand tokens of context cost, where that is more than nothing beyond doubt."""
    own = pick(fits, subject=name) if len(fits) else fits
    if own.empty or not own["b_low"].iloc[0] > 0:
        return ""
    return f", {wording.number(own['b'].iloc[0] * 1e9)} µs more for every 1,000 tokens"


def kernels(clocks: Clocks, frames: Frames) -> list[str]:
    """One line per kernel: how many times as long a step takes, and what becomes of its family's word."""
    lines, words = [], {change.kernel: change for change in word_changes(clocks, frames)}
    for kernel, base in clocks.kernels.items():
        own = pick(frames["kernel_times"], subject=kernel, layout=CONSTANT, **PLAINEST)
        if own.empty:
            continue
        low, high = (wording.number(own["point"].agg(end)) for end in ("min", "max"))
        span = f"n = {own['length'].min():,} to {own['length'].max():,}"
        change = f": {words[kernel]}" if kernel in words else ""
        lines.append(f"{kernel} takes {low} to {high} times as long as {base}, {span}{change}")
    return lines


class WordChange(NamedTuple):
    """What becomes of the training-speed word of a family on another kernel."""

    kernel: str
    before: str
    after: str
    certain: bool
    """Whether no word lies in the intervals of both."""

    def __str__(self) -> str:
        if self.before == self.after:
            return f"{self.after} either way"
        return f"{self.before} becomes {self.after}" + ("" if self.certain else ", not beyond doubt")


def word_changes(clocks: Clocks, frames: Frames) -> list[WordChange]:
    """Every kernel's change of word at constant tokens, at the headline's size."""
    own = pick(frames["words"], layout=CONSTANT, size=headline_size(clocks), **PLAINEST)
    shipped = pick(own, kernel=DEFAULT).set_index("family")[["word", "reach"]]
    found = []
    for row in own[own["subject"] == own["kernel"]].to_dict("records"):
        before = shipped.loc[row["family"]]
        apart = not set(before["reach"].split(" or ")) & set(row["reach"].split(" or "))
        found.append(WordChange(str(row["kernel"]), str(before["word"]), str(row["word"]), apart))
    return found
