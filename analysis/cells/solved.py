"""Evidence of the two rows that count solved cells: long-range dependencies and state tracking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.cells.case import Case, Dot, Evidence, Held, Panel, answered, exact, listed, number, whole
from analysis.claims import LONG_RANGE, STATE_TRACKING
from analysis.document import Table
from analysis.drawing import Mark, label
from analysis.load import Run
from analysis.rows import long_range, state_tracking
from analysis.rows.finding import FINISHED
from analysis.rows.long_range import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = {LONG_RANGE.row: long_range.ROW, STATE_TRACKING.row: state_tracking.ROW}
CELL = ("task", "lag", "length")
"""What tells the cells of a row apart."""
BAR, ROOM = 0.045, 0.7
"""Width of a cell's bar as a share of the panel, and its height as a share of its place."""
TALL = 0.3
"""Inches a task."""
FEW = 4
"""Cells to turn that are named one by one."""


def evidence(case: Case) -> Evidence:
    """Cells (task, lag) with the seeds that solved them, and every training behind them."""
    planned = long_range.select(case.run, case.contender, case.material.headline, ROWS[case.rule.row])
    if case.finding.estimate is None:
        return Evidence(planned)
    cells = [cell for cell in long_range.tally(case.run, planned) if cell.finished]
    tasks = sorted({cell.task for cell in cells})
    counts = sum(2 * cell.solved > cell.runs for cell in cells)
    return Evidence(
        planned=planned,
        steps=(
            "For every task and lag, count the seeds that solved it: at least 0.95 of the way from chance to perfect "
            "within the step cap, on test sequences not seen before.",
            f"A cell counts when more than half of its recorded seeds solved it: {counts} of {len(cells)} do.",
            f"Each of the {len(tasks)} tasks weighs 1/{len(tasks)}; within a task a lag weighs by its spacing on a "
            "log2 axis (column Weight).",
            f"The weights of the cells that count add up to {exact(case.finding.estimate.figure)}.",
        ),
        tables=(_cells(cells), _trials(case.run, planned)),
        dots=tuple(_alone(case, planned)),
        dots_are="each seed alone",
        panels=(Panel(lambda axes: _draw(axes, cells, case.mark)),),
        height=TALL * len(tasks) + 0.1,
        flips=tuple(_turns(case, cells)),
    )


def _alone(case: Case, planned: pd.DataFrame) -> list[Dot]:
    """The share of cells that one seed by itself solved, for every seed, over the cells that it finished."""
    cells = long_range.tally(case.run, planned)
    place = planned.groupby(list(CELL), sort=True, dropna=False).ngroup()
    ended = planned[planned["status"].isin(FINISHED)]
    solved = (case.run.last(ended, "solved") == 1) & (ended["status"] == "ok")
    wide = solved.groupby([ended["seed"], place]).mean().unstack()
    every = np.array(long_range.weights(cells))
    dots = []
    for seed, own in zip(wide.index, wide.to_numpy(dtype=float), strict=True):
        there = ~np.isnan(own)
        held = [cells[i] for i in wide.columns[there]]
        weights = every if len(held) == len(cells) else np.array(long_range.weights(held))
        dots.append(Dot(float(weights[own[there] > 0.5].sum()), f"seed {seed}"))
    return dots


def _cells(cells: Sequence[Cell]) -> Table:
    frame = pd.DataFrame(map(asdict, cells)).assign(weight=long_range.weights(cells))

    def write(c: Held) -> list[str]:
        counts = [whole(c[key]) for key in ("lag", "solved", "runs", "planned")]
        return [c["task"], *counts, exact(c["weight"]), answered(2 * c["solved"] > c["runs"])]

    header = ("Task", "Lag", "Seeds that solved it", "Seeds recorded", "Seeds planned", "Weight", "Counts")
    return listed("The cells: the figure is the sum of the weights of those that count", header, frame, write)


def _trials(run: Run, planned: pd.DataFrame) -> Table:
    found = planned.assign(
        solved=run.last(planned, "solved"),
        score=run.last(planned, "test_score"),
        steps=run.last(planned, "steps_to_solve"),
    ).sort_values([*CELL, "seed"], kind="stable")

    def write(t: Held) -> list[str]:
        sizes = [whole(t[key]) for key in ("lag", "length", "seed")]
        return [t["task"], *sizes, t["status"], answered(t["solved"]), number(t["score"]), whole(t["steps"]), t["id"]]

    header = ("Task", "Lag", "Length", "Seed", "Status", "Solved", "Test score (0 chance, 1 perfect)", "Steps to solve")
    return listed("Every training behind them", (*header, "Trial"), found, write)


def _turns(case: Case, cells: Sequence[Cell]) -> list[str]:
    said = []
    for up, sign in ((True, "more"), (False, "fewer")):
        turned = fewest(case, cells, up)
        if turned is None:
            continue
        word, chosen = turned
        named = [f"{c.task} at lag {c.lag} ({c.solved} of {c.runs} seeds, {_needed(c, up)} {sign})" for c in chosen]
        more = f" and {len(named) - FEW} more" if len(named) > FEW else ""
        which = ", ".join(named[:FEW]) + more
        cells_said = f"{len(chosen)} solved cell{'s' * (len(chosen) != 1)} {sign}"
        said.append(f"In cells, {word} takes at least {cells_said}: {which}.")
    return said


def fewest(case: Case, cells: Sequence[Cell], up: bool) -> tuple[str, list[Cell]] | None:
    """The fewest cells that must turn for a better (or worse) word, and that word; None where none is in reach.

    Heaviest first, which makes them the fewest; of equal weight, or where one is enough, the one short of fewest seeds.
    """
    rule, now = case.rule, long_range.share(cells)
    weights = dict(zip(map(id, cells), long_range.weights(cells), strict=True))
    free = [cell for cell in cells if (2 * cell.solved > cell.runs) != up]
    free.sort(key=lambda cell: (-round(weights[id(cell)], 9), _needed(cell, up)))

    def word(chosen: Sequence[Cell]) -> str:
        moved = sum(weights[id(cell)] for cell in chosen)
        return rule.word(now + moved if up else now - moved)

    for number_of in range(1, len(free) + 1):
        chosen = free[:number_of]
        if word(chosen) != rule.word(now):
            if number_of == 1:
                enough = [cell for cell in free if word([cell]) != rule.word(now)]
                chosen = [min(enough, key=lambda cell: _needed(cell, up))]
            return word(chosen), list(chosen)
    return None


def _needed(cell: Cell, up: bool) -> int:
    """Seeds that must end the other way for the majority to turn."""
    return cell.runs // 2 + 1 - cell.solved if up else cell.solved - cell.runs // 2


def _draw(axes: Axes, cells: Sequence[Cell], mark: Mark) -> None:
    """Tasks down, lags across; a bar filled as far as seeds solved the cell, the count beside it."""
    tasks = sorted({cell.task for cell in cells}, reverse=True)
    lags = sorted({cell.lag for cell in cells})
    wide = BAR * len(lags)
    twins: dict[tuple[str, int], int] = {}
    axes.grid(visible=False)
    for cell in cells:
        twin = twins[cell.task, cell.lag] = twins.get((cell.task, cell.lag), 0) + 1
        width = wide / sum(other.task == cell.task and other.lag == cell.lag for other in cells)
        x, y = lags.index(cell.lag) - wide + (twin - 1) * width, tasks.index(cell.task) - ROOM / 2
        axes.bar(x, ROOM, width, y, align="edge", fc="white", ec=mark.colour, lw=0.8)
        axes.bar(
            x, ROOM * cell.solved / max(1, cell.runs), width, y, align="edge", fc=mark.colour, ec=mark.colour, lw=0.8
        )
        if twin == 1:
            counts = [f"{c.solved}/{c.runs}" for c in cells if (c.task, c.lag) == (cell.task, cell.lag)]
            weight = "bold" if 2 * cell.solved > cell.runs else "normal"
            axes.text(
                lags.index(cell.lag) + 0.06, y + ROOM / 2, " ".join(counts), va="center", fontsize=8, weight=weight
            )
    axes.set_xlim(-0.5, len(lags) - 0.3)
    axes.set_ylim(-0.55, len(tasks) - 0.45)
    axes.set_xticks(range(len(lags)), labels=[str(lag) for lag in lags])
    axes.set_yticks(range(len(tasks)), labels=[label(task) for task in tasks])
    axes.set_xlabel("lag (positions); seeds that solved the cell of seeds recorded, bold where it counts")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
