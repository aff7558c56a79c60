"""Long-range dependencies: the share of (task, lag) cells that the majority of seeds solve.

A diverged or failed training counts as not solved, never as absent. Trials that crashed or were not run also open a
question: had they all been solved, would the word be another one? If so the verdict is undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from analysis.load import NOT_RUN, Run
from analysis.regimes import Setting
from analysis.rows.finding import FINISHED, Contender, Estimate, Finding, absence, shortfall
from analysis.stats import lag_weights, solved_share, wilson

ROW = "long range"


@dataclass(frozen=True)
class Cell:
    """Report seeds of one task at one lag and length."""

    task: str
    lag: int
    planned: int
    runs: int
    """Recorded trials, the failed ones among them."""
    finished: int
    """Of those, the ones that trained to their end or diverged."""
    solved: int


def select(run: Run, contender: Contender, setting: Setting, row: str = ROW) -> pd.DataFrame:
    """Planned report trials of one architecture in one setting."""
    planned = run.select(row=row, split="report", architecture=contender.architecture)
    return planned[setting.holds(planned)]


def find(run: Run, contender: Contender, setting: Setting, row: str = ROW) -> Finding:
    """Share of cells solved, tasks weighing the same, lags by their spacing on a log2 axis.

    `row` names the trials: another row of cells may be judged by the same rule.
    """
    planned = select(run, contender, setting, row)
    cells = tally(run, planned)
    measured = [cell for cell in cells if cell.finished]
    tasks = sorted({cell.task for cell in cells})
    if not measured or {cell.task for cell in measured} != set(tasks):
        silent = planned[~planned["task"].isin({cell.task for cell in measured})]
        names = ", ".join(sorted(set(silent["task"])))
        return Finding(missing=absence(run, silent) + (f"; no result for {names}" if names else ""))
    blank = [f"{cell.task} at lag {cell.lag}" for cell in cells if not cell.finished]
    solved, runs = sum(cell.solved for cell in measured), sum(cell.runs for cell in measured)
    rate = wilson(solved, runs)
    return Finding(
        estimate=Estimate(share(measured)),
        interval=solved_share(weights(measured), [c.solved for c in measured], [c.runs for c in measured]),
        left_out=_left_out(measured, tasks),
        bounds={
            "missing trials all solved": Estimate(share([_completed(cell, True) for cell in cells])),
            "missing trials all unsolved": Estimate(share([_completed(cell, False) for cell in cells])),
        },
        doubts=(f"no result for {', '.join(blank)}",) if blank else (),
        notes=(
            f"{solved} of {runs} trainings solved their cell ({rate.low:.2f} to {rate.high:.2f}, Wilson)",
            f"{sum(2 * cell.solved > cell.runs for cell in measured)} of {len(measured)} cells solved",
            *shortfall(run, planned),
            *_mute(run, planned),
        ),
        seeds=min(cell.runs for cell in measured),
        tasks=tuple(tasks),
    )


def tally(run: Run, planned: pd.DataFrame) -> list[Cell]:
    """The planned trials cell by cell, by task, lag and length."""
    trained = ended(run, planned)
    solved = trained & (planned["status"] == "ok") & (run.last(planned, "solved") == 1)
    place = ["task", "lag", "length"]
    flags = planned[place].assign(planned=1, runs=planned["status"] != NOT_RUN, finished=trained, solved=solved)
    counts = flags.groupby(place, sort=True, dropna=False).sum().astype(int).reset_index()
    counts["lag"] = counts["lag"].fillna(counts.pop("length"))
    return [Cell(str(task), *map(int, numbers)) for task, *numbers in counts.itertuples(index=False)]


def ended(run: Run, trials: pd.DataFrame) -> pd.Series:
    """Which trials diverged, or trained to their end and say whether they solved their task."""
    says = run.last(trials, "solved").isin((0, 1)) | (trials["status"] != "ok")
    return trials["status"].isin(FINISHED) & says


def _mute(run: Run, planned: pd.DataFrame) -> list[str]:
    mute = int(((planned["status"] == "ok") & ~ended(run, planned)).sum())
    return [f"{mute} of {len(planned)} trials do not say whether they solved their cell"] if mute else []


def weights(cells: Sequence[Cell]) -> list[float]:
    """One weight per cell, summing to 1; cells of one task that share a lag share its weight."""
    tasks = {cell.task for cell in cells}
    found = []
    for cell in cells:
        lags = [other.lag for other in cells if other.task == cell.task]
        distinct = sorted(set(lags))
        weight = lag_weights(distinct)[distinct.index(cell.lag)]
        found.append(float(weight) / lags.count(cell.lag) / len(tasks))
    return found


def share(cells: Sequence[Cell]) -> float:
    """Summed weights of the cells that more than half of their recorded trainings solved."""
    return sum(w for cell, w in zip(cells, weights(cells), strict=True) if 2 * cell.solved > cell.runs)


def _left_out(cells: list[Cell], tasks: list[str]) -> dict[str, Estimate]:
    if len(tasks) < 2:
        return {}
    return {task: Estimate(share([cell for cell in cells if cell.task != task])) for task in tasks}


def _completed(cell: Cell, solved: bool) -> Cell:
    """The cell as if every trial that crashed or was not run had ended in this way."""
    missing = cell.planned - cell.finished
    return replace(cell, runs=cell.planned, finished=cell.planned, solved=cell.solved + (missing if solved else 0))
