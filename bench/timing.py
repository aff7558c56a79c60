"""Clock trials: whole training steps of several architectures, interleaved in one process.

Only ratios inside one trial are meant to be compared. Every sample is one step; the order is drawn anew in every
round, so that a drift of the machine falls on all contenders alike (Kalibera and Jones 2013; Georges et al. 2007).
A second, independently built copy of the first architecture runs along as "A/A": its ratio to its twin is the band
inside which a difference means nothing.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from bench.records import Measurement
from bench.tasks.task import Batch, Task
from bench.training import make_optimiser, training_step
from bench.trial import Clock, Recipe
from models.architecture import Architecture, Interface

AA = "A/A"
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Sample:
    """One timed call."""

    seconds: float
    cpu_seconds: float
    involuntary_switches: int


@dataclass(frozen=True)
class Stopwatch:
    """The clocks, as arguments, so that tests can hand in fake ones; `wait` blocks until the device is idle."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    switches: Callable[[], int] = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    wait: Callable[[], None] = lambda: None

    def time(self, call: Callable[[], object]) -> Sample:
        """Time one call, from an idle device to an idle device."""
        self.wait()
        switches, cpu, wall = self.switches(), self.cpu(), self.wall()
        call()
        self.wait()
        return Sample(self.wall() - wall, self.cpu() - cpu, self.switches() - switches)


def stopwatch(device: str) -> Stopwatch:
    """The stopwatch of a device. On CUDA the cache is overwritten before each call: no contender starts warm."""
    if not device.startswith("cuda"):
        return Stopwatch()
    flush = torch.empty(2 * torch.cuda.get_device_properties(device).L2_cache_size, dtype=torch.int8, device=device)

    def wait() -> None:
        flush.zero_()
        torch.cuda.synchronize(device)

    return _CudaStopwatch(wait=wait)


@dataclass(frozen=True)
class _CudaStopwatch(Stopwatch):
    """Wall seconds by CUDA events on the device's own clock, CPU seconds by the host."""

    def time(self, call: Callable[[], object]) -> Sample:
        self.wait()
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        switches, cpu = self.switches(), self.cpu()
        start.record()
        call()
        end.record()
        end.synchronize()
        return Sample(start.elapsed_time(end) / 1000, self.cpu() - cpu, self.switches() - switches)


def interleave(
    calls: Mapping[str, Callable[[], object]], samples: int, order: random.Random, watch: Stopwatch
) -> Iterator[tuple[str, int, Sample]]:
    """Time every call once a round, in a fresh random order; yields (name, round, sample)."""
    names = list(calls)
    for number in range(samples):
        order.shuffle(names)
        for name in names:
            yield name, number, watch.time(calls[name])


def clock(trial: Clock) -> list[Measurement]:
    """Run one clock trial: raw samples per architecture, nothing averaged."""
    dice = random.Random(f"{trial.replicate}/{trial.length}")
    contenders = [(a.name, a, 0) for a in trial.architectures] + [(AA, trial.architectures[0], 1)]
    # Where a model lies in memory is worth half a percent, the same in every process that builds in the same order
    # (Mytkowicz et al. 2009). In an order of its own, each process makes it noise, which the interval covers.
    dice.shuffle(contenders)
    calls = {name: _training_call(architecture, trial, seed) for name, architecture, seed in contenders}
    for call in calls.values():
        for _ in range(WARM_UP_STEPS):
            call()
    rows = [Measurement("tokens_per_step", float(_batch_size(trial) * trial.length), subject=name) for name in calls]
    for name, number, sample in interleave(calls, trial.samples, dice, stopwatch(trial.device)):
        rows.append(Measurement("seconds_per_step", sample.seconds, name, number))
        rows.append(Measurement("cpu_seconds_per_step", sample.cpu_seconds, name, number))
        rows.append(Measurement("involuntary_switches", float(sample.involuntary_switches), name, number))
    return rows


def _batch_size(trial: Clock) -> int:
    return max(1, trial.tokens // trial.length)


def _training_call(architecture: Architecture, trial: Clock, seed: int) -> Callable[[], object]:
    """A closure that makes one whole training step on a fixed batch: data generation is not part of a step's time."""
    task = _EveryPosition(length=trial.length)
    model = architecture.build(task.interface, seed=seed).to(trial.device)
    batch = task.sample(_batch_size(trial), torch.Generator().manual_seed(seed)).to(trial.device)
    recipe = Recipe()
    optimiser = make_optimiser(model, recipe)
    return lambda: training_step(model, task, batch, optimiser, recipe.clip_norm)


class _EveryPosition(Task):
    """Random tokens with a random answer at every position: the work of language modelling, and nothing to learn."""

    symbols = 32

    @property
    def interface(self) -> Interface:
        return Interface(length=self.length, vocabulary=self.symbols, outputs=self.symbols)

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        inputs = torch.randint(self.symbols, (size, self.length), generator=generator)
        targets = torch.randint(self.symbols, (size, self.length), generator=generator)
        everywhere = torch.ones_like(inputs, dtype=torch.bool)
        return Batch(inputs, targets, everywhere, ~everywhere)
