"""The Transformer as encoder-only and encoder-decoder: torch's own modules, masks, and going position by position."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.tracing import structural_reach
from models import ARCHITECTURES, RELATIVES
from models.architecture import (
    DECODER_ONLY,
    ENCODER_DECODER,
    ENCODER_ONLY,
    ROLES,
    Interface,
    SequenceModel,
    Size,
    count_parameters,
)
from models.attention import CrossAttention, Heads, Rotation
from models.cost import core_parameters, counted_flops, forward_flops
from models.transformer import Transformer
from models.transformer_core import EncoderCore, EncoderDecoderCore, sinusoids

SOURCE, TARGET, V = 7, 5, 6
BOTH = Interface(length=SOURCE + TARGET, outputs=V, vocabulary=V, role=ENCODER_DECODER, source=SOURCE)
EITHER_WAY = Interface(length=9, outputs=V, vocabulary=V, role=ENCODER_ONLY)
FORWARD = Interface(length=9, outputs=V, vocabulary=V)
INTERFACES = dict(zip(ROLES, (FORWARD, EITHER_WAY, BOTH), strict=True))
FORMS: dict[str, Transformer] = {
    name: architecture
    for name, architecture in (ARCHITECTURES | RELATIVES).items()
    if isinstance(architecture, Transformer)
}
FORMS["written-out"] = Transformer(name="written-out", fused=False)
FORMS["rotary-2017"] = Transformer(name="rotary-2017", positions="rotary", norm="post", activation="relu")
SEEING = [name for name, form in FORMS.items() if form.attention]
every_form = pytest.mark.parametrize("name", FORMS)
every_seeing_form = pytest.mark.parametrize("name", SEEING)
placed = pytest.mark.parametrize(("norm", "activation"), [("post", "relu"), ("pre", "gelu")])


def randomise(module: nn.Module, noise: float = 0.3) -> None:
    """Every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data.add_(
            noise * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter)
        )


def built(name: str, interface: Interface, noise: float = 0.1) -> SequenceModel:
    model = replace(FORMS[name], core_parameters=25_000).build(interface).double()
    randomise(model, noise)
    return model


def draw(interface: Interface, batch: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    return torch.randint(V, (batch, interface.length), generator=generator)


def embedded(length: int, seed: int = 0) -> Tensor:
    return torch.randn(2, length, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# The same function


def as_torch(state: dict[str, Tensor], norms: dict[str, str]) -> dict[str, Tensor]:
    """Our weights of one stack under torch's names; the two projections of a cross-attention become one."""
    names = {
        "attention.qkv.": "self_attn.in_proj_",
        "cross.out.": "multihead_attn.out_proj.",
        "attention.out.": "self_attn.out_proj.",
        "expand.": "linear1.",
        "contract.": "linear2.",
        "blocks.": "layers.",
        **norms,
    }
    for key in [key for key in state if ".cross.query." in key]:
        joined = torch.cat((state.pop(key), state.pop(key.replace("query", "key_value"))))
        state[key.replace("cross.query.", "multihead_attn.in_proj_")] = joined
    renamed = {}
    for key, value in state.items():
        for ours, theirs in names.items():
            key = key.replace(ours, theirs)
        renamed[key] = value
    return renamed


ENCODER_NORMS = {"attention_norm.": "norm1.", "feed_forward_norm.": "norm2."}
DECODER_NORMS = {"attention_norm.": "norm1.", "cross_norm.": "norm2.", "feed_forward_norm.": "norm3."}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@placed
@pytest.mark.parametrize("fused", [True, False])
def test_encoder_decoder_equals_torch(norm: str, activation: str, fused: bool) -> None:
    form = Transformer(norm=norm, activation=activation, fused=fused, depth=3)
    core = form.core(Size(64, 6 * 96), BOTH).double()
    assert isinstance(core, EncoderDecoderCore)
    randomise(core)
    twin = nn.Transformer(
        64, 2, 3, 3, 96, dropout=0.0, activation=activation, batch_first=True, norm_first=norm == "pre"
    ).double()
    twin.encoder.load_state_dict(as_torch(core.encoder.state_dict(), ENCODER_NORMS))
    twin.decoder.load_state_dict(as_torch(core.decoder.state_dict(), DECODER_NORMS))
    source, target = embedded(SOURCE), embedded(TARGET, seed=1)
    mask = nn.Transformer.generate_square_subsequent_mask(TARGET, dtype=torch.float64)
    expected = twin(source + sinusoids(SOURCE, 64), target + sinusoids(TARGET, 64), tgt_mask=mask)
    found = core(torch.cat((source, target), dim=1))
    torch.testing.assert_close(found[:, SOURCE:], expected, rtol=0, atol=1e-10)
    assert (found[:, :SOURCE] == 0).all()


@placed
def test_encoder_equals_torch(norm: str, activation: str) -> None:
    core = Transformer(norm=norm, activation=activation).core(Size(64, 2 * 96), EITHER_WAY).double()
    randomise(core)
    layer = nn.TransformerEncoderLayer(64, 2, 96, 0.0, activation, batch_first=True, norm_first=norm == "pre")
    twin = nn.TransformerEncoder(layer, 2, nn.LayerNorm(64), enable_nested_tensor=False).double()
    twin.load_state_dict(as_torch(core.state_dict(), ENCODER_NORMS))
    x = embedded(9)
    torch.testing.assert_close(core(x), twin(x + sinusoids(9, 64)), rtol=0, atol=1e-10)


def test_a_mask_is_all_that_parts_encoder_only_from_decoder_only() -> None:
    form = Transformer(depth=1)
    masked, unmasked = (form.core(Size(64, 96), interface).double() for interface in (FORWARD, EITHER_WAY))
    randomise(masked)
    unmasked.load_state_dict(masked.state_dict())
    x = embedded(9)
    torch.testing.assert_close(unmasked(x)[:, -1], masked(x)[:, -1], rtol=0, atol=1e-12)
    assert ((unmasked(x) - masked(x))[:, :-1].abs().amax(-1) > 1e-6).all()


def test_rotary_attention_to_a_source_goes_by_the_distance_of_places() -> None:
    """Place 0 is the first of either: one query and one key, wherever they stand, meet by the difference alone."""
    attention = CrossAttention(24, Rotation(SOURCE, 12), fused=True, dense="direct", heads=Heads(2, 12)).double()
    x = torch.randn(1, 1, 24, dtype=torch.float64)
    key, value = attention.read(x.expand(1, SOURCE, 24))
    query = attention.turned(*attention.split(attention.query(x.expand(1, TARGET, 24)), 1))
    scores = query @ key.mT
    torch.testing.assert_close(scores[..., 1:, 1:], scores[..., :-1, :-1], rtol=0, atol=1e-6)
    assert (scores.std(-1) > 1e-2).all()
    torch.testing.assert_close(value[..., 0, :], value[..., -1, :])


# What may be seen


@every_seeing_form
def test_a_target_sees_the_whole_source_and_no_later_target(name: str) -> None:
    model = built(name, BOTH)
    embeddings = model.embedding(draw(BOTH, batch=1)).detach().requires_grad_()
    for place, answer in enumerate(model.from_embeddings(embeddings).logsumexp(-1)[0, SOURCE:], start=SOURCE):
        (gradient,) = torch.autograd.grad(answer, embeddings, retain_graph=True)
        reached = gradient[0].abs().sum(-1)
        assert (reached[: place + 1] > 0).all()
        assert (reached[place + 1 :] == 0).all()


@every_seeing_form
@pytest.mark.parametrize("role", [ENCODER_ONLY, ENCODER_DECODER])
def test_an_encoder_sees_both_ways(name: str, role: str) -> None:
    model = built(name, INTERFACES[role])
    encoder = model.core if role == ENCODER_ONLY else model.core.encoder
    assert type(encoder) is EncoderCore
    x = torch.randn(1, encoder.length, encoder.out_width, dtype=torch.float64, requires_grad=True)
    for answer in encoder(x)[0, :, 0]:
        (gradient,) = torch.autograd.grad(answer, x, retain_graph=True)
        assert (gradient[0].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("name", ["transformer-sinusoidal", "transformer-rotary", "transformer-2017"])
def test_the_tracer_finds_the_same_paths(name: str) -> None:
    core = built(name, BOTH).float().core
    reached = structural_reach(core, torch.randn(1, BOTH.length, core.out_width))
    expected = torch.ones(BOTH.length, BOTH.length).triu().bool()
    expected[:SOURCE] = True
    expected[:, :SOURCE] = False
    assert torch.equal(reached, expected)


@every_form
def test_where_the_source_stands_nothing_is_answered(name: str) -> None:
    model = built(name, BOTH)
    assert (model.core(model.embedding(draw(BOTH)))[:, :SOURCE] == 0).all()


# What it costs


@every_form
@pytest.mark.parametrize("role", [DECODER_ONLY, ENCODER_ONLY, ENCODER_DECODER])
def test_closed_forms_equal_counting(name: str, role: str) -> None:
    form, interface, size = FORMS[name], INTERFACES[role], Size(64, 203)
    with torch.device("meta"):
        model = SequenceModel(size.width, form.core(size, interface), interface)
    assert core_parameters(form, size, interface) == count_parameters(model.core)
    assert forward_flops(form, size, interface, batch=3) == counted_flops(model, interface, batch=3)
