"""Every architecture of the table and every relative, in each role that it can play: one contract for all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from in_roles import SOURCE, TARGET, alive, allowed, draw, reach, stepped, tokens

from models import ARCHITECTURES, RELATIVES
from models.architecture import ENCODER_DECODER, ENCODER_ONLY, ROLES, Interface, SequenceModel, count_parameters
from models.budget import TOLERANCE, solve
from models.cost import ClosedForm, core_parameters, counted_flops, forward_flops

EVERY = ARCHITECTURES | RELATIVES
PLAYED = [(name, role) for name, architecture in EVERY.items() for role in architecture.roles]
LENGTH = SOURCE + TARGET
SEES_ITSELF_ALONE = {"transformer-no-attention"}

in_every_role = pytest.mark.parametrize(("name", "role"), PLAYED)


def test_every_family_of_the_table_plays_every_role() -> None:
    for role in ROLES:
        families = {EVERY[name].family for name, played in PLAYED if played == role}
        assert {"transformer", "lstm", "cnn"} <= families
    assert all(architecture.name == name for name, architecture in EVERY.items())


@pytest.mark.parametrize("name", EVERY)
def test_what_it_cannot_play_is_refused_in_one_line(name: str) -> None:
    for role in set(ROLES) - set(EVERY[name].roles):
        with pytest.raises(ValueError, match=f"{name} cannot be {role}, only .*decoder-only") as caught:
            EVERY[name].build(tokens(role))
        assert "\n" not in str(caught.value)


@in_every_role
@torch.no_grad()
def test_shapes_and_zeros_at_the_source(name: str, role: str) -> None:
    interface = tokens(role)
    model = EVERY[name].build(interface)
    inputs = draw(interface)
    out = model.core(model.embedding(inputs))
    assert out.shape == (3, LENGTH, model.core.out_width)
    assert out.isfinite().all()
    assert not out[:, : interface.source].any()
    assert (out[:, interface.source :] != 0).any(-1).all()
    assert model(inputs).shape == (3, LENGTH, interface.outputs)


@in_every_role
def test_each_position_sees_what_the_role_says(name: str, role: str) -> None:
    interface = tokens(role)
    model = alive(EVERY[name].build(interface), noise=0.1)
    found, expected = reach(model.core, LENGTH, model.embedding.weight.shape[1]), allowed(interface)
    if name in SEES_ITSELF_ALONE:
        expected &= torch.eye(LENGTH, dtype=torch.bool)
    assert torch.equal(found, expected)


@in_every_role
def test_deterministic_from_the_seed_alone(name: str, role: str) -> None:
    interface = tokens(role)
    before = torch.get_rng_state()
    first, again, other = (EVERY[name].build(interface, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@in_every_role
def test_every_parameter_gets_gradient(name: str, role: str) -> None:
    interface = tokens(role)
    model = alive(EVERY[name].build(interface), noise=0.0)
    logits = model(draw(interface, batch=8))[:, interface.source :]
    logits.logsumexp(dim=-1).square().mean().backward()
    without = {key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    unseen = name in SEES_ITSELF_ALONE and role == ENCODER_DECODER
    assert without == {key for key, _ in model.named_parameters() if unseen and key.startswith("core.encoder")}


@in_every_role
def test_stepping_equals_the_forward_pass(name: str, role: str) -> None:
    interface = tokens(role)
    model = alive(EVERY[name].build(interface), noise=0.1)
    if role == ENCODER_ONLY:
        assert not model.can_step
        return
    inputs = draw(interface)
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        model = model.to(dtype)
        with torch.no_grad():
            whole = model(inputs)[:, interface.source :]
        torch.testing.assert_close(stepped(model, inputs), whole, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", [name for name, role in PLAYED if role == ENCODER_DECODER])
def test_reading_and_stepping_make_no_tensor_on_another_device(name: str) -> None:
    """On meta, where mixing with a tensor of the CPU fails."""
    model = EVERY[name].build(tokens(ENCODER_DECODER)).to("meta")
    model(torch.zeros(2, LENGTH, dtype=torch.long, device="meta"))
    state = model.read(torch.zeros(2, SOURCE, dtype=torch.long, device="meta"))
    for _ in range(TARGET):
        logits, state = model.step(torch.zeros(2, dtype=torch.long, device="meta"), state)
        assert logits.is_meta
        assert logits.shape == (2, 5)
        assert not logits.requires_grad


@pytest.mark.parametrize("budget", [25_000, 100_000])
@pytest.mark.parametrize("source", [8, 12, 16])
@in_every_role
def test_all_meet_one_budget_in_every_role(name: str, role: str, source: int, budget: int) -> None:
    architecture = replace(EVERY[name], core_parameters=budget)
    interface = tokens(role, source, source)
    size = solve(architecture, interface)
    with torch.device("meta"):
        found = count_parameters(architecture.core(size, interface))
    assert abs(found - budget) <= TOLERANCE * budget


@in_every_role
@pytest.mark.parametrize(("source", "target"), [(7, 6), (4, 9)])
def test_closed_forms_equal_counting(name: str, role: str, source: int, target: int) -> None:
    architecture = EVERY[name]
    if not isinstance(architecture, ClosedForm):
        pytest.skip("its cost is counted")
    interface: Interface = tokens(role, source, target)
    size = solve(architecture, interface)
    with torch.device("meta"):
        model = SequenceModel(size.width, architecture.core(size, interface), interface)
    assert core_parameters(architecture, size, interface) == count_parameters(model.core)
    assert forward_flops(architecture, size, interface, batch=3) == counted_flops(model, interface, batch=3)
