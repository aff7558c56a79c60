"""Sections of the page about kernels, the word that they decide, memory and generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import SPEED
from analysis.clocks import wording
from analysis.clocks.across import pick
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks
from analysis.clocks.samples import BYTES, FULL_PRECISION, PLAINEST
from analysis.clocks.tables import Section, by_length, captioned, figure, joined, per_group, table
from analysis.stats import Interval

METRICS = dict(zip(BYTES, ("bytes kept for backward", "peak bytes"), strict=True))
ONCE = 1
"""Bytes are measured in one replicate."""
MEMORY = ["layout", "size", "precision"]


def kernels(clocks: Clocks, frames: Frames) -> Section:
    """Time and bytes of every kernel over those of the architecture as shipped."""
    explanation = (
        "The same function of the same weights on another kernel, over the architecture as shipped, inside one trial: "
        "time of a whole step with its interval, then bytes, measured once."
    )
    times, kept = pick(frames["kernel_times"], **PLAINEST), frames["kernel_bytes"]
    kept = pick(kept, threads=1, precision=FULL_PRECISION)
    kept = kept.assign(what=kept["metric"].map(METRICS))
    who = {"subject": "Kernel", "base": "over"}
    body = joined(
        (
            per_group(clocks, times, MEMORY, lambda own: by_length(own, who, figure)),
            per_group(
                clocks,
                kept,
                MEMORY,
                lambda own: by_length(own, {**who, "what": "What"}, lambda r: wording.number(r["ratio"])),
                replicates=ONCE,
            ),
        )
    )
    return Section("Kernels as factors", explanation, body)


def words(clocks: Clocks, frames: Frames) -> Section:
    """The word of every family under every kernel."""
    explanation = (
        f"What the row {SPEED.row} would say ({SPEED.bands}) here: the ratio of tokens/s to the fastest family's, "
        "geometric mean over the lengths, plain variants only, as shipped and with one kernel exchanged. It decides no "
        "cell of the table; it shows what the cell depends on."
    )
    found = pick(frames["words"], threads=1)
    body = per_group(clocks, found, MEMORY, lambda own: _words(clocks, own))
    return Section("The word of training speed, by size, batch and kernel", explanation, body)


def _words(clocks: Clocks, own: pd.DataFrame) -> str:
    families = [f for f in clocks.titles if f in set(own["family"])]
    rows = []
    for kernel, group in own.groupby("kernel", sort=False):
        held = {r["family"]: r for r in group.to_dict("records")}
        lengths = f"{group['shortest'].iloc[0]:,} to {group['longest'].iloc[0]:,}"
        rows.append([str(kernel), *(_word(held[f]) if f in held else wording.UNKNOWN for f in families), lengths])
    return table(["Kernel", *(clocks.titles[f] for f in families), "n"], rows)


def _word(r: Mapping[Any, Any]) -> str:
    said = r["word"] if r["word"] == r["reach"] else f"{r['word']} (interval: {r['reach']})"
    return f"{said}, {wording.interval(Interval(r['point'], r['low'], r['high']), wording.decimals)}"


def memory(clocks: Clocks, frames: Frames) -> Section:
    """Bytes by length, with the exponent of the last doubling."""
    explanation = (
        "Bytes that one training step keeps for the backward pass, and its peak, measured once outside the timed "
        "calls, with the exponent in n between the two longest lengths. At constant tokens 0 is a cost linear in n, "
        "with one sequence 1."
    )
    kept = pick(frames["memory"], threads=1, precision=FULL_PRECISION)
    tails = pick(frames["memory_exponents"], tail=True)
    tail = tails.set_index(["layout", "size", "precision", "threads", "subject", "metric"])["point"].to_dict()
    keys = ["layout", "size", "precision", "threads", "subject", "metric"]
    exponents = [tail.get(tuple(r[k] for k in keys), np.nan) for r in kept.to_dict("records")]
    kept = kept.assign(what=kept["metric"].map(METRICS), exponent=[wording.decimals(e) for e in exponents])
    labels = {"subject": "Architecture", "what": "What", "exponent": "Exponent"}
    body = per_group(
        clocks,
        kept,
        MEMORY,
        lambda own: by_length(own, labels, lambda r: wording.size(r["bytes"])),
        replicates=ONCE,
    )
    return Section("Memory", explanation, body)


def generation(clocks: Clocks, frames: Frames) -> Section:
    """Microseconds per token, law, state and crossovers against the context."""
    seconds, state = frames["generation"], frames["state"].dropna(subset=["state_bytes"])
    explanation = (
        "Microseconds of one greedily generated token after a context, batch 1, with the interval over replicates; the "
        "law a + b c fitted to them, with the exponent between the two longest contexts; bytes of the state that is "
        "carried along; contexts at which one family becomes cheaper than another."
    )
    who, along = {"subject": "Architecture"}, ("context", "c = {:,}")
    blocks = [
        by_length(seconds, who, lambda r: figure(r, 1e6), *along),
        _laws(frames),
        by_length(state, who, lambda r: wording.size(r["state_bytes"]), *along),
        _crossovers(clocks, frames["generation_crossovers"]),
    ]
    fixed: dict[str, object] = {"threads": 1, "precision": FULL_PRECISION}
    body = joined(captioned(clocks, seconds, block, **fixed) for block in blocks)
    return Section("Generation", explanation, body)


def _laws(frames: Frames) -> str:
    """Exponent of time and state, and where there are contexts enough the fitted law."""
    header = ["Architecture", "a [µs]", "b [µs per 1,000 tokens]", "largest misfit", "exponent of time", "of the state"]
    times = pick(frames["generation_exponents"], tail=True).set_index("subject")
    states = pick(frames["state_exponents"], tail=True).set_index("subject")
    laws = {r["subject"]: r for r in frames["generation_fits"].to_dict("records")}
    rows = []
    for name, time in times.iterrows():
        law = ["too few contexts", "", ""]
        if name in laws:
            r = laws[name]
            law = [
                wording.interval(Interval(r["a"], r["a_low"], r["a_high"]), factor=1e6),
                wording.interval(Interval(r["b"], r["b_low"], r["b_high"]), factor=1e9),
                f"{r['misfit']:.0%}",
            ]
        exponent = wording.interval(Interval(time["point"], time["low"], time["high"]), wording.decimals)
        kept = wording.decimals(states["point"].get(name, np.nan))
        rows.append([str(name), *law, exponent, kept])
    return table(header, rows)


def _crossovers(clocks: Clocks, found: pd.DataFrame) -> str:
    rows = []
    for r in found.to_dict("records"):
        titles = [clocks.titles[r[place]] for place in ("first", "second")]
        pair = f"{r['first_name']}, {r['second_name']}"
        rows.append([r["variant"], pair, wording.crossing(r["crossing"], titles)])
    return table(["Variants", "Pair", "Contexts"], rows)
