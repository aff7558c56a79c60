"""Models written down instead of trained, whose answers and whose reasons are known exactly."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.tasks.needle import Needle
from bench.tasks.task import Task
from models.architecture import Interface, SequenceModel

Ranking = Callable[[Tensor], Tensor]
"""From marks (B, L), 1 where planted, to the relevance (B, L) that a model claims."""
CERTAIN = 30.0
"""A logit so far above the others' zeros that the probability is 1 in float32."""


def truth(marks: Tensor) -> Tensor:
    """The ranking that names exactly the planted positions."""
    return marks


def lie(marks: Tensor) -> Tensor:
    """The ranking that puts the planted positions last."""
    return -marks


class AtLast(nn.Module):
    """(B, L, D) -> (B, L, D), zero but at the last position, where `read` says what (B, L, D) -> (B, D) is found."""

    def __init__(self, width: int, read: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.out_width, self.read = width, read

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(x[:, 1:]), self.read(x)[:, None]], dim=1)


class Marked(AtLast):
    """Adds up what carries a mark, and explains itself by a ranking of the marks."""

    def __init__(self, width: int, marks: Callable[[Tensor], Tensor], ranking: Ranking) -> None:
        super().__init__(width, lambda x: (x * marks(x)[..., None]).sum(1))
        self.marks, self.ranking = marks, ranking

    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        return {"own": self.ranking(self.marks(embeddings).detach())}


def solver(task: Task, ranking: Ranking = truth) -> SequenceModel:
    """Answers needle or adding without error."""
    if isinstance(task, Needle):
        width, values = task.interface.vocabulary, task.values
        core = Marked(width, lambda x: x[..., values : 2 * values].sum(-1), ranking)
        return _with_weights(core, task.interface, CERTAIN * torch.eye(width)[values : 2 * values])
    core = Marked(2, lambda x: x[..., 1], ranking)
    return _with_weights(core, task.interface, torch.tensor([[1.0, 0.0]]))


def pointer(interface: Interface) -> SequenceModel:
    """Answers induction without error: reads the symbol after the trigger, the last of the vocabulary."""
    width = interface.vocabulary

    def read(x: Tensor) -> Tensor:
        after = torch.cat([torch.zeros_like(x[:, :1, -1]), x[:, :-1, -1]], dim=1)
        return (x * after[..., None]).sum(1)

    return _with_weights(AtLast(width, read), interface, CERTAIN * torch.eye(width)[:-1])


def linear(interface: Interface, weights: Tensor, width: int = 6) -> SequenceModel:
    """Position t counts w_t: the last output is the weighted sum of all embeddings; embedding and read-out random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return SequenceModel(width, AtLast(width, lambda x: torch.einsum("btd,t->bd", x, weights)), interface)


class Blank(nn.Module):
    """Looks at nothing but the position itself, and names positions by their number."""

    out_width = 4

    def forward(self, x: Tensor) -> Tensor:
        return x

    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        return {"own": torch.arange(embeddings.shape[1]).flip(0).float().expand(embeddings.shape[:2])}


def blank(interface: Interface) -> SequenceModel:
    """Stands for an untrained model: its answer does not depend on what was planted."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return SequenceModel(Blank.out_width, Blank(), interface)


@torch.no_grad()
def _with_weights(core: AtLast, interface: Interface, readout: Tensor) -> SequenceModel:
    """Embedding the identity, read-out as given, no biases."""
    model = SequenceModel(core.out_width, core, interface)
    for part, weight in ((model.embedding, torch.eye(core.out_width)), (model.readout, readout)):
        for parameter in part.parameters():
            parameter.copy_(weight if parameter.dim() == 2 else torch.zeros_like(parameter))
    return model
