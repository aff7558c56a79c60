"""Interpretability: gate, choice of method, controls and tasks decide as the rule says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted import add_explanations, explained
from synthetic import COLUMNS, STRANGER, Folder, cell, judged, learn, outcome

EXPLAIN = "Interpretability"


def explanation(path: Path, nap: float, **how: Any) -> dict[str, Any]:
    folder = Folder()
    add_explanations(folder, "transformer-rotary", nap, **how)
    return cell(judged(folder, path), EXPLAIN)


def test_interpretability_words(tmp_path: Path) -> None:
    """From an oracle explainer through a middling one to a random one."""
    assert outcome(explanation(tmp_path, 1.0, wobble=0)) == ("Good", "agrees")
    assert outcome(explanation(tmp_path, 0.65)) == ("Moderate", "disagrees")
    assert outcome(explanation(tmp_path, 0.0)) == ("Poor", "disagrees")
    assert explanation(tmp_path, 0.65)["figure"] == pytest.approx(0.65)


def test_good_needs_more_than_a_random_ranking(tmp_path: Path) -> None:
    assert explanation(tmp_path, 0.95, comprehensiveness=0.1)["measured"] == "Moderate"
    assert explanation(tmp_path, 0.95, sufficiency=0.4)["measured"] == "Moderate"


def test_a_task_that_carries_the_comparison_with_random_makes_it_undecided(tmp_path: Path) -> None:
    folder = Folder()
    for task, comprehensiveness in (("marked", 0.9), ("pointer", 0.05)):
        add_explanations(folder, "lstm-chrono", 0.95, tasks=[task], comprehensiveness=comprehensiveness)
    found = cell(judged(folder, tmp_path), EXPLAIN, "LSTM")
    assert (*outcome(found), found["alternative"]) == ("Good", "undecided", "Moderate")


def test_a_control_that_scores_makes_it_void(tmp_path: Path) -> None:
    assert outcome(explanation(tmp_path, 0.95, untrained=0.4)) == ("void", "undecided")
    nearly = explanation(tmp_path, 0.95, untrained=0.28)  # below the threshold, but not below nine tenths of it
    assert (*outcome(nearly), nearly["alternative"]) == ("Good", "undecided", "void")


def test_the_gate_admits_or_leaves_it_undecided(tmp_path: Path) -> None:
    shut = explanation(tmp_path, 0.95, gate=False)
    assert outcome(shut) == ("Poor", "undecided")
    assert "0 of 6" in shut["reason"]
    few = explanation(tmp_path, 0.95, tasks=["marked"], seeds=2)
    assert outcome(few) == ("Good", "undecided")
    assert "(at least 3 and half must): 2 of 2" in few["reason"]


def test_a_model_outside_the_gate_is_not_asked(tmp_path: Path) -> None:
    folder = Folder()
    add_explanations(folder, "transformer-rotary", 0.95, tasks=["marked"], seeds=4)
    trial = learn("transformer-rotary", "marked", 32, 9, kind="explain")
    folder.add(trial, explained({"intrinsic/a": 0.0}, gate=False), ["interpretability"])
    found = cell(judged(folder, tmp_path), EXPLAIN)
    assert found["figure"] == pytest.approx(0.95)
    assert "4 of 5" in found["reason"]


def test_the_method_is_chosen_on_development_seeds(tmp_path: Path) -> None:
    """On report seeds `b` looks better; the choice must not see that."""
    folder = Folder()
    for split, naps in (("development", (0.9, 0.6)), ("report", (0.3, 0.9))):
        for seed in range(4):
            trial = learn("lstm-chrono", "marked", 32, seed, split=split, kind="explain")
            scores = dict(zip(("intrinsic/a", "intrinsic/b"), naps, strict=True))
            folder.add(trial, explained(scores), ["interpretability"])
    found = cell(judged(folder, tmp_path), EXPLAIN, "LSTM")
    assert found["figure"] == pytest.approx(0.3)
    assert outcome(found) == ("Poor", "agrees")


def test_no_intrinsic_explanation_is_poor_and_says_so(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    for seed in range(3):
        trial = learn("mine:Net", "marked", 32, seed, kind="explain")
        folder.add(trial, explained({"posthoc/gradient": 0.9}), ["interpretability"])
    found = cell(judged(folder, tmp_path), EXPLAIN, "mine:Net")
    assert outcome(found) == ("Poor", "no claim")
    assert "no intrinsic explanation" in found["reason"]


def test_one_task_that_carries_the_word_makes_it_undecided(tmp_path: Path) -> None:
    folder = Folder()
    for task, nap in (("marked", 0.99), ("keyword", 0.98), ("pointer", 0.6)):
        add_explanations(folder, "transformer-rotary", nap, tasks=[task])
    found = cell(judged(folder, tmp_path), EXPLAIN)
    assert found["figure"] == pytest.approx((0.99 + 0.98 + 0.6) / 3)
    assert (*outcome(found), found["alternative"]) == ("Good", "undecided", "Moderate")
    assert found["sensitivity"]["left out"]["marked"]["measured"] == "Moderate"
