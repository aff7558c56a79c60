"""Beam search: the likeliest continuation that can be found by following the best few at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from models.architecture import SequenceModel
from models.generation import check_prompt


@torch.no_grad()
def beam_search(model: SequenceModel, prompt: Tensor, steps: int, beams: int) -> tuple[Tensor, Tensor]:
    """Continue the prompt tokens (B, L0) by `steps` tokens: (B, steps), and their log-probabilities in nats (B,).

    The prompt is as `generate` wants it. Of all continuations by one token the `beams` likeliest are kept (Sutskever
    et al. 2014, section 3.2); all are equally long, so no length needs to be made up for. One beam is the greedy
    search. Every step is a forward pass over whole sequences, so any architecture will do that need not step. Raises
    ValueError for what `generate` refuses and for fewer than one beam.
    """
    check_prompt(model, prompt, steps)
    if beams < 1:
        raise ValueError(f"beams must be at least 1, got {beams}")
    kept, nats = prompt.unsqueeze(1), torch.zeros(len(prompt), 1, device=prompt.device)
    for _ in range(steps):
        logits = model(kept.flatten(0, 1))[:, -1].unflatten(0, kept.shape[:2])
        extended = nats.unsqueeze(2) + logits.log_softmax(dim=-1)
        nats, chosen = extended.flatten(1).topk(min(beams, extended[0].numel()), dim=1)
        parent = (chosen // logits.shape[2]).unsqueeze(2).expand(-1, -1, kept.shape[2])
        kept = torch.cat((kept.gather(1, parent), (chosen % logits.shape[2]).unsqueeze(2)), dim=2)
    return kept[:, 0, prompt.shape[1] :], nats[:, 0]
