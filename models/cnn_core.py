"""The blocks of the sequence CNN (Bai et al. 2018, section 3), causal or the same both ways, and stacks of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.convolution import dilated_convolution
from models.dense import Dense, takes_convolution


class Block(nn.Module):
    """x + out(GELU(convolve(norm x))): a dilated convolution, then a 1 x 1 convolution.

    `ahead` of the k taps lie after the position; none does in a causal block.
    """

    norm: nn.LayerNorm

    def __init__(self, width: int, inner: int, kernel_size: int, dilation: int, dense: str, ahead: int = 0) -> None:
        super().__init__()
        self.ahead = ahead
        self.padding = (kernel_size - 1 - ahead) * dilation, ahead * dilation
        self.dense = dense
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, inner, kernel_size, dilation=dilation)
        self.out = Dense(inner, width, dense)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return x + self.out(F.gelu(self.convolve(self.norm(x))))

    def convolve(self, normed: Tensor) -> Tensor:
        """(B, L, D) -> pre-activations (B, L, inner); zeros before the sequence, and after it where taps lie ahead."""
        convolution = self.convolution
        if self.dense == "blas" or not takes_convolution(normed):
            return convolution(F.pad(normed.transpose(1, 2), self.padding)).transpose(1, 2).contiguous()
        return dilated_convolution(normed, convolution.weight, convolution.bias, self.dilation, self.ahead)

    def start(self, batch: int) -> Tensor:
        """Ring buffer (dilation, B, D, k - 1) of the last normed inputs; zeros, as the padding of a whole sequence.

        Position p and its k - 1 taps lie `dilation` apart, so they share the entry p mod dilation, oldest first.
        """
        _, width, taps = self.convolution.weight.shape
        return self.convolution.weight.new_zeros(self.dilation, batch, width, taps - 1)

    def step(self, x: Tensor, ring: Tensor, position: int) -> Tensor:
        """One position of a causal block: (B, D) -> (B, D); the ring takes it up in place."""
        past = ring[position % self.dilation]
        taps = torch.cat((past, self.norm(x).unsqueeze(2)), dim=2)
        past.copy_(taps[:, :, 1:])
        z = F.linear(taps.flatten(1), self.convolution.weight.flatten(1), self.convolution.bias)
        return x + self.out(F.gelu(z))

    def frozen(self, normed: Tensor) -> Tensor:
        """The residual branch as an affine map: GELU is z * Phi(z), and its gate Phi(z) does not differentiate."""
        z = self.convolve(normed)
        return self.out(z * torch.special.ndtr(z.detach()))


class Stack(nn.Module):
    """Encoder-only: blocks with dilations 1, 2, 4, ... and `channels` each, `ahead` of their k taps after the position.

    All that lies between embedding and read-out.
    """

    blocks: Sequence[Block]

    def __init__(self, width: int, channels: Iterable[int], kernel_size: int, dense: str, ahead: int = 0) -> None:
        super().__init__()
        self.out_width = width
        self.blocks = nn.ModuleList(  # type: ignore[assignment]
            Block(width, inner, kernel_size, 2**layer, dense, ahead) for layer, inner in enumerate(channels)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = embeddings
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class CNNState(NamedTuple):
    """The positions seen so far, and each block's ring buffer."""

    position: int
    rings: tuple[Tensor, ...]


class CNNCore(Stack):
    """Decoder-only: a causal stack, which can go by position and be explained."""

    def __init__(self, width: int, channels: Iterable[int], kernel_size: int, dense: str) -> None:
        super().__init__(width, channels, kernel_size, dense, ahead=0)

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
