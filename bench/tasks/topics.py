"""Topics: masked words and next-sentence prediction on a made-up language of which the best guesses are known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.tasks import marks
from bench.tasks.checks import require_whole
from bench.tasks.task import Batch, LossTask, stream
from models.architecture import ENCODER_ONLY, Interface

CHOSEN, HIDDEN, SWAPPED = 0.15, 0.8, 0.1
"""Share of words that are asked for; of these, the share shown as a mask and the share shown as another word (Devlin
et al. 2019, section 3.1)."""
FLOOR_SEQUENCES = 4096
"""Sequences over which the best loss is averaged: known to about 0.01 nats."""


class Best(NamedTuple):
    """What the best of all readers answers: one that knows the laws of all topics, and how words were masked."""

    words: Tensor
    """(scored words, V) float64: the law of each word asked for, in the order of the scored positions."""
    same: Tensor
    """(B,) float64: the probability that both sentences have one topic."""


@dataclass(frozen=True, kw_only=True)
class Topics(LossTask):
    """Two sentences, each about a topic: name the masked words, and say whether both are about the same one.

    With `length=11`, `words=64`; 64 is the mask, 65 opens, 66 ends a sentence::

        position  0  1  2  3  4  5  6  7  8  9 10
        inputs   65 12 64  3  7 66  9  9 30 51 66
        targets  65 12 40  3  7  .  9  9  5 51  .     65 if both have one topic, else 64
        scored    x  .  x  .  .  .  .  .  x  .  .     position 8 shows another word than was there
        relevant  .  .  .  .  .  .  .  .  .  .  .     none: there are several answers

    Each topic is a Zipf law over its own order of the words (drawn from `source_seed`), the words of a sentence are
    independent given its topic, and half of the second sentences keep the first one's. A masked word is therefore
    guessed by finding the topic from all others. Every word is asked for with probability 0.15 on its own, and then
    shown as a mask (0.8), as any word (0.1) or as it is (0.1), as in BERT (Devlin et al. 2019, section 3.1 and
    appendix A.2). The metric is BERT's loss in nats, the mean over the words asked for plus that over the pairs.
    """

    name: ClassVar[str] = "topics"
    measures: ClassVar[str] = "claims"

    length: int = 27
    words: int = 64
    topics: int = 8
    exponent: float = 1.5
    """Of the Zipf laws: the word of rank r has a probability in proportion to r ** -exponent."""
    source_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "words", at_least=2)
        require_whole(self, "topics", at_least=2)
        require_whole(self, "source_seed", at_least=0)
        if self.length % 2 == 0:
            raise ValueError(f"task {self.name}: length must be odd (two equal sentences, 3 marks), got {self.length}")
        if not self.exponent > 0:
            raise ValueError(f"task {self.name}: exponent must be above 0, got {self.exponent!r}")

    @property
    def sentence(self) -> int:
        """Words in a sentence."""
        return (self.length - 3) // 2

    @property
    def interface(self) -> Interface:
        """Words and three marks in; a word or one of two answers about the pair out; everything may be looked at."""
        return Interface(length=self.length, vocabulary=self.words + 3, outputs=self.words + 2, role=ENCODER_ONLY)

    @property
    def laws(self) -> Tensor:
        """(topics, V) float64: the law of a word in each topic."""
        return _laws(self.words, self.topics, self.exponent, self.source_seed)

    @property
    def pairs(self) -> Tensor:
        """(topics, topics) float64: the law of the topics of both sentences."""
        apart = torch.full((self.topics, self.topics), 0.5 / (self.topics - 1), dtype=torch.float64)
        return apart.fill_diagonal_(0.5) / self.topics

    @property
    def word_positions(self) -> Tensor:
        """(2 sentences x words,) int64: where the words are."""
        first = torch.arange(1, 1 + self.sentence)
        return torch.cat([first, first + self.sentence + 1])

    @property
    def perfect(self) -> float:
        """The loss of the best reader, in nats: exact for each sequence, averaged over a fixed sample of them."""
        return _best_loss(self)

    @property
    def chance(self) -> float:
        """The loss of the best reader who looks at one word at a time and knows no topic, in nats."""
        alone, shown = self._alone
        seen = shown.sum(1)
        visible = (seen * _entropy(shown / seen[:, None])).sum()
        return float(HIDDEN * _entropy(alone) + visible + math.log(2))

    @property
    def floor_accuracy(self) -> float:
        """The share of the words asked for that the reader behind `chance` guesses right."""
        alone, shown = self._alone
        return float(HIDDEN * alone.max() + shown.amax(1).sum())

    @property
    def _alone(self) -> tuple[Tensor, Tensor]:
        """The law of a word (V,), whatever the topic; and of the word that is shown for it with it, (shown, word)."""
        alone = self.laws.mean(0)
        return alone, _with_itself(alone.expand(self.words, -1), torch.arange(self.words))

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` pairs of sentences from a CPU generator."""
        first, shift = (torch.randint(n, (size,), generator=generator) for n in (self.topics, self.topics - 1))
        same = torch.randint(2, (size,), generator=generator)
        second = torch.where(same == 1, first, (first + 1 + shift) % self.topics)
        words = self.write(torch.stack([first, second], 1), generator)
        chosen = torch.rand(words.shape, generator=generator) < CHOSEN
        shown = self._corrupt(words, chosen, generator)
        targets = torch.zeros(size, self.length, dtype=torch.int64)
        targets[:, self.word_positions], targets[:, 0] = words, self.words + same
        scored = marks.none(size, self.length)
        scored[:, self.word_positions], scored[:, 0] = chosen, True
        return Batch(self.frame(shown), targets, scored, marks.none(size, self.length))

    def write(self, topics: Tensor, generator: torch.Generator) -> Tensor:
        """The words (B, 2 sentences x words) of sentences about these topics (B, 2)."""
        laws = self.laws[topics.flatten()]
        return torch.multinomial(laws, self.sentence, replacement=True, generator=generator).view(len(topics), -1)

    def frame(self, words: Tensor) -> Tensor:
        """The words (B, 2 sentences x words) between their marks, (B, L)."""
        inputs = torch.full((len(words), self.length), self.words + 2)
        inputs[:, 0] = self.words + 1
        inputs[:, self.word_positions] = words
        return inputs

    def _corrupt(self, words: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        how = torch.rand(words.shape, generator=generator)
        others = torch.randint(self.words, words.shape, generator=generator)
        changed = torch.where(how < HIDDEN, self.words, torch.where(how < HIDDEN + SWAPPED, others, words))
        return torch.where(chosen, changed, words)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """BERT's: the mean over the words asked for, and the mean over the pairs, added (appendix A.2)."""
        losses = F.cross_entropy(logits.transpose(1, 2), batch.targets, reduction="none") * batch.scored
        return losses[:, 1:].sum() / batch.scored[:, 1:].sum().clamp(min=1) + losses[:, 0].mean()

    def metric(self, logits: Tensor, batch: Batch) -> float:
        """The loss, in nats."""
        return self.loss(logits.double(), batch).item()

    def accuracies(self, logits: Tensor, batch: Batch) -> tuple[float, float]:
        """The shares of the words asked for, and of the pairs, that are guessed right."""
        hits = (logits.argmax(-1) == batch.targets) & batch.scored
        words = hits[:, 1:].sum() / batch.scored[:, 1:].sum()
        return words.item(), hits[:, 0].double().mean().item()

    def best(self, batch: Batch) -> Best:
        """The exact answers of the best reader, by Bayes' rule over the topics of both sentences.

        It does not know which of the words it sees were asked for, but an answer counts only where one was, so it may
        answer as if it were asked.
        """
        words = batch.inputs[:, self.word_positions]
        evidence = self._evidence(words)  # (B, words of both, topics)
        first, second = evidence.view(len(words), 2, self.sentence, -1).sum(2).unbind(1)
        joint = (first[:, :, None] + second[:, None, :] + self.pairs.log()).flatten(1).softmax(1)
        joint = joint.view(-1, self.topics, self.topics)
        topic = torch.stack([joint.sum(2), joint.sum(1)], 1).repeat_interleave(self.sentence, 1)
        # A word is asked for: what it says itself about its topic is taken out, and put back as that of an asked one.
        others = topic / evidence.exp()
        laws = (others / others.sum(-1, keepdim=True)) @ self.laws
        asked = batch.scored[:, self.word_positions]
        laws, shown = laws[asked], words[asked]
        visible = shown != self.words
        laws[visible] = _with_itself(laws[visible], shown[visible])
        return Best(laws / laws.sum(-1, keepdim=True), joint.diagonal(dim1=1, dim2=2).sum(1))

    def _evidence(self, words: Tensor) -> Tensor:
        """Log-probability of what is shown at each position in each topic, (B, n, topics); a mask says nothing."""
        kept = 1 - CHOSEN * (HIDDEN + SWAPPED)
        shown = (kept * self.laws + CHOSEN * SWAPPED / self.words).log()
        table = torch.cat([shown, torch.zeros(self.topics, 1, dtype=torch.float64)], dim=1)
        return table.T[words]


def _with_itself(laws: Tensor, shown: Tensor) -> Tensor:
    """The law (n, V) of words asked for that show the word (n,), up to a factor each: kept, or swapped for it."""
    kept = (1 - HIDDEN - SWAPPED) * F.one_hot(shown, laws.shape[1])
    return laws * (kept + SWAPPED / laws.shape[1])


def _entropy(law: Tensor) -> Tensor:
    """In nats, along the last dimension."""
    return -torch.special.xlogy(law, law).sum(-1)


@lru_cache(maxsize=8)
def _laws(words: int, topics: int, exponent: float, seed: int) -> Tensor:
    generator = np.random.default_rng(seed)
    ranks = np.stack([generator.permutation(words) for _ in range(topics)]) + 1.0
    weights = torch.from_numpy(ranks**-exponent)
    return weights / weights.sum(1, keepdim=True)


@lru_cache(maxsize=8)
def _best_loss(task: Topics) -> float:
    best = task.best(task.sample(FLOOR_SEQUENCES, stream("test", -1)))
    pair = torch.stack([best.same, 1 - best.same], 1)
    return float(_entropy(best.words).mean() + _entropy(pair).mean())
