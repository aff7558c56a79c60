"""Clock trials: calls of several architectures on one shape, interleaved in one process, and the memory they take.

A second, independently built copy of the first architecture runs along as "A/A": its ratio to its twin is the band
inside which a difference means nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import timing
from bench.memory import peak_bytes
from bench.precision import PRECISIONS, at_precision, in_precision, intra_op_threads
from bench.reach import saved_bytes
from bench.records import Measurement
from bench.tasks.task import Batch, Task
from bench.training import clear_gradients, make_optimiser, training_step
from bench.trial import FORWARD, FORWARD_BACKWARD, PASSES, STEP, Clock, Recipe
from models.architecture import Architecture, Interface, SequenceModel
from models.budget import solve
from models.cost import train_step_flops

AA = "A/A"
WARM_UP_CALLS = 3
LONG = 1 << 22
"""Tokens of a batch times length, above which one untimed call has to do on the CPU: it costs as much as a sample."""


def clock(trial: Clock, watch: timing.Stopwatch | None = None) -> list[Measurement]:
    """Run one clock trial: raw samples per subject, an architecture or "A/A", and nothing averaged.

    `watch` replaces the device's own stopwatch. Raises ValueError for an unknown pass or precision.
    """
    _check(trial)
    dice = random.Random(f"{trial.replicate}/{trial.length}")
    contenders = [(a.name, a, 0) for a in trial.architectures] + [(AA, trial.architectures[0], 1)]
    # Where a model lies in memory is worth half a percent, the same in every process that builds in the same order
    # (Mytkowicz et al. 2009). In an order of its own, each process makes it noise, which the interval covers.
    dice.shuffle(contenders)
    rows = []
    with intra_op_threads(trial.threads):
        work = {name: Workload.of(architecture, trial, seed) for name, architecture, seed in contenders}
        for name, architecture, _ in contenders:
            rows += _counted(name, architecture, trial)
        calls = {(name, p): one.call(p) for name, one in work.items() for p in trial.passes}
        for call in calls.values():
            for _ in range(_warm_up_calls(trial)):
                call()
        watch = watch or timing.stopwatch(trial.device)
        for (name, p), number, sample in timing.interleave(calls, trial.samples, dice, watch):
            rows.append(Measurement(f"seconds_per_{p}", sample.seconds, name, number))
            rows.append(Measurement(f"cpu_seconds_per_{p}", sample.cpu_seconds, name, number))
            rows.append(Measurement(f"involuntary_switches_per_{p}", float(sample.involuntary_switches), name, number))
        if trial.memory:
            for name, one in work.items():
                rows.append(Measurement("peak_bytes", float(peak_bytes(one.step, trial.device)), name))
                rows.append(Measurement("saved_bytes", float(one.saved_bytes()), name))
    return rows


def _check(trial: Clock) -> None:
    if unknown := [p for p in trial.passes if p not in PASSES]:
        raise ValueError(f"unknown pass {unknown[0]!r}; a clock times {', '.join(PASSES)}")
    if trial.precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {trial.precision!r}")
    if trial.threads < 1:
        raise ValueError(f"threads must be at least 1, got {trial.threads}")


def _batch_size(trial: Clock) -> int:
    return max(1, trial.tokens // trial.length)


def _warm_up_calls(trial: Clock) -> int:
    """By shape and device, never by a clock. A GPU is fast enough, and its libraries choose kernels at first calls."""
    is_long = _batch_size(trial) * trial.length**2 > LONG
    return 1 if is_long and not trial.device.startswith("cuda") else WARM_UP_CALLS


def _counted(name: str, architecture: Architecture, trial: Clock) -> list[Measurement]:
    """Tokens and FLOPs of a step; no FLOPs for a stranger whose core cannot be run, and so counted, on meta."""
    batch, interface = _batch_size(trial), EveryPosition(length=trial.length).interface
    rows = [Measurement("tokens_per_step", float(batch * trial.length), name)]
    try:
        flops = train_step_flops(architecture, solve(architecture, interface), interface, batch)
    except RuntimeError:  # it trains and can be timed all the same
        return rows
    return [*rows, Measurement("flops_per_step", float(flops), name)]


@dataclass(frozen=True, kw_only=True)
class EveryPosition(Task):
    """Random tokens with a random answer at every position: the work of language modelling, and nothing to learn."""

    symbols: ClassVar[int] = 32

    precision: str = "fp32"

    @property
    def interface(self) -> Interface:
        """As many outputs as symbols."""
        return Interface(length=self.length, vocabulary=self.symbols, outputs=self.symbols)

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Inputs and targets are independent and uniform."""
        inputs = torch.randint(self.symbols, (size, self.length), generator=generator)
        targets = torch.randint(self.symbols, (size, self.length), generator=generator)
        everywhere = torch.ones_like(inputs, dtype=torch.bool)
        return Batch(inputs, targets, everywhere, ~everywhere)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats. Without picking positions by a mask, for which a GPU would stop and ask the host."""
        with at_precision(self.precision, logits.device):
            return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())


@dataclass(frozen=True)
class Workload:
    """One model on one fixed batch, drawn once: data generation is no part of a call."""

    model: SequenceModel
    task: EveryPosition
    batch: Batch
    optimiser: torch.optim.Optimizer
    clip_norm: float

    @classmethod
    def of(cls, architecture: Architecture, trial: Clock, seed: int) -> Workload:
        """Weights and batch from `seed`, on the trial's device, the forward pass in its precision."""
        task = EveryPosition(length=trial.length, precision=trial.precision)
        batch = task.sample(_batch_size(trial), torch.Generator().manual_seed(seed)).to(trial.device)
        model = architecture.build(task.interface, seed=seed).to(trial.device)
        in_precision(model, trial.precision, batch.inputs.device)
        return cls(model, task, batch, make_optimiser(model, Recipe()), Recipe().clip_norm)

    def call(self, name: str) -> Callable[[], object]:
        """The call that makes one of PASSES; all in training mode, so that they differ in nothing else."""
        return {FORWARD: self.forward, FORWARD_BACKWARD: self.forward_backward, STEP: self.step}[name]

    @torch.no_grad()
    def forward(self) -> Tensor:
        """Logits (B, L, outputs) without a graph."""
        return self.model(self.batch.inputs)

    def forward_backward(self) -> Tensor:
        """Forward, loss and backward as a training step makes them, with fresh gradients and no update."""
        loss = self.task.loss(self.model(self.batch.inputs), self.batch)
        clear_gradients(self.optimiser)
        loss.backward()
        return loss.detach()

    def step(self) -> Tensor:
        """One whole training step; its peak comes on top of parameters, gradients and the optimiser's state."""
        return training_step(self.model, self.task, self.batch, self.optimiser, self.clip_norm)

    def saved_bytes(self) -> int:
        """Bytes that a forward pass of the whole model, from the embeddings to the logits, keeps for backward."""
        embeddings = self.model.embedding(self.batch.inputs)
        with at_precision(self.task.precision, embeddings.device):
            return saved_bytes(nn.Sequential(self.model.core, self.model.readout), embeddings)
