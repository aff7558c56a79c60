"""Records that nobody measured: what a plan sees once trials went as we say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bench.planning import Planned
from bench.records import Measurement, Record
from bench.trial import Clock, Learn


def learned(trial: Learn, merit: float, status: str = "ok") -> Record:
    """A learn trial that earned this merit: up to 1 a score, beyond it solved, the earlier the more."""
    if trial.task.measures == "scaling":
        found = {"test_score": merit}
    elif merit > 1:
        found = {"best_score": 1.0, "solved": 1.0, "steps_to_solve": round((2 - merit) * trial.recipe.steps)}
    else:
        found = {"best_score": merit, "solved": 0.0}
    measurements = tuple(Measurement(metric, value) for metric, value in found.items())
    return Record(trial.id, trial.to_json(), status, measurements)


def learning(planned: Iterable[Planned], merit: Callable[[Learn], float]) -> dict[str, Record]:
    """Results of all learn and explain trials among these."""
    trials = [p.trial for p in planned if isinstance(p.trial, Learn)]
    return {trial.id: learned(trial, merit(trial)) for trial in trials}


def clocked(planned: Iterable[Planned], seconds: Mapping[str, float]) -> dict[str, Record]:
    """Results of all clock trials among these: seconds per step by name, the same at every length."""
    measurements = tuple(Measurement("seconds_per_step", value, name, 0) for name, value in seconds.items())
    trials = [p.trial for p in planned if isinstance(p.trial, Clock)]
    return {trial.id: Record(trial.id, trial.to_json(), "ok", measurements) for trial in trials}
