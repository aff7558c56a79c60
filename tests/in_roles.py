"""Models in each role: interfaces, numbers that are all alive, what reaches what, and going by step."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from models.architecture import ENCODER_DECODER, Interface, SequenceModel

SOURCE, TARGET = 7, 6
Module = TypeVar("Module", bound=nn.Module)


def tokens(role: str, source: int = SOURCE, target: int = TARGET) -> Interface:
    """S + T positions, in every role: the same sequences, read in different ways."""
    apart = source if role == ENCODER_DECODER else 0
    return Interface(length=source + target, outputs=5, vocabulary=9, role=role, source=apart)


def draw(interface: Interface, batch: int = 3, seed: int = 0) -> Tensor:
    """Tokens (B, L)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(interface.vocabulary, (batch, interface.length), generator=generator)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def alive(module: Module, noise: float = 0.3) -> Module:
    """In float64, every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    module = module.double()
    for seed, parameter in enumerate(module.parameters(), start=1):
        parameter.data.add_(noise * normal(*parameter.shape, seed=seed))
    return module


def reach(core: nn.Module, length: int, width: int) -> Tensor:
    """(L, L) bool: whether input position i moves output position j, by autograd."""
    embeddings = normal(1, length, width).requires_grad_()
    out = core(embeddings)[0]
    answers = out @ normal(out.shape[1], seed=1)
    moved = [torch.autograd.grad(answer, embeddings, retain_graph=True)[0][0].ne(0).any(-1) for answer in answers]
    return torch.stack(moved, dim=1)


def allowed(interface: Interface) -> Tensor:
    """(L, L) bool: what a role lets output position j see of input position i, from the definition in words."""
    source, length = interface.source, interface.length
    seen = torch.zeros(length, length, dtype=torch.bool)
    for j in range(length):
        for i in range(length):
            if interface.role == "decoder-only":
                seen[i, j] = i <= j
            elif interface.role == "encoder-only":
                seen[i, j] = True
            else:
                seen[i, j] = j >= source and (i < source or i <= j)
    return seen


@torch.no_grad()
def stepped(model: SequenceModel, inputs: Tensor) -> Tensor:
    """Logits by step: all (B, L, outputs), or those of the target (B, T, outputs) after the source has been read."""
    source = model.interface.source
    state = model.read(inputs[:, :source]) if source else model.start(len(inputs))
    rows = []
    for position in range(source, inputs.shape[1]):
        logits, state = model.step(inputs[:, position], state)
        rows.append(logits)
    return torch.stack(rows, dim=1)
