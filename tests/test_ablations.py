"""Every ablation of the Transformer lacks what its name says, and nothing else, at the same number of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.contract import check_architecture
from bench.tracing import structural_reach
from models import ARCHITECTURES, RELATIVES, find
from models.architecture import ENCODER_DECODER, ENCODER_ONLY, ROLES, Architecture, Interface, count_parameters
from models.attention import Heads, SelfAttention
from models.transformer import Transformer

LENGTH = 10
PLAIN = ARCHITECTURES["transformer-sinusoidal"]
CHANGED = {
    "transformer-2017": {"norm", "activation"},
    "transformer-no-positions": {"positions"},
    "transformer-no-residual": {"residual"},
    "transformer-no-norm": {"norm"},
    "transformer-no-feed-forward": {"feed_forward"},
    "transformer-no-attention": {"attention"},
    "transformer-one-head": {"one_head"},
}
every_relative = pytest.mark.parametrize("name", CHANGED)


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Modules and buffers made in float64, from one seed."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_default_dtype(before)


def interface(role: str, length: int = LENGTH) -> Interface:
    source = length // 2 if role == ENCODER_DECODER else 0
    return Interface(length=length, outputs=5, vocabulary=7, role=role, source=source)


def core_of(name: str, role: str = ROLES[0], changed: float = 0.1) -> nn.Module:
    """Every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    core = replace(find(name), core_parameters=25_000).build(interface(role)).core
    for parameter in core.parameters():
        parameter.data.add_(changed * torch.randn(parameter.shape))
    return core


def drawn(core: nn.Module, batch: int = 2) -> Tensor:
    return torch.randn(batch, LENGTH, core.out_width)


@every_relative
def test_one_thing_is_changed_and_no_more(name: str) -> None:
    form = RELATIVES[name]
    assert form.name == name
    assert form.family == "transformer"
    differing = {f.name for f in fields(form) if getattr(form, f.name) != getattr(PLAIN, f.name)}
    assert differing == {"name", *CHANGED[name]}


@every_relative
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("budget", [25_000, 100_000, 1_000_000])
def test_the_budget_is_met_within_half_a_percent(name: str, role: str, budget: int) -> None:
    form = replace(RELATIVES[name], core_parameters=budget)
    with torch.device("meta"):
        found = count_parameters(form.build(interface(role)).core)
    assert found == pytest.approx(budget, rel=0.005)


@every_relative
def test_each_keeps_the_contract_and_says_how_it_looks(name: str) -> None:
    form: Architecture = replace(RELATIVES[name], core_parameters=25_000)
    check_architecture(form)
    model = form.build(interface(ROLES[0]))
    relevance = model.intrinsic(torch.zeros(2, LENGTH, dtype=torch.long))
    expected = set() if name == "transformer-no-attention" else {"attention-mean", "attention-last", "rollout"}
    assert set(relevance) == expected
    for scores in relevance.values():
        torch.testing.assert_close(scores.sum(-1), torch.ones(2))


@every_relative
def test_the_tracer_sees_who_sees_whom(name: str) -> None:
    core = core_of(name)
    alone = torch.eye(LENGTH).bool()
    expected = alone if name == "transformer-no-attention" else torch.ones(LENGTH, LENGTH).triu().bool()
    assert torch.equal(structural_reach(core, drawn(core, batch=1)), expected)


# No positions


def test_without_positions_order_is_nothing_but_the_mask() -> None:
    order = torch.randperm(LENGTH)
    core = core_of("transformer-no-positions", ENCODER_ONLY)
    x = drawn(core)
    torch.testing.assert_close(core(x[:, order]), core(x)[:, order], rtol=0, atol=1e-12)
    for name, role in (("transformer-no-positions", ROLES[0]), ("transformer-sinusoidal", ENCODER_ONLY)):
        other = core_of(name, role)
        x = drawn(other)
        assert (other(x[:, order]) - other(x)[:, order]).abs().max() > 1e-3


# No attention


@pytest.mark.parametrize("role", ROLES)
def test_without_attention_a_position_sees_itself(role: str) -> None:
    core = core_of("transformer-no-attention", role)
    x = drawn(core, batch=1)
    jacobian = torch.autograd.functional.jacobian(lambda x: core(x)[0, :, :3].sum(-1), x)[:, 0].abs().sum(-1)
    answering = torch.arange(LENGTH) >= (LENGTH // 2 if role == ENCODER_DECODER else 0)
    assert torch.equal(jacobian > 0, torch.diag(answering))
    assert not any(isinstance(part, SelfAttention) for part in core.modules())


# No residual connections


def silenced(name: str) -> nn.Module:
    """A core whose layers answer nought, so that only what goes past them is left."""
    core = core_of(name)
    for block in core.blocks:
        for part in (block.attention.out, block.contract):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
    return core


def test_without_residuals_nothing_goes_past_a_layer() -> None:
    plain, without = silenced("transformer-sinusoidal"), silenced("transformer-no-residual")
    x = drawn(plain)
    torch.testing.assert_close(plain(x), plain.norm(x + plain.positions), rtol=0, atol=1e-12)
    x = drawn(without)
    torch.testing.assert_close(without(x), without.norm.bias.expand_as(x), rtol=0, atol=1e-12)


def test_the_rollout_without_residuals_is_the_product_of_the_maps() -> None:
    core = core_of("transformer-no-residual")
    first, last = core.attention_maps(x := drawn(core)).mean(2)
    torch.testing.assert_close(core.intrinsic(x, nn.Identity())["rollout"], (last @ first)[:, -1], rtol=0, atol=1e-12)


# No norms, no feed-forward layers, and where the norms were in 2017


def attended(block: nn.Module, x: Tensor, heads: int) -> Tensor:
    """torch's own causal attention with the block's weights."""
    twin = nn.MultiheadAttention(x.shape[-1], heads, batch_first=True)
    twin.in_proj_weight.data, twin.in_proj_bias.data = block.attention.qkv.weight.data, block.attention.qkv.bias.data
    twin.out_proj.load_state_dict(block.attention.out.state_dict())
    return twin(x, x, x, attn_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype))[0]


def norms(core: nn.Module) -> int:
    return sum(isinstance(part, nn.LayerNorm) for part in core.modules())


def test_without_norms_layers_take_and_leave_what_there_is() -> None:
    core = core_of("transformer-no-norm")
    x = drawn(core)
    expected = x + core.positions
    for block in core.blocks:
        expected = expected + attended(block, expected, block.attention.heads)
        expected = expected + block.contract(F.gelu(block.expand(expected)))
    torch.testing.assert_close(core(x), expected, rtol=0, atol=1e-11)
    assert (norms(core), norms(core_of("transformer-sinusoidal"))) == (0, 5)


def test_without_feed_forward_layers_there_is_attention_alone() -> None:
    core = core_of("transformer-no-feed-forward")
    x = drawn(core)
    expected = x + core.positions
    for block in core.blocks:
        expected = expected + by_hand(block.attention, block.attention_norm(expected))
    torch.testing.assert_close(core(x), core.norm(expected), rtol=0, atol=1e-11)
    assert (norms(core), sum(isinstance(part, nn.Linear) for part in core.modules())) == (3, 4)


def by_hand(attention: SelfAttention, x: Tensor) -> Tensor:
    """Causal attention, one query and one head at a time, heads as wide as they are."""
    count, width, length = attention.heads, attention.head_width, x.shape[1]
    query, key, value = attention.qkv(x).unflatten(-1, (3, count, width)).unbind(2)
    mixed = torch.zeros(len(x), length, count, width)
    for row in range(length):
        for head in range(count):
            scores = (key[:, : row + 1, head] @ query[:, row, head].unsqueeze(-1)).squeeze(-1) / math.sqrt(width)
            weights = scores.softmax(-1).unsqueeze(1)
            mixed[:, row, head] = (weights @ value[:, : row + 1, head]).squeeze(1)
    return attention.out(mixed.flatten(2))


def test_heads_may_be_as_wide_as_they_like() -> None:
    attention = SelfAttention(26, None, fused=True, heads=Heads(3, 11))
    x = torch.randn(2, LENGTH, 26)
    torch.testing.assert_close(attention(x), by_hand(attention, x), rtol=0, atol=1e-12)


def test_in_2017_a_norm_came_last_and_the_activation_was_a_ramp() -> None:
    core = core_of("transformer-2017", changed=0.0)
    x = drawn(core)
    for block in core.blocks:
        middle = block.attention_norm(x + attended(block, x, block.attention.heads))
        expected = block.feed_forward_norm(middle + block.contract(block.expand(middle).clamp(min=0)))
        x = block(x)
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(x.mean(-1), torch.zeros(2, LENGTH), rtol=0, atol=1e-12)
        torch.testing.assert_close(x.var(-1, unbiased=False), torch.ones(2, LENGTH), rtol=1e-3, atol=0)


def test_one_head_is_as_wide_as_the_model() -> None:
    core = core_of("transformer-one-head")
    x = drawn(core)
    assert core.attention_maps(x).shape == (2, 2, 1, LENGTH, LENGTH)
    block, normed = core.blocks[0], core.blocks[0].attention_norm(x)
    torch.testing.assert_close(block.attention(normed), attended(block, normed, 1), rtol=0, atol=1e-12)
    wide = replace(PLAIN, core_parameters=100_000).build(interface(ROLES[0])).core
    assert wide.attention_maps(drawn(wide)).shape[2] == 2


def test_a_block_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="leave it one"):
        Transformer(attention=False, feed_forward=False)
    for field in ("norm", "activation"):
        with pytest.raises(ValueError, match=f"{field} must be one of .*, got 'other'"):
            Transformer(**{field: "other"})


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary", "none"])
@pytest.mark.parametrize("taken", [{"feed_forward": False}, {"attention": False}, {"one_head": True}])
def test_ablations_meet_with_every_kind_of_position(positions: str, taken: dict[str, bool]) -> None:
    form = Transformer(positions=positions, core_parameters=30_000, **taken)
    for role in ROLES:
        model = form.build(interface(role))
        assert count_parameters(model.core) == pytest.approx(30_000, rel=0.005)
        assert model(torch.zeros(2, LENGTH, dtype=torch.long)).isfinite().all()
