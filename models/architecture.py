"""The contract: what a sequence architecture is, and the shell that every one of them shares.

An `Architecture` is a frozen dataclass. Its fields are its configuration, its one mandatory method `core` returns
the part that differs between families; embedding and read-out are the same for all and are not counted in the
budget. What a core may look at depends on the role that the task gives it. Letters: B batch, L length, S source
length, D width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

State = tuple[Any, ...]
"""What a core carries from one position to the next: a NamedTuple of tensors, numbers, and tuples of these."""


DECODER_ONLY, ENCODER_ONLY, ENCODER_DECODER = "decoder-only", "encoder-only", "encoder-decoder"
ROLES = (DECODER_ONLY, ENCODER_ONLY, ENCODER_DECODER)
"""What a position may look at: what came before it (GPT); everything (BERT); or, after a source that is read as a
whole, the source and the target before it (Vaswani et al. 2017)."""


def later(default: Any) -> Any:
    """A field that came after the first published records: at its default it is no part of a trial's identity."""
    return field(default=default, metadata={"later": True})


@dataclass(frozen=True)
class Interface:
    """What a task asks of a model: tokens or real-valued channels in, `outputs` numbers per position out."""

    length: int
    """L, the longest sequence the model will see."""
    outputs: int
    """Width of the read-out: number of classes, or 1 for regression."""
    vocabulary: int = 0
    """V, number of token symbols; 0 when the inputs are real-valued."""
    features: int = 0
    """Channels of real-valued inputs; 0 when the inputs are tokens."""
    role: str = DECODER_ONLY
    """One of ROLES."""
    source: int = 0
    """S, how many of the L positions are the source, at the front; 0 unless the role is encoder-decoder."""

    def __post_init__(self) -> None:
        if (self.vocabulary > 0) == (self.features > 0):
            raise ValueError("an interface has either a vocabulary or features, and not both")
        if self.length < 1 or self.outputs < 1:
            raise ValueError(f"length and outputs must be at least 1, got {self.length} and {self.outputs}")
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {self.role!r}")
        if self.role == ENCODER_DECODER and not 1 <= self.source < self.length:
            raise ValueError(
                f"an encoder-decoder needs a source of 1 to {self.length - 1} positions, got {self.source}"
            )
        if self.role != ENCODER_DECODER and self.source:
            raise ValueError(f"only an encoder-decoder has a source apart, and the role is {self.role}")

    @property
    def target(self) -> int:
        """T, positions after the source; all L where there is none."""
        return self.length - self.source


class Size(NamedTuple):
    """The two knobs that meet a parameter budget."""

    width: int
    """D, width of the embedding that enters the core."""
    inner: int
    """The second knob, in units summed over the layers: feed-forward, convolution or hidden units."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One column of the table. Subclasses add fields and implement `core`."""

    roles: ClassVar[tuple[str, ...]] = (DECODER_ONLY,)
    """What it can be built as, of ROLES."""

    name: str = ""
    family: str = ""
    source: str = ""
    """Hash of the module that a stranger's architecture comes from, so that edited code is measured anew."""
    core_parameters: int = 25_000
    """Budget of trainable numbers in the core; embedding and read-out come on top (Kaplan et al. 2020, section 2.1)."""

    def core(self, size: Size, interface: Interface) -> nn.Module:
        """The part that differs: a module (B, L, D) -> (B, L, out_width), with an attribute `out_width`.

        It keeps to `interface.role`: decoder-only is causal; encoder-only may look both ways; an encoder-decoder reads
        the first S positions both ways and is causal after them, its outputs at the source being zeros.

        To generate position by position a decoder-only core also has `start(batch)` -> state before the first position,
        and `step(x (B, D), state)` -> (out (B, out_width), state after it), equal to the forward pass at that position.
        An encoder-decoder has `read(x (B, S, D))` -> state before the first target position in place of `start`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement core(size, interface)")

    def natural_inner(self, width: int, interface: Interface) -> int:
        """The textbook value of the second knob at this width; the budget solver stays as close to it as it can."""
        return width

    def is_valid_width(self, width: int) -> bool:
        """Whether this width is allowed (head widths, say)."""
        return width >= 1

    def build(self, interface: Interface, seed: int = 0) -> SequenceModel:
        """The whole model, on the CPU, initialised from `seed` alone.

        Raises ValueError if no size meets the budget, and for a role that it cannot play.
        """
        from models.budget import solve

        if interface.role not in self.roles:
            raise ValueError(
                f"{self.name or type(self).__name__} cannot be {interface.role}, only {', '.join(self.roles)}: let its "
                "core keep to interface.role, and add the role to `roles`"
            )

        size = solve(self, interface)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return SequenceModel(size.width, self.core(size, interface), interface)


class SequenceModel(nn.Module):
    """The shared shell: embedding, core, linear read-out at every position."""

    def __init__(self, width: int, core: nn.Module, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        if interface.vocabulary:
            self.embedding: nn.Module = nn.Embedding(interface.vocabulary, width)
        else:
            self.embedding = nn.Linear(interface.features, width)
        self.core = core
        out_width: int = core.out_width  # type: ignore[assignment]
        self.readout = nn.Linear(out_width, interface.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Tokens (B, L) or features (B, L, F) -> logits (B, L, outputs)."""
        return self.from_embeddings(self.embedding(inputs))

    def from_embeddings(self, embeddings: Tensor) -> Tensor:
        """Embeddings (B, L, D) -> logits (B, L, outputs): where attribution methods enter."""
        return self.readout(self.core(embeddings))

    @property
    def can_step(self) -> bool:
        """Whether the core can go position by position."""
        first = "read" if self.interface.role == ENCODER_DECODER else "start"
        return all(callable(getattr(self.core, method, None)) for method in (first, "step"))

    @torch.no_grad()
    def start(self, batch: int) -> State:
        """The state before the first position of `batch` sequences, on the core's device.

        Raises ValueError for a core without `start` and `step`.
        """
        if not self.can_step:
            raise ValueError(
                f"{type(self.core).__name__} cannot go position by position: give it start(batch) -> state and "
                "step(x (B, D), state) -> (out (B, out_width), state)"
            )
        if batch < 1:
            raise ValueError(f"batch must be at least 1, got {batch}")
        return self.core.start(batch)  # type: ignore[operator]

    @torch.no_grad()
    def read(self, source: Tensor) -> State:
        """The state before the first target position, from source tokens (B, S): where an encoder-decoder starts.

        Raises ValueError for a model of another role, and for a source of another length.
        """
        if self.interface.role != ENCODER_DECODER or not self.can_step:
            raise ValueError("only an encoder-decoder whose core has read(x (B, S, D)) and step() reads a source")
        if source.ndim != 2 or source.shape[1] != self.interface.source:
            raise ValueError(f"the source must be (B, {self.interface.source}), got the shape {tuple(source.shape)}")
        return self.core.read(self.embedding(source))  # type: ignore[operator]

    @torch.no_grad()
    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """One position: tokens (B,) or features (B, F) -> logits (B, outputs) and the state after it; no gradients.

        The state that is handed in is spent: its buffers may live on in the state that comes back. Raises ValueError
        for inputs of another shape; a core may, for positions beyond its length.
        """
        expected = (self.interface.features,) if self.interface.features else ()
        if inputs.ndim == 0 or inputs.shape[1:] != expected:
            one = f"features (B, {expected[0]})" if expected else "tokens (B,)"
            raise ValueError(f"a step takes one position, {one}, got the shape {tuple(inputs.shape)}")
        out, state = self.core.step(self.embedding(inputs), state)  # type: ignore[operator]
        return self.readout(out), state

    def intrinsic(self, inputs: Tensor) -> dict[str, Tensor]:
        """What the forward pass itself holds about the last position's answer: method -> relevance (B, L).

        Empty for a core without an `intrinsic` method: such a family has no intrinsic explanation.
        """
        method = getattr(self.core, "intrinsic", None)
        return {} if method is None else method(self.embedding(inputs), self.readout)


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers in a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def state_bytes(state: Any) -> int:
    """Bytes of the tensors in a state, room that is set aside but not yet filled included.

    Raises ValueError for anything but tensors, numbers and tuples of these, whose bytes would go unseen.
    """
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, tuple):
        return sum(map(state_bytes, state))
    if isinstance(state, int | float):
        return 0
    raise ValueError(f"a state holds tensors, numbers and tuples of these, got a {type(state).__name__}")


def spread(total: int, layers: int) -> list[int]:
    """Share `total` units out over layers as evenly as integers allow: 10 over 4 is [3, 3, 2, 2]."""
    base, extra = divmod(total, layers)
    return [base + (layer < extra) for layer in range(layers)]


def ceil_log2(x: float) -> int:
    """Smallest integer e with 2**e >= x."""
    return max(0, math.ceil(math.log2(x)))
