"""What a model of captioned images is asked: captions of images, images of captions, which caption fits an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.claims.asking import sample, spelled, token_losses
from bench.records import Measurement
from bench.tasks.captioned import (
    CAPTION,
    CAPTION_FIRST,
    DIGITS,
    IMAGE_FIRST,
    LEAN,
    THICKNESS,
    WORDS,
    captions,
    sequences,
)
from bench.tasks.digit_images import LEVELS, PIXELS, images
from bench.tasks.task import stream
from bench.trial import Learn
from models.architecture import SequenceModel

SHOWN_IMAGES, SAMPLES = 6, 2
"""Test images of which the captions are kept; samples that are kept of each of the captions below."""
SHOWN_CAPTIONS = (
    *("zero thin right", "two thick left", "three thin left"),
    *("four thick right", "seven thin left", "eight thick right"),
)
CHOICES, RETRIEVED = 10, 150
"""Captions to choose from, and test images of which the choice is asked."""
EVERY = torch.cartesian_prod(
    *(torch.tensor([WORDS.index(word) for word in words]) for words in (DIGITS, THICKNESS, LEAN))
)
"""All the captions there can be: (40, 3) numbers of WORDS."""


def examine(model: SequenceModel, trial: Learn) -> list[Measurement]:
    """Both directions on the test images, and captions and images of the first seed, which show and decide nothing."""
    (levels, _), words = images("test"), captions("test")
    written = caption(model, levels, trial)
    losses = image_losses(model, levels, words, trial.device)
    chosen = retrieval_accuracy(model, levels[:RETRIEVED], words[:RETRIEVED], trial.device)
    return [
        Measurement("caption_exact_match", _share((written == words).all(1))),
        Measurement("caption_floor", caption_floor(captions("train"), words)),
        *(Measurement("image_loss_nats", nats, subject) for subject, nats in losses.items()),
        Measurement("retrieval_accuracy", chosen),
        *(_kept_captions(levels, words, written) if trial.seed == 0 else ()),
        *(_kept_images(model, trial) if trial.seed == 0 else ()),
    ]


def caption(model: SequenceModel, levels: Tensor, trial: Learn) -> Tensor:
    """The likeliest next word, three times, after each image (N, 64): (N, 3) numbers of WORDS, beyond them no words."""
    order = torch.full((len(levels), 1), IMAGE_FIRST)
    tokens = sample(model, torch.cat([order, levels], dim=1), CAPTION, trial, temperature=0.0)
    return (tokens - LEVELS) % (LEVELS + len(WORDS))


def caption_floor(known: Tensor, asked: Tensor) -> float:
    """Share of captions (M, 3) that are the most frequent one of those known (N, 3)."""
    different, counts = known.unique(dim=0, return_counts=True)
    return _share((asked == different[counts.argmax()]).all(1))


def image_losses(model: nn.Module, levels: Tensor, words: Tensor, device: str) -> dict[str, float]:
    """Mean nats a pixel of images (N, 64) before any caption, after their own (N, 3), and after another image's.

    The wrong caption is that of the next image whose caption differs.
    """
    without = sequences(levels, words, torch.ones(len(levels), dtype=torch.bool))
    return {
        "without caption": token_losses(model, without.inputs, without.targets, device)[:, :PIXELS].mean().item(),
        "with caption": _after(model, levels, words, device).mean().item(),
        "wrong caption": _after(model, levels, _wrong(words), device).mean().item(),
    }


def retrieval_accuracy(model: nn.Module, levels: Tensor, words: Tensor, device: str) -> float:
    """Share of images (N, 64) that are likelier after their own caption (N, 3) than after nine others, drawn once.

    Captions stand in random order, so that a model to which all are alike gets a tenth.
    """
    generator = stream("test", 0)
    own = (words[:, None] == EVERY).all(2).int().argmax(1)
    others = torch.stack([torch.randperm(len(EVERY) - 1, generator=generator)[: CHOICES - 1] for _ in own]) + 1
    offered = torch.cat([own[:, None], (own[:, None] + others) % len(EVERY)], dim=1)
    offered = offered.gather(1, torch.rand(offered.shape, generator=generator).argsort(1))
    nats = _after(model, levels.repeat_interleave(CHOICES, 0), EVERY[offered.flatten()], device).view(offered.shape)
    return _share(offered.gather(1, nats.argmin(1, keepdim=True)).squeeze(1) == own)


def _after(model: nn.Module, levels: Tensor, words: Tensor, device: str) -> Tensor:
    """Mean nats a pixel of each image (N, 64) after a caption (N, 3): (N,)."""
    batch = sequences(levels, words, torch.zeros(len(levels), dtype=torch.bool))
    return token_losses(model, batch.inputs, batch.targets, device)[:, CAPTION:].mean(1)


def _wrong(words: Tensor) -> Tensor:
    """For each caption (N, 3) the next that differs from it, around the end: (N, 3)."""
    differs = (words[:, None] != words).any(2)
    ahead = (torch.arange(len(words)) - torch.arange(len(words))[:, None]) % len(words)
    return words[ahead.where(differs, len(words)).argmin(1)]


def _kept_captions(levels: Tensor, words: Tensor, written: Tensor) -> list[Measurement]:
    rows = []
    for k in range(SHOWN_IMAGES):
        rows += spelled("example_pixel", f"image {k}", levels[k])
        rows += spelled("example_word", f"image {k}", words[k])
        rows += spelled("sample_word", f"image {k}", written[k])
    return rows


def _kept_images(model: SequenceModel, trial: Learn) -> list[Measurement]:
    prompts = [[CAPTION_FIRST, *(LEVELS + WORDS.index(word) for word in said.split())] for said in SHOWN_CAPTIONS]
    drawn = sample(model, torch.tensor(prompts).repeat_interleave(SAMPLES, 0), PIXELS, trial)
    named = [(said, k) for said in SHOWN_CAPTIONS for k in range(SAMPLES)]
    rows = []
    for (said, k), image in zip(named, drawn, strict=True):
        rows += spelled("sample_token", f"caption {said} sample {k}", image)
    return rows


def _share(right: Tensor) -> float:
    return right.double().mean().item()
