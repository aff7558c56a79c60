"""Oracles of the tasks with exact answers, from each definition in words, one sequence at a time.

They read the inputs alone and know nothing of how they were drawn. Symbols are those of the tasks' default fields.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

Answers = dict[int, float]
"""Position -> answer, for exactly the positions that have one."""


def needle(row: list[int]) -> Answers:
    return {len(row) - 1: next(token - 8 for token in row if 8 <= token < 16)}


def latch(row: list[int]) -> Answers:
    return {len(row) - 1: next(token for token in row if token < 8)}


def copy(row: list[int]) -> Answers:
    items = list(itertools.takewhile(lambda token: token < 8, row))
    return {row.index(9) + 1 + k: item for k, item in enumerate(items)}


def adding(row: list[list[float]]) -> Answers:
    return {len(row) - 1: sum(number for number, mark in row if mark)}


def mqar(row: list[int]) -> Answers:
    pairs = itertools.takewhile(lambda p: p[0] < 16 <= p[1] < 32, zip(row[::2], row[1::2], strict=False))
    value_of = dict(pairs)
    return {t: value_of[token] - 16 for t, token in enumerate(row) if t >= 2 * len(value_of) and token in value_of}


def induction(row: list[int]) -> Answers:
    return {len(row) - 1: row[row.index(row[-1]) + 1]}


def flip_flop(row: list[int]) -> Answers:
    stored = -1
    answers: Answers = {}
    for t in range(0, len(row), 2):
        if row[t] == 2:
            stored = row[t + 1]
        elif row[t] == 3:
            answers[t] = stored
    return answers


def parity(row: list[int]) -> Answers:
    return {t: sum(row[: t + 1]) % 2 for t in range(len(row))}


ORACLES: dict[str, Callable[..., Answers]] = {
    "needle": needle,
    "latch": latch,
    "copy": copy,
    "adding": adding,
    "mqar": mqar,
    "induction": induction,
    "flip-flop": flip_flop,
    "parity": parity,
}
