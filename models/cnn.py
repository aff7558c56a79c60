"""The sequence CNN: residual blocks of causal, dilated convolution (Bai et al. 2018, section 3), normalised before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size, spread
from models.convolution import causal_convolution
from models.dense import Dense, checked, takes_convolution

SMALLEST_WIDTH = 8


def receptive_field(kernel_size: int, layers: int) -> int:
    """Positions that the last output sees, with dilations 1, 2, 4, ... (Bai et al. 2018, section 3.2)."""
    return 1 + (kernel_size - 1) * (2**layers - 1)


def covering_layers(kernel_size: int, length: int) -> int:
    """The least number of layers, at least one, whose receptive field covers `length` positions."""
    return next(layers for layers in itertools.count(1) if receptive_field(kernel_size, layers) >= length)


@dataclass(frozen=True, kw_only=True)
class CNN(Architecture):
    """Dilated causal CNN, just deep enough to see the whole length: it is told the length by its depth.

    The second knob is the convolution channels summed over the layers, D per layer by nature. Covering has a price
    where the length just exceeds a receptive field: with k = 3 and L a power of two, the last layer's farthest tap
    lies exactly L back and meets padding only (one tap of 18 at L = 64). Those weights stay in the count.
    """

    kernel_size: int = 3
    """k, taps of each convolution."""
    dense: str = "direct"
    """How layers multiply, see models.dense; "blas" also takes the convolution as torch's nn.Conv1d lays it out."""

    def __post_init__(self) -> None:
        if self.kernel_size < 2:
            raise ValueError(f"kernel_size must be at least 2, or no depth covers the length; got {self.kernel_size}")
        checked(self.dense)

    def core(self, size: Size, interface: Interface) -> CNNCore:
        """The stack of blocks: (B, L, D) -> (B, L, D)."""
        return CNNCore(self, size, covering_layers(self.kernel_size, interface.length))

    def natural_inner(self, width: int, interface: Interface) -> int:
        """As many channels as the embedding is wide, in each layer."""
        return width * covering_layers(self.kernel_size, interface.length)

    def is_valid_width(self, width: int) -> bool:
        """At least 8 channels, so that every layer keeps some."""
        return width >= SMALLEST_WIDTH

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form."""
        width, inner = size
        layers = covering_layers(self.kernel_size, interface.length)
        return inner * ((self.kernel_size + 1) * width + 1) + layers * 3 * width + 2 * width

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions, padding counted."""
        return 2 * interface.length * size.inner * size.width * (self.kernel_size + 1)


class Block(nn.Module):
    """x + out(GELU(convolve(norm x))): a causal dilated convolution, then a 1 x 1 convolution."""

    norm: nn.LayerNorm

    def __init__(self, width: int, inner: int, kernel_size: int, dilation: int, dense: str) -> None:
        super().__init__()
        self.reach = (kernel_size - 1) * dilation
        self.dense = dense
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, inner, kernel_size, dilation=dilation)
        self.out = Dense(inner, width, dense)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return x + self.out(F.gelu(self.convolve(self.norm(x))))

    def convolve(self, normed: Tensor) -> Tensor:
        """(B, L, D) -> pre-activations (B, L, inner); zeros on the left, so that nothing comes from the future."""
        convolution = self.convolution
        if self.dense == "blas" or not takes_convolution(normed):
            return convolution(F.pad(normed.transpose(1, 2), (self.reach, 0))).transpose(1, 2).contiguous()
        return causal_convolution(normed, convolution.weight, convolution.bias, self.dilation)

    def start(self, batch: int) -> Tensor:
        """Ring buffer (dilation, B, D, k - 1) of the last normed inputs; zeros, as the padding of a whole sequence.

        Position p and its k - 1 taps lie `dilation` apart, so they share the entry p mod dilation, oldest first.
        """
        _, width, taps = self.convolution.weight.shape
        return self.convolution.weight.new_zeros(self.dilation, batch, width, taps - 1)

    def step(self, x: Tensor, ring: Tensor, position: int) -> Tensor:
        """One position: (B, D) -> (B, D); the ring takes it up in place."""
        past = ring[position % self.dilation]
        taps = torch.cat((past, self.norm(x).unsqueeze(2)), dim=2)
        past.copy_(taps[:, :, 1:])
        z = F.linear(taps.flatten(1), self.convolution.weight.flatten(1), self.convolution.bias)
        return x + self.out(F.gelu(z))

    def frozen(self, normed: Tensor) -> Tensor:
        """The residual branch as an affine map: GELU is z * Phi(z), and its gate Phi(z) does not differentiate."""
        z = self.convolve(normed)
        return self.out(z * torch.special.ndtr(z.detach()))


class CNNState(NamedTuple):
    """The positions seen so far, and each block's ring buffer."""

    position: int
    rings: tuple[Tensor, ...]


class CNNCore(nn.Module):
    """The blocks between embedding and read-out, dilations 1, 2, 4, ..."""

    blocks: Sequence[Block]

    def __init__(self, architecture: CNN, size: Size, layers: int) -> None:
        super().__init__()
        self.out_width = size.width
        self.blocks = nn.ModuleList(  # type: ignore[assignment]
            Block(size.width, inner, architecture.kernel_size, 2**layer, architecture.dense)
            for layer, inner in enumerate(spread(size.inner, layers))
        )
        self.norm = nn.LayerNorm(size.width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = embeddings
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def start(self, batch: int) -> CNNState:
        """Empty ring buffers."""
        return CNNState(0, tuple(block.start(batch) for block in self.blocks))

    def step(self, x: Tensor, state: CNNState) -> tuple[Tensor, CNNState]:
        """One position: (B, D) -> (B, D) and the state after it, without end; the rings are written in place."""
        for block, ring in zip(self.blocks, state.rings, strict=True):
            x = block.step(x, ring, state.position)
        return self.norm(x), state._replace(position=state.position + 1)

    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """Class-activation map (Zhou et al. 2016, section 2), (B, L): the size of what a position contributes.

        A negative contribution argues against the predicted class and is as relevant as a positive one, so
        the absolute value is given; `contributions` has the signs.
        """
        return {"cam": self.contributions(embeddings, readout).abs()}

    def contributions(self, embeddings: Tensor, readout: nn.Module) -> Tensor:
        """What each position adds to the predicted class's logit at the last position; signed, (B, L).

        With the GELU gate and the deviations of the layer normalisations held at their values, the logit is an affine
        function of the taps of the last block, so input times gradient splits it over them exactly, but for
        the bias terms; the block's identity path counts for the last position.
        """
        with torch.no_grad():
            below = embeddings
            for block in self.blocks[:-1]:
                below = block(below)
            normed = self.blocks[-1].norm(below)
        below, normed = (x.detach().requires_grad_() for x in (below, normed))
        with torch.enable_grad():
            top = self._answer(below + self.blocks[-1].frozen(normed), readout)
            identity, taps = torch.autograd.grad(top, (below, normed))
        # below the last position the identity path has no gradient: only that position's residual reaches the answer
        return (normed * taps + below * identity).sum(dim=-1).detach()

    def _answer(self, x: Tensor, readout: nn.Module) -> Tensor:
        """The predicted class's logit at the last position, summed over the batch."""
        return readout(_frozen_norm(self.norm, x[:, -1])).max(dim=-1).values.sum()


def _frozen_norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """Layer normalisation as an affine map: its deviation does not differentiate."""
    centred = x - x.mean(dim=-1, keepdim=True)
    deviation = (centred.detach().square().mean(dim=-1, keepdim=True) + norm.eps).sqrt()
    return centred / deviation * norm.weight + norm.bias
