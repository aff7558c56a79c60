"""Run folders of clock grids and generation with planted laws, in the shape that a real run writes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthetic import HERE, Folder

from analysis.load import Run, load
from bench.records import Measurement

Law = Callable[[float], float]
"""Length n -> seconds of one sequence's step."""
COLUMNS: tuple[dict[str, Any], ...] = (
    {"title": "Transformer", "family": "transformer", "plain": "attention", "best": "attention", "best_reason": ""},
    {"title": "LSTM", "family": "lstm", "plain": "recurrent", "best": "recurrent-chrono", "best_reason": ""},
    {"title": "CNN", "family": "cnn", "plain": "convolution", "best": None, "best_reason": "not chosen"},
)
FIELDS: dict[str, dict[str, Any]] = {
    "attention": {"family": "transformer", "positions": "sinusoidal", "fused": True, "dense": "direct"},
    "recurrent": {"family": "lstm", "initialisation": "forget-bias", "fused": True},
    "recurrent-chrono": {"family": "lstm", "initialisation": "chrono", "fused": True},
    "convolution": {"family": "cnn", "kernel_size": 3, "dense": "direct"},
    "attention-written-out": {"family": "transformer", "positions": "sinusoidal", "fused": False, "dense": "direct"},
}
LAWS: dict[str, Law] = {
    "attention": lambda n: 1e-3 + 1e-5 * n + 2e-8 * n * n,
    "recurrent": lambda n: 5e-4 + 2e-5 * n,
    "recurrent-chrono": lambda n: 5e-4 + 2e-5 * n,
    "convolution": lambda n: 1e-3 + 3e-5 * n,
    "attention-written-out": lambda n: 1e-3 + 1e-5 * n + 1e-7 * n * n,
}
LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096)
STATE: dict[str, Law] = {"attention": lambda c: 512.0 * c, "recurrent": lambda c: 4096.0, "convolution": lambda c: 9e4}
DECODING: dict[str, Law] = {
    "attention": lambda c: 3e-4 + 3e-7 * c,
    "recurrent": lambda c: 8e-5,
    "convolution": lambda c: 3.6e-4,
}


@dataclass
class Clocked:
    """What a synthetic clock grid is made of; a step of B sequences takes B times one sequence's law."""

    laws: Mapping[str, Law] = field(default_factory=lambda: LAWS)
    lengths: Sequence[int] = LENGTHS
    sizes: Sequence[int] = (100_000,)
    tokens: int = 4096
    replicates: int = 3
    noise: float = 0.0
    """Standard deviation of a replicate's log time."""
    seed: int = 0
    serial: float = 0.25
    """Amdahl's serial fraction: p threads take serial + (1 - serial) / p of one thread's time."""
    disturbed: float = 1.0
    """Wall time over CPU time of every sample."""
    device: str = "cpu"
    samples: int = 3
    machine: Mapping[str, Any] = field(default_factory=lambda: HERE)

    def trial(self, size: int, length: int, tokens: int, replicate: int, **other: Any) -> dict[str, Any]:
        """The JSON of one clock trial."""
        architectures = [{"name": name, "core_parameters": size} | FIELDS.get(name, {}) for name in self.laws]
        for architecture in architectures:
            architecture.setdefault("family", architecture["name"])
        setting = {"threads": 1, "precision": "fp32", "memory": replicate == 0, "device": self.device} | other
        return {
            "kind": "clock",
            "architectures": architectures,
            "length": length,
            "tokens": tokens,
            "samples": self.samples,
            "replicate": replicate,
            "passes": ["forward", "forward_backward", "step"],
        } | setting

    def trials(self, **other: Any) -> Iterator[dict[str, Any]]:
        """Every trial of the grid, in a run's order."""
        for replicate in range(self.replicates):
            for size in self.sizes:
                for length in self.lengths:
                    for tokens in dict.fromkeys((max(self.tokens, length), length)):
                        yield self.trial(size, length, tokens, replicate, **other)

    def measured(self, trial: Mapping[str, Any]) -> list[Measurement]:
        """What the trial would have measured."""
        dice = random.Random(f"{self.seed}/{sorted(trial.items(), key=str)}")
        batch = max(1, trial["tokens"] // trial["length"])
        cores = self.serial + (1 - self.serial) / trial["threads"]
        faster = 0.5 if trial["precision"] == "bf16" else 1.0
        rows: list[Measurement] = []
        for name in [*self.laws, "A/A"]:
            law = self.laws[next(iter(self.laws)) if name == "A/A" else name]
            whole = law(trial["length"]) * batch * cores * faster * math.exp(dice.gauss(0, self.noise))
            for part, share in (("forward", 0.3), ("forward_backward", 0.9), ("step", 1.0)):
                for sample in range(trial["samples"]):
                    seconds = whole * share * (1 + 0.01 * (sample - 1))
                    rows.append(Measurement(f"cpu_seconds_per_{part}", seconds * trial["threads"], name, sample))
                    rows.append(Measurement(f"seconds_per_{part}", seconds * self.disturbed, name, sample))
            rows.append(Measurement("tokens_per_step", float(batch * trial["length"]), name))
            if trial["memory"] and name != "A/A":
                grows = trial["length"] ** 2 if name == "attention-written-out" else trial["length"]
                rows.append(Measurement("saved_bytes", 1000.0 * batch * grows, name))
                rows.append(Measurement("peak_bytes", 1e6 + 1500.0 * batch * grows, name))
        return rows

    def add(self, folder: Folder, **other: Any) -> None:
        """Plan and record every trial."""
        for trial in self.trials(**other):
            folder.add(trial, self.measured(trial), rows=["clock grid"], machine=self.machine)


def add_decodes(
    folder: Folder,
    contexts: Sequence[int] = (64, 256, 1024, 4096),
    replicates: int = 3,
    noise: float = 0.0,
    state: Mapping[str, Law] = STATE,
) -> None:
    """Generation that takes DECODING's seconds a token and keeps `state`'s bytes after every context."""
    dice = random.Random(1)
    for replicate in range(replicates):
        for context in contexts:
            rows: list[Measurement] = []
            for name, law in DECODING.items():
                seconds = law(context) * math.exp(dice.gauss(0, noise))
                for sample in range(3):
                    rows.append(Measurement("cpu_seconds_per_token", seconds, name, sample))
                    rows.append(Measurement("seconds_per_token", seconds * 1.01, name, sample))
                if name in state:
                    rows.append(Measurement("state_bytes", state[name](context), name))
            trial = {
                "kind": "decode",
                "architectures": [{"name": name, "core_parameters": 25_000} | FIELDS[name] for name in DECODING],
                "context": context,
                "tokens": 16,
                "samples": 3,
                "replicate": replicate,
                "device": folder.device,
            }
            folder.add(trial, rows, rows=["generation latency"])


def clocked(path: Path, **how: Any) -> Run:
    """A loaded run of one clock grid alone."""
    folder = Folder(columns=COLUMNS, device=str(how.get("device", "cpu")))
    Clocked(**how).add(folder)
    return load(folder.write(path))


def whole(path: Path, noise: float = 0.01, columns: Sequence[Mapping[str, Any]] = COLUMNS) -> Path:
    """A run folder with everything: two sizes, kernels at the second, threads, precision, generation."""
    folder = Folder(columns=columns)
    grid = Clocked(sizes=(100_000,), noise=noise)
    replace(grid, sizes=(25_000,), laws={name: LAWS[name] for name in list(LAWS)[:4]}).add(folder)
    grid.add(folder)
    replace(grid, lengths=(64, 512, 4096)).add(folder, threads=2, memory=False)
    grid.add(folder, precision="bf16")
    add_decodes(folder, noise=noise)
    return folder.write(path)
