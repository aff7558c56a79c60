"""Overhead trials: a learn trial beside a bare loop that does the same steps, on the same data, judged as often.

The bare loop is what a careful user writes with torch alone. It takes the model, the task and the seeds of its data
from here, and nothing of what trains elsewhere. It is told when to stop and when to test: were it to decide for itself,
a difference in rounding could make it stop elsewhere, and the two would no longer compare.
"""

from __future__ import annotations

import copy
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from bench.records import Measurement
from bench.tasks.task import Batch, Task, stream
from bench.timing import Stopwatch, interleave, stopwatch
from bench.training import CONFIRMING, FINAL, UNSOLVED, Trained, train
from bench.trial import Learn, Overhead
from models.architecture import SequenceModel

HARNESS, BARE_LOOP = "harness", "bare loop"


@dataclass(frozen=True)
class Plan:
    """What a learn trial came to do, which its measurements tell afterwards."""

    steps: int
    tests: Mapping[int, Sequence[int]]
    """Step -> how many fresh test sequences were asked there, once for each time that they were."""

    @classmethod
    def of(cls, trained: Trained, trial: Overhead) -> Plan:
        """From the measurements of a learn trial. Raises RuntimeError if its loss was not finite."""
        if trained.diverged_at:
            raise RuntimeError(f"loss not finite at step {trained.diverged_at}")
        steps = next(int(row.value) for row in trained.measurements if row.metric == "steps")
        tests, size = defaultdict(list), trial.recipe.evaluation_sequences
        for row in trained.measurements:
            if row.metric == "score" and row.value >= trial.task.solved_at:
                assert row.step is not None
                tests[row.step].append(CONFIRMING * size)
        if trial.task.learned_for == "loss":
            tests[steps].append(FINAL * size)
        elif not trained.solved:
            tests[steps].append(UNSOLVED * size)
        return cls(steps, dict(tests))


def overhead(trial: Overhead, watch: Stopwatch | None = None) -> list[Measurement]:
    """Run one overhead trial: raw seconds of both in every round. `watch` replaces the device's own stopwatch.

    The learn trial is run once before, which warms up, and tells the bare loop what to do. Raises RuntimeError if a
    later round does something else, or if the loss was not finite.
    """
    learn = as_learn(trial)
    plan = Plan.of(train(learn), trial)
    bare_loop(trial, Plan(1, {}))
    done: dict[str, list[Plan]] = {HARNESS: [], BARE_LOOP: []}
    calls = {
        HARNESS: lambda: done[HARNESS].append(Plan.of(train(learn), trial)),
        BARE_LOOP: lambda: done[BARE_LOOP].append(bare_loop(trial, plan)[1]),
    }
    rows = []
    watch = watch or stopwatch(trial.device)
    for name, number, sample in interleave(calls, trial.samples, random.Random(trial.id), watch):
        if done[name][-1] != plan:
            raise RuntimeError(f"round {number}: the {name} did {done[name][-1]}, not {plan}, so they do not compare")
        rows.append(Measurement("seconds", sample.seconds, name, number))
        rows.append(Measurement("cpu_seconds", sample.cpu_seconds, name, number))
    return [*rows, *(Measurement("steps", float(done[name][0].steps), name) for name in calls)]


def as_learn(trial: Overhead) -> Learn:
    """The learn trial whose harness is timed."""
    return Learn(
        architecture=trial.architecture,
        task=trial.task,
        recipe=trial.recipe,
        seed=trial.replicate,
        device=trial.device,
    )


def bare_loop(trial: Overhead, plan: Plan) -> tuple[SequenceModel, Plan]:
    """The trained model and what was done. For a source it keeps the weights that were best, as a user would."""
    task, recipe, seed, device = trial.task, trial.recipe, trial.replicate, trial.device
    training, test, tests = stream("train", seed), stream("test", seed), defaultdict(list)
    watched = task.sample(recipe.evaluation_sequences, stream("development", seed)).to(device)
    model = trial.architecture.build(task.interface, seed=seed).to(device)
    betas, decay = (recipe.beta1, recipe.beta2), recipe.weight_decay
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, betas=betas, weight_decay=decay, fused=True)
    keeps_best, best, step = task.measures == "scaling", math.inf, 0
    weights = copy.deepcopy(model.state_dict()) if keeps_best else {}
    for step in range(1, plan.steps + 1):
        optimiser.param_groups[0]["lr"] = recipe.learning_rate * min(1.0, step / recipe.warmup_steps)
        batch = task.sample(recipe.batch_size, training).to(device)
        loss = task.loss(model(batch.inputs), batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimiser.step()
        if step % recipe.evaluate_every == 0 or step == recipe.steps:
            if not math.isfinite(loss.item()):
                raise RuntimeError(f"loss not finite at step {step}")
            value = _measured(model, task, watched)
            if keeps_best and value < best:
                best, weights = value, copy.deepcopy(model.state_dict())
        if keeps_best and step == plan.steps:
            model.load_state_dict(weights)
        for size in plan.tests.get(step, ()):
            _measured(model, task, task.sample(size, test).to(device))
            tests[step].append(size)
    return model, Plan(step, dict(tests))


@torch.no_grad()
def _measured(model: nn.Module, task: Task, batch: Batch) -> float:
    return task.metric(model(batch.inputs), batch)
