"""An encoder-decoder Transformer position by position, against its forward pass, and what comes of feeding back."""

from __future__ import annotations

import pytest
import torch
from test_roles_transformer import BOTH, EITHER_WAY, SOURCE, TARGET, V, built, draw, every_form
from torch import Tensor

from models.architecture import SequenceModel
from models.generation import generate

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def stepped(model: SequenceModel, inputs: Tensor) -> Tensor:
    """Logits of the target positions (B, T, outputs)."""
    state, rows = model.read(inputs[:, :SOURCE]), []
    for place in range(SOURCE, inputs.shape[1]):
        logits, state = model.step(inputs[:, place], state)
        rows.append(logits)
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("device", DEVICES)
@every_form
@torch.no_grad()
def test_stepping_equals_the_forward_pass_at_every_target_length(name: str, device: str) -> None:
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        model, inputs = built(name, BOTH).to(device, dtype), draw(BOTH).to(device)
        found = stepped(model, inputs)
        for length in range(1, TARGET + 1):
            whole = model(inputs[:, : SOURCE + length])[:, SOURCE:]
            torch.testing.assert_close(found[:, :length], whole, rtol=0, atol=tolerance)


@every_form
def test_no_tensor_is_made_on_another_device(name: str) -> None:
    """On meta, where mixing with a tensor of the CPU fails; and no graph is kept from step to step."""
    model = built(name, BOTH).to("meta")
    logits = stepped(model, draw(BOTH).to("meta"))
    assert logits.is_meta
    assert not logits.requires_grad
    assert model(draw(BOTH).to("meta")).shape == (3, BOTH.length, V)


@every_form
@torch.no_grad()
def test_greedy_is_the_likeliest_token_of_repeated_forward_passes(name: str) -> None:
    model, sequence = built(name, BOTH, noise=0.5), draw(BOTH, 4)[:, : SOURCE + 2]
    prompt = sequence
    for _ in range(TARGET - 1):
        sequence = torch.cat((sequence, model(sequence)[:, -1].argmax(-1, keepdim=True)), dim=1)
    assert torch.equal(generate(model, prompt, TARGET - 1), sequence[:, SOURCE + 2 :])
    with pytest.raises(ValueError, match=f"cache is full.*at most {TARGET} positions"):
        generate(model, prompt, TARGET)


def test_what_a_role_cannot_do_is_refused() -> None:
    encoder, both = built("transformer-2017", EITHER_WAY), built("transformer-2017", BOTH)
    assert not encoder.can_step
    assert both.can_step
    with pytest.raises(ValueError, match=r"encoder-only.*cannot generate"):
        generate(encoder, draw(EITHER_WAY), 1)
    with pytest.raises(ValueError, match=f"at least one token of the target, got {SOURCE}"):
        generate(both, draw(BOTH)[:, :SOURCE], 1)
    with pytest.raises(ValueError, match="batch 2 on a state of batch 3"):
        both.step(torch.zeros(2, dtype=torch.long), both.read(draw(BOTH)[:, :SOURCE]))
    with pytest.raises(ValueError, match=f"{TARGET + 1} positions.*at most {TARGET}"):
        both(torch.zeros(1, BOTH.length + 1, dtype=torch.long))
