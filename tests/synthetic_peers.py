"""Run folders with planted peers and overhead: who is how much faster is known to the last digit or up to noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.load import Run, load
from bench.records import Measurement
from tests.synthetic import Folder

ROWS = ("peers",)
MATMUL, CONVOLUTION, COPY = 50e9, 80e9, 10e9
"""The planted machine: FLOP/s of both kernels, bytes/s of memory."""
RATES = {
    "transformer/ours": 9000.0,
    "transformer/GPT-2": 6000.0,
    "transformer/nn.TransformerEncoder": 7500.0,
    "lstm/ours": 5000.0,
    "lstm/nn.LSTM": 5500.0,
    "cnn/ours": 8000.0,
    "cnn/nn.Conv1d": 8000.0,
    "cnn/pytorch-tcn": 5000.0,
}
"""Tokens per CPU-second of forward and backward at width NARROW; at twice the width a quarter of them."""
NARROW = 128
ROUNDS = 5


@dataclass
class Planted:
    """What one trial holds; sizes are those of a stack of depth 4 whose parameters grow with the width's square."""

    rates: Mapping[str, float] = field(default_factory=lambda: dict(RATES))
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Subject -> factor on the core parameters."""
    absent: Sequence[str] = ()
    """Subjects that were not installed."""
    probes: Mapping[str, float] = field(
        default_factory=lambda: {"matmul": MATMUL, "convolution": CONVOLUTION, "copy": COPY}
    )
    step_share: float = 0.7
    """Share of the torch.mm peak that ours reach in a whole training step."""
    noise: float = 0.0
    """Standard deviation, in logarithms, of a contender's luck in one trial."""

    def measured(self, width: int, tokens: int, dice: np.random.Generator) -> list[Measurement]:
        """The measurements of one trial."""
        rows = []
        core = 48.0 * width**2
        for subject, rate in self.rates.items():
            rows.append(Measurement("installed", float(subject not in self.absent), subject))
            if subject in self.absent:
                continue
            parameters = core * self.parameters.get(subject, 1.0)
            flops = 6 * parameters * tokens
            seconds = tokens / rate * (width / NARROW) ** 2 * float(np.exp(self.noise * dice.normal()))
            rows += single(subject, core_parameters=parameters, tokens_per_call=tokens, flops_per_call=flops)
            rows += timed(subject, "forward_backward", seconds)
            if subject.endswith("/ours"):
                rows += single(subject, flops_per_step=flops)
                rows += timed(subject, "step", flops / (self.step_share * MATMUL))
        for probe, speed in self.probes.items():
            subject, amount = f"machine/{probe}", 2.0**31
            rows += [Measurement("bytes_per_call" if probe == "copy" else "flops_per_call", amount, subject)]
            rows += timed(subject, "call", amount / speed)
        return rows


def single(subject: str, **numbers: float) -> list[Measurement]:
    """Measurements without a round."""
    return [Measurement(metric, float(value), subject) for metric, value in numbers.items()]


def timed(subject: str, call: str, seconds: float) -> list[Measurement]:
    """Samples whose median is `seconds` of CPU; one of them was disturbed, and wall time is half as long again."""
    spread = [1.0, 0.99, 1.01, 1.0, 3.0][:ROUNDS]
    rows = []
    for number, factor in enumerate(spread):
        rows.append(Measurement(f"cpu_seconds_per_{call}", seconds * factor, subject, number))
        rows.append(Measurement(f"seconds_per_{call}", 1.5 * seconds * factor, subject, number))
    return rows


def peers_trial(width: int, length: int, replicate: int, tokens: int = 1024) -> dict[str, Any]:
    """The `trial` of a peers record."""
    shape = {"width": width, "length": length, "depth": 4, "tokens": tokens}
    return {"kind": "peers", **shape, "samples": ROUNDS, "replicate": replicate, "device": "cpu"}


def overhead_trial(architecture: str, family: str, task: str, replicate: int) -> dict[str, Any]:
    """The `trial` of an overhead record."""
    return {
        "kind": "overhead",
        "architecture": {"name": architecture, "family": family, "core_parameters": 25_000},
        "task": {"name": task, "length": 32},
        "recipe": {"steps": 100},
        "samples": ROUNDS,
        "replicate": replicate,
        "device": "cpu",
    }


def add_peers(
    folder: Folder,
    planted: Planted,
    widths: Sequence[int] = (128, 512),
    lengths: Sequence[int] = (256, 1024),
    replicates: int = 3,
    seed: int = 0,
) -> None:
    """Plan and record every cell of a grid."""
    dice = np.random.default_rng(seed)
    for replicate in range(replicates):
        for width in widths:
            for length in lengths:
                trial = peers_trial(width, length, replicate)
                folder.add(trial, planted.measured(width, 1024, dice), rows=ROWS)


def add_overhead(
    folder: Folder, ratio: float, replicates: int = 3, steps: tuple[int, int] = (100, 100), task: str = "needle"
) -> None:
    """Record harness over bare loop; the machine slows down from round to round, and disturbs the harness in one."""
    for replicate in range(replicates):
        rows = single("harness", steps=steps[0]) + single("bare loop", steps=steps[1])
        for number in range(ROUNDS):
            drift, disturbed = 1.0 + number, 10.0 if number == 0 else 1.0
            for subject, factor in (("harness", ratio * disturbed), ("bare loop", 1.0)):
                rows.append(Measurement("cpu_seconds", drift * factor, subject, number))
                rows.append(Measurement("seconds", 7.0, subject, number))
        folder.add(overhead_trial("cnn-8", "cnn", task, replicate), rows, rows=ROWS)


def loaded(folder: Folder, path: Path) -> Run:
    """The folder, written and read."""
    return load(folder.write(path))


def row(rows: list[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    """The one row with the given values."""
    (found,) = [r for r in rows if all(r[key] == value for key, value in wanted.items())]
    return found
