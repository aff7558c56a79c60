"""Small models taken apart: what really happened in one forward pass of each, as numbers in one file.

Reads models, writes anatomy.json; `analysis.anatomy` makes a page of it, without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.anatomy.dissect import dissected
from bench.anatomy.lessons import LENGTH, LESSONS, followed
from bench.anatomy.positions import positions
from bench.anatomy.small import RECIPE, WIDTHS, trained
from bench.precision import intra_op_threads
from bench.records import canonical, write_atomically
from models import find
from models.architecture import DECODER_ONLY, ENCODER_DECODER, Architecture

SCHEMA = 1
FILE = "anatomy.json"
NAMES = ("transformer-sinusoidal", "transformer-2017", "lstm-forget-bias", "cnn-k3")
"""What is taken apart unless something else is asked for."""
ENCODER_DECODERS = ("transformer-2017",)
"""What is shown as it was published: reading a source. All others read one sequence."""
DIGITS = 4
"""Significant digits kept: enough to follow every sum by hand."""

Tell = Callable[[str], None]


def write(names: Sequence[str], seed: int, folder: Path, passing: Tell, told: Tell) -> Path:
    """Train, take apart and write; `passing` gets a line now and then, `told` one for each architecture.

    The same seed gives the same file on the same machine. Raises ValueError for an unknown name, and for an
    architecture that gives no small model.
    """
    architectures = [find(name) for name in dict.fromkeys(names or NAMES)]
    with intra_op_threads(1):
        content = {
            "schema": SCHEMA,
            "seed": seed,
            "torch": torch.__version__,
            "positions": positions(LENGTH, WIDTHS[0]),
            "architectures": [_taken_apart(architecture, seed, passing, told) for architecture in architectures],
        }
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FILE, canonical(rounded(content)) + "\n")
    return folder / FILE


def rounded(value: Any) -> Any:
    """Plain data with every fraction cut to DIGITS significant digits."""
    if isinstance(value, dict):
        return {key: rounded(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(held) for held in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _taken_apart(architecture: Architecture, seed: int, passing: Tell, told: Tell) -> dict[str, Any]:
    role = ENCODER_DECODER if architecture.name in ENCODER_DECODERS else DECODER_ONLY
    lesson = LESSONS[role]()
    model = trained(architecture, lesson.task, seed, lambda line: passing(f"{architecture.name}: {line}"))
    told(f"{architecture.name}: {RECIPE.steps:,} steps on {lesson.task.name}, score {model.score:.2f}")
    return dissected(architecture.name, model, lesson, followed(lesson.task, seed))
