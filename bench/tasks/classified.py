"""What follows pre-training: telling classes of whole sequences apart, from few that are labelled.

Each task here reads exactly what the task that was pre-trained on reads, so that its embedding and core fit. Data are
finite, each split is a table, and the labelled sequences of a seed are nested: ten of them are the first of thirty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.tasks import manual, marks
from bench.tasks.digit_images import CLASSES, images
from bench.tasks.digits import Digits
from bench.tasks.prose import Prose
from bench.tasks.task import Batch, Task, stream
from bench.tasks.topics import Topics
from models.architecture import Interface


class Examples(NamedTuple):
    """Sequences and what they are."""

    inputs: Tensor
    """(N, L) int64 tokens."""
    classes: Tensor
    """(N,) int64."""


@dataclass(frozen=True, kw_only=True)
class Classified(Task):
    """The class of a sequence, read from its last position or from the mean over all."""

    measures: ClassVar[str] = "claims"
    averaged: ClassVar[bool] = False
    """Whether it is the mean: what is said of a class is spread over the sequence, or every position sees all of it."""

    source: Task
    """What was pre-trained on."""

    @property
    def classes(self) -> int:
        """How many there are."""
        raise NotImplementedError

    def examples(self, split: str) -> Examples:
        """Everything in a split."""
        raise NotImplementedError

    @property
    def interface(self) -> Interface:
        """As the source's, with a class out."""
        return replace(self.source.interface, outputs=self.classes)

    @property
    def chance(self) -> float:
        """A guess among the classes."""
        return 1 / self.classes

    def whole(self, split: str) -> Batch:
        """A split, each of its sequences once."""
        return _batch(self.examples(split))

    def labelled(self, size: int, generator: torch.Generator) -> Batch:
        """`size` training sequences, none twice, classes as even as can be from the first on; by a CPU generator.

        A larger size by a generator in the same state begins with the same sequences.
        """
        inputs, classes = self.examples("train")
        if size > len(inputs):
            raise ValueError(f"{len(inputs)} sequences can be labelled, {size} were asked for: ask for fewer")
        order = torch.randperm(len(classes), generator=generator)
        earlier = F.one_hot(classes[order], self.classes).cumsum(0).gather(1, classes[order, None]).squeeze(1)
        chosen = order[earlier.argsort(stable=True)][:size]
        return _batch(Examples(inputs[chosen], classes[chosen]))

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats."""
        return F.cross_entropy(self._answers(logits), batch.targets[:, -1])

    def metric(self, logits: Tensor, batch: Batch) -> float:
        """Accuracy."""
        return (self._answers(logits).argmax(-1) == batch.targets[:, -1]).double().mean().item()

    def _answers(self, logits: Tensor) -> Tensor:
        # The read-out is linear: the mean of its answers is its answer to the mean.
        return logits.mean(1) if self.averaged else logits[:, -1]


@dataclass(frozen=True, kw_only=True)
class DigitClass(Classified):
    """Which digit an image shows; as in pre-training, its last pixel, nearly always paper, is not read."""

    name: ClassVar[str] = "digit-class"

    source: Digits

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source.labelled:
            raise ValueError(f"task {self.name}: its source must be unlabelled, or the class would be read")

    @property
    def classes(self) -> int:
        """Ten digits."""
        return CLASSES

    def examples(self, split: str) -> Examples:
        """The images of a split, as pre-training reads them."""
        levels, labels = images(split)
        return Examples(self.source.batch(levels, labels).inputs, labels)


@dataclass(frozen=True, kw_only=True)
class ProseTopic(Classified):
    """Which document a passage is from, of four that pre-training never saw.

    They are the longest ones outside the training part. Each is cut into ten pieces, which the splits share, and the
    passages of a piece start evenly spaced: they may overlap one another, and never those of another split.
    """

    name: ClassVar[str] = "prose-topic"
    averaged: ClassVar[bool] = True

    DOCUMENTS: ClassVar[int] = 4
    PIECES: ClassVar[dict[str, tuple[int, ...]]] = {"train": (0, 2, 4, 6, 8), "development": (3, 7), "test": (1, 5, 9)}
    EACH: ClassVar[dict[str, int]] = {"train": 20, "development": 25, "test": 34}
    """Passages of each piece."""

    source: Prose

    @property
    def classes(self) -> int:
        """Four documents."""
        return self.DOCUMENTS

    def examples(self, split: str) -> Examples:
        """The passages of a split, equally many of every document."""
        return _passages(self, split)


@dataclass(frozen=True, kw_only=True)
class TopicClass(Classified):
    """What the first of two sentences is about; the second is about something else, and nothing is masked.

    Were both about the same, counting words would be enough, and there would be nothing to gain.
    """

    name: ClassVar[str] = "topic-class"
    averaged: ClassVar[bool] = True

    SIZES: ClassVar[dict[str, int]] = {"train": 400, "development": 200, "test": 400}

    source: Topics

    @property
    def classes(self) -> int:
        """The topics of the source."""
        return self.source.topics

    def examples(self, split: str) -> Examples:
        """Sequences from a stream of their own, the topics by turns."""
        generator = stream(split, -2 - self.source.source_seed)
        classes = torch.arange(self.SIZES[split]) % self.classes
        others = (classes + 1 + torch.randint(self.classes - 1, classes.shape, generator=generator)) % self.classes
        words = self.source.write(torch.stack([classes, others], 1), generator)
        return Examples(self.source.frame(words), classes)


FOLLOWING: dict[type[Task], type[Classified]] = {Digits: DigitClass, Prose: ProseTopic, Topics: TopicClass}
"""What was pre-trained on -> what is told apart afterwards."""


def following(source: Task) -> Classified:
    """The classes that follow a source. Raises ValueError for a task that none follow."""
    if type(source) not in FOLLOWING:
        names = ", ".join(task.name for task in FOLLOWING)
        raise ValueError(f"nothing with classes follows task {source.name}: pre-train on one of {names}")
    return FOLLOWING[type(source)](length=source.length, source=source)


def _batch(examples: Examples) -> Batch:
    inputs, classes = examples
    none = marks.none(*inputs.shape)
    return Batch(inputs, classes[:, None].expand_as(inputs), marks.since(-1, *inputs.shape), none)


@lru_cache(maxsize=8)
def _passages(task: ProseTopic, split: str) -> Examples:
    read = manual.parts()["train"]
    unseen = [text for text in manual.documents().values() if text not in read]
    passages = []
    for text in sorted(unseen, key=len, reverse=True)[: task.DOCUMENTS]:
        size = len(text) // 10
        starts = torch.linspace(0, size - task.length, task.EACH[split]).long()
        for piece in task.PIECES[split]:
            tokens = task.source.corpus.encode(text[piece * size : (piece + 1) * size])
            passages.append(tokens[starts[:, None] + torch.arange(task.length)])
    inputs = torch.cat(passages)
    return Examples(inputs, torch.arange(task.DOCUMENTS).repeat_interleave(len(inputs) // task.DOCUMENTS))
