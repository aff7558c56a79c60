"""Tidy frames of figures -> Markdown tables, one row per subject and one column per length; every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from analysis.clocks import findings, wording
from analysis.clocks.measured import Clocks
from analysis.page import escaped
from analysis.stats import Interval

Cell = Callable[[Mapping[str, Any]], str]
ABSENT = "-"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    frame = pd.DataFrame([[escaped(text) for text in row] for row in rows], columns=[escaped(text) for text in header])
    return "" if frame.empty else str(frame.to_markdown(index=False, disable_numparse=True))


def by_length(
    frame: pd.DataFrame, labels: Mapping[str, str], cell: Cell, along: str = "length", heading: str = "n = {:,}"
) -> str:
    """Rows by the columns `labels` (column -> heading), in the frame's order; a column per value of `along`."""
    if frame.empty:
        return ""
    places = sorted(int(n) for n in frame[along].unique())
    rows: dict[tuple[str, ...], dict[int, str]] = {}
    for record in frame.to_dict("records"):
        key = tuple(_text(record[name]) for name in labels)
        rows.setdefault(key, {})[int(record[along])] = cell({str(k): v for k, v in record.items()})
    header = [*labels.values(), *(heading.format(n) for n in places)]
    return table(header, [[*key, *(held.get(n, ABSENT) for n in places)] for key, held in rows.items()])


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def figure(record: Mapping[str, Any], factor: float = 1.0, write: Callable[[float], str] = wording.number) -> str:
    """`12.3 [11.9, 12.8]` of a record with point, low and high."""
    return wording.interval(Interval(record["point"], record["low"], record["high"]), write, factor)


class Section(NamedTuple):
    """One part of the page; an empty body is said to be not measured."""

    title: str
    explanation: str
    body: str


def caption(clocks: Clocks, frame: pd.DataFrame, **fixed: object) -> str:
    """Device, threads, regime and replicates of a table, from its rows and what is fixed for all of them."""
    held = {name: sorted(frame[name].unique()) for name in ("threads", "precision", "layout", "size") if name in frame}
    held |= {name: [value] for name, value in fixed.items()}
    parts = [findings.device(clocks)]
    parts += [wording.counted((int(n) for n in held["threads"]), "thread")] if "threads" in held else []
    parts += [wording.listed(map(str, held["precision"]))] if "precision" in held else []
    parts += [wording.listed(findings.layout_name(clocks, str(name)) for name in held.get("layout", []))]
    sizes = [f"{int(n):,}" for n in held.get("size", [])]
    parts += [f"{wording.listed(sizes)} core parameters"] if sizes else []
    counts = held.get("replicates", frame.get("replicates", []))
    parts += [wording.counted((int(n) for n in counts), "replicate")] if len(counts) else []
    return f"*{escaped(', '.join(part for part in parts if part))}*"


def captioned(clocks: Clocks, frame: pd.DataFrame, text: str, **fixed: object) -> str:
    """A table below its caption; empty without a table."""
    return f"{caption(clocks, frame, **fixed)}\n\n{text}" if text else ""


def per_group(
    clocks: Clocks, frame: pd.DataFrame, by: Sequence[str], write: Callable[[pd.DataFrame], str], **fixed: object
) -> str:
    """The captioned tables of all groups, in the frame's order."""
    if frame.empty:
        return ""
    return joined(captioned(clocks, own, write(own), **fixed) for _, own in frame.groupby(list(by), sort=False))


def joined(parts: Iterable[str]) -> str:
    """Blocks of Markdown below each other."""
    return "\n\n".join(part for part in parts if part)
