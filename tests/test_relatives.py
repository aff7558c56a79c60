"""RNN, GRU, linear attention and minGRU keep the contract, step, and are columns of the table."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from randomised import normal, randomised
from rich.console import Console
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.catalogue import show_catalogue
from bench.contract import check_architecture
from bench.options import make_plan
from models import RELATIVES, find
from models.architecture import Architecture, Interface, SequenceModel, Size, count_parameters, state_bytes
from models.budget import solve
from models.cost import core_parameters, counted_flops, forward_flops, train_step_flops
from models.gru import GRU
from models.min_gru import MinGRU
from models.rnn import RNN

EXPLANATIONS = {
    "rnn": {"state-change"},
    "gru": {"state-change", "update-gate"},
    "linear-attention": {"attention-mean", "attention-last", "rollout"},
    "min-gru": {"state-change", "update-gate"},
}
LENGTH = 150  # two whole chunks of linear attention and a part of a third
TOKENS = Interface(length=LENGTH, outputs=7, vocabulary=7)
FEATURES = Interface(length=LENGTH, outputs=1, features=2)
SHORT = Interface(length=20, outputs=5, vocabulary=7)

every_relative = pytest.mark.parametrize("name", EXPLANATIONS)


def draw(interface: Interface, batch: int = 3) -> Tensor:
    if interface.vocabulary:
        generator = torch.Generator().manual_seed(batch)
        return torch.randint(interface.vocabulary, (batch, interface.length), generator=generator)
    return normal(batch, interface.length, interface.features)


def stepped(model: SequenceModel, inputs: Tensor) -> Tensor:
    """Logits (B, L, outputs), position by position."""
    state, rows = model.start(len(inputs)), []
    for position in range(inputs.shape[1]):
        logits, state = model.step(inputs[:, position], state)
        rows.append(logits)
    return torch.stack(rows, dim=1)


@every_relative
class TestContract:
    def test_is_a_column_of_its_own(self, name: str) -> None:
        relative = RELATIVES[name]
        assert (relative.name, relative.family, relative.depth) == (name, name, 2)  # type: ignore[attr-defined]
        check_architecture(replace(relative, core_parameters=25_000))
        (column,) = make_plan("quick", (name,), "cpu", None, None).strangers
        assert column == relative

    @pytest.mark.parametrize("budget", [25_000, 100_000, 400_000])
    @pytest.mark.parametrize("length", [16, 128])
    def test_meets_budgets(self, name: str, budget: int, length: int) -> None:
        relative = replace(RELATIVES[name], core_parameters=budget)
        interface = Interface(length=length, outputs=8, vocabulary=16)
        size = solve(relative, interface)
        with torch.device("meta"):
            built = count_parameters(relative.core(size, interface))
        assert built == pytest.approx(budget, rel=0.005)
        assert 0.6 < size.inner / relative.natural_inner(size.width, interface) < 1.6

    @pytest.mark.parametrize("interface", [TOKENS, FEATURES, SHORT], ids=["tokens", "features", "short"])
    def test_closed_forms_equal_counting(self, name: str, interface: Interface) -> None:
        relative, size = RELATIVES[name], Size(64, 203)
        with torch.device("meta"):
            model = SequenceModel(size.width, relative.core(size, interface), interface)
        assert core_parameters(relative, size, interface) == count_parameters(model.core)
        assert forward_flops(relative, size, interface, batch=3) == counted_flops(model, interface, batch=3)

    def test_a_training_step_is_three_forward_passes(self, name: str) -> None:
        relative, size = RELATIVES[name], Size(64, 203)
        with torch.device("meta"):
            model = SequenceModel(size.width, relative.core(size, SHORT), SHORT)
            tokens = torch.zeros(3, SHORT.length, dtype=torch.long)
        with FlopCounterMode(display=False) as counter:
            model(tokens).sum().backward()
        share = counter.get_total_flops() / train_step_flops(relative, size, SHORT, batch=3)
        # torch computes no gradient for the zero state: one step in 20 of a third
        assert 1 - 1 / 60 < share < 1 if name in ("rnn", "gru") else share == 1

    def test_sees_everything_before_and_nothing_after(self, name: str) -> None:
        model = RELATIVES[name].build(SHORT).double()
        embeddings = model.embedding(draw(SHORT, batch=1)).detach().requires_grad_()
        for position, answer in enumerate(model.from_embeddings(embeddings).logsumexp(dim=-1)[0]):
            (gradient,) = torch.autograd.grad(answer, embeddings, retain_graph=True)
            reached = gradient[0].abs().sum(dim=-1)
            assert (reached[position + 1 :] == 0).all()
            assert (reached[: position + 1] > 0).all()

    def test_every_number_gets_gradient_and_explanations_leave_none(self, name: str) -> None:
        model, inputs = RELATIVES[name].build(SHORT).double(), draw(SHORT, batch=8)
        relevance = model.intrinsic(inputs)
        assert set(relevance) == EXPLANATIONS[name]
        for scores in relevance.values():
            assert scores.shape == (8, 20)
            assert not scores.requires_grad
            assert (scores >= 0).all()
        assert all(parameter.grad is None for parameter in model.parameters())
        model(inputs).logsumexp(dim=-1).square().mean().backward()
        assert [key for key, p in model.named_parameters() if p.grad is None or (p.grad == 0).any()] == []

    def test_the_seed_alone_decides(self, name: str) -> None:
        before = torch.get_rng_state()
        first, again, other = (RELATIVES[name].build(SHORT, seed).state_dict() for seed in (3, 3, 4))
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(first[key], again[key]) for key in first)
        assert any(not torch.equal(first[key], other[key]) for key in first)


@every_relative
class TestStepping:
    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("interface", [TOKENS, FEATURES], ids=["tokens", "features"])
    @torch.no_grad()
    def test_equals_the_forward_pass_at_every_length(self, name: str, interface: Interface, batch: int) -> None:
        for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
            model = randomised(RELATIVES[name].build(interface), noise=0.1).to(dtype)
            inputs = draw(interface, batch) if interface.vocabulary else draw(interface, batch).to(dtype)
            found = stepped(model, inputs)  # type: ignore[arg-type]
            for length in (1, 2, 63, 64, 65, LENGTH):
                torch.testing.assert_close(found[:, :length], model(inputs[:, :length]), rtol=0, atol=tolerance)

    @torch.no_grad()
    def test_two_batches_in_turns_do_not_disturb_each_other(self, name: str) -> None:
        model = randomised(RELATIVES[name].build(SHORT), noise=0.1)
        batches, expected = [draw(SHORT), draw(SHORT).flip(1)], []
        states = [model.start(3), model.start(3)]  # type: ignore[operator]
        for position in range(20):
            for index, inputs in enumerate(batches):
                logits, states[index] = model.step(inputs[:, position], states[index])  # type: ignore[operator]
                expected = model(inputs[:, : position + 1])[:, -1]
                torch.testing.assert_close(logits, expected, rtol=0, atol=1e-10)

    def test_no_tensor_is_made_on_another_device(self, name: str) -> None:
        model = RELATIVES[name].build(TOKENS).to("meta")
        assert model(torch.zeros(2, LENGTH, dtype=torch.long, device="meta")).is_meta
        state = model.start(2)
        for _ in range(3):
            logits, state = model.step(torch.zeros(2, dtype=torch.long, device="meta"), state)
            assert logits.is_meta
            assert not logits.requires_grad

    @torch.no_grad()
    def test_the_state_does_not_grow(self, name: str) -> None:
        model = RELATIVES[name].build(TOKENS)
        width = model.readout.in_features
        heads = max(1, width // 32)
        numbers = {
            "rnn": 2 * width,
            "gru": 2 * width,
            "linear-attention": 2 * width * (width // heads + 1),
            "min-gru": solve(RELATIVES[name], TOKENS).inner,
        }
        state = model.start(3)
        assert state_bytes(state) == 4 * 3 * numbers[name]
        assert state_bytes(model.step(draw(TOKENS)[:, 0], state)[1]) == 4 * 3 * numbers[name]

    @torch.no_grad()
    def test_goes_on_beyond_the_length_where_no_table_of_positions_ends(self, name: str) -> None:
        model = randomised(RELATIVES[name].build(SHORT), noise=0.1)
        inputs = draw(replace(SHORT, length=60))
        if name == "linear-attention":
            with pytest.raises(ValueError, match="at most 20 positions"):
                stepped(model, inputs)  # type: ignore[arg-type]
        else:
            torch.testing.assert_close(stepped(model, inputs), model(inputs), rtol=0, atol=1e-10)  # type: ignore[arg-type]


def test_a_name_and_a_stranger_are_two_columns() -> None:
    plan = make_plan("quick", ("gru", "models.gru:GRU", "models.min_gru:MinGRU"), "cpu", None, None)
    assert [a.family for a in plan.strangers] == ["gru", "models.gru:GRU", "models.min_gru:MinGRU"]
    stranger = find("models.gru:GRU")
    assert stranger == GRU(name="models.gru:GRU", family="models.gru:GRU", source=stranger.source)
    with pytest.raises(ValueError, match=r"in the table already.*relative.*min-gru.*package\.module:Name"):
        make_plan("quick", ("lstm-chrono",), "cpu", None, None)
    with pytest.raises(ValueError, match="did you mean min-gru"):
        make_plan("quick", ("mingru",), "cpu", None, None)


def test_the_catalogue_lists_every_relative() -> None:
    out = io.StringIO()
    show_catalogue(Console(file=out, width=80, highlight=False))
    assert all(any(line.split()[:1] == [name] for line in out.getvalue().splitlines()) for name in RELATIVES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RNN(depth=0), "depth"),
        (lambda: GRU(depth=0), "depth"),
        (lambda: MinGRU(depth=0), "depth"),
        (lambda: MinGRU(form="tree"), "scan, loop.*'tree'"),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], Architecture], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
