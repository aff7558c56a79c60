"""In-context Markov: a fresh random source for every sequence, to be learned while reading it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.tasks import chain, marks
from bench.tasks.checks import require_whole
from bench.tasks.task import Batch, LossTask
from models.architecture import Interface

BAYES_SEQUENCES = 4096
BAYES_CHUNK = 128
BAYES_SEED = 0


@dataclass(frozen=True, kw_only=True)
class InContextMarkov(LossTask):
    """Predict the next symbol of an order-1 chain whose rows are drawn anew, uniform on the simplex, per sequence.

    With `length=8`, `symbols=8`; targets are the inputs shifted by one::

        position  0  1  2  3  4  5  6  7
        inputs    3  6  3  6  1  1  3  6
        targets   6  3  6  1  1  3  6  3
        scored    x  x  x  x  x  x  x  x
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    Rows are Dirichlet(1), the first symbol is uniform and says nothing of them, so the Bayes-optimal predictor is
    exact and simple: add one to the counts of what followed the current symbol so far. Its loss falls with the
    position; how closely a model follows it, position by position, is the measurement (after Kaplan et al. 2020,
    figure 7, and Edelman et al. 2024). The metric is the mean loss in nats: lower is better.
    """

    name: ClassVar[str] = "in-context-markov"
    measures: ClassVar[str] = "scaling"

    symbols: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "symbols", at_least=2)

    @property
    def interface(self) -> Interface:
        """A symbol in; a symbol out."""
        return Interface(length=self.length, vocabulary=self.symbols, outputs=self.symbols)

    @property
    def chance(self) -> float:
        """Log of `symbols`, in nats: averaged over sources every symbol is as likely, whatever the current one is."""
        return math.log(self.symbols)

    @property
    def perfect(self) -> float:
        """Expected loss of the Bayes predictor, in nats: a fixed-seed mean, as there is no short formula.

        How far it can be off is `perfect_standard_error`.
        """
        return _bayes(self)[0]

    @property
    def perfect_standard_error(self) -> float:
        """Standard error of `perfect`, in nats."""
        return _bayes(self)[1]

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        # exponentials over their sum are uniform on the simplex
        weights = torch.empty(size, self.symbols, self.symbols, dtype=torch.float64).exponential_(generator=generator)
        first = torch.randint(self.symbols, (size,), generator=generator)
        drawn = torch.rand(self.length, size, generator=generator, dtype=torch.float64)
        rest = _walk(weights / weights.sum(dim=-1, keepdim=True), first, drawn)
        tokens = torch.cat([first[:, None], rest], dim=1)
        scored = marks.since(0, size, self.length)
        return Batch(tokens[:, :-1], tokens[:, 1:], scored, marks.none(size, self.length))

    def bayes_predictive(self, inputs: Tensor) -> Tensor:
        """The optimal forecast of the next symbol: tokens (B, L) -> probabilities (B, L, V) float64."""
        size, length = inputs.shape
        # one cell a transition (from, to); by position t, those that ended at t or before have been seen
        seen = F.one_hot(inputs[:, :-1] * self.symbols + inputs[:, 1:], self.symbols**2).cumsum(dim=1)
        seen = F.pad(seen, (0, 0, 1, 0)).view(size, length, self.symbols, self.symbols)
        current = inputs[..., None, None].expand(-1, -1, 1, self.symbols)
        counts = seen.gather(2, current).squeeze(2)
        return (counts + 1).double() / (counts.sum(-1, keepdim=True) + self.symbols)

    def bayes_loss(self, inputs: Tensor) -> Tensor:
        """The optimal expected loss at each position given what was read so far: tokens (B, L) -> nats (B, L) float64.

        It is the entropy of the forecast. The target is averaged out exactly rather than drawn, so that a mean over
        sequences has less noise than the realised loss and the same expectation.
        """
        return chain.entropy(self.bayes_predictive(inputs))


@lru_cache(maxsize=16)
def _bayes(task: InContextMarkov) -> tuple[float, float]:
    """Mean and standard error of the Bayes loss over fixed-seed sequences, in nats."""
    generator = torch.Generator().manual_seed(BAYES_SEED)
    chunks = range(BAYES_SEQUENCES // BAYES_CHUNK)
    losses = [task.bayes_loss(task.sample(BAYES_CHUNK, generator).inputs).mean(dim=1) for _ in chunks]
    each = torch.cat(losses)
    return each.mean().item(), each.std().item() / len(each) ** 0.5


def _walk(rows: Tensor, first: Tensor, drawn: Tensor) -> Tensor:
    """B chains, each with rows of its own (B, V, V), from symbols (B,) by uniforms (L, B): the next L symbols (B, L).

    All rows' cumulative sums make one ascending line, row n climbing from n to n + 1, so that a single search for
    n + uniform finds the symbol that a row draws, without gathering rows.
    """
    size, symbols, _ = rows.shape
    row_numbers = torch.arange(size * symbols).view(size, symbols)
    line = rows.cumsum(dim=-1)
    line[..., -1] = 1  # whatever rounding left of the last step
    line = (line + row_numbers[..., None]).flatten()
    landing = row_numbers[:, None].expand_as(rows).flatten().double()
    # far enough below 1 that adding a row's number never rounds up into the next row
    drawn = drawn.clamp(max=1 - 2.0**-30)
    cells = torch.empty(drawn.shape, dtype=torch.int64)
    here = row_numbers.gather(1, first[:, None]).squeeze(1).double()
    height = torch.empty_like(here)
    for uniform, cell in zip(drawn.unbind(), cells.unbind(), strict=True):
        torch.add(here, uniform, out=height)
        torch.searchsorted(line, height, right=True, out=cell)
        torch.index_select(landing, 0, cell, out=here)
    return cells.T % symbols
