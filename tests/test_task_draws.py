"""What a draw looks like from outside: planted marks, resampling, distributions, and the example in each docstring."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
import torch
from oracles import ORACLES
from scipy import stats

from bench.tasks import TASKS
from bench.tasks.adding import Adding
from bench.tasks.flipflop import FlipFlop
from bench.tasks.induction import Induction
from bench.tasks.latch import Latch
from bench.tasks.mqar import MQAR
from bench.tasks.needle import Needle
from bench.tasks.task import Task, stream

LENGTH = 32
MANY = 8000


def fits(observed: np.ndarray, expected: np.ndarray) -> bool:
    """Chi-square goodness of fit at 0.1 %; `expected` is in shares."""
    return bool(stats.chisquare(observed, expected / expected.sum() * observed.sum()).pvalue > 0.001)


def spread_evenly(values: np.ndarray, cells: int) -> bool:
    return fits(np.bincount(values, minlength=cells), np.ones(cells))


def test_needle_marks_one_value_anywhere_before_the_query() -> None:
    batch = Needle(length=LENGTH).sample(MANY, stream("train", 0))
    inputs = batch.inputs.numpy()
    assert ((inputs >= 8) & (inputs < 16)).sum(1).max() == 1
    assert (((inputs >= 8) & (inputs < 16)) == batch.relevant.numpy()).all()
    assert (inputs[:, -1] == 16).all()
    assert spread_evenly(batch.relevant.numpy().argmax(1), LENGTH - 1)
    assert spread_evenly((inputs[:, :-1] % 8).ravel(), 8)


def test_latch_has_its_class_in_the_first_quarter_and_nowhere_else() -> None:
    task = Latch(length=LENGTH)
    batch = task.sample(MANY, stream("train", 0))
    inputs, positions = batch.inputs.numpy(), batch.relevant.numpy().argmax(1)
    assert ((inputs < 8) == batch.relevant.numpy()).all()
    assert (batch.relevant.sum(1) == 1).all()
    assert spread_evenly(positions, LENGTH // 4)
    assert LENGTH - 1 - positions.max() == task.lag
    assert spread_evenly(inputs[batch.relevant.numpy()], 8)


def test_induction_marks_what_follows_the_first_trigger() -> None:
    batch = Induction(length=LENGTH).sample(MANY, stream("train", 0))
    inputs, positions = batch.inputs.numpy(), batch.relevant.numpy().argmax(1)
    assert (batch.relevant.sum(1) == 1).all()
    assert ((inputs == 16).sum(1) == 2).all()
    assert (inputs[np.arange(MANY), positions - 1] == 16).all()
    assert (inputs[:, -1] == 16).all()
    assert spread_evenly(positions - 1, LENGTH - 2)


def test_adding_marks_two_positions_as_its_field_says() -> None:
    anywhere = Adding(length=LENGTH).sample(MANY, stream("train", 0))
    assert torch.equal(anywhere.relevant, anywhere.inputs[..., 1] == 1)
    pairs = anywhere.relevant.nonzero()[:, 1].view(MANY, 2).numpy()  # raises unless each has exactly two
    first, second = np.triu_indices(LENGTH, 1)
    counts = np.zeros((LENGTH, LENGTH))
    np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    assert fits(counts[first, second], np.ones(len(first)))
    halves = Adding(length=LENGTH, markers="halves").sample(MANY, stream("train", 0)).relevant
    assert (halves[:, : LENGTH // 2].sum(1) == 1).all()
    assert (halves[:, LENGTH // 2 :].sum(1) == 1).all()
    assert stats.kstest(anywhere.inputs[..., 0].numpy().ravel()[:20_000], "uniform").pvalue > 0.001


@pytest.mark.parametrize("queries", ["dense", "once"])
def test_mqar_never_confuses_pairs_queries_and_fillers(queries: str) -> None:
    task = MQAR(length=LENGTH, pairs=5, queries=queries)
    batch = task.sample(MANY, stream("train", 0))
    inputs, scored = batch.inputs.numpy(), batch.scored.numpy()
    keys, values, tail = inputs[:, 0:10:2], inputs[:, 1:10:2], inputs[:, 10:]
    assert all(len(set(row)) == 5 for row in keys)
    assert keys.max() < 16
    assert all(len(set(row)) == 5 for row in values)
    assert values.min() >= 16
    assert values.max() < 32
    assert spread_evenly(keys.ravel(), 16)
    assert spread_evenly(values.ravel() - 16, 16)
    assert not scored[:, :10].any()
    if queries == "dense":
        assert scored[:, 10:].all()
        assert all(set(row) <= set(live) for row, live in zip(tail, keys, strict=True))
        return
    assert all(sorted(row[mark]) == sorted(live) for row, mark, live in zip(tail, scored[:, 10:], keys, strict=True))
    assert tail[~scored[:, 10:]].min() >= 32
    assert spread_evenly(scored[:, 10:].nonzero()[1], LENGTH - 10)


def test_flip_flop_distances_are_geometric_and_its_bits_fair() -> None:
    task = FlipFlop(length=LENGTH, p_ignore=0.6)
    inputs = task.sample(MANY, stream("train", 0)).inputs.numpy()
    instructions, bits, slots = inputs[:, ::2], inputs[:, 1::2], LENGTH // 2
    assert (instructions[:, 0] == 2).all()
    assert (instructions[:, -1] == 3).all()
    assert fits(np.bincount(instructions[:, 1:-1].ravel() - 2), np.array([0.2, 0.2, 0.6]))
    assert spread_evenly(bits[instructions != 3], 2)
    # from the last read back to the latest write: geometric, cut off by the write that opens every sequence
    distances = slots - 1 - np.array([np.flatnonzero(row == 2)[-1] for row in instructions])
    shares = 0.2 * 0.8 ** np.arange(slots - 1)
    shares[-1] = 0.8 ** (slots - 2)
    assert fits(np.bincount(distances, minlength=slots)[1:], shares)


PLANTED = [task(length=LENGTH) for task in TASKS.values() if task.has_planted_positions]


@pytest.mark.parametrize("task", PLANTED, ids=lambda task: task.name)
def test_resampling_redraws_content_and_keeps_roles(task: Task) -> None:
    batch = task.sample(500, stream("test", 0))
    fresh = task.resample(batch, stream("test", 1))
    assert fresh.shape == batch.inputs.shape
    assert fresh.dtype == batch.inputs.dtype
    if task.interface.features:
        assert torch.equal(fresh[..., 1], batch.inputs[..., 1])
        assert (fresh[..., 0] != batch.inputs[..., 0]).float().mean() > 0.99
        return
    # a role is a range of symbols: plain and marked values and the query; class, noise and query; symbol and trigger
    bounds = torch.tensor({"needle": [8, 16], "latch": [8, 16], "induction": [16]}[task.name])
    assert torch.equal(torch.bucketize(fresh, bounds, right=True), torch.bucketize(batch.inputs, bounds, right=True))
    free = batch.inputs < bounds[-1]
    alphabet = task.interface.outputs
    assert stats.binomtest(int((fresh == batch.inputs)[free].sum()), int(free.sum()), 1 / alphabet).pvalue > 0.001
    # the answer to the resampled inputs is as uniform as ever, and independent of the old one
    answers = [ORACLES[task.name](row)[LENGTH - 1] for row in fresh.tolist()]
    table = stats.contingency.crosstab(answers, batch.targets[:, -1].tolist()).count
    assert stats.chi2_contingency(table).pvalue > 0.001


LETTERS = {"w": 2, "r": 3, "i": 4}


def drawn_example(task: type[Task]) -> dict[str, list[str]]:
    """The rows of the example in a task's docstring: label -> one entry a position."""
    rows = re.findall(r"^ {4,}(\w+) +((?:[\w.]+ +){7}[\w.]+)(?: {2,}.*)?$", inspect.getdoc(task) or "", re.MULTILINE)
    return {label: cells.split() for label, cells in rows}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_example_drawn_in_the_docstring_is_true(task: type[Task]) -> None:
    rows = drawn_example(task)
    answers = {t: float(cell) for t, cell in enumerate(rows["targets"]) if cell != "."}
    if task.name == "adding":
        inputs: list = [[float(number), float(mark)] for number, mark in zip(rows["number"], rows["mark"], strict=True)]
    else:
        inputs = [LETTERS.get(cell) or int(cell) for cell in rows["inputs"]]
    if task.measures == "scaling":
        assert [int(cell) for cell in rows["targets"]][:-1] == inputs[1:]
    else:
        assert ORACLES[task.name](inputs) == pytest.approx(answers)
        assert [t for t, cell in enumerate(rows["scored"]) if cell == "x"] == sorted(answers)
    assert ("x" in rows["relevant"]) == task.has_planted_positions
