"""The studies of the ten claims: in a coffee break, and with longer budgets and more seeds."""

from __future__ import annotations

from bench.claims import adversarial, attention, captions, images, prose, sequences, transfer
from bench.claims.experiment import Experiment
from bench.study import Study

PARTS = (sequences, prose, images, attention, transfer, captions, adversarial)
EXPERIMENTS: tuple[Experiment, ...] = tuple(experiment for part in PARTS for experiment in part.EXPERIMENTS)
FULL: tuple[Experiment, ...] = tuple(experiment for part in PARTS for experiment in part.FULL)

CLAIMS = Study(
    name="claims",
    purpose="ten claims about generative AI, in every family: at most 25 minutes on two quiet cores, three seeds",
    cells=(),
    sources=(),
    core_parameters=(100_000,),
    clock_lengths=(64, 128),
    clock_samples=7,
    clock_replicates=3,
    experiments=EXPERIMENTS,
    minutes=60.0,
)

CLAIMS_FULL = Study(
    name="claims-full",
    purpose="the ten claims with longer budgets and five seeds: hours",
    cells=(),
    sources=(),
    core_parameters=(100_000,),
    seeds=5,
    clock_lengths=(64, 128, 512),
    clock_replicates=5,
    experiments=FULL,
    trial_seconds=7200.0,
)
