"""Planted effects, one builder per row of the table: records that deserve a known word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic import COLUMNS, FAMILY, HERE, TASKS, Folder, architecture, learn, values

from bench.records import Measurement


def add_traces(folder: Folder, name: str, exponent: float, lengths: Sequence[int] = (16, 32, 64, 128)) -> None:
    """Traces whose work / span grows as n ** exponent exactly, for both counting models."""
    for n in lengths:
        counts = [Measurement("work_operations", 1000.0 * n, subject) for subject in ("pram", "kernel")]
        counts += [
            Measurement("span_operations", 1000.0 * n ** (1 - exponent), subject) for subject in ("pram", "kernel")
        ]
        trial = {"kind": "trace", "architecture": architecture(name), "length": n, "device": "cpu"}
        folder.add(trial, counts, rows=["parallel"])


def add_long_range(folder: Folder, name: str, unsolved: Sequence[str] = (), seeds: int = 3, **setting: Any) -> None:
    """Every task solved at every lag by every seed, but for the named tasks, which no seed solves."""
    for task, lags in TASKS.items():
        for lag in lags:
            for seed in range(seeds):
                done = values(solved=float(task not in unsolved), score=0.99 if task not in unsolved else 0.1)
                folder.add(learn(name, task, lag, seed, **setting), done, rows=["long range"], lag=lag)


def add_scaling(
    folder: Folder,
    name: str,
    data: float,
    parameters: float,
    noise: float = 0.002,
    floor: float = 0.0,
    seeds: int = 3,
    source: str = "markov",
) -> None:
    """Excess losses that fall as size ** -exponent on both axes; seeds spread by +- noise; none falls below `floor`."""
    for seed in range(seeds):
        wobble = 1 + noise * (seed - (seeds - 1) / 2)
        for tokens in (8_000, 32_000, 128_000):
            excess = max(1.4 * (tokens / 8_000) ** -data, floor) * wobble
            folder.add(
                learn(name, source, 64, seed, data_tokens=tokens), values(excess_loss_nats=excess), rows=["scalability"]
            )
        for size in (6_000, 25_000, 100_000):
            excess = max(1.4 * (size / 6_000) ** -parameters, floor) * wobble
            folder.add(
                learn(name, source, 64, seed, core_parameters=size),
                values(excess_loss_nats=excess),
                rows=["scalability"],
            )


def add_clocks(
    folder: Folder,
    seconds: Mapping[str, float],
    replicates: int = 4,
    lengths: Sequence[int] = (32, 64, 128),
    wobble: float = 0.005,
    machine: Mapping[str, Any] = HERE,
    disturbed: float = 1.0,
) -> None:
    """Steps that take the given CPU seconds; replicates differ by a few wobbles, in alternating sign."""
    for replicate in range(replicates):
        for n in lengths:
            samples: list[Measurement] = []
            subjects = {**seconds, "A/A": next(iter(seconds.values()))}
            for position, (name, step) in enumerate(subjects.items()):
                luck = 1 + wobble * (-1) ** (replicate + position) * (1 + replicate / 2)
                for sample in range(5):
                    cpu = step * luck * (1 + 0.001 * sample)
                    samples.append(Measurement("cpu_seconds_per_step", cpu, name, sample))
                    samples.append(Measurement("seconds_per_step", cpu * (1.0 if sample else disturbed), name, sample))
                samples.append(Measurement("tokens_per_step", 4096.0, name))
            trial = {
                "kind": "clock",
                "architectures": [architecture(name) for name in seconds],
                "length": n,
                "tokens": 4096,
                "samples": 5,
                "replicate": replicate,
                "device": folder.device,
            }
            folder.add(trial, samples, rows=["speed"], machine=machine)


def add_decodes(
    folder: Folder,
    seconds: Mapping[str, float],
    replicates: int = 4,
    contexts: Sequence[int] = (64, 256, 1024),
    wobble: float = 0.005,
    state: Callable[[str, int], float] = lambda name, context: 512.0 * context,
    without: Sequence[str] = (),
) -> None:
    """Tokens that take the given CPU seconds after every context; those `without` took part and measured nothing."""
    for replicate in range(replicates):
        for context in contexts:
            samples: list[Measurement] = []
            for position, (name, token) in enumerate(seconds.items()):
                luck = 1 + wobble * (-1) ** (replicate + position) * (1 + replicate / 2)
                for sample in range(5):
                    samples.append(Measurement("cpu_seconds_per_token", token * luck, name, sample))
                    samples.append(Measurement("seconds_per_token", token * luck, name, sample))
                samples.append(Measurement("state_bytes", state(name, context), name))
            trial = {
                "kind": "decode",
                "architectures": [architecture(name) for name in (*seconds, *without)],
                "context": context,
                "tokens": 16,
                "samples": 5,
                "replicate": replicate,
                "device": folder.device,
            }
            folder.add(trial, samples, rows=["generation latency"])


def add_tracking(folder: Folder, name: str, unsolved: Sequence[str] = (), seeds: int = 3, **setting: Any) -> None:
    """Parity and flip-flop solved by every seed, but for the named ones, which no seed solves."""
    for task, lag in (("parity", 31), ("flip-flop", 63)):
        for seed in range(seeds):
            done = values(solved=float(task not in unsolved))
            folder.add(learn(name, task, lag + 1, seed, **setting), done, rows=["state tracking"], lag=lag)


def explained(
    method: Mapping[str, float],
    *,
    gate: bool = True,
    untrained: float = 0.05,
    comprehensiveness: float = 0.6,
    sufficiency: float = 0.05,
) -> list[Measurement]:
    """What an explain trial measures on a model that solved its task: method -> nAP."""
    found = values(solved=1.0, score=0.99, intervention_ap=0.99 if gate else 0.6)
    for name, nap in method.items():
        pairs = {
            "explanation_nap": nap,
            "untrained_nap": untrained,
            "comprehensiveness": comprehensiveness,
            "sufficiency": sufficiency,
            "milliseconds": 3.0,
        }
        found += [Measurement(metric, value, name) for metric, value in pairs.items()]
    return [*found, Measurement("comprehensiveness", 0.15, "random"), Measurement("sufficiency", 0.35, "random")]


def add_explanations(
    folder: Folder,
    name: str,
    nap: float,
    seeds: int = 3,
    tasks: Sequence[str] = ("marked", "pointer"),
    wobble: float = 0.005,
    **how: Any,
) -> None:
    """Development and report models whose method `intrinsic/a` scores `nap`; `intrinsic/b` is worse."""
    for task in tasks:
        for split, count in (("development", 1), ("report", seeds)):
            for seed in range(count):
                score = nap + wobble * (seed - (count - 1) / 2)
                found = explained({"intrinsic/a": score, "intrinsic/b": score / 2, "posthoc/gradient": 0.99}, **how)
                trial = learn(name, task, 32, seed, split=split, kind="explain")
                folder.add(trial, found, rows=["interpretability"])


def planted(path: Path) -> Path:
    """A complete run in which every best variant deserves its claimed word with room to spare.

    Of our rows, the LSTM generates fastest and solves parity and flip-flop, the others flip-flop alone.
    """
    folder = Folder()
    exponents = {"transformer": 0.98, "lstm": 0.02, "cnn": 0.9}
    unsolved: dict[str, tuple[str, ...]] = {
        "transformer": (),
        "lstm": ("needle", "copy", "mqar", "adding", "induction"),
        "cnn": ("needle", "mqar"),
    }
    scaling = {"transformer": 0.4, "lstm": 0.28, "cnn": 0.4}
    naps = {"transformer": 0.95, "lstm": 0.2, "cnn": 0.25}
    for column in COLUMNS:
        family = column["family"]
        for name in (column["plain"], column["best"]):
            add_traces(folder, name, exponents[family])
            add_long_range(folder, name, unsolved[family])
            add_scaling(folder, name, scaling[family], scaling[family])
            add_explanations(folder, name, naps[family])
            add_tracking(folder, name, () if family == "lstm" else ("parity",))
    names = ("transformer-rotary", "transformer-sinusoidal", "lstm", "lstm-chrono", "cnn-3", "cnn-8")
    step, token = {"transformer": 1.0, "lstm": 3.0, "cnn": 1.02}, {"transformer": 2e-3, "lstm": 1e-3, "cnn": 3e-3}
    add_clocks(folder, {name: step[FAMILY[name]] for name in names})
    add_decodes(folder, {name: token[FAMILY[name]] for name in names})
    return folder.write(path)
