"""Sequence to sequence: oracles, floors counted out, roles, and what a model is asked when it was trained."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.claims import examine_sequences
from bench.records import Measurement
from bench.tasks import CLAIM_TASKS, find
from bench.tasks.prose import Prose
from bench.tasks.sequences import Reverse, Sort, Transduction
from bench.tasks.task import stream
from bench.trial import Learn
from models import ARCHITECTURES
from models.architecture import DECODER_ONLY, ENCODER_DECODER, ENCODER_ONLY, Interface

TRANSDUCTIONS = [
    task(length=length, role=role)
    for task in (Reverse, Sort)
    for length in (8, 24)
    for role in (ENCODER_DECODER, DECODER_ONLY)
]
EACH = pytest.mark.parametrize("task", TRANSDUCTIONS, ids=lambda t: f"{t.name}-{t.length}-{t.role}")


def value(rows: list[Measurement], metric: str, subject: str = "") -> float:
    (found,) = (row.value for row in rows if (row.metric, row.subject) == (metric, subject))
    return found


# Sequence to sequence


def turned(task: Transduction, source: list[int]) -> list[int]:
    return source[::-1] if task.name == "reverse" else sorted(source)


def sure_of(tokens: Tensor, outputs: int) -> Tensor:
    return torch.nn.functional.one_hot(tokens, outputs).float()


@EACH
def test_the_second_half_is_the_answer_fed_back_after_go(task: Transduction) -> None:
    batch, n = task.sample(50, stream("train", 0)), task.length // 2
    for inputs, targets, scored in zip(*(part.tolist() for part in batch[:3]), strict=True):
        answer = turned(task, inputs[:n])
        assert targets[n:] == answer
        assert inputs[n:] == [task.symbols, *answer[:-1]]
        assert scored == [False] * n + [True] * n
        assert max(inputs[:n]) < task.symbols
    assert task.metric(sure_of(batch.targets, task.symbols), batch) == 1


@EACH
def test_one_wrong_symbol_spoils_a_sequence_and_the_source_counts_for_nothing(task: Transduction) -> None:
    batch = task.sample(40, stream("train", 1))
    said = batch.targets.clone()
    said[:, : task.items] = 3
    said[:7, -1] = (said[:7, -1] + 1) % task.symbols
    assert task.score(task.metric(sure_of(said, task.symbols), batch)) == pytest.approx(33 / 40, abs=1e-4)


@pytest.mark.parametrize("task", [Reverse(length=8, symbols=2), Sort(length=8, symbols=3), Sort(length=12, symbols=4)])
def test_chance_is_how_often_the_likeliest_answer_is_right(task: Transduction) -> None:
    """Every source there is, counted."""
    answers = Counter(
        tuple(turned(task, list(source))) for source in itertools.product(range(task.symbols), repeat=task.items)
    )
    (_, most), *_ = answers.most_common(1)
    assert task.chance == pytest.approx(most / answers.total())
    batch = task.sample(20_000, stream("train", 2))
    drawn = Counter(map(tuple, batch.targets[:, task.items :].tolist()))
    (_, most), *_ = drawn.most_common(1)
    assert most / 20_000 == pytest.approx(task.chance, rel=0.2)


def test_only_an_encoder_decoder_has_its_source_apart() -> None:
    assert Reverse(length=16).interface == Interface(
        length=16, vocabulary=17, outputs=16, role=ENCODER_DECODER, source=8
    )
    assert Sort(length=16, role=DECODER_ONLY).interface == Interface(length=16, vocabulary=17, outputs=16)


@pytest.mark.parametrize("wrong", [{"length": 9}, {"role": ENCODER_ONLY}, {"symbols": 1}, {"length": 6}])
def test_what_cannot_be_a_task_of_sequences_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="task reverse"):
        Reverse(**wrong)


class Scripted:
    """A decoder-only model that knows the right answer, but is sure of 0 as the first symbol whatever it is."""

    def __init__(self, task: Transduction) -> None:
        self.task, self.interface = task, task.interface

    def __call__(self, inputs: Tensor) -> Tensor:
        n, read = self.task.items, inputs.shape[1]
        said = torch.cat([torch.zeros_like(inputs[:, :1]).expand(-1, n + 1), self.task.answer(inputs[:, :n])[:, 1:]], 1)
        return 9 * sure_of(said, self.task.symbols)[:, :read]

    def start(self, batch: int) -> tuple[Tensor]:
        return (torch.zeros(batch, 0, dtype=torch.long),)

    def step(self, tokens: Tensor, state: tuple[Tensor]) -> tuple[Tensor, tuple[Tensor]]:
        read = torch.cat([state[0], tokens[:, None]], dim=1)
        full = torch.nn.functional.pad(read, (0, self.task.length - read.shape[1]))
        return self(full)[:, read.shape[1] - 1], (read,)


@pytest.mark.parametrize("task", [Reverse(length=8, symbols=4, role=DECODER_ONLY)])
def test_a_model_is_asked_for_whole_answers_and_for_symbols(task: Transduction) -> None:
    trial = Learn(architecture=ARCHITECTURES["cnn-k3"], task=task)
    rows = examine_sequences.examine(Scripted(task), trial)  # type: ignore[arg-type]
    assert {row.metric for row in rows} == {"greedy_exact_match", "beam_exact_match", "token_accuracy"}
    exact = value(rows, "greedy_exact_match")
    assert 0.1 < exact < 0.4  # one first symbol in four
    assert value(rows, "beam_exact_match") == exact
    assert value(rows, "token_accuracy") == pytest.approx((exact + 3) / 4)
    with pytest.raises(ValueError, match="prose has no source"):
        examine_sequences.examine(Scripted(task), replace(trial, task=Prose(length=32)))  # type: ignore[arg-type]


def test_the_tasks_are_found_by_name() -> None:
    assert {name: find(name) for name in ("reverse", "sort", "prose")}.items() <= CLAIM_TASKS.items()
    assert find("sort") is Sort
    assert all(find(name) is task and task.name == name for name, task in CLAIM_TASKS.items())
    with pytest.raises(ValueError, match="did you mean prose"):
        find("pros")
