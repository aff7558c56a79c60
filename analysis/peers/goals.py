"""What this project asks of its own speed, and whether the figures reach it. The goals were set before measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.peers.compared import Estimate, Row

FASTEST = "the fastest peer"
WIDEST, GPU_WIDTH = 512, 2048
"""Widths at which a training step's share of the peak is asked for."""


@dataclass(frozen=True)
class Goal:
    """A bound on a figure that every measured cell of it should respect."""

    group: str
    against: str
    """A peer, or FASTEST."""
    at: float


RATIOS = (
    Goal("transformer", FASTEST, 1.10),
    Goal("cnn", "pytorch-tcn", 1.15),
    Goal("cnn", "nn.Conv1d", 0.98),
    Goal("lstm", "nn.LSTM", 0.98),
)
"""Tokens per second of forward and backward, ours over theirs, at least."""
SHARES = {"transformer": 0.65, "cnn": 0.70, "lstm": 0.80}
"""Share of the torch.mm peak that a whole training step reaches at width WIDEST on one CPU thread, at least."""
GPU_SHARES = {"transformer": 0.45}
"""The same on a GPU at width GPU_WIDTH, in bf16 beside the bf16 peak; the other families have no goal there."""
OVERHEAD_AT_MOST = 1.03
"""Time of a learn trial over that of a bare loop."""

MET, MISSED, NOT_MEASURED = "met", "missed", "not measured"
WITHIN_NOISE = ", but its interval reaches across"


def judge(figures: Mapping[str, Any], device: str) -> list[Row]:
    """One row per goal: the worst cell's figure, how many cells reach the goal, and the word for the worst."""
    if device != "cpu":
        return list(_shares(figures["steps"], GPU_SHARES, GPU_WIDTH))
    return [*_ratios(figures), *_shares(figures["steps"], SHARES, WIDEST), _overhead(figures["overhead"])]


def _ratios(figures: Mapping[str, Any]) -> Iterator[Row]:
    for goal in RATIOS:
        if goal.against == FASTEST:
            held = [row for row in figures["fastest"] if row["group"] == goal.group]
            found = [(row["ratio"], f"{_place(row)}, {row['peer']}") for row in held]
        else:
            rows = [r for r in figures["contenders"] if (r["group"], r["who"]) == (goal.group, goal.against)]
            held = [row for row in rows if row["ours_over_it"] is not None]
            found = [(row["ours_over_it"], _place(row)) for row in held]
        yield _row(f"{goal.group}: ours over {goal.against}, forward and backward", goal.at, found)


def _shares(steps: Sequence[Row], goals: Mapping[str, float], width: int) -> Iterator[Row]:
    for group, at in goals.items():
        rows = [row for row in steps if row["group"] == group and row["width"] == width]
        found = [(row["share_of_matmul"], _place(row)) for row in rows if row["share_of_matmul"] is not None]
        yield _row(f"{group}: training step, share of the torch.mm peak at width {width}", at, found)


def _overhead(rows: Sequence[Row]) -> Row:
    found = [(row["ratio"], f"{row['architecture']}, {row['task']}") for row in rows]
    return _row("harness over bare loop, a learn trial", OVERHEAD_AT_MOST, found, at_most=True)


def _row(what: str, at: float, found: Sequence[tuple[Estimate, str]], at_most: bool = False) -> Row:
    """The worst figure decides; its interval says how surely."""
    row: Row = {"goal": what, "at": at, "at_most": at_most, "cells": len(found)}
    if not found:
        return row | {"worst": None, "where": "", "reached": 0, "word": NOT_MEASURED}
    sign = -1.0 if at_most else 1.0
    points = [sign * float(estimate[0] or 0.0) for estimate, _ in found]
    worst, where = found[points.index(min(points))]
    reached = sum(point >= sign * at for point in points)
    word = MET if reached == len(found) else MISSED
    return row | {"worst": worst, "where": where, "reached": reached, "word": word + _doubt(worst, at)}


def _doubt(worst: Estimate, at: float) -> str:
    _, low, high = worst
    if low is None or high is None:
        return ", on one trial without an interval"
    return WITHIN_NOISE if low < at < high else ""


def _place(row: Row) -> str:
    return f"width {row['width']}, n = {row['length']}"
