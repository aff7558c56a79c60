"""The Transformer as GPT-2 and as BERT: the same numbers as Hugging Face's models with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.architecture import ENCODER_ONLY, Interface, SequenceModel, Size
from models.beam import beam_search
from models.generation import generate
from models.transformer import Transformer
from models.transformer_core import sinusoids

transformers = pytest.importorskip("transformers")

LENGTH, V, WIDTH, INNER, DEPTH = 12, 11, 64, 96, 2
AS_GPT = Interface(length=LENGTH, outputs=V, vocabulary=V)
AS_BERT = Interface(length=LENGTH, outputs=V, vocabulary=V, role=ENCODER_ONLY)

# The libraries' insides are their own business, and so are not typed here.


@pytest.fixture(autouse=True)
def stream_as_before() -> Iterator[None]:
    """The libraries draw their initial weights from the global stream."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def randomise(module: nn.Module) -> None:
    """Every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def built(form: Transformer, interface: Interface) -> SequenceModel:
    model = SequenceModel(WIDTH, form.core(Size(WIDTH, DEPTH * INNER), interface), interface).double()
    randomise(model)
    return model


def copy(source: Any, target: Any, transposed: bool = False) -> None:
    target.weight.copy_(source.weight.t() if transposed else source.weight)
    if target.bias is not None:
        target.bias.copy_(source.bias)


@torch.no_grad()
def as_gpt2(mine: Any) -> Any:
    """GPT-2 with its own table of positions set to sines, and a read-out apart from the embedding."""
    config = transformers.GPT2Config(
        vocab_size=V,
        n_positions=LENGTH,
        n_embd=WIDTH,
        n_layer=DEPTH,
        n_head=2,
        n_inner=INNER,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    model: Any = transformers.GPT2LMHeadModel(config).double().eval()
    model.transformer.wte.weight.copy_(mine.embedding.weight)
    model.transformer.wpe.weight.copy_(sinusoids(LENGTH, WIDTH))
    for block, layer in zip(mine.core.blocks, model.transformer.h, strict=True):
        copy(block.attention_norm, layer.ln_1)
        copy(block.attention.qkv, layer.attn.c_attn, transposed=True)
        copy(block.attention.out, layer.attn.c_proj, transposed=True)
        copy(block.feed_forward_norm, layer.ln_2)
        copy(block.expand, layer.mlp.c_fc, transposed=True)
        copy(block.contract, layer.mlp.c_proj, transposed=True)
    copy(mine.core.norm, model.transformer.ln_f)
    mine.readout.bias.zero_()  # GPT-2's read-out has none
    copy(mine.readout, model.lm_head)
    return model


@torch.no_grad()
def as_bert(mine: Any, activation: str) -> Any:
    config = transformers.BertConfig(
        vocab_size=V,
        max_position_embeddings=LENGTH,
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=2,
        intermediate_size=INNER,
        hidden_act=activation,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-5,
    )
    model: Any = transformers.BertModel(config, add_pooling_layer=False).double().eval()
    for block, layer in zip(mine.core.blocks, model.encoder.layer, strict=True):
        parts = (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value)
        for number, part in enumerate(parts):
            part.weight.copy_(block.attention.qkv.weight.chunk(3)[number])
            part.bias.copy_(block.attention.qkv.bias.chunk(3)[number])
        copy(block.attention.out, layer.attention.output.dense)
        copy(block.attention_norm, layer.attention.output.LayerNorm)
        copy(block.expand, layer.intermediate.dense)
        copy(block.contract, layer.output.dense)
        copy(block.feed_forward_norm, layer.output.LayerNorm)
    return model


def draw(batch: int, length: int) -> Tensor:
    return torch.randint(V, (batch, length), generator=torch.Generator().manual_seed(batch))


@torch.no_grad()
def test_decoder_only_is_gpt2() -> None:
    mine = built(Transformer(), AS_GPT)
    theirs, tokens = as_gpt2(mine), draw(3, LENGTH)
    torch.testing.assert_close(theirs(tokens).logits, mine(tokens), rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 2, 5])
def test_what_gpt2_generates_greedily_and_by_beams_so_do_we(beams: int) -> None:
    mine = built(Transformer(), AS_GPT)
    theirs, prompt, steps = as_gpt2(mine), draw(6, 4), 6
    expected = theirs.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=steps,
        num_beams=beams,
        do_sample=False,
        pad_token_id=0,
    )[:, 4:]
    assert torch.equal(beam_search(mine, prompt, steps, beams)[0], expected)
    assert torch.equal(generate(mine, prompt, steps), expected) == (beams == 1), "beams find something else"


@torch.no_grad()
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_encoder_only_is_bert(activation: str) -> None:
    """From its embeddings on, and up to the norm that torch's encoder ends with and BERT's does not."""
    mine = built(Transformer(norm="post", activation=activation, positions="none"), AS_BERT)
    theirs, tokens = as_bert(mine, activation), draw(3, LENGTH)
    expected = mine.core.norm(theirs(tokens).last_hidden_state)
    found = mine.core(theirs.embeddings(tokens))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    flipped = mine.core(theirs.embeddings(tokens).flip(1)).flip(1)
    torch.testing.assert_close(flipped, found, rtol=0, atol=1e-10)
