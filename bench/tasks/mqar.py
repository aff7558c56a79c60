"""Multi-query associative recall: look up values by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.tasks import marks
from bench.tasks.checks import require_choice, require_room, require_whole
from bench.tasks.task import Batch, Task
from models.architecture import Interface


@dataclass(frozen=True, kw_only=True)
class MQAR(Task):
    """Key-value pairs up front; afterwards keys come again as queries, each to be answered with its value.

    Keys are the symbols 0..K-1, values K..K+V-1, fillers K+V and up; the answer is the value's number, 0..V-1. Keys
    and values are drawn without replacement, so no two pairs of a sequence share either (Arora et al. 2023, Zoology).
    With `length=8`, `pairs=2`, `keys=values=16`, `queries="dense"`, where every later position asks for a live key
    drawn uniformly::

        position  0  1  2  3  4  5  6  7
        inputs    9 20  4 31  4  9  9  4     9 -> 20, value number 4; 4 -> 31, value number 15
        targets   .  .  .  . 15  4  4 15
        scored    .  .  .  .  x  x  x  x
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    "once" asks for each key once, at positions drawn uniformly without replacement (Zoology draws the gaps from a
    power law), and fills the rest from symbols that are neither keys nor values, so that a filler can never be
    mistaken for a live key. "dense" is the default because one answered query a pair is too little supervision for
    small models in a few hundred steps: at length 64 and 4 pairs it gives 56 answers in place of 4.
    """

    name: ClassVar[str] = "mqar"

    pairs: int = 4
    keys: int = 16
    values: int = 16
    fillers: int = 8
    queries: str = "dense"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "pairs", at_least=2)
        for alphabet in ("keys", "values"):  # drawn without replacement: an alphabet holds at least one symbol a pair
            require_whole(self, alphabet, at_least=self.pairs)
        require_whole(self, "fillers", at_least=1)
        require_choice(self, "queries", ("dense", "once"))
        asked = 1 if self.queries == "dense" else self.pairs
        require_room(self, 2 * self.pairs + asked, f"{self.pairs} pairs and their queries")

    @property
    def lag(self) -> int:
        """The longest distance from a value to its query: from position 1 to L-1."""
        return self.length - 2

    @property
    def interface(self) -> Interface:
        """Keys, values and, for queries "once", fillers in; a value out."""
        fillers = self.fillers if self.queries == "once" else 0
        return Interface(length=self.length, vocabulary=self.keys + self.values + fillers, outputs=self.values)

    @property
    def chance(self) -> float:
        """One in `pairs`: the best of a model that knows which values are there but not which key each belongs to.

        It is above 1 / values, the floor of a model that does not see the pairs at all.
        """
        return 1 / self.pairs

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        keys = _without_replacement(size, self.keys, self.pairs, generator)
        values = _without_replacement(size, self.values, self.pairs, generator)
        pairs = torch.stack([keys, values + self.keys], dim=-1).flatten(1)
        ask = self._dense if self.queries == "dense" else self._once
        pair, scored = ask(size, generator)
        tail = torch.where(scored, keys.gather(1, pair), self._filling(scored.shape, generator))
        silent = torch.zeros_like(pairs)
        return Batch(
            inputs=torch.cat([pairs, tail], dim=1),
            targets=torch.cat([silent, values.gather(1, pair)], dim=1),
            scored=torch.cat([silent.bool(), scored], dim=1),
            relevant=marks.none(size, self.length),
        )

    def _dense(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Which pair is asked for at each position of the tail, and whether one is: both (B, L - 2 pairs)."""
        pair = torch.randint(self.pairs, (size, self.length - 2 * self.pairs), generator=generator)
        return pair, torch.ones_like(pair, dtype=torch.bool)

    def _once(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `_dense`: a random permutation of the tail; numbers below `pairs` are queries, the rest are fillers."""
        tail = self.length - 2 * self.pairs
        pair = _without_replacement(size, tail, tail, generator)
        return pair % self.pairs, pair < self.pairs

    def _filling(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        first = self.keys + self.values
        return torch.randint(first, first + self.fillers, shape, generator=generator)


def _without_replacement(size: int, alphabet: int, drawn: int, generator: torch.Generator) -> Tensor:
    """The first `drawn` symbols of a uniform random permutation of the alphabet, one row a sequence: (B, drawn)."""
    return torch.rand(size, alphabet, generator=generator, dtype=torch.float64).argsort(dim=1)[:, :drawn]
