"""From trials to verdicts without a runner: performed for real, written down as a run folder, judged by the rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.load import load
from analysis.verdicts import judge
from bench import planning
from bench.experiments import perform
from bench.planning import Planned
from bench.records import PLAN, SCHEMA, TRIALS, to_line
from bench.tasks.needle import Needle
from bench.trial import Clock, Explain, Recipe
from models import find
from models.architecture import Architecture

SMALL = 10_000
"""Core parameters."""


def stranger(name: str) -> Architecture:
    """An architecture of strangers.py, as the front door finds it."""
    return replace(find(f"strangers:{name}"), core_parameters=SMALL)


def run(folder: Path, architectures: Iterable[Architecture], planned: Sequence[Planned]) -> dict[str, Any]:
    """Run the trials, write what a runner would write, and judge the folder."""
    records = [perform(p.trial) for p in planned]
    assert {r.status for r in records} == {"ok"}, [r.reason for r in records]
    plan = {
        "schema": SCHEMA,
        "study": "known truths",
        "device": "cpu",
        "columns": [_column(a) for a in architectures],
        "trials": [p.to_json() for p in planned],
    }
    (folder / PLAN).write_text(json.dumps(plan))
    (folder / TRIALS).write_text("".join(to_line(r) + "\n" for r in records))
    return judge(load(folder))


def clocks(architectures: tuple[Architecture, ...]) -> list[Planned]:
    """Clock trials of these architectures, in three replicates at two lengths."""
    trials = [
        Clock(architectures=architectures, length=n, tokens=2 * n, samples=3, replicate=replicate)
        for replicate in range(3)
        for n in (8, 16)
    ]
    return [Planned(trial, (planning.SPEED,)) for trial in trials]


def explaining(architecture: Architecture) -> list[Planned]:
    """Explain trials on a task that a small Transformer solves in some 75 steps, on three seeds."""
    recipe = Recipe(learning_rate=1e-2, steps=200)
    trials = [Explain(architecture=architecture, task=Needle(length=16), recipe=recipe, seed=s) for s in range(3)]
    return [Planned(trial, (planning.LONG_RANGE, planning.INTERPRETABILITY)) for trial in trials]


def _column(architecture: Architecture) -> dict[str, str]:
    name = architecture.name
    return {"title": name, "family": architecture.family, "plain": name, "best": name, "best_reason": "as given"}
