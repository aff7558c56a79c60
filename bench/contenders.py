"""Who runs beside whom in a peers trial: our cores, and other libraries' layers at equal parameters.

In a group all have the trainable numbers of ours at its natural shape, within 1 %; tables of tokens and positions
are not counted (Kaplan et al. 2020, section 2.1).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from bench import contenders_libraries as libraries
from bench.contenders_libraries import KERNEL_SIZE, LSTM_LAYERS, Shape
from models.architecture import Architecture, Size
from models.cnn import CNN
from models.cost import core_parameters
from models.lstm import LSTM
from models.transformer import Transformer

Builder = Callable[[Shape, int], nn.Module]
"""(shape, trainable numbers to match) -> module (B, L, D) -> (B, L, out), on the default device."""


@dataclass(frozen=True)
class Contender:
    """One of ours, or one peer."""

    build: Builder
    package: str = "torch"
    """What must be installed to build it."""

    @property
    def installed(self) -> bool:
        """Whether it can be built here."""
        return importlib.util.find_spec(self.package) is not None


def group_of(subject: str) -> str:
    """The part of a subject's name that it shares with those it is compared with."""
    return subject.partition("/")[0]


def ours(group: str, shape: Shape) -> Architecture:
    """Our plain variant of a family; its `core_parameters` play no part here."""
    return {
        "transformer": Transformer(name="transformer/ours", depth=shape.depth),
        "lstm": LSTM(name="lstm/ours", depth=LSTM_LAYERS),
        "cnn": CNN(name="cnn/ours", kernel_size=KERNEL_SIZE),
    }[group]


def natural_size(group: str, shape: Shape) -> Size:
    """Our size at a width: four times the width in a feed-forward layer, the width everywhere else."""
    return Size(shape.width, ours(group, shape).natural_inner(shape.width, shape.interface))


def build(subject: str, shape: Shape, seed: int = 0) -> nn.Module:
    """The contender of this name, in training mode, on the CPU, initialised from `seed`.

    Raises ValueError for a width that cannot be split into heads, or that leaves a peer no size at equal parameters.
    """
    group = group_of(subject)
    architecture = ours(group, shape)
    if not architecture.is_valid_width(shape.width):
        raise ValueError(f"width {shape.width} does not suit {architecture.name}; take a multiple of 32")
    parameters = core_parameters(architecture, natural_size(group, shape), shape.interface)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CONTENDERS[subject].build(shape, parameters).train()


def _ours(group: str) -> Contender:
    return Contender(lambda shape, parameters: ours(group, shape).core(natural_size(group, shape), shape.interface))


CONTENDERS: dict[str, Contender] = {
    "transformer/ours": _ours("transformer"),
    "transformer/nn.TransformerEncoder": Contender(lambda shape, parameters: libraries.MaskedEncoder(shape)),
    "transformer/GPT-2": Contender(libraries.gpt2, package="transformers"),
    "transformer/Llama": Contender(libraries.llama, package="transformers"),
    "transformer/x-transformers": Contender(libraries.x_transformers, package="x_transformers"),
    "lstm/ours": _ours("lstm"),
    "lstm/nn.LSTM": Contender(libraries.lstm),
    "cnn/ours": _ours("cnn"),
    "cnn/pytorch-tcn": Contender(libraries.pytorch_tcn, package="pytorch_tcn"),
    "cnn/nn.Conv1d": Contender(lambda shape, parameters: libraries.PlainConvolutions(shape)),
}
"""Subject of a peers trial -> how it is built."""
