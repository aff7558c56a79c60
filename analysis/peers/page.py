"""peers.json -> peers.md: who is fastest in each group, then every figure, as GitHub Markdown.

Names come from records, which may be a stranger's: everything is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.page import escaped
from analysis.peers import words
from analysis.peers.compared import OURS, PASSES_OVER_ACTIVATIONS, PASSES_OVER_PARAMETERS, Row
from analysis.peers.words import span

FIGURES = {
    "peers.svg": "Ours over each peer: ratio of tokens per second, with its interval",
    "roofline.svg": "Roofline of the measured machine, and every contender's share of its peak",
}
READING = (
    "Forward and backward of the layers alone, at equal width; all contenders of a cell are interleaved in one "
    "process, on one thread of the host. A ratio is formed inside a trial, from medians over its rounds; brackets hold "
    "95 % intervals, Student's t of the logarithms over replicate trials. Ours over the fastest peer: its lower end is "
    "the lowest of the ratios to any peer of the cell, because the fastest in the sample need not be the fastest."
)
SHARES = (
    "Operations are counted, not measured: in closed form for ours, by torch's counter for peers, and forward and "
    "backward together as three times forward. Both peaks were measured in the same trial and precision, on matrices "
    "large enough to reach them. The torch.mm peak is the usual one; the best kernel (the same products as a "
    "convolution of one tap) is the stricter one. A share above 1 of the usual peak means faster kernels, not "
    "fewer operations."
)
TRAFFIC = (
    "Intensity is a bound: operations over the bytes that must move at least, 4 (bf16: 2) x "
    f"({PASSES_OVER_PARAMETERS} x core parameters + {PASSES_OVER_ACTIVATIONS} x tokens x width), as if all between the "
    "first input and the last output stayed in the cache. True traffic is higher, so a contender stands at or left of "
    "its mark; below the roof it is held back by its kernels or by traffic that the bound leaves out, which the figure "
    "cannot tell apart."
)
UNITS = {"copy": (1e9, "GB/s")}
OPERATIONS = (1e9, "GFLOP/s")


def markdown(figures: Mapping[str, Any], drawn: Sequence[str]) -> str:
    """The whole page, ending in a newline; `drawn` names the figures that lie in figures/."""
    told = [*words.sentences(figures), *words.lowest_shares(figures), *words.overhead(figures)]
    lines = told or ["Nothing was measured."]
    parts = [
        "# Peers",
        _bullets([*lines, *words.absent(figures), *(f"Not complete: {note}" for note in figures["notes"])]),
        escaped(_where(figures)),
        _section("Goals", _goals(figures["goals"])),
        *(f"![{FIGURES[name]}](figures/{name})" for name in drawn),
        _section("Ours over the fastest peer", _fastest(_ordered(figures, "fastest")), READING),
        *(_section(words.name(group), _group(figures, group)) for group in words.groups(figures)),
        _section("Training step", _steps(_ordered(figures, "steps")), SHARES),
        _section("The machine", _machine(figures["machine"]), TRAFFIC),
        _section("Harness", _overhead(figures["overhead"])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _where(figures: Mapping[str, Any]) -> str:
    machine = figures["machine_facts"]
    known = (f"{key} {machine[key]}" for key in ("processor", "accelerator", "torch") if machine.get(key))
    what = f"Study {figures['study']}, device {figures['device']}, {figures['precision']}"
    return f"{what}; {', '.join(known) or 'machine not recorded'}."


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _section(title: str, body: str, note: str = "") -> str:
    return "\n\n".join(part for part in (f"**{escaped(title)}**", escaped(note), body) if part) if body else ""


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    frame = pd.DataFrame([[escaped(text) for text in row] for row in rows], columns=[escaped(text) for text in header])
    return "" if frame.empty else str(frame.to_markdown(index=False, disable_numparse=True))


def _goals(goals: Sequence[Row]) -> str:
    header = ("Goal", "Bound", "Worst cell", "Where", "Cells that reach it", "Word")
    rows = (
        [
            row["goal"],
            f"{'at most' if row['at_most'] else 'at least'} {row['at']:.2f}",
            span(row["worst"], 3),
            row["where"],
            f"{row['reached']} of {row['cells']}",
            row["word"],
        ]
        for row in goals
    )
    return _grid(header, rows)


def _ordered(figures: Mapping[str, Any], key: str) -> list[Row]:
    """Rows with the groups in the page's order."""
    return [row for group in words.groups(figures) for row in figures[key] if row["group"] == group]


def _fastest(rows: Sequence[Row]) -> str:
    header = ("Group", "n", "Width", "Fastest peer", "Ours over it", "Its parameters", "Ours is")
    return _grid(
        header,
        (
            [
                words.name(row["group"]),
                str(row["length"]),
                str(row["width"]),
                row["peer"],
                span(row["ratio"], 3),
                _against(row["parameters_over_ours"]),
                {words.LEVEL: "not told apart"}.get(words.verdict(row["ratio"]), words.verdict(row["ratio"])),
            ]
            for row in rows
        ),
    )


def _group(figures: Mapping[str, Any], group: str) -> str:
    seconds = "CPU-second" if figures["clock"] == "cpu_seconds" else "second"
    header = ("n", "Width", "Who", f"Tokens per {seconds}", "Ours over it", "Core parameters", "Against ours")
    shares = ("Share of torch.mm", "Share of best kernel", "Trials")
    rows = (
        [
            str(row["length"]),
            str(row["width"]),
            row["who"],
            span(row["tokens_per_second"], 0),
            "" if row["who"] == OURS else span(row["ours_over_it"], 3),
            "not measured" if row["core_parameters"] is None else f"{row['core_parameters']:,}",
            "" if row["who"] == OURS else _against(row["parameters_over_ours"]),
            span(row["share_of_matmul"]),
            span(row["share_of_convolution"]),
            str(row["trials"]),
        ]
        for row in figures["contenders"]
        if row["group"] == group
    )
    return _grid((*header, *shares), rows)


def _against(over_ours: float | None) -> str:
    return "not measured" if over_ours is None else f"{100 * (over_ours - 1):+.1f} %"


def _steps(rows: Sequence[Row]) -> str:
    header = ("Group", "n", "Width", "GFLOP/s", "Share of torch.mm", "Share of best kernel", "Trials")
    return _grid(
        header,
        (
            [
                words.name(row["group"]),
                str(row["length"]),
                str(row["width"]),
                span(_scaled(row["flops_per_second"], 1e9), 1),
                span(row["share_of_matmul"]),
                span(row["share_of_convolution"]),
                str(row["trials"]),
            ]
            for row in rows
        ),
    )


def _machine(rows: Sequence[Row]) -> str:
    table = []
    for row in rows:
        scale, unit = UNITS.get(row["probe"], OPERATIONS)
        ends = f"{row['lowest'] / scale:,.1f} to {row['highest'] / scale:,.1f}"
        table.append([row["probe"], unit, span(_scaled(row["per_second"], scale), 1), ends, str(row["trials"])])
    return _grid(("Probe", "Unit", "Geometric mean", "Over the trials", "Trials"), table)


def _scaled(estimate: list[float | None] | None, scale: float) -> list[float | None] | None:
    return None if estimate is None else [None if value is None else value / scale for value in estimate]


def _overhead(rows: Sequence[Row]) -> str:
    header = ("Architecture", "Task", "n", "Harness over bare loop", "Trials")
    return _grid(
        header,
        (
            [
                row["architecture"],
                row["task"],
                "" if row["length"] is None else str(row["length"]),
                span(row["ratio"], 3),
                str(row["trials"]),
            ]
            for row in rows
        ),
    )
