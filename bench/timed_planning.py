"""From a study to the trials that have the machine to themselves: clocks, generation, peers; and to further traces."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.study import ClockGrid, Study
from bench.trial import Clock, Decode, Overhead, Peers, Recipe, Trace, Trial
from models import ARCHITECTURES, BACKENDS
from models.architecture import Architecture

GENERATION, CLOCK_GRID, PEERS, THEORY = "generation latency", "clock grid", "peers", "theory"
Contenders = tuple[Architecture, ...]
UNFUSED = tuple(backend for backend in BACKENDS.values() if getattr(backend, "dense", "") != "blas")
"""The kernels that differ on every device: how a CPU multiplies makes no difference elsewhere."""


def speed_clocks(study: Study, architectures: Contenders, device: str) -> Iterator[Clock]:
    """Whole training steps at the study's first budget; a replicate visits every length before the next begins."""
    for replicate in range(study.clock_replicates):
        for length in study.clock_lengths:
            yield Clock(
                architectures=architectures,
                length=length,
                tokens=study.clock_tokens,
                samples=study.clock_samples,
                replicate=replicate,
                device=device,
            )


def decodes(study: Study, architectures: Contenders, device: str) -> Iterator[Decode]:
    """Generation after every context."""
    for replicate in range(study.decode_replicates):
        for context in study.decode_contexts:
            yield Decode(
                architectures=architectures,
                context=context,
                samples=study.decode_samples,
                replicate=replicate,
                device=device,
            )


def clock_grid(study: Study, architectures: Contenders, device: str) -> Iterator[Clock]:
    """Every size at every length with constant tokens and with one sequence, then the same on all cores."""
    grid = study.clock_grid
    if grid is None:
        return
    everyone, ours = architectures, tuple(a for a in architectures if a.name in ARCHITECTURES)
    for replicate in range(grid.replicates):
        for size in grid.core_parameters:
            # A stranger's was checked at the study's budget only; at another it might not build, and stop all of them.
            architectures = everyone if size == study.core_parameters[0] else ours
            for precision in grid.precisions:
                for length in grid.lengths:
                    yield from _pair(grid, architectures, size, length, replicate, device, precision)
        cores = usable_cores()
        if cores > 1 and device == "cpu":
            for length in grid.thread_lengths:
                size = grid.backend_size or grid.core_parameters[0]
                yield from _pair(grid, ours, size, length, replicate, device, "fp32", threads=cores)


def usable_cores() -> int:
    """Cores that this process may run on, which in a container can be fewer than the machine has."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _pair(
    grid: ClockGrid,
    architectures: Contenders,
    size: int,
    length: int,
    replicate: int,
    device: str,
    precision: str,
    threads: int = 1,
) -> Iterator[Clock]:
    """One length with the grid's tokens and with one sequence; once where that is the same."""
    if size == grid.backend_size and threads == 1 and length <= grid.backend_longest:
        architectures = (*architectures, *(BACKENDS.values() if device == "cpu" else UNFUSED))
    for tokens in dict.fromkeys((max(grid.tokens, length), length)):
        yield Clock(
            architectures=tuple(replace(a, core_parameters=size) for a in architectures),
            length=length,
            tokens=tokens,
            samples=grid.samples,
            replicate=replicate,
            passes=grid.passes,
            threads=threads,
            precision=precision,
            memory=replicate == 0 and threads == 1,
            device=device,
        )


def peers(study: Study, device: str) -> Iterator[Trial]:
    """Other libraries at every width and length, then our harness against a bare loop."""
    grid = study.peer_grid
    if grid is None:
        return
    for replicate in range(grid.replicates):
        for width in grid.widths:
            for length in grid.lengths:
                yield Peers(
                    width=width,
                    length=length,
                    depth=grid.depth,
                    tokens=grid.tokens,
                    samples=grid.samples,
                    replicate=replicate,
                    precision=grid.precision,
                    device=device,
                )
        for cell in grid.overhead_cells:
            for architecture in ARCHITECTURES.values():
                yield Overhead(
                    architecture=replace(architecture, core_parameters=study.core_parameters[0]),
                    task=cell.task,
                    recipe=Recipe(steps=cell.steps, batch_size=cell.batch_size),
                    samples=grid.overhead_rounds,
                    replicate=replicate,
                    device=device,
                )


def theory(study: Study, architectures: Sequence[Architecture]) -> Iterator[Trace]:
    """Traces at further sizes, and so at further widths."""
    for architecture in architectures:
        for size in study.theory_core_parameters:
            resized = replace(architecture, core_parameters=size)
            yield from (Trace(architecture=resized, length=n) for n in study.theory_lengths)
