"""What a model of digits is asked: samples to look at and, where it was told the class, whether it minds it.

Two readings of a conditional model, after Ng and Jordan (2002) and Ravuri and Vinyals (2019): as a classifier by Bayes'
rule, and by what a classifier that was trained on real images sees in its samples.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from bench.claims.asking import sample, spelled, token_losses
from bench.records import Measurement
from bench.tasks.digit_images import CLASSES, LEVELS, PIXELS, images, pixel_marginal
from bench.tasks.digits import FIRST_CLASS, START, Digits
from bench.trial import Learn
from models.architecture import SequenceModel

SHOWN, SHOWN_OF_CLASS, JUDGED_OF_CLASS = 16, 2, 20
"""Samples that are kept, without and with a class, and samples of each class that are judged."""


def examine(model: SequenceModel, trial: Learn) -> list[Measurement]:
    """Floors or accuracies, and samples of the first seed, which show what a loss means and decide nothing.

    Raises ValueError for a task that is not digits.
    """
    if not isinstance(trial.task, Digits):
        raise ValueError(f"task {trial.task.name} is not digits")
    return _conditional(model, trial) if trial.task.labelled else _unconditional(model, trial)


def _unconditional(model: SequenceModel, trial: Learn) -> list[Measurement]:
    floors = [Measurement("marginal_loss_nats", pixel_marginal()), Measurement("uniform_loss_nats", math.log(LEVELS))]
    if trial.seed:
        return floors
    drawn = sample(model, torch.full((SHOWN, 1), START), PIXELS, trial)
    return floors + [row for k, image in enumerate(drawn) for row in spelled("sample_token", f"sample {k}", image)]


def _conditional(model: SequenceModel, trial: Learn) -> list[Measurement]:
    wanted = torch.arange(CLASSES).repeat_interleave(JUDGED_OF_CLASS)
    drawn = sample(model, wanted[:, None] + FIRST_CLASS, PIXELS, trial)
    rows = [
        Measurement("likelihood_accuracy", likelihood_accuracy(model, *images("test"), trial.device)),
        Measurement("judged_accuracy", judged_accuracy(drawn, wanted)),
        Measurement("judge_accuracy", judged_accuracy(*images("test"))),
    ]
    for c, of_class in enumerate(drawn.split(JUDGED_OF_CLASS) if trial.seed == 0 else ()):
        for k, image in enumerate(of_class[:SHOWN_OF_CLASS]):
            rows += spelled("sample_token", f"class {c} sample {k}", image)
    return rows


def likelihood_accuracy(model: nn.Module, levels: Tensor, labels: Tensor, device: str) -> float:
    """Share of images (N, 64) that are likeliest under their own class (N,): Bayes' rule, all classes alike before."""
    task = Digits(labelled=True)
    under = []
    for digit in range(CLASSES):
        batch = task.batch(levels, torch.full_like(labels, digit))
        under.append(token_losses(model, batch.inputs, batch.targets, device).sum(1))
    return (torch.stack(under).argmin(0) == labels).double().mean().item()


def judged_accuracy(levels: Tensor, labels: Tensor) -> float:
    """Share of images (N, 64) that the judge takes for what they should be (N,)."""
    return float(_judge().score(levels.numpy(), labels.numpy()))


@cache
def _judge() -> Any:
    """A support vector machine (Cortes and Vapnik 1995) trained on the real training images, once per process."""
    from sklearn.svm import SVC  # takes a second, so only who judges pays for it

    levels, labels = images("train")
    return SVC(gamma=0.001).fit(levels.numpy(), labels.numpy())
