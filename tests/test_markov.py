"""The two Markov sources: exact entropies, walks that follow their tables, Bayes forecasts checked three ways."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from bench.tasks import chain
from bench.tasks.markov import Markov
from bench.tasks.markov_context import InContextMarkov
from bench.tasks.task import Batch, Task, stream

SMALL = Markov(length=24, symbols=4, order=2, concentration=0.5, source_seed=3)


def pair_matrix(task: Markov) -> np.ndarray:
    """The transition matrix over pairs of symbols, written out from the rows: (K * K, K * K)."""
    k, rows = task.symbols, task.source.transitions.numpy()
    matrix = np.zeros((k * k, k * k))
    for older in range(k):
        for newer in range(k):
            matrix[older * k + newer, newer * k : newer * k + k] = rows[older * k + newer]
    return matrix


def by_sequence(task: Task, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean loss of each sequence, nats; the metric must be their mean, as all have as many scored positions."""
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch.targets, reduction="none")
    losses = (losses * batch.scored).sum(1) / batch.scored.sum(1)
    assert task.metric(logits, batch) == pytest.approx(losses.mean().item())
    return losses


def meets(losses: torch.Tensor, expected: float) -> bool:
    """Whether a mean of independent losses is within 3 standard errors of what it should be."""
    return bool((losses.mean() - expected).abs() < 3 * losses.std() / len(losses) ** 0.5)


def test_the_stationary_law_and_entropies_agree_with_linear_algebra() -> None:
    matrix, k = pair_matrix(SMALL), SMALL.symbols
    equations = np.vstack([matrix.T - np.eye(k * k), np.ones(k * k)])
    law = np.linalg.lstsq(equations, np.append(np.zeros(k * k), 1), rcond=None)[0]
    assert SMALL.source.law.numpy() == pytest.approx(law, abs=1e-12)
    joint = law[:, None] * matrix
    rate = stats.entropy(joint.ravel()) - stats.entropy(law)  # chain rule: H(next | pair) = H(pair, next) - H(pair)
    assert SMALL.entropy_rate == SMALL.perfect == pytest.approx(rate, abs=1e-12)
    assert SMALL.chance == pytest.approx(stats.entropy(law.reshape(k, k).sum(0)), abs=1e-12)


def test_a_table_worked_by_hand() -> None:
    # 0 stays with 3/4, 1 stays with 1/2: stationary (2/3, 1/3)
    transitions = torch.tensor([[0.75, 0.25], [0.5, 0.5]], dtype=torch.float64)
    assert chain.stationary(transitions).tolist() == pytest.approx([2 / 3, 1 / 3])
    assert chain.entropy(transitions).tolist() == pytest.approx(
        [-0.75 * math.log(0.75) - 0.25 * math.log(0.25), math.log(2)]
    )
    with pytest.raises(ValueError, match="does not settle"):
        chain.stationary(torch.tensor([[0.5, 0.5, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64), most_rounds=3)


@pytest.mark.parametrize("task", [Markov(), SMALL, Markov(order=1, symbols=8)])
def test_rows_are_laws_in_whole_grains_close_to_what_was_drawn(task: Markov) -> None:
    counts = task.source.transitions * chain.GRAIN
    assert torch.equal(counts, counts.round())
    assert (counts.sum(1) == chain.GRAIN).all()
    drawn = np.random.default_rng(task.source_seed).dirichlet(
        np.full(task.symbols, task.concentration), size=task.symbols**task.order
    )
    assert np.abs(drawn * chain.GRAIN - counts.numpy()).max() < 1


def test_tokens_follow_the_rows_and_start_in_the_stationary_law() -> None:
    batch = SMALL.sample(20_000, stream("train", 0))
    k, tokens = SMALL.symbols, torch.cat([batch.inputs, batch.targets[:, -1:]], dim=1).numpy()
    assert (tokens[:, 1:] == batch.targets.numpy()).all()
    law = SMALL.source.law.numpy()
    for t in (0, 10, SMALL.length - 1):
        seen = np.bincount(tokens[:, t] * k + tokens[:, t + 1], minlength=k * k)
        live = law > 0
        assert not seen[~live].any()
        assert stats.chisquare(seen[live], law[live] / law[live].sum() * seen.sum()).pvalue > 0.001
    pairs = (tokens[:, :-2] * k + tokens[:, 1:-1]).ravel()
    for pair, row in enumerate(SMALL.source.transitions.numpy()):
        followers = np.bincount(tokens[:, 2:].ravel()[pairs == pair], minlength=k)
        assert not followers[row == 0].any()
        assert stats.chisquare(followers[row > 0], row[row > 0] * followers.sum()).pvalue > 0.001


@pytest.mark.parametrize("task", [Markov(length=32), SMALL, Markov(length=32, order=3, symbols=6)])
def test_the_true_law_reaches_the_entropy_rate_and_the_unigram_law_the_chance_floor(task: Markov) -> None:
    batch = task.sample(1000, stream("test", 0))
    context = torch.zeros_like(batch.inputs)
    for back in range(task.order):
        context[:, task.order - 1 :] += task.symbols**back * batch.inputs[:, task.order - 1 - back : task.length - back]
    truth = task.source.transitions[context].log().clamp(min=-1e9)
    assert meets(by_sequence(task, truth, batch), task.perfect)
    unigram = task.source.law.view(-1, task.symbols).sum(0).log().expand(1000, task.length, -1)
    assert meets(by_sequence(task, unigram, batch), task.chance)
    assert task.score(task.perfect) == 1
    assert task.score(task.chance) == 0


def test_the_rehearsed_source_is_far_from_both_ends() -> None:
    task = Markov()
    assert 1.5 < task.perfect < 2.5 < 3 < task.chance < math.log(task.symbols)
    assert Markov(source_seed=1).perfect != task.perfect


def forecast_by_hand(row: list[int], symbols: int) -> np.ndarray:
    """Add-one counts of what followed the current symbol, in plain loops: (L, V)."""
    forecasts = []
    for t, current in enumerate(row):
        followers = [row[s + 1] for s in range(t) if row[s] == current]
        forecasts.append([(followers.count(v) + 1) / (len(followers) + symbols) for v in range(symbols)])
    return np.array(forecasts)


def test_the_forecast_is_add_one_of_what_followed() -> None:
    task = InContextMarkov(length=24, symbols=4)
    inputs = task.sample(50, stream("train", 0)).inputs
    expected = np.stack([forecast_by_hand(row, 4) for row in inputs.tolist()])
    assert task.bayes_predictive(inputs).numpy() == pytest.approx(expected)
    assert task.bayes_loss(inputs).numpy() == pytest.approx(stats.entropy(expected, axis=-1))


def test_the_forecast_is_the_posterior_mean_over_random_sources() -> None:
    task = InContextMarkov(length=9, symbols=3)
    row = task.sample(1, stream("train", 4)).inputs[0]
    sources = np.random.default_rng(0).dirichlet(np.ones(3), size=(400_000, 3))
    steps = np.stack([sources[:, a, b] for a, b in pairwise(row)])
    weights = steps.prod(0)
    posterior_mean = (weights[:, None] * sources[:, row[-1]]).sum(0) / weights.sum()
    assert task.bayes_predictive(row[None])[0, -1].numpy() == pytest.approx(posterior_mean, abs=0.01)


@pytest.mark.parametrize(("length", "symbols"), [(32, 8), (64, 3)])
def test_bayes_reaches_perfect_and_the_uniform_forecast_chance(length: int, symbols: int) -> None:
    task = InContextMarkov(length=length, symbols=symbols)
    batch = task.sample(4000, stream("test", 0))
    bayes = by_sequence(task, task.bayes_predictive(batch.inputs).log(), batch)
    sampling = (bayes.std() / 4000**0.5).item()
    assert abs(bayes.mean().item() - task.perfect) < 3 * math.hypot(sampling, task.perfect_standard_error)
    assert by_sequence(task, torch.zeros(4000, length, symbols), batch).mean().item() == pytest.approx(task.chance)
    assert task.perfect_standard_error < 0.02 * (task.chance - task.perfect)
    by_position = task.bayes_loss(batch.inputs).mean(0)
    assert by_position[0].item() == pytest.approx(math.log(symbols))
    assert (by_position[::8].diff() < 0).all()  # the more was read, the better
