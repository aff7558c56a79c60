"""Real text that needs no download: what `help()` knows of Python's reference manual, in three parts.

Versions of Python differ in it, so a task holds the digest of the text that it was planned with.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from bench.tasks.task import SPLITS

MODULE = "pydoc_data.topics"
HELD_OUT = 0.1
"""Share of the characters that the development part gets, and the test part too."""
OTHER = "\N{REPLACEMENT CHARACTER}"
"""What stands for a character outside the alphabet."""


@lru_cache(maxsize=1)
def digest() -> str:
    """First 12 hex digits of SHA-256 over the file that holds the text, which is not run; "" where there is none."""
    try:
        spec = importlib.util.find_spec(MODULE)
    except ModuleNotFoundError:
        return ""
    read = getattr(spec and spec.loader, "get_data", None)
    return hashlib.sha256(read(spec.origin)).hexdigest()[:12] if read and spec else ""


@lru_cache(maxsize=1)
def documents() -> dict[str, str]:
    """Topic -> its text, without the paragraphs that a shorter topic has too: some topics are made of others.

    Raises ValueError where Python came without its documentation.
    """
    if not digest():
        raise ValueError(f"this Python has no {MODULE} to learn prose from: install its whole standard library")
    topics: dict[str, str] = importlib.import_module(MODULE).topics
    seen: set[str] = set()
    kept = {}
    for name in sorted(topics, key=lambda name: (len(topics[name]), name)):
        fresh = []
        for paragraph in topics[name].split("\n\n"):
            words = " ".join(paragraph.split())
            if words and words not in seen:
                fresh.append(paragraph)
            seen.add(words)
        if fresh:
            kept[name] = "\n\n".join(fresh).strip("\n") + "\n"
    return kept


def parts() -> dict[str, str]:
    """Split -> its documents one after the other; no document is in two of them.

    In an order that only their names decide, documents go to the test part while they fit in, then to the development
    part, and else to the training part.
    """
    texts = documents()
    total = sum(map(len, texts.values()))
    room = {"test": HELD_OUT * total, "development": HELD_OUT * total, "train": math.inf}
    chosen: dict[str, list[str]] = {split: [] for split in SPLITS}
    for name in sorted(texts, key=lambda name: hashlib.sha256(name.encode()).digest()):
        split = next(part for part, left in room.items() if len(texts[name]) <= left)
        room[split] -= len(texts[name])
        chosen[split].append(texts[name])
    return {split: "\n".join(found) for split, found in chosen.items()}


@dataclass(frozen=True, eq=False)
class Corpus:
    """The three parts as tokens."""

    alphabet: str
    """Token -> character; the token after the last one stands for all other characters."""
    tokens: dict[str, Tensor]
    """Split -> (N,) int64."""

    def encode(self, text: str) -> Tensor:
        """Text -> tokens (N,) int64."""
        number = {character: token for token, character in enumerate(self.alphabet)}
        return torch.tensor([number.get(character, len(self.alphabet)) for character in text])

    def decode(self, tokens: Tensor) -> str:
        """Tokens (N,) -> text, in which OTHER stands for what is not in the alphabet."""
        known = len(self.alphabet)
        return "".join(self.alphabet[token] if token < known else OTHER for token in tokens.tolist())

    def bytes(self, split: str) -> bytes:
        """A part as a compressor gets it: what a model reads, one byte a character."""
        return self.decode(self.tokens[split]).replace(OTHER, "\x1a").encode("ascii")


@lru_cache(maxsize=4)
def corpus(symbols: int, expected: str) -> Corpus:
    """The text in `symbols` tokens: the commonest ASCII characters of the training part, and one for all others.

    Raises ValueError if the text is not the one whose digest is expected.
    """
    if expected != digest():
        raise ValueError(
            f"the text of this Python is {digest() or 'missing'} and not {expected or 'missing'}: a run goes on with "
            "the Python that it was begun with"
        )
    texts = parts()
    counts = Counter(character for character in texts["train"] if character.isascii())
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    found = Corpus("".join(ranked[: symbols - 1]), {})
    found.tokens.update({split: found.encode(text) for split, text in texts.items()})
    return found
