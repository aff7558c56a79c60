"""Small models taken apart once for all tests: what `bench.anatomy` saw, as full numbers and as a file."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench import anatomy
from bench.anatomy import dissect, small
from bench.anatomy.lessons import LESSONS, Lesson, followed
from bench.anatomy.small import Trained
from models import find
from models.architecture import DECODER_ONLY, ENCODER_DECODER

SHORT = replace(small.RECIPE, steps=25)
"""Enough to make no two numbers alike."""


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Let training be short."""
    for module in (anatomy, dissect, small):
        patch.setattr(module, "RECIPE", SHORT)


@cache
def taken_apart(name: str) -> tuple[Trained, Lesson, dict[str, Any]]:
    """A model, what it was taught, and everything that was seen of it, unrounded."""
    lesson = LESSONS[ENCODER_DECODER if name in anatomy.ENCODER_DECODERS else DECODER_ONLY]()
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        model = small.trained(find(name), lesson.task, 0, lambda line: None)
        return model, lesson, dissect.dissected(name, model, lesson, followed(lesson.task, 0))


def seen(name: str) -> dict[str, Any]:
    """Everything that was seen of an architecture, unrounded."""
    return taken_apart(name)[2]


def written(folder: Path, *names: str) -> Path:
    """The file of some architectures, or of those that are taken apart by default."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return anatomy.write(names, 0, folder, passing=lambda line: None, told=lambda line: None)
