"""The figures of peers and overhead in sentences, shared by the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.peers.compared import Estimate, Row
from analysis.wording import printable

NAMES = {"transformer": "Transformer", "lstm": "LSTM", "cnn": "CNN"}
INSTALL = "pip install -e '.[peers]'"
PEAKS = {"share_of_matmul": "torch.mm peak", "share_of_convolution": "best kernel's peak"}
UNEQUAL = 0.02
"""Parameters further from ours than this are said beside a ratio."""
FASTER, LEVEL, SLOWER = "faster", "level", "slower"


def name(group: str) -> str:
    """A group as it is printed."""
    return NAMES.get(group, group)


def groups(figures: Mapping[str, Any]) -> list[str]:
    """Groups that were measured, the known ones first."""
    found = {row["group"] for row in figures["contenders"]}
    return [*(group for group in NAMES if group in found), *sorted(found - set(NAMES))]


def span(estimate: Estimate | None, digits: int = 2) -> str:
    """`1.10 [1.05, 1.15]`; a single trial has no interval, and says so."""
    if estimate is None or estimate[0] is None:
        return "not measured"
    point, low, high = (None if value is None else f"{value:,.{digits}f}" for value in estimate)
    return f"{point} [{low}, {high}]" if low and high else f"{point} (one trial)"


def verdict(ratio: Estimate) -> str:
    """FASTER or SLOWER when the interval leaves out 1; one trial alone cannot tell, nor can an interval around 1."""
    _, low, high = ratio
    if low is None or high is None or low <= 1 <= high:
        return LEVEL
    return FASTER if low > 1 else SLOWER


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """Who is fastest in each group, where and by how much."""
    return [printable(_sentence(group, _of(figures["fastest"], group), figures)) for group in groups(figures)]


def _sentence(group: str, cells: Sequence[Row], figures: Mapping[str, Any]) -> str:
    if not cells:
        absent = sorted(who for who in figures["not_installed"] if who.startswith(f"{group}/"))
        why = f"no peer is installed ({INSTALL})" if absent else "no peer was measured beside it"
        return f"{name(group)}: nothing to compare, {why}."
    kinds: dict[tuple[str, str], list[Row]] = {}
    for row in cells:
        word = verdict(row["ratio"])
        kinds.setdefault((word, _named(word, row)), []).append(row)
    order = (FASTER, LEVEL, SLOWER)
    parts = [
        f"{_clause(word, peers)} in {_share(len(held), len(cells))} ({places(held)})"
        for (word, peers), held in sorted(kinds.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]
    return f"{name(group)}: ours is {'; '.join(parts)}. {_extremes(cells)}"


def _share(some: int, all_of_them: int) -> str:
    if some < all_of_them:
        return f"{some} of {all_of_them} cells"
    return f"all {some} cells" if some > 1 else "the one cell measured"


def _named(word: str, row: Row) -> str:
    """The peers that a verdict is about."""
    return {FASTER: "every peer", LEVEL: ", ".join(row["level_with"]) or row["peer"], SLOWER: row["peer"]}[word]


def _clause(word: str, peers: str) -> str:
    return f"not told apart from {peers}" if word == LEVEL else f"{word} than {peers}"


def _extremes(cells: Sequence[Row]) -> str:
    """The smallest and the largest ratio to a cell's fastest peer."""
    texts = [_extreme(row) for row in (min(cells, key=_point), max(cells, key=_point))]
    ends = f"is {texts[0]}" if len(cells) == 1 else f"runs from {texts[0]} to {texts[1]}"
    return f"Ours over the fastest peer {ends}."


def _extreme(row: Row) -> str:
    far = unequal(row["parameters_over_ours"])
    return f"{span(row['ratio'])} ({row['peer']}{f', {far}' * bool(far)}; width {row['width']}, n = {row['length']})"


def _point(row: Row) -> float:
    return float(row["ratio"][0])


def unequal(over_ours: float | None) -> str:
    """`12.0 % more parameters` where they are not about equal; empty otherwise."""
    if over_ours is None or abs(over_ours - 1) <= UNEQUAL:
        return ""
    return f"{abs(over_ours - 1):.1%} {'more' if over_ours > 1 else 'fewer'} parameters".replace("%", " %")


def places(cells: Sequence[Row]) -> str:
    """`width 128, 256; n = 256, 1024` where every length has the same widths, `n = 256: width 128; n = ...` else."""
    widths: dict[int, list[int]] = {}
    for row in sorted(cells, key=lambda row: (row["length"], row["width"])):
        widths.setdefault(row["length"], []).append(row["width"])
    texts = {n: f"width {', '.join(map(str, held))}" for n, held in widths.items()}
    if len(set(texts.values())) == 1:
        return f"{next(iter(texts.values()))}; n = {', '.join(map(str, texts))}"
    return "; ".join(f"n = {n}: {text}" for n, text in texts.items())


def lowest_shares(figures: Mapping[str, Any]) -> list[str]:
    """Per peak, each group's training step at its greatest width: the lowest share over the lengths."""
    lines = []
    for key, peak in PEAKS.items():
        parts = []
        for group in groups(figures):
            timed = [row for row in _of(figures["steps"], group) if row[key] is not None]
            widest = [row for row in timed if row["width"] == max(r["width"] for r in timed)]
            if widest:
                row = min(widest, key=lambda r: float(r[key][0]))
                parts.append(f"{name(group)} {span(row[key])} (width {row['width']}, n = {row['length']})")
        if parts:
            lines.append(f"Training step, share of the {peak}: {', '.join(parts)}")
    return [printable(line) for line in lines]


def overhead(figures: Mapping[str, Any]) -> list[str]:
    """The lowest and the highest ratio of our harness to a bare loop."""
    rows = figures["overhead"]
    if not rows:
        return []
    ends = (min(rows, key=_point), max(rows, key=_point)) if len(rows) > 1 else rows
    texts = [f"{span(row['ratio'], 3)} ({row['architecture']}, {row['task']})" for row in ends]
    return [printable(f"Our harness over a bare loop of the same steps: {' to '.join(texts)}")]


def absent(figures: Mapping[str, Any]) -> list[str]:
    """Peers that were not installed, with the mend."""
    missing = figures["not_installed"]
    return [printable(f"{', '.join(missing)}: not installed: {INSTALL}")] if missing else []


def summary(figures: Mapping[str, Any], where: str, lines: int) -> list[str]:
    """The terminal's lines, the most important first, no more than `lines`."""
    found = [*sentences(figures), *lowest_shares(figures), *overhead(figures), *absent(figures)]
    if figures["notes"]:
        found.append(printable(f"Not complete: {'; '.join(figures['notes'])}"))
    return [*found[: lines - 1], where]


def _of(rows: Sequence[Row], group: str) -> list[Row]:
    return [row for row in rows if row["group"] == group]
