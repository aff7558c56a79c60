"""Explanations and their scores: closed forms, hand-built models whose truth is known, and whole trials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_built import Ranking, blank, lie, linear, pointer, solver, truth
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from bench.explaining import (
    BINS,
    ITEMS,
    POST_HOC,
    Answer,
    average_precision,
    chance_precision,
    explain,
    explanations,
    intervention,
    score_explanations,
)
from bench.tasks.adding import Adding
from bench.tasks.induction import Induction
from bench.tasks.needle import Needle
from bench.tasks.task import Batch, Task
from bench.training import Trained
from bench.trial import Explain, Recipe
from models import ARCHITECTURES
from models.architecture import SequenceModel

LENGTH = 16
NEEDLE, ADDING = Needle(length=LENGTH), Adding(length=LENGTH)
BOTH = pytest.mark.parametrize("task", [NEEDLE, ADDING], ids=["classification", "regression"])
SMALL = replace(ARCHITECTURES["transformer-rotary"], core_parameters=10_000)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def answer(task: Task, model: SequenceModel, size: int = ITEMS["report"]) -> Answer:
    return Answer(model, task, task.sample(size, seeded(1)))


# The scores


def precision_by_definition(order: NDArray[np.int64], planted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average precision of each row of rankings: the mean over the planted items of the precision at their rank."""
    hits = planted[order]
    precision: NDArray[np.float64] = hits.cumsum(1) / np.arange(1, hits.shape[1] + 1)
    return np.average(precision, axis=1, weights=hits)


@pytest.mark.parametrize(("n", "planted"), [(8, 1), (16, 1), (16, 2), (32, 3), (9, 9)])
def test_chance_precision_is_what_random_rankings_average(n: int, planted: int) -> None:
    marks = np.arange(n) < planted
    order = np.random.default_rng(n).random((50_000, n)).argsort(1)
    simulated = precision_by_definition(order, marks)
    error = simulated.std() / np.sqrt(len(simulated))
    assert abs(chance_precision(torch.from_numpy(marks)[None]) - simulated.mean()) <= 4 * error + 1e-12


def test_chance_precision_averages_over_sequences_with_different_counts() -> None:
    one, two = (torch.arange(10)[None] < k for k in (1, 2))
    assert chance_precision(torch.cat([one, two])) == pytest.approx((chance_precision(one) + chance_precision(two)) / 2)


@pytest.mark.parametrize(
    ("scores", "planted", "expected"),
    [
        ([3, 2, 1, 0], [1, 0, 0, 0], 1.0),
        ([3, 2, 1, 0], [0, 0, 0, 1], 1 / 4),
        ([3, 2, 1, 0], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([0.1, 0.9, 0.5, 0.7], [1, 1, 0, 0], (1 + 2 / 4) / 2),
        ([5, 5, 5, 5], [0, 1, 0, 0], 1 / 4),  # who does not rank is given the precision of all together
        ([float("nan"), 2, 1, 3], [1, 0, 0, 0], 1 / 4),  # an undefined relevance is none at all
    ],
)
def test_average_precision_by_hand(scores: list[float], planted: list[int], expected: float) -> None:
    assert average_precision(torch.tensor([scores]), torch.tensor([planted]).bool()) == pytest.approx(expected)


def test_average_precision_is_scikit_learns_ties_included() -> None:
    scores = torch.randint(6, (200, 12), generator=seeded()).double()
    planted = torch.rand(200, 12, generator=seeded()) < 0.3
    planted[:, 3] = True
    expected = average_precision_score(planted.numpy(), scores.numpy(), average="samples")
    assert average_precision(scores, planted) == pytest.approx(expected, abs=1e-12)


# Causal intervention and faithfulness


def assert_finds_exactly_what_was_planted(asked: Answer) -> None:
    change, planted = intervention(asked, seeded()), asked.batch.relevant
    assert change[~planted].abs().max() < 1e-6
    # with eight values, all four redraws hit the old one in one sequence of 4096
    assert (change[planted] > 1e-3).double().mean() > 0.95
    assert average_precision(change, planted) > 0.95


@BOTH
def test_intervention_finds_exactly_the_planted_positions(task: Task) -> None:
    asked = answer(task, solver(task))
    assert task.score(task.metric(asked.model(asked.inputs), asked.batch)) > 0.999, "the hand-built model is right"
    assert_finds_exactly_what_was_planted(asked)


def test_intervention_on_a_pointer_finds_the_answer_and_not_the_pointer() -> None:
    """Redrawing keeps roles: the trigger stays a trigger, so only the symbol after it can move the answer."""
    task = Induction(length=LENGTH)
    assert_finds_exactly_what_was_planted(answer(task, pointer(task.interface)))


def scores_of(task: Task, ranking: Ranking = truth) -> dict[tuple[str, str], float]:
    """(metric, method) -> value, for a model that solves its task and explains itself by a ranking."""
    asked, control = answer(task, solver(task, ranking), 200), answer(task, blank(task.interface), 200)
    return {(m.metric, m.subject): m.value for m in score_explanations(asked, control, seeded(2))}


def test_removing_and_keeping_what_an_oracle_names() -> None:
    """Closed form: needle's answer is lost with 7/8 when the marked value is redrawn, and with nothing else.

    The marked position is among the top k of a random ranking with k/L.
    """
    found = scores_of(NEEDLE)
    share = sum(BINS) / len(BINS) / LENGTH
    assert found["comprehensiveness", "intrinsic/own"] == pytest.approx(7 / 8, abs=0.05)
    assert found["sufficiency", "intrinsic/own"] == pytest.approx(0, abs=1e-6)
    assert found["comprehensiveness", "random"] == pytest.approx(7 / 8 * share, abs=0.05)
    assert found["sufficiency", "random"] == pytest.approx(7 / 8 * (1 - share), abs=0.05)


@BOTH
def test_an_oracle_beats_a_random_ranking_and_a_liar_does_not(task: Task) -> None:
    honest, dishonest = scores_of(task, truth), scores_of(task, lie)
    for metric, sign in (("comprehensiveness", 1), ("sufficiency", -1)):
        assert sign * honest[metric, "intrinsic/own"] > sign * honest[metric, "random"]
        assert sign * dishonest[metric, "intrinsic/own"] < sign * dishonest[metric, "random"]
    assert honest["explanation_nap", "intrinsic/own"] == pytest.approx(1)
    assert dishonest["explanation_nap", "intrinsic/own"] < 0


@BOTH
def test_every_method_has_its_untrained_control_and_its_price(task: Task) -> None:
    found = scores_of(task)
    methods = {f"posthoc/{name}" for name in POST_HOC} | {"intrinsic/own"}
    for metric in ("explanation_nap", "untrained_nap", "milliseconds"):
        assert {subject for m, subject in found if m == metric} == methods
    assert all(abs(found["untrained_nap", name]) < 0.3 for name in methods), "the control knows of no mark"


# Methods


@BOTH
def test_post_hoc_methods_have_their_closed_forms_on_a_linear_model(task: Task) -> None:
    """f(e) = sum_t a_t . e_t + b, with a_t the weight of position t times the read-out of the chosen class."""
    weights = torch.randn(LENGTH, generator=seeded(5))
    model = linear(task.interface, weights)
    asked = answer(task, model, 20)
    readout = model.readout.weight.detach()
    chosen = readout.expand(20, -1) if task is ADDING else readout[model(asked.inputs)[:, -1].argmax(-1)]
    slope = weights[None, :, None] * chosen[:, None]
    e = model.embedding(asked.inputs).detach()
    centred = e - e.mean((0, 1))
    expected = {
        "gradient-norm": slope.norm(dim=-1),
        "input-x-gradient": (slope * e).sum(-1).abs(),
        "integrated-gradients-zero": (slope * e).sum(-1).abs(),
        "integrated-gradients-mean": (slope * centred).sum(-1).abs(),
        "occlusion": (slope * centred).sum(-1).abs(),
    }
    assert expected.keys() == POST_HOC.keys()
    for name, method in POST_HOC.items():
        torch.testing.assert_close(method(asked, e), expected[name].float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["transformer-rotary", "lstm-chrono", "cnn-k3"])
def test_explanations_stay_with_their_sequence(name: str) -> None:
    """Permuting the batch permutes every relevance: no method mixes sequences up."""
    model = replace(ARCHITECTURES[name], core_parameters=10_000).build(NEEDLE.interface, seed=0)
    batch = NEEDLE.sample(12, seeded(1))
    order = torch.randperm(12, generator=seeded(2))
    shuffled = Batch(*(part[order] for part in batch))
    one, other = ({n: s for n, s, _ in explanations(Answer(model, NEEDLE, b))} for b in (batch, shuffled))
    assert len(one) > len(POST_HOC), "intrinsic ones as well"
    for method, scores in one.items():
        torch.testing.assert_close(scores[order], other[method], rtol=1e-3, atol=1e-5)


# Whole trials


def trial(steps: int = 200) -> Explain:
    return Explain(architecture=SMALL, task=NEEDLE, recipe=Recipe(learning_rate=1e-2, steps=steps))


EXPLAINING = {"intervention_ap", "explanation_nap", "untrained_nap", "milliseconds", "comprehensiveness", "sufficiency"}


@pytest.fixture(scope="module")
def solved() -> tuple[Trained, Trained]:
    """One trial, run twice."""
    torch.set_num_threads(1)
    return explain(trial()), explain(trial())


def test_only_a_solved_model_is_asked(solved: tuple[Trained, Trained]) -> None:
    unsolved = explain(trial(steps=5))
    assert (unsolved.solved, solved[0].solved) == (False, True)
    assert not EXPLAINING & {m.metric for m in unsolved.measurements}
    assert {m.metric for m in solved[0].measurements} >= EXPLAINING


def test_a_trained_transformer_is_scored_beside_its_untrained_self(solved: tuple[Trained, Trained]) -> None:
    found = {(m.metric, m.subject): m.value for m in solved[0].measurements}
    assert found["intervention_ap", ""] >= 0.95
    methods = {subject for metric, subject in found if metric == "explanation_nap"}
    assert {"intrinsic/attention-mean", "intrinsic/attention-last", "intrinsic/rollout"} < methods
    assert methods == {subject for metric, subject in found if metric == "untrained_nap"}
    assert any(found["explanation_nap", m] > found["untrained_nap", m] + 0.3 for m in methods)


def test_a_repeated_trial_is_bit_equal_but_for_its_price(solved: tuple[Trained, Trained]) -> None:
    one, other = (
        [(m.metric, repr(m.value), m.subject, m.step) for m in trained.measurements if "seconds" not in m.metric]
        for trained in solved
    )
    assert one == other


@BOTH
def test_only_right_answers_are_explained(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explanation of an error has no planted truth to be compared with."""
    model, seen = solver(task), list[Answer]()

    def spy(asked: Answer, *_: object) -> list[object]:
        seen.append(asked)
        return []

    with torch.no_grad():  # blind to one class; a tenth too low, which is too much for sums above 1
        model.readout.weight[-1] *= 0.0 if task is NEEDLE else 0.9
    monkeypatch.setattr("bench.explaining.train", lambda trial: Trained(model, solved=True))
    monkeypatch.setattr("bench.explaining.score_explanations", spy)
    explain(replace(trial(), task=task))
    targets = seen[0].batch.targets[:, -1]
    assert len(targets) == ITEMS["report"]
    assert targets.max() < (7 if task is NEEDLE else 1.001)
