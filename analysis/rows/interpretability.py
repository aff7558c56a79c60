"""Interpretability: how well what the forward pass itself holds ranks the planted relevant positions.

Only models that provably use the planted positions are asked (the admission gate), the method is chosen on development
seeds, and the same method on untrained weights is the control (Adebayo et al. 2018; Bastings et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.claims import GATE_INTERVENTION_AP, GATE_MODELS, INTERPRETABILITY, REGIME, SENSITIVITY, VOID_UNTRAINED
from analysis.load import Run
from analysis.regimes import Setting
from analysis.rows.finding import FINISHED, Contender, Estimate, Finding, absence, shortfall
from analysis.stats import Interval, mean_interval

ROW = "interpretability"
INTRINSIC, POSTHOC = "intrinsic/", "posthoc/"
RANDOM = "random"
TOO_FEW = f"too few models passed the admission gate (at least {GATE_MODELS} and half must): {{}} of {{}}"
MODERATE, VOID = (INTERPRETABILITY.words.index(word) for word in ("Moderate", "void"))
POOR = INTERPRETABILITY.words[len(INTERPRETABILITY.thresholds)]


@dataclass(frozen=True)
class Choice:
    """The method that a family is judged by."""

    method: str
    note: str
    doubt: str = ""


@dataclass(frozen=True)
class Models:
    """Explain trials of one architecture in one setting."""

    planned: pd.DataFrame
    admitted: pd.DataFrame
    """Those of the planned report models that passed the gate."""
    development: pd.DataFrame
    """At the study's first budget, whatever the setting: only there the development stage trains."""


def select(run: Run, architecture: str | None, setting: Setting) -> Models:
    """The models of an architecture, sorted by what they may be used for."""
    trials = run.select(kind="explain", row=ROW, architecture=architecture)
    planned = trials[setting.holds(trials) & (trials["split"] == "report")]
    development = trials[(trials["split"] == "development") & (trials["regime"] == REGIME)]
    return Models(planned, planned[_passes_gate(run, planned)], development)


def find(run: Run, contender: Contender, setting: Setting) -> Finding:
    """Mean nAP of the chosen method over tasks and admitted report models."""
    models = select(run, contender.architecture, setting)
    planned, admitted = models.planned, models.admitted
    if not planned["status"].isin(FINISHED).any():
        return Finding(missing=absence(run, planned))
    gaps = _ungated(run, planned, "") + _ungated(run, models.development, "development ")
    notes = [f"{len(admitted)} of {len(planned)} models passed the admission gate", *shortfall(run, planned)]
    if admitted.empty:
        return Finding(word=POOR, doubts=(TOO_FEW.format(0, len(planned)), *gaps), notes=tuple(notes[1:]))
    doubts = [*gaps] if _enough(admitted, planned) else [TOO_FEW.format(len(admitted), len(planned)), *gaps]
    if not _naps(run, admitted, INTRINSIC):
        notes = ["no intrinsic explanation at all", *notes]
        return Finding(word=POOR, doubts=tuple(doubts), notes=tuple(notes), seeds=int(admitted["seed"].nunique()))
    choice = choose(run, models, INTRINSIC)
    if choice is None:
        return Finding(doubts=("no development model to choose the explanation method on",), notes=tuple(notes))
    scores = score(run, admitted, choice.method)
    if scores.empty:
        return Finding(doubts=(f"{choice.method} was not measured on the admitted models",), notes=tuple(notes))
    return Finding(
        estimate=_estimate(scores),
        interval=_interval(scores),
        left_out=_left_out(scores),
        doubts=(*doubts, *([choice.doubt] if choice.doubt else []), *_unscored(run, models, scores, choice.method)),
        notes=(choice.note, *notes, *_silent(planned, scores), *_control_notes(scores)),
        seeds=int(scores["seed"].nunique()),
        tasks=tuple(sorted(scores["task"].unique())),
    )


def _passes_gate(run: Run, trials: pd.DataFrame) -> pd.Series:
    solved = run.last(trials, "solved") == 1
    return (trials["status"] == "ok") & solved & (run.last(trials, "intervention_ap") >= GATE_INTERVENTION_AP)


def _ungated(run: Run, trials: pd.DataFrame, of: str) -> list[str]:
    """Models of which nobody can say whether they pass the gate."""
    solved, precision = run.last(trials, "solved"), run.last(trials, "intervention_ap")
    known = (solved == 0) | ((solved == 1) & np.isfinite(precision))
    lost = int(((trials["status"] == "ok") & ~known).sum())
    return [f"{lost} of {len(trials)} {of}models without what the admission gate asks for"] if lost else []


def _unscored(run: Run, models: Models, scores: pd.DataFrame, method: str) -> list[str]:
    """What the figure, its conditions and the choice of the method should rest on, and do not."""
    lost = len(models.admitted) - len(scores.dropna())
    doubts = [f"{lost} of {len(models.admitted)} admitted models without every score of {method}"] if lost else []
    development = models.development[_passes_gate(run, models.development)]
    counts = _held(run, development, INTRINSIC).groupby("subject")["value"].count()
    uneven = not counts.empty and (counts.nunique() > 1 or counts.iloc[0] < len(development))
    return doubts + ["methods compared on unequal development models"] * bool(uneven)


def _enough(admitted: pd.DataFrame, planned: pd.DataFrame) -> bool:
    return len(admitted) >= GATE_MODELS and 2 * len(admitted) >= len(planned)


def _naps(run: Run, trials: pd.DataFrame, kind: str) -> Mapping[str, float]:
    """Method -> mean nAP over the trials, for methods whose name begins with `kind`."""
    held = _held(run, trials, kind)
    return {str(method): float(nap) for method, nap in held.groupby("subject")["value"].mean().items()}


def _held(run: Run, trials: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Finite nAP values of the trials, of methods whose name begins with `kind`."""
    held = run.once((ROW, kind), lambda: _of_kind(run.of("explanation_nap"), kind))
    return held[held["trial"].isin(trials.index)]


def _of_kind(naps: pd.DataFrame, kind: str) -> pd.DataFrame:
    methods = [method for method in naps["subject"].unique() if method.startswith(kind)]
    return naps[naps["subject"].isin(methods) & np.isfinite(naps["value"])]


def choose(run: Run, models: Models, kind: str) -> Choice | None:
    """Best mean nAP on admitted development models. A family with one method has nothing to choose."""
    offered = _naps(run, models.admitted, kind)
    through_gate = _naps(run, models.development[_passes_gate(run, models.development)], kind)
    candidates = through_gate or _naps(run, models.development, kind)
    if len(offered) == 1:
        (only,) = offered
        return Choice(only, f"method {only}, the only one of its kind")
    if not candidates:
        return None
    best = max(sorted(candidates), key=candidates.__getitem__)
    doubt = (
        ""
        if through_gate
        else "no development model passed the admission gate, so the method was chosen on models outside it"
    )
    return Choice(best, f"method {best}, chosen on development seeds out of {len(candidates)}", doubt)


def score(run: Run, admitted: pd.DataFrame, method: str) -> pd.DataFrame:
    """One row per admitted model: task, seed, and what the method and the random ranking scored."""
    scores = admitted[["task", "seed"]].assign(
        nap=run.last(admitted, "explanation_nap", method),
        untrained=run.last(admitted, "untrained_nap", method),
        comprehensiveness=run.last(admitted, "comprehensiveness", method),
        sufficiency=run.last(admitted, "sufficiency", method),
        random_comprehensiveness=run.last(admitted, "comprehensiveness", RANDOM),
        random_sufficiency=run.last(admitted, "sufficiency", RANDOM),
    )
    return scores.replace([np.inf, -np.inf], np.nan).dropna(subset=["nap"])


def mean_scores(scores: pd.DataFrame) -> pd.Series:
    """Every score averaged within a task first, so that tasks weigh the same."""
    return scores.drop(columns="seed").groupby("task").mean().mean()


def beats_random(means: pd.Series) -> bool:
    """False as well where either was not measured: Good has to be shown."""
    return bool(
        means["comprehensiveness"] > means["random_comprehensiveness"]
        and means["sufficiency"] < means["random_sufficiency"]
    )


def _estimate(scores: pd.DataFrame) -> Estimate:
    means = mean_scores(scores)
    base = 0 if beats_random(means) else MODERATE
    void = {factor: means["untrained"] > VOID_UNTRAINED * factor for factor in (1.0, *SENSITIVITY)}
    return Estimate(float(means["nap"]), {factor: VOID if is_void else base for factor, is_void in void.items()})


def _interval(scores: pd.DataFrame) -> Interval:
    """Over seeds, each averaged over its tasks; on the logit scale, which covers better near 1 (stats.t_interval)."""
    by_seed = scores.groupby("seed")["nap"].mean()
    return mean_interval(by_seed.to_numpy(dtype=float), "logit").widened(float(mean_scores(scores)["nap"]))


def _left_out(scores: pd.DataFrame) -> dict[str, Estimate]:
    tasks = sorted(scores["task"].unique())
    return {task: _estimate(scores[scores["task"] != task]) for task in tasks if len(tasks) > 1}


def _silent(planned: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    silent = sorted(set(planned["task"]) - set(scores["task"]))
    return [f"no admitted model on {', '.join(silent)}"] if silent else []


def _control_notes(scores: pd.DataFrame) -> list[str]:
    means = mean_scores(scores)
    better = "better" if beats_random(means) else "not better"
    return [
        f"untrained control {means['untrained']:.2f}",
        f"{better} than random on comprehensiveness and sufficiency",
    ]
