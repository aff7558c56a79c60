"""The LSTM against its cell equations, and its initialisations against what they promise."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from models.architecture import Interface, Size
from models.lstm import LSTM, LSTMCore

LENGTH = 20
TOKENS = Interface(length=LENGTH, outputs=5, vocabulary=7)


def randomise(module: nn.Module) -> None:
    """Every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data.add_(0.3 * noise.to(parameter))


class Step(NamedTuple):
    """What one layer held at one step, each (hidden units,)."""

    input_gate: Tensor
    candidate: Tensor
    hidden: Tensor


def lstm_by_hand(core: LSTMCore, x: Tensor) -> list[list[Step]]:
    """The cell equations on (L, D), one step and one layer at a time: layers of steps."""
    layers = []
    for layer in range(core.lstm.num_layers):
        w, u, b, c = (getattr(core.lstm, f"{n}_l{layer}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        hidden = cell = torch.zeros(u.shape[1], dtype=x.dtype)
        steps = []
        for step in x:
            i, f, g, o = (w @ step + b + u @ hidden + c).chunk(4)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
            steps.append(Step(i.sigmoid(), g.tanh(), hidden))
        layers.append(steps)
        x = torch.stack([step.hidden for step in steps])
    return layers


@pytest.fixture
def core() -> LSTMCore:
    """Two layers of 13 units on an embedding of 10, in float64, with every weight and bias alive."""
    core = LSTM().core(Size(10, 13), TOKENS).double()
    randomise(core)
    return core


def test_lstm_equals_its_cell_equations(core: LSTMCore) -> None:
    x = torch.randn(LENGTH, 10, dtype=torch.float64)
    expected = torch.stack([step.hidden for step in lstm_by_hand(core, x)[-1]])
    torch.testing.assert_close(core(x[None])[0], expected, rtol=0, atol=1e-12)


def test_gates_carry_the_cell_to_the_same_hidden_states(core: LSTMCore) -> None:
    states = list(core.layer_states(torch.randn(2, LENGTH, 10, dtype=torch.float64)))
    assert len(states) == 2
    for state in states:
        cell = torch.zeros(2, 13, dtype=torch.float64)
        for t in range(LENGTH):
            cell = state.forget_gate[:, t] * cell + state.input_gate[:, t] * state.candidate[:, t]
            hidden = state.output_gate[:, t] * cell.tanh()
            torch.testing.assert_close(state.hidden[:, t], hidden, rtol=0, atol=1e-10)


def test_intrinsic_is_what_the_steps_did(core: LSTMCore) -> None:
    x = torch.randn(LENGTH, 10, dtype=torch.float64)
    expected = {method: torch.zeros(LENGTH, dtype=torch.float64) for method in ("state-change", "input-gate")}
    for steps in lstm_by_hand(core, x):
        before = torch.zeros(13, dtype=torch.float64)
        for t, step in enumerate(steps):
            expected["state-change"][t] += (step.hidden - before).square().sum().sqrt() / 2
            expected["input-gate"][t] += step.input_gate.sum() / 2
            before = step.hidden
    state = torch.get_rng_state()
    found = core.intrinsic(x[None], nn.Identity())
    assert torch.equal(torch.get_rng_state(), state)
    assert set(found) == set(expected)
    for method, relevance in expected.items():
        torch.testing.assert_close(found[method][0], relevance.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("initialisation", ["forget-bias", "chrono"])
def test_lstm_initialisation(initialisation: str) -> None:
    hidden, length = 300, 101
    core = LSTM(initialisation=initialisation).core(Size(8, hidden), Interface(length=length, outputs=2, vocabulary=2))
    for layer in range(2):
        for gate in getattr(core.lstm, f"weight_hh_l{layer}").chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(hidden), rtol=0, atol=1e-4)
        for gate in getattr(core.lstm, f"weight_ih_l{layer}").chunk(4):
            bound = math.sqrt(6 / sum(gate.shape))
            assert 0.95 * bound < gate.abs().max() <= bound
        input_bias, forget_bias, candidate_bias, output_bias = getattr(core.lstm, f"bias_ih_l{layer}").chunk(4)
        assert not torch.cat((candidate_bias, output_bias, getattr(core.lstm, f"bias_hh_l{layer}"))).any()
        if initialisation == "forget-bias":
            assert (forget_bias == 1).all()
            assert not input_bias.any()
        else:
            assert torch.equal(input_bias, -forget_bias)
            spans = forget_bias.exp()
            assert 1 <= spans.min() < 5
            assert 96 < spans.max() <= length - 1 + 1e-3
            assert spans.mean().item() == pytest.approx(50.5, abs=5 * 28.6 / math.sqrt(hidden))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, LENGTH), (4, 7)])
def test_stepwise_is_torchs_own_forward_and_backward(depth: int, batch: int, length: int) -> None:
    results: list[tuple[dict[str, Tensor], tuple[Tensor, ...]]] = []
    for fused in (True, False):
        core = LSTM(depth=depth, fused=fused).core(Size(10, 13), TOKENS).double()
        randomise(core)
        x = torch.randn(batch, length, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        x.requires_grad_()
        if results:
            core.load_state_dict(results[0][0])
        out = core(x)
        gradients = torch.autograd.grad(out.square().sum(), (x, *core.parameters()))
        results.append((core.state_dict(), (out, *gradients)))
    for found, expected in zip(results[1][1], results[0][1], strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_stepwise_never_calls_the_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    core = LSTM(fused=False).core(Size(10, 13), TOKENS)
    monkeypatch.setattr(nn.LSTM, "forward", None)
    assert core(torch.randn(2, LENGTH, 10)).shape == (2, LENGTH, 13)
