"""Prose: the next character of real English text, much of it about code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from bench.tasks import manual, marks
from bench.tasks.chain import entropy
from bench.tasks.checks import require_whole
from bench.tasks.task import Batch, LossTask
from models.architecture import Interface


@dataclass(frozen=True, kw_only=True)
class Prose(LossTask):
    """Predict the next character of Python's reference manual, in windows drawn from documents of one split.

    With `length=8`, one token a character; targets are the inputs shifted by one::

        position  0  1  2  3  4  5  6  7
        inputs    a     f  u  n  c  t  i
        targets      f  u  n  c  t  i  o
        scored    x  x  x  x  x  x  x  x
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    The commonest `symbols` - 1 characters of the training text have a token each, all others share one. The metric is
    the mean loss in nats a character: lower is better. Nobody knows the entropy of English, so perfect is 0, and the
    score says what share of the unigram entropy is saved.
    """

    name: ClassVar[str] = "prose"
    measures: ClassVar[str] = "claims"

    length: int = 128
    symbols: int = 96
    digest: str = field(default_factory=manual.digest)
    """Of the text, which is another one in another version of Python; checked when it is read."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "symbols", at_least=2)

    @property
    def corpus(self) -> manual.Corpus:
        """The text as tokens; read once per process. Raises ValueError if it is not the one of the digest."""
        return manual.corpus(self.symbols, self.digest)

    @property
    def interface(self) -> Interface:
        """A character in; a character out."""
        return Interface(length=self.length, vocabulary=self.symbols, outputs=self.symbols)

    @property
    def chance(self) -> float:
        """The entropy of a character of the training text by itself, in nats."""
        return entropy(self.unigram).item()

    @property
    def perfect(self) -> float:
        """No loss at all; where between 0 and chance a perfect model would be, nobody knows."""
        return 0.0

    @property
    def unigram(self) -> Tensor:
        """How often each token is in the training text: shares (V,) float64."""
        tokens = self.corpus.tokens["train"]
        return tokens.bincount(minlength=self.symbols).double() / len(tokens)

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` windows of the training text from a CPU generator."""
        return self.draw("train", size, generator)

    def draw(self, split: str, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` windows of one of SPLITS, from anywhere in its text, from a CPU generator."""
        tokens = self.corpus.tokens[split]
        starts = torch.randint(len(tokens) - self.length, (size, 1), generator=generator)
        windows = tokens[starts + torch.arange(self.length + 1)]
        scored = marks.since(0, size, self.length)
        return Batch(windows[:, :-1], windows[:, 1:], scored, marks.none(size, self.length))
