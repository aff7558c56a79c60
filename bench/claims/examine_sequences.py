"""What a model of sequence to sequence says by itself: greedily, by beam search, and symbol by symbol."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.records import Measurement
from bench.tasks.sequences import Transduction
from bench.tasks.task import stream
from bench.trial import Learn
from models.architecture import SequenceModel
from models.beam import beam_search
from models.generation import generate

ASKED = 128
"""Test sequences."""
APART = 1_000_000
"""Added to the seed, so that none of them has decided that the model counts as solved."""
BEAMS = 4


@torch.no_grad()
def examine(model: SequenceModel, trial: Learn) -> list[Measurement]:
    """Shares of test sequences with a wholly right answer, `greedy_exact_match` and `beam_exact_match`, for which the
    model reads its own symbols; and `token_accuracy`, the share of right symbols after a right beginning.

    Raises ValueError for a task that is none of sequence to sequence.
    """
    task = trial.task
    if not isinstance(task, Transduction):
        raise ValueError(f"task {task.name} has no source to ask for")
    batch = task.draw("test", ASKED, stream("test", APART + trial.seed)).to(trial.device)
    prompt, answer = batch.inputs[:, : task.items + 1], batch.targets[:, task.items :]
    guessed = model(batch.inputs)[:, task.items :].argmax(-1)
    found, _ = beam_search(model, prompt, task.items, BEAMS)
    return [
        Measurement("greedy_exact_match", _exact(generate(model, prompt, task.items), answer)),
        Measurement("beam_exact_match", _exact(found, answer)),
        Measurement("token_accuracy", (guessed == answer).double().mean().item()),
    ]


def _exact(said: Tensor, answer: Tensor) -> float:
    """Share of rows of (B, n) that are equal throughout."""
    return (said == answer).all(dim=1).double().mean().item()
