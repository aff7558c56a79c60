"""Builders of traces and of models of a source with planted laws, for the theory table and the figures of structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from synthetic import Folder, architecture, learn, values

from analysis.document import Picture
from analysis.load import load
from analysis.material import Material
from bench.records import Measurement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTHS = (16, 32, 64, 128, 256)
WIDTHS = (32, 64, 128)
TRACED = (16, 32, 64, 128)
"""Lengths of `structure`; up to 64 it has paths too."""
DEPTH: Mapping[str, Mapping[str, int]] = {
    "transformer": {"depth": 2},
    "lstm": {"depth": 2},
    "cnn": {"kernel_size": 3},
    "mine:Net": {},
}

Flops = Callable[[int, int], float]
"""(n, d) -> FLOPs of the whole network."""


def block(n: int, d: int) -> float:
    """Two Transformer blocks."""
    return 2 * (24 * n * d * d + 4 * n * n * d)


def recurrent(n: int, d: int) -> float:
    """Two LSTM layers."""
    return 2 * 16 * n * d * d


def convolutional(kernel_size: int) -> Flops:
    """As many convolutions of 2 k n d^2 FLOPs as cover n, counted without the code under test."""

    def flops(n: int, d: int) -> float:
        layers, reach = 1, kernel_size
        while reach < n:
            layers += 1
            reach += (kernel_size - 1) * 2 ** (layers - 1)
        return layers * 2 * kernel_size * n * d * d

    return flops


def add_counts(
    folder: Folder,
    name: str,
    flops: Flops,
    widths: Sequence[int] = WIDTHS,
    lengths: Sequence[int] = LENGTHS,
    config: Mapping[str, Any] | None = None,
    record_width: bool = True,
    size: int | None = None,
    counts: Mapping[str, Callable[[int], float]] | None = None,
    **how: Any,
) -> None:
    """Traces at all widths and lengths; the size belongs to the width. `counts` are further metrics by length."""
    for d in widths:
        for n in lengths:
            own = architecture(name, 25 * d * d if size is None else size)
            own |= DEPTH[own["family"]] if config is None else config
            trial = {"kind": "trace", "architecture": own, "length": n, "device": "cpu"}
            values = [Measurement("flops_forward", float(flops(n, d)))]
            values += [Measurement("width_channels", float(d))] if record_width else []
            for metric, law in (counts or {}).items():
                subjects = ("kernel", "pram") if metric == "span_operations" else ("",)
                values += [Measurement(metric, float(law(n)), subject) for subject in subjects]
            folder.add(trial, values, rows=["parallel" if d == widths[0] else "theory"], **how)


def built(folder: Folder, path: Path) -> Material:
    folder.write(path)
    return Material(path, load(path), {})


def figure(picture: Picture | str) -> Figure:
    """The figure of a picture that must have been drawn."""
    from matplotlib.figure import Figure

    found = drawn(picture).figure
    assert isinstance(found, Figure)
    return found


def drawn(picture: Picture | str) -> Picture:
    assert isinstance(picture, Picture), picture
    return picture


def trace(folder: Folder, name: str, n: int, found: list[Measurement], family: str = "", **how: Any) -> None:
    own = architecture(name) if not family else {"name": name, "family": family, "core_parameters": 25_000}
    trial = {"kind": "trace", "architecture": own, "length": n, "device": "cpu"}
    folder.add(trial, found, rows=["parallel"], **how)


def structure(folder: Folder, name: str, law: Callable[[int], float], family: str = "") -> None:
    """Traces with one law for span and paths, work growing as n times the span, and a gradient that halves in 10."""
    for n in TRACED:
        found = [Measurement("span_operations", law(n), s) for s in ("kernel", "pram")]
        found += [Measurement("work_operations", law(n) * n, s) for s in ("kernel", "pram")]
        found += values(path_operations=law(n), path_weight_crossings=2.0) if n <= 64 else []
        found += values(gradient_half_length_positions=10.0)
        found += [Measurement("gradient_reach", 3 * 2 ** (-i / 10), step=i) for i in range(n)]
        trace(folder, name, n, found, family)


def explained(folder: Folder, name: str, seed: int, norms: list[float], half: float, **how: Any) -> None:
    found = values(solved=1.0, gradient_half_length_positions=half)
    found += [Measurement("gradient_reach", norm, "trained", step) for step, norm in enumerate(norms)]
    folder.add(learn(name, "needle", len(norms), seed, kind="explain", **how), found, rows=["interpretability"])


def read(folder: Folder, name: str, seed: int, losses: dict[int, float], size: int = 25_000) -> None:
    """A model of a source with entropy rate 1."""
    mean = float(np.mean(list(losses.values())))
    found = values(test_loss_nats=mean, excess_loss_nats=mean - 1.0)
    found += [Measurement("position_loss_nats", loss, step=step) for step, loss in losses.items()]
    folder.add(learn(name, "markov", 64, seed, core_parameters=size), found, rows=["scalability"])
