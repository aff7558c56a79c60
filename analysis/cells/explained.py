"""Evidence of interpretability: every model, whether it passed the gate, and how its explanation ranked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.cells import dots
from analysis.cells.case import Case, Dot, Evidence, Held, Panel, answered, exact, listed, number, whole
from analysis.claims import GATE_INTERVENTION_AP, GATE_MODELS, VOID_UNTRAINED
from analysis.document import Table
from analysis.drawing import Mark, label
from analysis.rows import interpretability as row
from analysis.rows.interpretability import Models

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 10
"""Seeds that are named one by one."""
SPREAD = 0.6
"""Of the models of one task, as a share of its row."""
TALL = 0.32
"""Inches a task."""


def evidence(case: Case) -> Evidence:
    """Models of the headline setting with the chosen method's scores."""
    models = row.select(case.run, case.contender.architecture, case.material.headline)
    choice = row.choose(case.run, models, row.INTRINSIC) if len(models.admitted) else None
    found = _models(case, models, choice.method if choice else "")
    failures, flips = _outside(found), _gate(models)
    if case.finding.estimate is None or choice is None:
        return Evidence(
            models.planned, tables=(_table(found, ""),) if len(found) else (), flips=flips, failures=failures
        )
    scores = row.score(case.run, models.admitted, choice.method)
    means = row.mean_scores(scores)
    by_task = scores.groupby("task")["nap"].mean()
    said = ", ".join(f"{task} {exact(value)}" for task, value in by_task.items())
    return Evidence(
        planned=models.planned,
        steps=(
            f"Admit a model if it solved its task and causal intervention ranks the planted positions with an average "
            f"precision of at least {GATE_INTERVENTION_AP:g}: {len(models.admitted)} of {len(models.planned)}.",
            f"Take {choice.note}.",
            f"Average its nAP (0 chance, 1 perfect) over the admitted models of each task: {said}.",
            f"Average over the tasks: {exact(means['nap'])}.",
        ),
        tables=(_table(found, choice.method),),
        dots=tuple(Dot(float(v), f"seed {seed}") for seed, v in scores.groupby("seed")["nap"].mean().items()),
        dots_are="each seed",
        panels=(Panel(lambda axes: _draw(axes, found, case.mark), aligned=True),),
        height=TALL * found["task"].nunique() + 0.1,
        beside=(*found["nap"], *found["untrained"]),
        flips=(*_conditions(means), *flips),
        failures=failures,
    )


def _models(case: Case, models: Models, method: str) -> pd.DataFrame:
    """Every planned model: whether it is admitted, and what the method scored on it."""
    run, planned = case.run, models.planned
    found = planned[["id", "task", "length", "seed", "status", "reason"]].assign(
        solved=run.last(planned, "solved"),
        intervention_ap=run.last(planned, "intervention_ap"),
        admitted=planned.index.isin(models.admitted.index),
        nap=run.last(planned, "explanation_nap", method),
        untrained=run.last(planned, "untrained_nap", method),
    )
    for metric in ("comprehensiveness", "sufficiency"):
        found[metric] = run.last(planned, metric, method)
        found[f"random_{metric}"] = run.last(planned, metric, row.RANDOM)
    return found.sort_values(["task", "length", "seed"], kind="stable")


def _table(found: pd.DataFrame, method: str) -> Table:
    def write(m: Held) -> list[str]:
        gate = [answered(m["solved"]), number(m["intervention_ap"]), answered(m["admitted"])]
        both = [f"{number(m[k], 3)} ({number(m[f'random_{k}'], 3)})" for k in ("comprehensiveness", "sufficiency")]
        return [m["task"], whole(m["seed"]), m["status"], *gate, exact(m["nap"]), exact(m["untrained"]), *both, m["id"]]

    of = f", explained by {method}: the figure is the mean over tasks of the mean nAP of the admitted" if method else ""
    header = ("Task", "Seed", "Status", "Solved", "Intervention AP", "Admitted", "nAP", "nAP untrained")
    columns = (*header, "Comprehensiveness (random)", "Sufficiency (random)", "Trial")
    return listed(f"Every model{of}", columns, found, write)


def _outside(found: pd.DataFrame) -> tuple[str, ...]:
    """Why finished models are outside the gate, task by task."""
    out = found[~found["admitted"] & (found["status"] == "ok")]
    unsolved = out["solved"] != 1
    unasked = ~unsolved & out["intervention_ap"].isna()
    below = f"intervention found the planted positions with an average precision below {GATE_INTERVENTION_AP:g}"
    reasons = {"the task was not solved": unsolved, "intervention was not measured": unasked}
    reasons[below] = ~unsolved & ~unasked
    return tuple(
        f"{task}: {len(models)} models not admitted, because {why} (seeds {_few(models['seed'])})."
        for why, there in reasons.items()
        for task, models in out[there].groupby("task", sort=True)
    )


def _few(seeds: pd.Series) -> str:
    named = [whole(seed) for seed in seeds]
    return ", ".join(named[:FEW]) + (f" and {len(named) - FEW} more" if len(named) > FEW else "")


def _gate(models: Models) -> tuple[str, ...]:
    admitted, planned = len(models.admitted), len(models.planned)
    least = max(GATE_MODELS, math.ceil(planned / 2))
    lost = admitted - least
    if lost < 0:
        return (
            f"The gate: {admitted} of {planned} models admitted, {-lost} more would have to pass to decide anything.",
        )
    return (f"The gate: {admitted} of {planned} models admitted; {lost + 1} fewer would leave the cell undecided.",)


def _conditions(means: pd.Series) -> tuple[str, ...]:
    """The rule's second condition and its control."""
    untrained = means["untrained"]
    void = f"Void would begin where the untrained control exceeds {VOID_UNTRAINED:g}: it is {number(untrained, 3)}."
    holds = "holds" if row.beats_random(means) else "does not hold"
    parts = [
        f"{kind} {number(means[kind], 3)}, to be {than} than {number(means[f'random_{kind}'], 3)} of a random ranking"
        for kind, than in (("comprehensiveness", "greater"), ("sufficiency", "smaller"))
    ]
    return void, f"The second condition for the best word {holds}: {'; '.join(parts)}."


def _draw(axes: Axes, found: pd.DataFrame, mark: Mark) -> None:
    """nAP of every model by task: admitted filled, others hollow; crosses are the untrained control."""
    tasks = sorted(found["task"].unique(), reverse=True)
    heights = np.array([tasks.index(task) for task in found["task"]], dtype=float)
    rank = found.groupby("task").cumcount().to_numpy()
    most = found.groupby("task")["task"].transform("size").to_numpy() - 1
    heights += np.minimum(0.16, SPREAD / np.maximum(most, 1)) * (rank - most / 2)
    admitted = found["admitted"].to_numpy(dtype=bool)
    naps = found["nap"].to_numpy(dtype=float)
    for there, filled in ((admitted, True), (~admitted, False)):
        dots.draw(axes, naps[there], heights[there], mark.marker, mark.colour, filled)
    dots.draw(axes, found["untrained"].to_numpy(dtype=float), heights, "x", "#666666")
    counts = {str(task): f"{own.sum()}/{len(own)}" for task, own in found.groupby("task")["admitted"]}
    names = [f"{label(task)} {counts[task]}" for task in tasks]
    axes.set_yticks(range(len(tasks)), labels=names)
    axes.set_ylim(-0.6, len(tasks) - 0.4)
    told = "thin: not admitted, grey" if len(found) > dots.MANY else "hollow: not admitted, x"
    axes.set_xlabel(f"nAP of each model ({told}: untrained); count: models admitted", fontsize=8)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
