"""What is run: named studies as plain data. `bench.planning` turns one into trials."""

from __future__ import annotations

from dataclasses import replace

from bench.claims.studies import CLAIMS, CLAIMS_FULL
from bench.study import Cell, ClockGrid, PeerGrid, Source, Study
from bench.tasks.adding import Adding
from bench.tasks.copy import Copy
from bench.tasks.flipflop import FlipFlop
from bench.tasks.induction import Induction
from bench.tasks.latch import Latch
from bench.tasks.markov import Markov
from bench.tasks.markov_context import InContextMarkov
from bench.tasks.mqar import MQAR
from bench.tasks.needle import Needle
from bench.tasks.parity import Parity
from bench.trial import REGIMES

SMOKE = Study(
    name="smoke",
    purpose="every kind of trial that a table or a clock rests on, in under a minute of work; its words mean nothing",
    cells=(
        Cell(task=Needle(length=16), steps=60, explain=True, development=True),
        Cell(task=Copy(length=24), steps=20),
        Cell(task=FlipFlop(length=16), steps=20),
    ),
    sources=(
        Source(
            task=Markov(length=16, symbols=8),
            steps=30,
            data_tokens=(512, 2048),
            core_parameters=(10_000, 20_000),
        ),
    ),
    core_parameters=(10_000,),
    seeds=1,
    development_seeds=1,
    learning_rates=(1e-2,),
    trace_lengths=(16, 32, 64),
    theory_lengths=(16, 32),
    theory_core_parameters=(20_000,),
    clock_lengths=(32,),
    clock_tokens=64,
    clock_samples=5,
    clock_replicates=2,
    decode_contexts=(16, 32),
    decode_samples=3,
    decode_replicates=2,
    clock_grid=ClockGrid(
        lengths=(16, 32, 64),
        core_parameters=(10_000,),
        tokens=64,
        samples=2,
        replicates=2,
        backend_size=10_000,
        thread_lengths=(32,),
    ),
)

QUICK = Study(
    name="quick",
    purpose="the table in about six minutes on two quiet cores: 25k core parameters, lengths to 128, three seeds",
    cells=(
        Cell(task=Needle(length=32), steps=400, explain=True, development=True),
        Cell(task=Induction(length=32), steps=500, explain=True, development=True),
        Cell(task=Adding(length=32), steps=400, explain=True, development=True),
        Cell(task=MQAR(length=32), steps=400, development=True),
        Cell(task=Latch(length=64), steps=400),
        Cell(task=Copy(length=64), steps=400),
        Cell(task=FlipFlop(length=64), steps=300),
        Cell(task=Needle(length=64), steps=600),
        Cell(task=Adding(length=64), steps=400),
        Cell(task=Induction(length=64), steps=600),
        Cell(task=Parity(length=32), steps=400),
        Cell(task=Latch(length=128), steps=300, batch_size=16),
        Cell(task=Copy(length=128), steps=300, batch_size=16),
        Cell(task=Needle(length=128), steps=400, batch_size=16),
    ),
    sources=(
        Source(
            task=Markov(length=32, symbols=16),
            steps=600,
            data_tokens=(4_096, 16_384, 65_536),
            core_parameters=(12_500, 25_000, 50_000),
            evaluate_every=50,
            patience=3,
        ),
    ),
    theory_lengths=(16, 64, 256),
    decode_contexts=(64, 256, 1024),
    decode_samples=10,
    decode_replicates=4,
    minutes=25.0,
)

CLOCK = Study(
    name="clock",
    purpose="speed and memory alone, a quarter of an hour: lengths to 4096, three sizes, kernels, threads, generation",
    cells=(),
    sources=(),
    theory_lengths=QUICK.theory_lengths,
    clock_lengths=(64, 256, 1024),
    decode_contexts=(64, 256, 1024, 4096),
    clock_grid=ClockGrid(
        lengths=(64, 128, 256, 512, 1024, 2048, 4096),
        core_parameters=(25_000, 100_000, 400_000),
        tokens=4096,
        backend_size=100_000,
        thread_lengths=(64, 512, 4096),
    ),
)

OVERHEAD_CELLS = (Cell(task=Needle(length=32), steps=100), Cell(task=Markov(length=32, symbols=16), steps=100))

PEERS = Study(
    name="peers",
    purpose="our layers beside other libraries', our harness beside a bare loop; about a quarter of an hour",
    cells=(),
    sources=(),
    clock_lengths=(),
    trace_lengths=(),
    peer_grid=PeerGrid(
        widths=(128, 256, 512),
        lengths=(256, 1024),
        overhead_cells=OVERHEAD_CELLS,
    ),
)

FULL = Study(
    name="full",
    purpose="hours: lengths to 512, 25k and 100k core parameters, five seeds, three regimes",
    cells=tuple(
        Cell(
            task=task(length=length),
            steps=3000,
            batch_size=32 if length <= 128 else 16,
            explain=task in (Needle, Induction, Adding),
            development=length == 64,
        )
        for length in (64, 32, 128, 256, 512)
        for task in (Needle, Latch, Copy, Adding, MQAR, Induction, FlipFlop, Parity)
    ),
    sources=(
        Source(
            task=Markov(length=64, symbols=32),
            steps=3000,
            batch_size=32,
            data_tokens=(16_384, 65_536, 262_144, 1_048_576),
            core_parameters=(12_500, 25_000, 50_000, 100_000, 200_000),
            patience=12,
        ),
        Source(
            task=InContextMarkov(length=128),
            steps=3000,
            batch_size=32,
            data_tokens=(65_536, 262_144, 1_048_576),
            core_parameters=(12_500, 25_000, 50_000, 100_000),
            patience=12,
        ),
    ),
    core_parameters=(25_000, 100_000),
    seeds=5,
    learning_rates=(1e-3, 2e-3, 6e-3, 2e-2),
    regimes=REGIMES,
    theory_lengths=QUICK.theory_lengths,
    clock_lengths=(64, 128, 256, 512, 1024, 2048),
    clock_tokens=2048,
    clock_replicates=10,
    decode_contexts=CLOCK.decode_contexts,
    decode_replicates=10,
    clock_grid=CLOCK.clock_grid,
    trial_seconds=7200.0,
)

GPU = replace(
    QUICK,
    name="gpu",
    purpose="the quick cells and longer clocks for --device cuda, in slices of eight minutes: repeat the command",
    needs_cuda=True,
    clock_lengths=(64, 256, 1024, 4096, 16_384),
    clock_tokens=16_384,
    decode_contexts=(64, 256, 1024, 4096),
    clock_grid=ClockGrid(
        lengths=(64, 256, 1024, 4096, 16_384),
        core_parameters=(25_000, 400_000, 6_400_000),
        tokens=16_384,
        backend_size=400_000,
        precisions=("fp32", "bf16"),
    ),
    peer_grid=PeerGrid(
        widths=(2048,), lengths=(2048,), tokens=16_384, samples=5, precision="bf16", overhead_cells=OVERHEAD_CELLS
    ),
    minutes=8.0,
)

STUDIES: dict[str, Study] = {
    study.name: study for study in (SMOKE, QUICK, CLOCK, PEERS, FULL, GPU, CLAIMS, CLAIMS_FULL)
}
