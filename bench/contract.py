"""What an architecture must keep to before its numbers can stand beside others'. Tests and the front door share it."""

from __future__ import annotations

import torch

from models.architecture import Architecture, Interface, SequenceModel, count_parameters
from models.budget import TOLERANCE


def check_architecture(architecture: Architecture, length: int = 24) -> None:
    """Shapes, budget, gradients, causality and determinism. Raises ValueError naming what is broken and the mend."""
    name, interface = architecture.name, Interface(length=length, vocabulary=11, outputs=5)
    try:
        model, twin = (architecture.build(interface, seed=0) for _ in range(2))
        inputs = torch.randint(11, (2, length), generator=torch.Generator().manual_seed(0))
        embeddings = model.embedding(inputs)
        logits = model.from_embeddings(embeddings)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{name} cannot be built and run: {type(error).__name__}: {error}") from error
    if logits.shape != (2, length, 5):
        raise ValueError(
            f"{name}: the core must map (B, L, D) to (B, L, out_width); logits came out as {tuple(logits.shape)}"
        )
    built = count_parameters(model.core)
    if abs(built / architecture.core_parameters - 1) > TOLERANCE:
        raise ValueError(
            f"{name}: {built} core parameters, budget {architecture.core_parameters}: off by more than 0.5 %"
        )
    (gradient,) = torch.autograd.grad(logits[:, length // 2].sum(), embeddings, retain_graph=True)
    if gradient[:, length // 2 + 1 :].abs().max() > 0:
        raise ValueError(f"{name} is not causal: the output at one position depends on later inputs; mask them")
    logits.square().sum().backward()
    if dead := [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]:
        raise ValueError(f"{name}: no gradient reaches {dead[0]}; use it or remove it")
    if model.can_step and not torch.allclose(_stepped(model, inputs), logits, atol=1e-4):
        raise ValueError(
            f"{name}: stepping position by position does not give what the whole sequence gives; mend step()"
        )
    if not torch.equal(twin(inputs), model(inputs)):
        raise ValueError(
            f"{name} is not deterministic: two models from one seed differ; draw only from torch's generator"
        )


def _stepped(model: SequenceModel, inputs: torch.Tensor) -> torch.Tensor:
    state, outputs = model.start(len(inputs)), []
    for position in range(inputs.shape[1]):
        output, state = model.step(inputs[:, position], state)
        outputs.append(output)
    return torch.stack(outputs, dim=1)
