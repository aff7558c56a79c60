"""What a study is made of: cells, sources, clocks and grids, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from bench.claims.experiment import Experiment
from bench.tasks.task import Task
from bench.trial import CORE_PARAMETERS, PASSES


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One task at one length, with the step cap that every family gets."""

    task: Task
    steps: int
    batch_size: int = 32
    explain: bool = False
    """Whether a model that solves it is asked for explanations."""
    development: bool = False
    """Whether it is also run on development seeds, over the grid of learning rates."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source of known entropy, learned with growing data and by growing models."""

    task: Task
    steps: int
    data_tokens: tuple[int, ...]
    """Sizes of the training pool, at the study's core parameters."""
    core_parameters: tuple[int, ...]
    """Sizes of the model, on fresh data."""
    batch_size: int = 16
    evaluate_every: int = 25
    patience: int = 0
    """Evaluations without a better development loss before a trial stops; 0 is never."""


@dataclass(frozen=True, kw_only=True)
class ClockGrid:
    """Clocks over lengths and sizes: what a call costs and keeps in memory, and how that grows. Decides no cell."""

    lengths: tuple[int, ...]
    core_parameters: tuple[int, ...]
    tokens: int
    """Tokens of a batch, the same at every length; each length is clocked with a batch of one sequence as well."""
    passes: tuple[str, ...] = PASSES
    samples: int = 3
    replicates: int = 3
    backend_size: int = 0
    """Core parameters at which other kernels (models.BACKENDS) run along; 0 is nowhere."""
    backend_longest: int = 4096
    """Longest length with other kernels: step by step, an LSTM launches a dozen kernels a position."""
    thread_lengths: tuple[int, ...] = ()
    """Lengths that are clocked on all cores as well, at the backend size or the first."""
    precisions: tuple[str, ...] = ("fp32",)


@dataclass(frozen=True, kw_only=True)
class PeerGrid:
    """Our mixers beside other libraries', and our harness beside a bare loop."""

    widths: tuple[int, ...]
    lengths: tuple[int, ...]
    depth: int = 4
    tokens: int = 1024
    samples: int = 5
    replicates: int = 3
    """Processes, each with its own memory layout: worth more to an interval than samples."""
    precision: str = "fp32"
    overhead_cells: tuple[Cell, ...] = ()
    overhead_rounds: int = 3


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that varies between studies. Cells come in order of importance: the last are dropped first."""

    name: str
    purpose: str
    cells: tuple[Cell, ...]
    sources: tuple[Source, ...]
    core_parameters: tuple[int, ...] = (25_000,)
    seeds: int = 3
    development_seeds: int = 2
    learning_rates: tuple[float, ...] = (2e-3, 6e-3, 2e-2)
    regimes: tuple[str, ...] = (CORE_PARAMETERS,)
    trace_lengths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    theory_lengths: tuple[int, ...] = ()
    """Lengths at which the plain variants are traced at further sizes too: how cost grows with the width."""
    theory_core_parameters: tuple[int, ...] = (111_000, 396_000)
    """Sizes that an LSTM as wide inside as outside can meet, nearly: other shapes blur a law in the width."""
    clock_lengths: tuple[int, ...] = (64, 256, 1024)
    clock_tokens: int = 1024
    clock_samples: int = 15
    clock_replicates: int = 5
    decode_contexts: tuple[int, ...] = ()
    decode_samples: int = 15
    decode_replicates: int = 5
    clock_grid: ClockGrid | None = None
    peer_grid: PeerGrid | None = None
    experiments: tuple[Experiment, ...] = ()
    """What speaks for the claims about generative AI; clocks and traces of such a study speak for them too."""
    needs_cuda: bool = False
    minutes: float = 0.0
    """After so many minutes no further trial is started; what is left prints `not run`. 0 is never."""
    trial_seconds: float = 1800.0
    """A trial that takes longer is taken for hung; far beyond any honest trial of the study."""
