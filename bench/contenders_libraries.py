"""How other libraries' layers are built for the same work as ours: embeddings (B, L, D) in, (B, L, out) out, causal.

Each runs in its fastest documented way of causal training: fused attention without a mask in memory, no cache, no
dropout, and where a size is free to meet the budget, in multiples of 16 if it can be, since kernels pad what is not.
Libraries beyond torch are imported where they are built, so that one may be missing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Interface, count_parameters, spread
from models.attention import head_count
from models.cnn import covering_layers

TOLERANCE = 0.01
"""Largest difference in trainable numbers between a peer and ours."""
UNITS = (16, 8, 4, 2, 1)
"""Steps in which a peer's free size is sought: the first that meets the tolerance is taken."""
MOST = 1 << 14
KERNEL_SIZE = 3
LSTM_LAYERS = 2


class Shape(NamedTuple):
    """What all contenders have in common."""

    width: int
    depth: int
    """Blocks of the Transformers; an LSTM has two layers, and a CNN as many as cover the length."""
    length: int

    @property
    def interface(self) -> Interface:
        """As a core wants to be told; embedding and read-out are not part of a contender."""
        return Interface(length=self.length, outputs=1, features=1)


def trained_parameters(module: nn.Module) -> int:
    """Trainable numbers of a contender, tables of tokens and positions left out."""
    tables = [table for table in module.modules() if isinstance(table, nn.Embedding)]
    return count_parameters(module) - sum(map(count_parameters, tables))


class Through(nn.Module):
    """A module behind a call of its own: what to hand in, and which part of the answer is the sequence."""

    def __init__(self, module: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.module = module
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, out)."""
        return self.call(self.module, x)


class MaskedEncoder(nn.Module):
    """nn.TransformerEncoder as torch documents it for causal work: a mask, and the hint that it is causal.

    With the hint the fused kernel runs without the mask. Pre-norm with a final norm, as ours; positions are left out.
    """

    mask: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, depth, length = shape
        layer = nn.TransformerEncoderLayer(
            width, head_count(width), 4 * width, dropout=0.0, activation="gelu", norm_first=True, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self.encoder(x, mask=self.mask, is_causal=True)


class PlainConvolutions(nn.Module):
    """Our CNN as a textbook writes it: nn.Conv1d on (B, D, L), and a way there and back around every norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, layers = shape.width, covering_layers(KERNEL_SIZE, shape.length)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, KERNEL_SIZE, dilation=2**layer) for layer in range(layers)
        )
        self.outs = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = x.transpose(1, 2)
        for layer, (norm, convolution, out) in enumerate(zip(self.norms, self.convolutions, self.outs, strict=True)):
            normed = norm(x.transpose(1, 2)).transpose(1, 2)
            x = x + out(F.gelu(convolution(F.pad(normed, ((KERNEL_SIZE - 1) * 2**layer, 0)))))
        return self.norm(x.transpose(1, 2))


def lstm(shape: Shape, parameters: int) -> nn.Module:
    """Bare nn.LSTM, as wide inside as its input: our own sizes."""
    recurrent = nn.LSTM(shape.width, shape.width, LSTM_LAYERS, batch_first=True)
    return Through(recurrent, lambda module, x: module(x)[0])


def gpt2(shape: Shape, parameters: int) -> nn.Module:
    """GPT-2's blocks, 4 D wide: the same sizes as ours. The exact GELU, one kernel where `gelu_new` takes eight."""
    from transformers import AutoModel, GPT2Config

    config = GPT2Config(
        vocab_size=1,
        n_positions=shape.length,
        n_embd=shape.width,
        n_layer=shape.depth,
        n_head=head_count(shape.width),
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
    )
    return Through(AutoModel.from_config(config, attn_implementation="sdpa"), _last_hidden_state)


def llama(shape: Shape, parameters: int) -> nn.Module:
    """Llama's blocks, as many key as query heads; the gated feed-forward layer is about 8/3 D wide."""
    from transformers import AutoModel, LlamaConfig

    def model(inner: int) -> nn.Module:
        config = LlamaConfig(
            vocab_size=1,
            max_position_embeddings=shape.length,
            hidden_size=shape.width,
            intermediate_size=inner,
            num_hidden_layers=shape.depth,
            num_attention_heads=head_count(shape.width),
            bos_token_id=None,
            eos_token_id=None,
            use_cache=False,
        )
        return Through(AutoModel.from_config(config, attn_implementation="sdpa"), _last_hidden_state)

    return _matched(lambda unit, number: model(unit * number), parameters, "transformer/Llama")


def x_transformers(shape: Shape, parameters: int) -> nn.Module:
    """Decoder layers with fused attention and our heads; no rotary positions, as is their default and the faster."""
    from x_transformers import Decoder

    width, heads = shape.width, head_count(shape.width)

    def model(unit: int, number: int) -> nn.Module:
        # the half keeps the multiple, which is cut to a whole number of units, from falling just short of it
        multiple = (unit * number + 0.5) / width
        return Decoder(
            dim=width,
            depth=shape.depth,
            heads=heads,
            attn_dim_head=width // heads,
            attn_flash=True,
            ff_mult=multiple,
            rotary_pos_emb=False,
            verbose=False,
        )

    return _matched(model, parameters, "transformer/x-transformers")


def pytorch_tcn(shape: Shape, parameters: int) -> nn.Module:
    """Two convolutions a level, weight norm, as is its default. The fewest levels that cover the length, as ours.

    As many levels as our CNN has blocks would see twice as far; the fewest that cover are mostly one less, and leave
    the peer wider channels and fewer kernels to launch. The channels, in blocks of 16, are spread over the levels.
    """
    from pytorch_tcn import TCN

    levels = next(n for n in range(1, 64) if 1 + 2 * (KERNEL_SIZE - 1) * (2**n - 1) >= shape.length)

    def model(unit: int, number: int) -> nn.Module:
        channels = [unit * max(1, share) for share in spread(number, levels)]
        return TCN(shape.width, channels, kernel_size=KERNEL_SIZE, dropout=0.0, causal=True, input_shape="NLC")

    return _matched(model, parameters, "cnn/pytorch-tcn")


def _matched(model: Callable[[int, int], nn.Module], parameters: int, subject: str) -> nn.Module:
    """The model of `number` units whose count is within the tolerance, of the coarsest unit that gets there."""

    @cache
    def count(unit: int, number: int) -> int:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return trained_parameters(model(unit, number))

    def nearest(unit: int) -> int:
        counted = partial(count, unit)
        above = 1 + bisect_left(range(1, MOST // unit), parameters, key=counted)
        return min((max(1, above - 1), above), key=lambda number: abs(counted(number) - parameters))

    for unit in UNITS:
        number = nearest(unit)
        if abs(count(unit, number) - parameters) <= TOLERANCE * parameters:
            return model(unit, number)
    raise ValueError(f"{subject} comes no nearer to {parameters} parameters than {count(1, number)}; take a wider one")


def _last_hidden_state(model: nn.Module, x: Tensor) -> Tensor:
    return model(inputs_embeds=x).last_hidden_state
