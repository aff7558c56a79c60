"""The encoder-decoder of convolutions: a decoder on top of what an encoder made of the source at the same place."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import CrossAttention, KeyValue
from models.cnn_core import CNNCore, CNNState, Stack


class ByteNetState(NamedTuple):
    """The encoder's outputs (B, S, D), the decoder's state, and one set of keys and values if there is attention."""

    encoded: Tensor
    decoder: CNNState
    memory: tuple[KeyValue, ...]


class ByteNetCore(nn.Module):
    """Encoder-decoder (Kalchbrenner et al. 2016, section 3): the decoder is stacked on the encoder, place by place.

    Target t takes in the encoder's output at position t beside its own input: zeros beyond the source, and of a source
    that is longer the rest is left out. With `attention`, the decoder's outputs besides attend to all of the encoder's
    outputs (Gehring et al. 2017, section 3.3; there in every layer, and without the stacking).
    """

    def __init__(self, encoder: Stack, decoder: CNNCore, source: int, attention: CrossAttention | None) -> None:
        super().__init__()
        self.out_width = decoder.out_width
        self.source = source
        self.encoder, self.decoder, self.attention = encoder, decoder, attention

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, S + T, D) -> (B, S + T, D), zeros at the source."""
        source, target = embeddings[:, : self.source], embeddings[:, self.source :]
        encoded = self.encoder(source)
        below = F.pad(encoded, (0, 0, 0, target.shape[1] - self.source))
        out = self._attended(self.decoder(target + below), self._memory(encoded))
        return F.pad(out, (0, 0, self.source, 0))

    def read(self, source: Tensor) -> ByteNetState:
        """The state before the first target position, from the source (B, S, D)."""
        encoded = self.encoder(source)
        return ByteNetState(encoded, self.decoder.start(len(source)), self._memory(encoded))

    def step(self, x: Tensor, state: ByteNetState) -> tuple[Tensor, ByteNetState]:
        """One target position: (B, D) -> (B, D) and the state after it, without end; rings are written in place."""
        position = state.decoder.position
        below = x + state.encoded[:, position] if position < self.source else x
        out, decoder = self.decoder.step(below, state.decoder)
        return self._attended(out.unsqueeze(1), state.memory).squeeze(1), state._replace(decoder=decoder)

    def _memory(self, encoded: Tensor) -> tuple[KeyValue, ...]:
        return () if self.attention is None else (self.attention.read(encoded),)

    def _attended(self, out: Tensor, memory: tuple[KeyValue, ...]) -> Tensor:
        return out if self.attention is None else out + self.attention(out, memory[0])
