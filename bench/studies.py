"""What is run: named studies as plain data. `bench.planning` turns one into trials."""

from __future__ import annotations

from dataclasses import dataclass

from bench.tasks import TASKS
from bench.tasks.task import Task
from bench.trial import CORE_PARAMETERS, REGIMES


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
    patience: int = 0


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that varies between studies. Cells come in order of importance: the last are the first to be dropped."""

    name: str
    purpose: str
    cells: tuple[Cell, ...]
    sources: tuple[Source, ...]
    core_parameters: tuple[int, ...] = (25_000,)
    seeds: int = 3
    development_seeds: int = 1
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    regimes: tuple[str, ...] = (CORE_PARAMETERS,)
    trace_lengths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    clock_lengths: tuple[int, ...] = (64, 256, 1024)
    clock_tokens: int = 1024
    clock_samples: int = 15
    clock_replicates: int = 5
    minutes: float = 0.0
    """After so many minutes no further trial is started; what is left prints `not run`. 0 is never."""
    trial_seconds: float = 1800.0
    """A trial that takes longer is taken for hung; far beyond any honest trial of the study."""


EXPLAINED = ("needle", "induction", "adding")
"""Tasks whose solved models are asked for explanations: one hop, a pointer of two hops, a marked pair."""


def _cell(name: str, length: int, steps: int, **options: object) -> Cell:
    fields = {k: v for k, v in options.items() if k in ("batch_size", "explain", "development")}
    task = {k: v for k, v in options.items() if k not in fields}
    return Cell(task=TASKS[name](length=length, **task), steps=steps, **fields)  # type: ignore[arg-type]


SMOKE = Study(
    name="smoke",
    purpose="every kind of trial once, in under a minute of work; its words mean nothing",
    cells=(
        _cell("needle", 16, 60, explain=True, development=True),
        _cell("copy", 24, 20),
        _cell("flip-flop", 16, 20),
    ),
    sources=(
        Source(
            task=TASKS["markov"](length=16, symbols=8),
            steps=30,
            data_tokens=(512, 2048),
            core_parameters=(10_000, 20_000),
        ),
    ),
    core_parameters=(10_000,),
    seeds=1,
    learning_rates=(1e-2,),
    trace_lengths=(16, 32, 64),
    clock_lengths=(32,),
    clock_tokens=64,
    clock_samples=5,
    clock_replicates=2,
)

QUICK = Study(
    name="quick",
    purpose="the table in about ten minutes on two quiet cores: 25k core parameters, lengths to 128, three seeds",
    cells=(
        _cell("needle", 32, 400, explain=True, development=True),
        _cell("induction", 32, 500, explain=True, development=True),
        _cell("adding", 32, 400, explain=True, development=True),
        _cell("mqar", 32, 600, development=True),
        _cell("latch", 64, 400),
        _cell("copy", 64, 400),
        _cell("flip-flop", 64, 300),
        _cell("needle", 64, 600),
        _cell("adding", 64, 400),
        _cell("induction", 64, 600),
        _cell("parity", 32, 400),
        _cell("latch", 128, 300),
        _cell("copy", 128, 300),
        _cell("needle", 128, 400),
    ),
    sources=(
        Source(
            task=TASKS["markov"](length=32, symbols=16),
            steps=300,
            data_tokens=(4_096, 16_384, 65_536),
            core_parameters=(12_500, 25_000, 50_000),
            patience=6,
        ),
    ),
)

FULL = Study(
    name="full",
    purpose="hours: lengths to 512, 25k and 100k core parameters, five seeds, three regimes",
    cells=tuple(
        _cell(
            name,
            length,
            3000,
            batch_size=32 if length <= 128 else 16,
            explain=name in EXPLAINED,
            development=length == 64,
        )
        for length in (64, 32, 128, 256, 512)
        for name in ("needle", "latch", "copy", "adding", "mqar", "induction", "flip-flop", "parity")
    ),
    sources=(
        Source(
            task=TASKS["markov"](length=64, symbols=32),
            steps=3000,
            batch_size=32,
            data_tokens=(16_384, 65_536, 262_144, 1_048_576),
            core_parameters=(12_500, 25_000, 50_000, 100_000, 200_000),
            patience=12,
        ),
        Source(
            task=TASKS["in-context-markov"](length=128),
            steps=3000,
            batch_size=32,
            data_tokens=(65_536, 262_144, 1_048_576),
            core_parameters=(12_500, 25_000, 50_000, 100_000),
            patience=12,
        ),
    ),
    core_parameters=(25_000, 100_000),
    seeds=5,
    development_seeds=2,
    learning_rates=(1e-3, 3e-3, 1e-2, 3e-2),
    regimes=REGIMES,
    clock_lengths=(64, 128, 256, 512, 1024, 2048),
    clock_tokens=2048,
    clock_replicates=10,
    trial_seconds=7200.0,
)

STUDIES: dict[str, Study] = {study.name: study for study in (SMOKE, QUICK, FULL)}
