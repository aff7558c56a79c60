"""The contract: what a task is. A task is a frozen dataclass that draws batches from an explicit generator.

Letters: B batch, L length, F features, V vocabulary.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.architecture import Interface

SPLITS = ("train", "development", "test")


class Batch(NamedTuple):
    """One draw of a task."""

    inputs: Tensor
    """(B, L) int64 tokens, or (B, L, F) float32."""
    targets: Tensor
    """(B, L) int64 classes, or float32 values; only scored positions mean something."""
    scored: Tensor
    """(B, L) bool: the positions whose answer counts."""
    relevant: Tensor
    """(B, L) bool: the planted positions that decide the answer at the last position; all False if none are planted."""

    def to(self, device: str | torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(*(field.to(device) for field in self))


@dataclass(frozen=True, kw_only=True)
class Task:
    """One synthetic task at one length. Subclasses add fields, `interface`, `lag`, `chance` and `sample`."""

    name: ClassVar[str] = ""
    measures: ClassVar[str] = "long range"
    """What row the task speaks for: "long range", "state tracking", "scaling", or "claims" (about generative AI)."""
    learned_for: ClassVar[str] = "answers"
    """"answers": training stops when the task is solved; "loss": it uses its whole budget, the best weights count."""
    solved_at: ClassVar[float] = 0.95
    """Score at which it counts as solved."""
    has_planted_positions: ClassVar[bool] = False
    """Whether `relevant` marks positions to score an explanation against (one answer, at the last position)."""

    length: int = 64

    def __post_init__(self) -> None:
        if not isinstance(self.length, int) or self.length < 8:
            raise ValueError(f"task {self.name}: length must be a whole number of at least 8, got {self.length!r}")

    @property
    def interface(self) -> Interface:
        """What a model needs to know: vocabulary or features, outputs, length."""
        raise NotImplementedError

    @property
    def lag(self) -> int:
        """The distance in positions that must be bridged: the x axis of the long-range row."""
        return self.length

    @property
    def chance(self) -> float:
        """The metric of the best model that ignores everything beyond the lag, derived from the fields."""
        raise NotImplementedError

    @property
    def perfect(self) -> float:
        """The metric of an oracle, derived from the fields."""
        return 1.0

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        raise NotImplementedError

    def draw(self, split: str, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences of one of SPLITS: what is drawn from data, which is finite, must know which part."""
        return self.sample(size, generator)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Training loss, a scalar: cross-entropy in nats at the scored positions."""
        return F.cross_entropy(logits[batch.scored], batch.targets[batch.scored])

    def metric(self, logits: Tensor, batch: Batch) -> float:
        """What is compared with chance and perfect: accuracy at the scored positions."""
        hits = logits[batch.scored].argmax(-1) == batch.targets[batch.scored]
        return hits.double().mean().item()

    def score(self, metric: float) -> float:
        """How far from the chance floor (0) to perfect (1) a metric has come; below 0 is worse than chance."""
        return (metric - self.chance) / (self.perfect - self.chance)

    def resample(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Inputs with every position's content redrawn and its role kept (a marker stays a marker).

        The causal intervention swaps one position at a time from these. Shape and dtype of `batch.inputs`.
        Only for tasks with planted positions.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class LossTask(Task):
    """A task without right answers, only likelier ones: its metric is the loss itself, and lower is better."""

    learned_for: ClassVar[str] = "loss"

    def metric(self, logits: Tensor, batch: Batch) -> float:
        """Mean cross-entropy at the scored positions, in nats."""
        return F.cross_entropy(logits[batch.scored].double(), batch.targets[batch.scored]).item()


def stream(split: str, seed: int) -> torch.Generator:
    """The generator of one split and seed, told apart by a 63-bit hash so that streams cannot run into each other."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; one of {', '.join(SPLITS)}")
    digest = hashlib.sha256(f"{split}/{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
