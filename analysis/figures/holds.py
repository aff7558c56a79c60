"""Where each claim holds: one square for every claim, run, regime and length, over all runs of a report."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.claims import OURS, RULES
from analysis.clocks.wording import listed
from analysis.document import Picture
from analysis.drawing import style
from analysis.figures.holds_drawn import TABLE, Claim, Panel, drawn
from analysis.figures.squares import DECIDED, Square, squares, variant
from analysis.material import Material
from analysis.wording import SIGNS, named

NAME = "where-claims-hold"
TITLE = "Where each claim holds: by length, device and regime"


def picture(materials: Sequence[Material]) -> Picture | str:
    """The map over all runs of a report; runs that decide no row of the table are left out."""
    panels = [panel for material in materials for panel in _panels(material)]
    if not panels:
        return "no run of this report planned a trial that decides a row of the table"
    claims = list(dict.fromkeys(claim for panel in panels for claim, _ in panel.held))
    rows = [*RULES, *OURS]
    claims.sort(key=lambda claim: rows.index(claim.row))
    with style():
        figure = drawn(panels, claims)
    return Picture(NAME, TITLE, _finding(panels), figure, _data(panels, claims))


def _panels(material: Material) -> list[Panel]:
    chosen = variant(material)
    found: dict[str, dict[tuple[Claim, int | None], Square]] = {}
    for square in squares(material):
        claim = Claim(square.row, square.column, square.claimed)
        found.setdefault(f"{square.setting}", {})[claim, square.length] = square
    return [Panel(f"{material.title}; {setting}; {chosen} variants", held) for setting, held in found.items()]


def _finding(panels: Sequence[Panel]) -> str:
    """How many claims hold, fail, turn or stay open over all squares; those that turn are named."""
    verdicts: dict[Claim, set[str]] = {}
    for panel in panels:
        for (claim, _), square in panel.held.items():
            verdicts.setdefault(claim, set()).add(square.verdict)
    claimed = {claim: found & set(DECIDED) for claim, found in verdicts.items() if claim.claimed}
    if not claimed:
        return "Nothing was claimed of what was measured, so there is nothing to hold or to fail."
    sorts = {("agrees",): "hold", ("disagrees",): "fail", ("agrees", "disagrees"): "turn", (): "open"}
    sets: dict[str, list[Claim]] = {name: [] for name in sorts.values()}
    for claim, found in claimed.items():
        sets[sorts[tuple(sorted(found))]].append(claim)
    turning = listed(f"{claim.row}, {claim}" for claim in sets["turn"])
    return (
        f"Of {len(claimed)} claims {len(sets['hold'])} hold and {len(sets['fail'])} fail wherever they are decided, "
        f"{len(sets['turn'])} turn{'s' * (len(sets['turn']) == 1)} with the length, the device or the regime"
        f"{f' ({turning})' * bool(turning)}, and {len(sets['open'])} {'is' if len(sets['open']) == 1 else 'are'} "
        "decided nowhere; a square of one length needs less to be decided than a cell of the table."
    )


def _data(panels: Sequence[Panel], claims: Sequence[Claim]) -> pd.DataFrame:
    """One line for each claim and panel: the word and its sign in the table, and at every length."""
    rows = []
    for panel in panels:
        for claim in claims:
            own = {n: panel.held[claim, n] for n in panel.lengths if (claim, n) in panel.held}
            if own:
                texts = {n: f"{square.word} {SIGNS[square.verdict]}".strip() for n, square in own.items()}
                rows.append(
                    {
                        "feature": named(claim.row),
                        "column": claim.column,
                        "claimed": claim.claimed or "-",
                        "where": panel.title,
                        TABLE: texts.get(None, "-"),
                        "at length n": "; ".join(f"{n}: {text}" for n, text in texts.items() if n is not None) or "-",
                    }
                )
    return pd.DataFrame(rows)
