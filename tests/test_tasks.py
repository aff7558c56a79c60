"""Every task: the contract, an oracle that reads the inputs alone, the chance floor, streams, fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from oracles import ORACLES, Answers
from scipy import stats
from torch.utils._python_dispatch import TorchDispatchMode

from bench.tasks import TASKS, find
from bench.tasks.adding import Adding
from bench.tasks.copy import Copy
from bench.tasks.flipflop import FlipFlop
from bench.tasks.induction import Induction
from bench.tasks.latch import Latch
from bench.tasks.mqar import MQAR
from bench.tasks.needle import Needle
from bench.tasks.parity import Parity
from bench.tasks.task import SPLITS, Batch, Task, stream

LENGTH = 32
EVERY = [task(length=LENGTH) for task in TASKS.values()]
EVERY += [Adding(length=LENGTH, markers="halves"), MQAR(length=LENGTH, queries="once"), MQAR(length=LENGTH, pairs=8)]
EXACT = [task for task in EVERY if task.measures != "scaling"]


def id_of(task: Task) -> str:
    return f"{task.name}-{getattr(task, 'markers', getattr(task, 'queries', ''))}".rstrip("-")


def every(tasks: list[Task]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("task", tasks, ids=id_of)


def draw(task: Task, size: int, split: str = "train", seed: int = 0) -> Batch:
    return task.sample(size, stream(split, seed))


def logits_of(answers: list[Answers], task: Task) -> torch.Tensor:
    """What a model sure of these answers would put out: (B, L, outputs)."""
    logits = torch.zeros(len(answers), task.length, task.interface.outputs)
    for row, found in zip(logits, answers, strict=True):
        for t, answer in found.items():
            row[t, 0 if task.interface.outputs == 1 else int(answer)] = answer if task.interface.outputs == 1 else 1.0
    return logits


@every(EXACT)
def test_an_oracle_is_perfect_and_answers_exactly_the_scored_positions(task: Task) -> None:
    batch = draw(task, 200)
    answers = [ORACLES[task.name](row) for row in batch.inputs.tolist()]
    assert [sorted(found) for found in answers] == [row.nonzero().flatten().tolist() for row in batch.scored]
    assert task.score(task.metric(logits_of(answers, task), batch)) == pytest.approx(1, abs=1e-9)


@every([task for task in EXACT if task.name != "adding"])
def test_guessing_lands_on_the_chance_floor(task: Task) -> None:
    batch = draw(task, 2000, seed=1)
    guesses = torch.randint(task.interface.outputs, batch.targets.shape, generator=stream("test", 99))
    if isinstance(task, MQAR):  # its floor is that of a model that knows which values are there
        slot = torch.randint(task.pairs, batch.targets.shape, generator=stream("test", 99))
        guesses = batch.inputs[:, 1 : 2 * task.pairs : 2].gather(1, slot) - task.keys
    if isinstance(task, Parity):  # a window of one token knows the first parity
        guesses[:, 0] = batch.inputs[:, 0]
    metric = task.metric(torch.nn.functional.one_hot(guesses, task.interface.outputs).float(), batch)
    scored = int(batch.scored.sum())
    assert stats.binomtest(round(metric * scored), scored, task.chance).pvalue > 0.01


@pytest.mark.parametrize("markers", ["anywhere", "halves"])
def test_answering_the_mean_pays_the_variance(markers: str) -> None:
    task = Adding(length=LENGTH, markers=markers)
    batch = draw(task, 20_000)
    errors = (batch.targets[:, -1].double() - 1) ** 2
    assert task.metric(torch.ones(20_000, LENGTH, 1), batch) == pytest.approx(errors.mean().item())
    assert abs(errors.mean() - task.chance) < 3 * errors.std() / 20_000**0.5
    assert task.score(task.chance) == 0


@every(EVERY)
def test_a_batch_keeps_the_contract(task: Task) -> None:
    batch, interface = draw(task, 50), task.interface
    assert interface.length == task.length
    assert all(field.shape[:2] == (50, LENGTH) for field in batch)
    assert batch.scored.dtype == batch.relevant.dtype == torch.bool
    assert batch.scored.any(dim=1).all()
    assert bool(batch.relevant.any()) == task.has_planted_positions
    if interface.vocabulary:
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert batch.inputs.min() >= 0
        assert draw(task, 2000).inputs.max() == interface.vocabulary - 1
        answers = batch.targets[batch.scored]
        assert answers.min() >= 0
        assert answers.max() < interface.outputs
    else:
        assert batch.inputs.shape[2:] == (interface.features,)
        assert batch.inputs.dtype == batch.targets.dtype == torch.float32
    logits = torch.zeros(50, LENGTH, interface.outputs, requires_grad=True)
    task.loss(logits, batch).backward()
    assert logits.grad is not None
    assert not logits.grad[~batch.scored].any()


@every(EVERY)
def test_a_generator_decides_the_batch_and_nothing_else_does(task: Task) -> None:
    before, before_numpy = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].copy()
    first, again, other = draw(task, 16), draw(task, 16), draw(task, 16, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.inputs, other.inputs)
    if task.has_planted_positions:
        resampled = [task.resample(first, stream("test", seed)) for seed in (0, 0, 1)]
        assert torch.equal(resampled[0], resampled[1])
        assert not torch.equal(resampled[0], resampled[2])
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state(legacy=False)["state"]["key"] == before_numpy).all()


# Eight items of eight symbols are few enough to coincide by chance, and so are short flip-flops: those two are longer.
@every([task(length=64) for task in TASKS.values() if task not in (Copy, Adding)] + [Copy(length=64, items=16)])
def test_no_sequence_of_one_split_appears_in_another(task: Task) -> None:
    seen = [{row.tobytes() for row in draw(task, 2000, split).inputs.numpy()} for split in SPLITS]
    assert len(set.union(*seen)) == sum(len(rows) for rows in seen)


def test_streams_differ_for_every_split_and_seed() -> None:
    seeds = {stream(split, seed).initial_seed() for split in SPLITS for seed in range(2000)}
    assert len(seeds) == 3 * 2000
    with pytest.raises(ValueError, match="unknown split"):
        stream("validation", 0)


class CountCalls(TorchDispatchMode):
    """Counts the operations that reach torch's dispatcher."""

    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls += 1
        return func(*args, **(kwargs or {}))


@every(EVERY)
def test_drawing_takes_few_calls_whatever_the_batch_and_length(task: Task) -> None:
    # A training step at this length takes hundreds to thousands of far heavier calls.
    draw(task, 2)  # tables are built once
    with CountCalls() as counted:
        draw(task, 64)
    steps = 6 * LENGTH if task.measures == "scaling" else 0  # a chain is walked symbol by symbol
    assert counted.calls <= 60 + steps


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Needle(length=4), "length must be a whole number of at least 8"),
        (lambda: Needle(values=1), "values must be a whole number of at least 2"),
        (lambda: Latch(classes=0), "classes must be"),
        (lambda: Latch(noise=True), "noise must be"),
        (lambda: Copy(length=16, items=8), "need a length of at least 17"),
        (lambda: Copy(items=1.5), "items must be"),  # type: ignore[arg-type]
        (lambda: Adding(markers="thirds"), "markers must be one of anywhere, halves"),
        (lambda: MQAR(keys=3), "keys must be a whole number of at least 4"),
        (lambda: MQAR(values=3), "values must be a whole number of at least 4"),
        (lambda: MQAR(length=11, queries="once"), "need a length of at least 12"),
        (lambda: MQAR(queries="sparse"), "queries must be one of dense, once"),
        (lambda: Induction(symbols=1), "symbols must be"),
        (lambda: FlipFlop(length=33), "length must be even"),
        (lambda: FlipFlop(p_ignore=1.0), "p_ignore must be at least 0 and below 1"),
        (lambda: find("markov")(concentration=0.0), "concentration must be above 0"),  # type: ignore[call-arg]
        (lambda: find("markov")(order=3), "must be at most"),  # type: ignore[call-arg]
        (lambda: find("in-context-markov")(symbols=0), "symbols must be"),  # type: ignore[call-arg]
        (lambda: find("needel"), "unknown task 'needel'; did you mean needle"),
        (lambda: find("json:loads"), "must be a subclass"),
        (lambda: find("no.such.module:Name"), "cannot be imported .ModuleNotFoundError"),
    ],
)
def test_bad_fields_and_names_are_refused_in_one_line(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_the_table_and_a_strangers_task_are_found() -> None:
    assert all(task.name == name and find(name) is task for name, task in TASKS.items())
    assert find("bench.tasks.needle:Needle") is Needle
