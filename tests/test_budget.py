"""Budgets are met, cheaply; closed forms agree with counting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models import ARCHITECTURES
from models.architecture import Architecture, Interface, SequenceModel, Size, count_parameters
from models.budget import TOLERANCE, solve
from models.cost import core_parameters, counted_flops, forward_flops, train_step_flops
from models.lstm import LSTM

TOKENS = Interface(length=12, outputs=5, vocabulary=7)
FEATURES = Interface(length=12, outputs=1, features=2)

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


class Rows(nn.Module):
    """A position-wise layer of `inner` units."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.out_width = width
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.contract(self.expand(x))


@dataclass(frozen=True, kw_only=True)
class Stranger(Architecture):
    """Nothing but a core: no natural shape, no valid widths, no closed form."""

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return Rows(size.width, size.inner)


@dataclass(frozen=True, kw_only=True)
class OneKnob(Architecture):
    """A stranger whose core ignores the second knob, with widths in steps."""

    step: int = 1

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return Rows(size.width, size.width)

    def is_valid_width(self, width: int) -> bool:
        return width % self.step == 0


@dataclass(frozen=True, kw_only=True)
class Fixed(Architecture):
    """A stranger of one size."""

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return Rows(4, 4)


@dataclass(frozen=True, kw_only=True)
class Shapeless(Architecture):
    """A stranger that forgets to say how wide its output is."""

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return nn.Linear(size.width, size.width)


@dataclass(frozen=True, kw_only=True)
class Fragile(Architecture):
    """A stranger that does not say which widths it can take."""

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return nn.MultiheadAttention(size.width, 4)


def parameters_at(architecture: Architecture, size: Size, interface: Interface) -> int:
    """Counted by building, on meta."""
    with torch.device("meta"):
        return count_parameters(architecture.core(size, interface))


@every_architecture
@pytest.mark.parametrize("budget", [10_000, 25_000, 100_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("length", [16, 64, 512])
def test_budget_is_met(name: str, budget: int, length: int) -> None:
    architecture = replace(ARCHITECTURES[name], core_parameters=budget)
    interface = Interface(length=length, outputs=8, vocabulary=16)
    size = solve(architecture, interface)
    assert architecture.is_valid_width(size.width)
    assert parameters_at(architecture, size, interface) == pytest.approx(budget, rel=0.005)
    if budget >= 25_000:  # smaller ones leave no room for the textbook's proportions
        assert 0.6 < size.inner / architecture.natural_inner(size.width, interface) < 1.6


@every_architecture
def test_the_built_model_has_what_was_solved(name: str) -> None:
    architecture = ARCHITECTURES[name]
    model = architecture.build(TOKENS)
    size = solve(architecture, TOKENS)
    assert model.embedding.weight.shape == (7, size.width)
    assert count_parameters(model.core) == parameters_at(architecture, size, TOKENS)


@pytest.mark.parametrize(
    "architecture", [*ARCHITECTURES.values(), OneKnob(name="one-knob")], ids=lambda architecture: architecture.name
)
def test_solving_takes_few_builds_and_repeating_it_none(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = []
    original = type(architecture).core

    def counting(self: Architecture, size: Size, interface: Interface) -> nn.Module:
        core = original(self, size, interface)
        builds.append(all(parameter.is_meta for parameter in core.parameters()))
        return core

    monkeypatch.setattr(type(architecture), "core", counting)
    before = torch.get_rng_state()
    interface = Interface(length=48, outputs=3, vocabulary=5)
    architecture = replace(architecture, core_parameters=30_100)  # no width alone comes within 0.1 %
    first = solve(architecture, interface)
    assert torch.equal(torch.get_rng_state(), before)
    has_closed_form = hasattr(architecture, "closed_parameters")
    assert 0 < len(builds) <= (1 if has_closed_form else 150), "a closed form is searched, and its answer built once"
    assert all(builds)  # none took memory
    done = len(builds)
    assert solve(architecture, interface) == first
    assert len(builds) == done


def test_strangers_are_solved_by_counting_alone() -> None:
    for architecture in (Stranger(core_parameters=30_000), OneKnob(core_parameters=30_000)):
        size = solve(architecture, TOKENS)
        assert parameters_at(architecture, size, TOKENS) == pytest.approx(30_000, rel=0.005)
    # ignoring inner: 2 w^2 + 2 w is nearest to 30,000 at w = 122
    assert solve(OneKnob(core_parameters=30_000), TOKENS) == Size(122, 122)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (OneKnob(name="steps", step=50, core_parameters=30_000), "'steps' cannot meet 30000.*20200 .*second knob"),
        (Fixed(name="fixed"), "'fixed' has no valid width.*must grow with the width"),
        (Shapeless(name="shapeless"), "'shapeless'.*integer out_width"),
        (Fragile(name="fragile"), "'fragile'.*width=1.*divisible.*is_valid_width"),
        (Stranger(name="none", core_parameters=0), "'none'.*core_parameters must be at least 1"),
        (replace(ARCHITECTURES["transformer-rotary"], core_parameters=2_000), "cannot meet 2000.*nearest it reaches"),
    ],
)
def test_what_cannot_be_solved_names_the_mend(architecture: Architecture, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        solve(architecture, TOKENS)
    assert "\n" not in str(caught.value)


SIZES = {"transformer": Size(64, 203), "lstm": Size(10, 13), "cnn": Size(10, 33)}


@every_architecture
@pytest.mark.parametrize("interface", [TOKENS, FEATURES], ids=["tokens", "features"])
def test_closed_forms_equal_counting(name: str, interface: Interface) -> None:
    architecture = ARCHITECTURES[name]
    size = SIZES[architecture.family]
    with torch.device("meta"):
        model = SequenceModel(size.width, architecture.core(size, interface), interface)
    assert core_parameters(architecture, size, interface) == count_parameters(model.core)
    assert forward_flops(architecture, size, interface, batch=3) == counted_flops(model, interface, batch=3)


@every_architecture
def test_a_training_step_is_three_forward_passes(name: str) -> None:
    """Backward pass counted too. The LSTM computes no gradient for its zero state: one step in twelve of a third."""
    architecture = ARCHITECTURES[name]
    size = SIZES[architecture.family]
    with torch.device("meta"):
        model = SequenceModel(size.width, architecture.core(size, TOKENS), TOKENS)
        tokens = torch.zeros(3, 12, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        model(tokens).sum().backward()
    counted, stated = counter.get_total_flops(), train_step_flops(architecture, size, TOKENS, batch=3)
    if architecture.family == "lstm":
        assert 1 - 1 / 36 < counted / stated < 1
    else:
        assert counted == stated


def test_a_strangers_cost_is_counted() -> None:
    size = Size(6, 9)
    assert core_parameters(Stranger(), size, TOKENS) == 6 * 9 + 9 + 9 * 6 + 6
    assert forward_flops(Stranger(), size, TOKENS, batch=2) == 2 * 2 * 12 * (6 * 9 + 9 * 6 + 6 * 5)
    assert forward_flops(Stranger(), size, FEATURES) == 2 * 12 * (2 * 6 + 6 * 9 + 9 * 6 + 6 * 1)


def test_counting_refuses_devices_where_kernels_hide() -> None:
    with pytest.raises(ValueError, match="meta"):
        counted_flops(ARCHITECTURES["lstm-chrono"].build(TOKENS), TOKENS)


def test_an_inherited_closed_form_that_no_longer_holds_is_not_believed() -> None:
    class Wider(LSTM):
        def core(self, size: Size, interface: Interface) -> nn.Module:
            core = super().core(size, interface)
            core.extra = nn.Linear(size.inner, size.inner)  # type: ignore[attr-defined]
            return core

    interface = Interface(length=16, outputs=3, vocabulary=5)
    architecture = Wider(name="wider", core_parameters=20_000)
    found = count_parameters(architecture.build(interface).core)
    assert abs(found - 20_000) <= TOLERANCE * 20_000
