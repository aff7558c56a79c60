"""Long range and scalability: planted effects earn the planted word, missing and failed trainings none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from planted import add_long_range, add_scaling
from synthetic import BEST, TASKS, Folder, cell, judged, learn, outcome, values

LONG, SCALING = "Long-range dependencies", "Scalability"


@pytest.mark.parametrize(
    ("unsolved", "expected"),
    [
        ((), ("Excellent", "agrees")),
        (("needle", "copy", "mqar"), ("Moderate", "disagrees")),
        (("needle", "copy", "mqar", "adding", "latch"), ("Limited", "disagrees")),
    ],
)
def test_long_range_words_with_enough_seeds(tmp_path: Path, unsolved: Sequence[str], expected: tuple[str, str]) -> None:
    folder = Folder()
    add_long_range(folder, "transformer-rotary", unsolved, seeds=7)
    found = cell(judged(folder, tmp_path), LONG)
    assert outcome(found) == expected
    assert found["figure"] == pytest.approx(1 - len(unsolved) / 6, abs=1e-6)
    assert (found["seeds"], found["tasks"]) == (7, sorted(TASKS))


def test_a_window_of_16_is_limited(tmp_path: Path) -> None:
    """A network that sees 16 steps back: every lag beyond is unsolved, one task has lags within."""
    folder = Folder()
    for task, lags in {"needle": (8, 16, 32, 64, 128), "copy": (32, 64), "latch": (60, 124)}.items():
        for lag in lags:
            for seed in range(3):
                folder.add(learn("transformer-rotary", task, lag, seed), values(solved=lag <= 16), ["long range"], lag)
    found = cell(judged(folder, tmp_path), LONG)
    assert found["measured"] == "Limited"
    assert found["figure"] == pytest.approx(2 / 5 / 3, abs=1e-5)


def test_lags_weigh_by_their_log2_spacing_and_development_seeds_do_not_count(tmp_path: Path) -> None:
    folder = Folder()
    for lag, solved in ((32, 1), (64, 1), (256, 0)):
        folder.add(learn("transformer-rotary", "needle", lag, 0), values(solved=solved), ["long range"], lag)
    for seed in (1, 2):
        trial = learn("transformer-rotary", "needle", 256, seed, split="development")
        folder.add(trial, values(solved=1), ["long range"], 256)
    folder.add(learn("transformer-rotary", "parity", 64, 0), values(solved=1), ["state tracking"], 64)
    assert cell(judged(folder, tmp_path), LONG)["figure"] == pytest.approx(2.5 / 4.5, abs=1e-5)


def test_diverged_trainings_count_as_unsolved(tmp_path: Path) -> None:
    folder = Folder()
    for task in ("needle", "copy", "latch", "adding", "mqar", "induction"):
        for seed in range(7):
            folder.add(learn("lstm-chrono", task, 64, seed), rows=["long range"], lag=64, status="diverged")
    assert outcome(cell(judged(folder, tmp_path), LONG, "LSTM")) == ("Limited", "agrees")


def test_crashes_never_earn_a_word(tmp_path: Path) -> None:
    folder = Folder()
    for status in ("failed", "out of memory", "timed out"):
        for task in ("needle", "copy"):
            trial = learn("lstm-chrono", task, 64, len(status))
            folder.add(trial, rows=["long range"], lag=64, status=status, reason="no kernel")
    found = cell(judged(folder, tmp_path), LONG, "LSTM")
    assert outcome(found) == (None, "not run")
    assert "no kernel" in found["reason"]


def test_a_missing_cell_makes_it_undecided_and_a_missing_task_not_run(tmp_path: Path) -> None:
    folder = Folder(stopped="interrupted")
    add_long_range(folder, "transformer-rotary", seeds=7)
    folder.plan(learn("transformer-rotary", "needle", 256, 0), ["long range"], 256)
    found = cell(judged(folder, tmp_path), LONG)
    assert outcome(found) == ("Excellent", "undecided")
    assert "needle at lag 256" in found["reason"]
    folder.plan(learn("transformer-rotary", "flute", 64, 0), ["long range"], 64)
    found = cell(judged(folder, tmp_path), LONG)
    assert outcome(found) == (None, "not run")
    assert "flute" in found["reason"]


def test_missing_seeds_that_could_change_the_word_make_it_undecided(tmp_path: Path) -> None:
    """Six tasks, 7 of 21 planned seeds solved each: the other 14 could all go wrong."""
    folder = Folder()
    add_long_range(folder, "transformer-rotary", seeds=7)
    for task, lags in TASKS.items():
        for lag in lags:
            for seed in range(7, 21):
                folder.plan(learn("transformer-rotary", task, lag, seed), ["long range"], lag)
    found = cell(judged(folder, tmp_path), LONG)
    assert (*outcome(found), found["alternative"]) == ("Excellent", "undecided", "Limited")


def test_scalability_words(tmp_path: Path) -> None:
    folder = Folder()
    add_scaling(folder, "transformer-rotary", 0.4, 0.4)
    add_scaling(folder, "lstm-chrono", 0.4, 0.28)  # the smaller ratio decides
    add_scaling(folder, "cnn-8", 0.1, 0.4)
    verdicts = judged(folder, tmp_path)
    assert outcome(cell(verdicts, SCALING, "Transformer")) == ("High", "agrees")
    assert cell(verdicts, SCALING, "Transformer")["high"] == 1
    assert outcome(cell(verdicts, SCALING, "LSTM")) == ("Moderate", "agrees")
    assert cell(verdicts, SCALING, "LSTM")["figure"] == pytest.approx(0.7, abs=0.01)
    assert outcome(cell(verdicts, SCALING, "CNN")) == ("Low", "disagrees")
    assert "markov" in cell(verdicts, SCALING, "CNN")["reason"]


def test_exponents_that_scatter_leave_it_undecided(tmp_path: Path) -> None:
    folder = Folder()
    for name, exponent in zip(BEST, (0.4, 0.28, 0.4), strict=True):
        add_scaling(folder, name, exponent, exponent, noise=0.15)
    found = cell(judged(folder, tmp_path), SCALING, "LSTM")
    assert outcome(found) == ("Moderate", "undecided")
    assert found["alternative"] == "High or Low"


@pytest.mark.parametrize(("seeds", "verdict"), [(6, "disagrees"), (3, "undecided")])
def test_saturation_lowers_the_word(tmp_path: Path, seeds: int, verdict: str) -> None:
    """The last step gains nothing: its excess sits on a floor above the entropy. Three seeds cannot tell for sure."""
    folder = Folder()
    add_scaling(folder, "transformer-rotary", 0.8, 0.8, floor=0.5, seeds=seeds)
    add_scaling(folder, "lstm-chrono", 0.3, 0.3, seeds=seeds)
    add_scaling(folder, "cnn-8", 0.3, 0.3, seeds=seeds)
    found = cell(judged(folder, tmp_path), SCALING)
    assert found["figure"] == pytest.approx(1)
    assert outcome(found) == ("Low", verdict)
    assert "saturated" in found["reason"]


def test_no_scaling_at_all_is_low(tmp_path: Path) -> None:
    folder = Folder()
    for name, exponent in zip(BEST, (0.4, 0.4, -0.2), strict=True):
        add_scaling(folder, name, exponent, exponent)
    found = cell(judged(folder, tmp_path), SCALING, "CNN")
    assert (found["figure"], found["measured"]) == (0, "Low")


def test_scalability_without_all_references_or_trials_is_undecided(tmp_path: Path) -> None:
    folder = Folder()
    add_scaling(folder, "transformer-rotary", 0.4, 0.4)
    found = cell(judged(folder, tmp_path), SCALING)
    assert outcome(found) == ("High", "undecided")
    assert "no reference from lstm-chrono, cnn-8" in found["reason"]
    for name in BEST[1:]:
        add_scaling(folder, name, 0.4, 0.4)
    trial = learn("transformer-rotary", "markov", 64, 9, data_tokens=8_000)
    folder.add(trial, rows=["scalability"], status="diverged")
    assert outcome(cell(judged(folder, tmp_path), SCALING)) == ("High", "undecided")


def test_sources_are_left_out_one_by_one(tmp_path: Path) -> None:
    folder = Folder()
    for name in BEST:
        add_scaling(folder, name, 0.4, 0.4)
        add_scaling(folder, name, 0.4 if name != "lstm-chrono" else 0.1, 0.4, source="in-context")
    found = cell(judged(folder, tmp_path), SCALING, "LSTM")
    assert found["figure"] == pytest.approx(0.5, abs=0.01)  # sqrt(1 x 1/4)
    assert found["sensitivity"]["left out"]["in-context"]["measured"] == "High"
    assert found["sensitivity"]["left out"]["markov"]["measured"] == "Low"
    assert found["verdict"] == "undecided"


def test_excess_below_the_floor_is_raised_and_said(tmp_path: Path) -> None:
    folder = Folder()
    for name in BEST:
        add_scaling(folder, name, 0.4, 0.4)
    trial = learn("transformer-rotary", "markov", 64, 9, data_tokens=128_000)
    folder.add(trial, values(excess_loss_nats=-0.002), ["scalability"])
    assert "1 excess losses raised to the floor" in cell(judged(folder, tmp_path), SCALING)["reason"]
