"""The LSTM that aligns source and target while it writes (Bahdanau et al. 2015, section 3 and appendix A)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Size
from models.dense import Dense
from models.lstm_layers import LSTMState, run
from models.lstm_roles import BidirectionalCore, LSTMCore


class AlignmentState(NamedTuple):
    """What the encoder made of the source, as values (B, S, 2 H) and as keys (B, S, H), and the decoder's state."""

    values: Tensor
    keys: Tensor
    decoder: LSTMState


class AlignmentCore(nn.Module):
    """Encoder-decoder: a bidirectional LSTM reads; before each step the other chooses what to take from its outputs.

    The decoder's state s chooses by the scores v tanh(W s + U h) of the encoder's outputs h; their mean under the
    softmax enters the decoder beside the embedding. The decoder starts from the encoder's backward states at the first
    position, as an LSTM has them: hidden and cell of every layer. (The paper passes the one through a tanh layer, and
    reads out from the previous state as well.)
    """

    def __init__(self, size: Size, depth: int, source: int, fused: bool = True) -> None:
        super().__init__()
        hidden = self.out_width = size.inner
        self.source = source
        self.encoder = BidirectionalCore(size, depth, fused)
        self.decoder = LSTMCore(Size(size.width + 2 * hidden, hidden), depth, fused)
        self.key = Dense(2 * hidden, hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)  # the key's bias is enough for the sum
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, S + T, D) -> (B, S + T, hidden units), zeros at the source; as many steps as there are targets."""
        state, out = self.read(embeddings[:, : self.source]), []
        for x in embeddings[:, self.source :].unbind(1):
            answer, state = self.step(x, state)
            out.append(answer)
        return F.pad(torch.stack(out, dim=1), (0, 0, self.source, 0))

    def read(self, source: Tensor) -> AlignmentState:
        """The state before the first target position; the keys of the source (B, S, D) are made once."""
        values, ends = run(self.encoder.lstm, source, self.encoder.fused)
        backwards = LSTMState(*(part[1::2].contiguous() for part in ends))
        return AlignmentState(values, self.key(values), backwards)

    def step(self, x: Tensor, state: AlignmentState) -> tuple[Tensor, AlignmentState]:
        """One target position: (B, D) -> (B, hidden units) and the state after it, without end."""
        query = self.query(state.decoder.hidden[-1]).unsqueeze(1)
        alignment = self.score(torch.tanh(query + state.keys)).softmax(dim=1)
        context = (alignment.transpose(1, 2) @ state.values).squeeze(1)
        out, decoder = self.decoder.step(torch.cat((x, context), dim=-1), state.decoder)
        return out, state._replace(decoder=decoder)
