"""What is measured: the three families in their variants, and the way in for a stranger's architecture."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import pkgutil
from dataclasses import dataclass, replace

from models.architecture import Architecture
from models.cnn import CNN
from models.gru import GRU
from models.linear_attention import LinearAttention
from models.lstm import LSTM
from models.min_gru import MinGRU
from models.rnn import RNN
from models.transformer import Transformer

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Transformer(name="transformer-sinusoidal", family="transformer", positions="sinusoidal"),
        Transformer(name="transformer-rotary", family="transformer", positions="rotary"),
        LSTM(name="lstm-forget-bias", family="lstm", initialisation="forget-bias"),
        LSTM(name="lstm-chrono", family="lstm", initialisation="chrono"),
        CNN(name="cnn-k3", family="cnn", kernel_size=3),
        CNN(name="cnn-k8", family="cnn", kernel_size=8),
    )
}

RELATIVES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Transformer(name="transformer-2017", family="transformer", norm="post", activation="relu"),
        Transformer(name="transformer-no-positions", family="transformer", positions="none"),
        Transformer(name="transformer-no-residual", family="transformer", residual=False),
        Transformer(name="transformer-no-norm", family="transformer", norm="none"),
        Transformer(name="transformer-no-feed-forward", family="transformer", feed_forward=False),
        Transformer(name="transformer-no-attention", family="transformer", attention=False),
        Transformer(name="transformer-one-head", family="transformer", one_head=True),
        LSTM(name="lstm-attention", family="lstm", attention=True),
        CNN(name="cnn-attention", family="cnn", kernel_size=3, attention=True),
        RNN(name="rnn", family="rnn"),
        GRU(name="gru", family="gru"),
        LinearAttention(name="linear-attention", family="linear-attention"),
        MinGRU(name="min-gru", family="min-gru"),
    )
}
"""Further columns, judged when they are asked for, and contenders in the claims: name -> architecture."""

BACKENDS: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Transformer(name="transformer-written-out", family="transformer", fused=False),
        Transformer(name="transformer-blas", family="transformer", dense="blas"),
        LSTM(name="lstm-stepwise", family="lstm", fused=False),
        CNN(name="cnn-blas", family="cnn", kernel_size=3, dense="blas"),
    )
}
"""The plain variants on other kernels: the same function of the same weights, timed as factors, never judged."""
BACKEND_OF = {
    "transformer-written-out": "transformer-sinusoidal",
    "transformer-blas": "transformer-sinusoidal",
    "lstm-stepwise": "lstm-forget-bias",
    "cnn-blas": "cnn-k3",
}
"""Each of BACKENDS -> the architecture that it computes."""


@dataclass(frozen=True)
class Family:
    """One column of the interview table and the variants that speak for it."""

    title: str
    plain: str
    """What a textbook or a default gives."""
    candidates: tuple[str, ...]
    """What an expert would choose from, on development seeds: the best variant is the better of these."""


FAMILIES: dict[str, Family] = {
    "transformer": Family(
        "Transformer", "transformer-sinusoidal", candidates=("transformer-sinusoidal", "transformer-rotary")
    ),
    "lstm": Family("LSTM", "lstm-forget-bias", candidates=("lstm-chrono",)),
    "cnn": Family("CNN", "cnn-k3", candidates=("cnn-k3", "cnn-k8")),
}


def find(name: str) -> Architecture:
    """The architecture of a name: one of ARCHITECTURES or RELATIVES, or a stranger's as "package.module:Name".

    A stranger's Name is a subclass of Architecture whose fields all have defaults, or an instance of one; it becomes
    a family of its own. Raises ValueError for anything else. The caller sees to it that the module can be imported.
    """
    ours = ARCHITECTURES | RELATIVES
    if name in ours:
        return ours[name]
    if ":" not in name:
        close = difflib.get_close_matches(name, ours, cutoff=0.4)
        known = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(ours)};"
        raise ValueError(f"unknown architecture {name!r}: {known} Your own is given as package.module:Name")
    return _stranger(name)


def _stranger(name: str) -> Architecture:
    try:
        found = pkgutil.resolve_name(name)
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(
            f"architecture {name!r} cannot be imported ({reason}); give it as package.module:Name, from the folder "
            "that holds the package or with the package installed"
        ) from error
    is_class = isinstance(found, type) and issubclass(found, Architecture)
    if not is_class and not isinstance(found, Architecture):
        raise ValueError(
            f"architecture {name!r} is a {type(found).__name__}; it must subclass models.architecture.Architecture, "
            "or be an instance of such a class"
        )
    try:
        architecture = replace(found() if is_class else found, name=name, family=name, source=_source(found))
        hash(architecture)
    except TypeError as error:
        raise ValueError(
            f"architecture {name!r} cannot be made without arguments ({error}); make it a frozen dataclass whose "
            "fields all have defaults and are hashable, or name an instance of it"
        ) from error
    return architecture


def _source(found: Architecture | type[Architecture]) -> str:
    """First 12 hex digits of the hash of the module's source; empty where there is none to read."""
    try:
        text = inspect.getsource(inspect.getmodule(found if isinstance(found, type) else type(found)))  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
