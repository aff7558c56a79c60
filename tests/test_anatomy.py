"""Anatomy: the numbers that are written down of a forward pass are right, by other arithmetic than the code's own."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from anatomised import seen, taken_apart
from torch import Tensor, nn
from torch.nn import functional as F

from bench.anatomy import attention, flow, lessons
from bench.anatomy.positions import positions
from models.cnn import receptive_field
from models.lstm_roles import LSTMCore

DECODER, BOTH, LSTM, CNN = "transformer-sinusoidal", "transformer-2017", "lstm-forget-bias", "cnn-k3"


def array(values: object) -> np.ndarray:
    return np.array(values, dtype=float)


def close(actual: object, expected: object) -> None:
    np.testing.assert_allclose(array(actual), array(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [DECODER, BOTH, "transformer-rotary", "lstm-attention"])
def test_a_head_followed_by_hand_gives_what_the_kernel_gave(name: str) -> None:
    """Softmax of scaled products over the keys seen, times values: Vaswani et al. 2017, equation 1, in numpy."""
    found = seen(name)["worked_query"]
    scores = array(found["k"]) @ array(found["q"]) / np.sqrt(len(found["q"]))
    scores[~np.array(found["visible"])] = -np.inf
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    close(found["weights"], weights)
    close(found["recorded"], weights @ array(found["v"]))
    assert found["difference"] < 1e-5


def test_the_mask_hides_the_future_in_decoders_and_nothing_in_encoders() -> None:
    for name in (DECODER, BOTH):
        for head in seen(name)["heads"]:
            weights, visible = array(head["weights"]), np.array(head["visible"])
            np.testing.assert_allclose(weights.sum(axis=1), 1)
            masked = head["queries"] == head["keys"] != "source"
            np.testing.assert_array_equal(visible, np.tril(np.ones_like(visible)) if masked else np.ones_like(visible))
            assert ((weights > 0) == visible).all()
    sides = [(head["queries"], head["keys"]) for head in seen(BOTH)["heads"]]
    decoder = [("target", "target"), ("target", "source")]
    assert sides == [("source", "source")] * 2 + decoder * 2


@torch.no_grad()
def test_the_heads_are_those_of_the_models_own_attention_maps() -> None:
    model, lesson, found = taken_apart(DECODER)
    inputs = lessons.followed(lesson.task, 0).inputs
    maps = model.model.core.attention_maps(model.model.embedding(inputs))[:, 0, 0]  # type: ignore[operator]
    close([head["weights"] for head in found["heads"]], maps.numpy())


@pytest.mark.parametrize("mask", [None, torch.eye(5).bool(), torch.arange(25.0).view(5, 5)])
def test_any_mask_of_the_kernel_is_followed(mask: Tensor | None) -> None:
    class Asks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, 2 * x, x + 1, attn_mask=mask, scale=0.3)

    watch = flow.Flow(Asks(), {""})
    watch.run(torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(0)))
    (head, _) = attention.heads(watch.attended[0])
    assert head["difference"] < 1e-6


def test_gates_cell_and_hidden_values_obey_the_equations() -> None:
    cell = seen(LSTM)["cell"]
    i, f, g, o = array(cell["gates"]).T
    c, h = array(cell["cell"]), array(cell["hidden"])
    close(c[1:], f * c[:-1] + i * g)
    close(h[1:], o * np.tanh(c[1:]))
    assert cell["step"] == lessons.PLANTED
    assert cell["difference"] < 1e-5
    for gate, squash in zip(cell["sums"], (sigmoid, sigmoid, np.tanh, sigmoid), strict=True):
        total = np.dot(gate["weight_x"], cell["entering"]) + np.dot(gate["weight_h"], cell["before"]) + gate["bias"]
        assert gate["value"] == pytest.approx(squash(total), rel=1e-5)
    assert [gate["value"] for gate in cell["sums"]] == pytest.approx([x[cell["step"]] for x in (i, f, g, o)])


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def test_the_gates_are_those_that_the_core_itself_tells() -> None:
    model, lesson, found = taken_apart(LSTM)
    core, cell = model.model.core, found["cell"]
    assert isinstance(core, LSTMCore)
    inputs = lessons.followed(lesson.task, 0).inputs
    state = list(core.layer_states(model.model.embedding(inputs)))[cell["layer"]]
    own = [part[0, :, cell["unit"]] for part in state]
    close(array(cell["gates"]).T, torch.stack(own[:4]).numpy())
    close(cell["hidden"][1:], own[4].numpy())


@pytest.mark.parametrize(("name", "kernel"), [(CNN, 3), ("cnn-k8", 8)])
def test_the_taps_reach_the_receptive_field_and_the_gradient_no_farther(name: str, kernel: int) -> None:
    levels = seen(name)["taps"]["levels"]
    for depth, level in enumerate(reversed(levels), start=1):
        # blocks above have the larger dilations, so only the whole stack has the field of the closed form
        steps = sum((kernel - 1) * 2**layer for layer in range(len(levels) - depth, len(levels)))
        assert level["positions"][0] == lessons.LENGTH - 1 - steps
        reached = {position for position in level["positions"] if position >= 0}
        assert {position for position, size in enumerate(level["gradient"]) if size > 0} == reached
    assert len(levels[0]["positions"]) == receptive_field(kernel, len(levels))


def test_a_convolution_followed_by_hand_gives_what_torch_gave() -> None:
    model, _, found = taken_apart(CNN)
    worked = found["taps"]["worked"]
    assert worked["positions"] == [3, 7, 11]
    total = (array(worked["inputs"]) * array(worked["weights"])).sum() + worked["bias"]
    assert worked["recorded"] == pytest.approx(total, rel=1e-4)
    weight = model.model.core.blocks[-1].convolution.weight  # type: ignore[index, union-attr]
    close(array(worked["weights"]).T, weight[worked["channel"]].detach().numpy())


def test_positions_are_the_closed_form_and_depend_on_distance_alone() -> None:
    found = positions(20, 6)
    p, i = np.arange(20)[:, None], np.arange(3)[None]
    angles = p * 10_000.0 ** (-2 * i / 6)
    np.testing.assert_allclose(found["angles"], angles, rtol=1e-6)
    table, turned = array(found["table"]), array(found["turned"])
    np.testing.assert_allclose(table, np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(20, 6), atol=1e-6)
    np.testing.assert_allclose(turned, np.concatenate([np.cos(angles), np.sin(angles)], axis=1), atol=1e-6)
    expected = np.cos(angles[:, None] - angles[None]).sum(axis=-1)
    np.testing.assert_allclose(table @ table.T, expected, atol=1e-5)
    np.testing.assert_allclose(turned @ turned.T, expected, atol=1e-5)
    model = taken_apart(DECODER)[0].model
    assert torch.equal(model.core.positions, torch.tensor(positions(lessons.LENGTH, 8)["table"]))


@torch.no_grad()
def test_the_influence_is_that_of_the_answer() -> None:
    """A nudge along the gradient's direction moves the logit by its norm: by differences, not by autograd."""
    trained, lesson, found = taken_apart(LSTM)
    inputs = lessons.followed(lesson.task, 0).inputs
    model = copy.deepcopy(trained.model).double()
    embedded = model.embedding(inputs).detach()
    best = int(model.from_embeddings(embedded)[0, -1].argmax())
    for position in (0, lessons.PLANTED, lessons.LENGTH - 1):
        slopes = []
        for channel in range(embedded.shape[-1]):
            nudge = torch.zeros_like(embedded)
            nudge[0, position, channel] = 1e-5
            up, down = (model.from_embeddings(embedded + side * nudge)[0, -1, best] for side in (1, -1))
            slopes.append(float(up - down) / 2e-5)
        assert np.linalg.norm(slopes) == pytest.approx(found["influence"][position], rel=1e-3)


def test_the_sequence_that_is_followed_holds_its_answer_where_it_should() -> None:
    for name in (DECODER, LSTM, CNN):
        sequence = seen(name)["sequence"]
        assert sequence["inputs"] == seen(DECODER)["sequence"]["inputs"], "the same for all"
        assert sequence["inputs"][lessons.PLANTED - 1] == sequence["inputs"][-1] == "*"
        assert sequence["answers"] == [""] * 11 + [sequence["inputs"][lessons.PLANTED]]
        assert sequence["planted"] == [lessons.PLANTED]
    both = seen(BOTH)["sequence"]
    assert both["answers"][6:] == both["inputs"][5::-1]
    assert both["inputs"][6] == "go"
    assert (both["place"], seen(BOTH)["worked_query"]["query"]) == (9, 3), "amid the target"
