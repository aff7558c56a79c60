"""The protocol of every trial that reads clocks: a stopwatch, and contenders that take turns in one process.

Every sample is one call; the order is drawn anew in every round, so that a drift of the machine falls on all contenders
alike (Kalibera and Jones 2013; Georges et al. 2007). Ratios inside one trial are what decides a cell. Growth with the
length, speed-up on all cores, one sequence against many, and bf16 against fp32 compare trials of one replicate, which
lie minutes apart: their drift is part of the replicates' scatter, and so of the interval.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

Name = TypeVar("Name", bound=Hashable)


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

    return _CudaStopwatch(wait=wait, device=device)


@dataclass(frozen=True)
class _CudaStopwatch(Stopwatch):
    """Wall seconds by CUDA events on the device's own clock, CPU seconds by the host."""

    device: str = "cuda"

    def time(self, call: Callable[[], object]) -> Sample:
        self.wait()
        stream = torch.cuda.current_stream(self.device)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        switches, cpu = self.switches(), self.cpu()
        start.record(stream)
        call()
        end.record(stream)
        end.synchronize()
        return Sample(start.elapsed_time(end) / 1000, self.cpu() - cpu, self.switches() - switches)


def interleave(
    calls: Mapping[Name, Callable[[], object]],
    samples: int,
    order: random.Random,
    watch: Stopwatch,
    prepare: Callable[[Name], object] = lambda name: None,
) -> Iterator[tuple[Name, int, Sample]]:
    """Time every call once a round, in a fresh random order; yields (name, round, sample).

    `prepare` is called with the name before each call, outside its time.
    """
    names = list(calls)
    for number in range(samples):
        order.shuffle(names)
        for name in names:
            prepare(name)
            yield name, number, watch.time(calls[name])
