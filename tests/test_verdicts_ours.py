"""Rows of ours: state tracking earns planted words; neither row claims anything or enters a total."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from planted import add_decodes, add_long_range, add_tracking, planted
from synthetic import BEST, TASKS, Folder, cell, judged, learn, outcome, values

from analysis.claims import LONG_RANGE, OURS, RULES, SPEED
from analysis.load import load
from analysis.verdicts import judge
from analysis.wording import flips, headline
from bench.planning import STATE_TRACKING as TRACKING_ROW

GENERATION, TRACKING = OURS
ROTARY, CHRONO, _ = BEST


def test_our_rules_claim_nothing_and_take_over_the_thresholds() -> None:
    assert (GENERATION, TRACKING) == ("Generation latency", "State tracking")
    assert not set(OURS) & set(RULES)
    assert all(rule.is_ours for rule in OURS.values())
    assert not any(rule.is_ours for rule in RULES.values())
    for own, theirs in ((OURS[GENERATION], SPEED), (OURS[TRACKING], LONG_RANGE)):
        assert own.bands == theirs.bands
        assert [own.word(figure) for figure in (0.8, 0.79, 0.39)] == [theirs.word(f) for f in (0.8, 0.79, 0.39)]


# State tracking


@pytest.mark.parametrize(
    ("unsolved", "expected"),
    [
        ((), ("Excellent", "Excellent")),
        (("parity",), ("Moderate", "undecided")),  # without either task the word is another one
        (("parity", "flip-flop"), ("Limited", "Limited")),
    ],
)
def test_state_tracking_words(tmp_path: Path, unsolved: Sequence[str], expected: tuple[str, str]) -> None:
    folder = Folder()
    add_tracking(folder, CHRONO, unsolved, seeds=7)
    found = cell(judged(folder, tmp_path), TRACKING, "LSTM")
    assert outcome(found) == expected
    assert found["figure"] == 1 - len(unsolved) / 2
    assert (found["claimed"], found["seeds"], found["tasks"]) == (None, 7, ["flip-flop", "parity"])
    assert f"parity: {7 * ('parity' not in unsolved)} of 7 trainings" in found["reason"]


def test_state_tracking_counts_what_ran(tmp_path: Path) -> None:
    """Not another split, not another size, not what was only planned; what diverged or crashed did not solve."""
    folder = Folder(stopped="time limit")
    rows = [TRACKING_ROW]
    folder.add(learn(ROTARY, "parity", 32, 0), values(solved=1), rows, 31)
    folder.add(learn(ROTARY, "parity", 32, 1), rows=rows, lag=31, status="diverged")
    folder.add(learn(ROTARY, "parity", 32, 2), values(solved=1), rows, 31, status="timed out")
    folder.plan(learn(ROTARY, "parity", 32, 3), rows, 31)
    folder.add(learn(ROTARY, "parity", 32, 9, split="development"), values(solved=1), ["long range"], 31)
    folder.add(learn(ROTARY, "parity", 32, 0, core_parameters=100_000), values(solved=1), rows, 31)
    verdicts = judged(folder, tmp_path)
    found = cell(verdicts, TRACKING)
    assert "parity: 1 of 3 trainings" in found["reason"]
    assert (found["figure"], found["verdict"]) == (0, "undecided")  # the missing ones could all have solved it
    assert found["core_parameters"] == 25_000
    assert cell(verdicts, TRACKING, "LSTM")["verdict"] == "not run"


def test_it_is_long_ranges_rule(tmp_path: Path) -> None:
    """The same cells under either row give the same figure, interval, word and sensitivity."""
    for row in ("long range", TRACKING_ROW):
        folder = Folder()
        for task, lag, solvers in (("a", 8, 3), ("a", 32, 1), ("a", 64, 2), ("b", 16, 0), ("b", 48, 3)):
            for seed in range(3):
                folder.add(learn(ROTARY, task, lag, seed), values(solved=seed < solvers), [row], lag)
        verdicts = judged(folder, tmp_path / row)
        one, other = (LONG_RANGE.row, TRACKING) if row == "long range" else (TRACKING, LONG_RANGE.row)
        found = cell(verdicts, one)
        assert cell(verdicts, other)["verdict"] == "not run"
        judgement = {key: found[key] for key in ("figure", "low", "high", "measured", "alternative", "sensitivity")}
        if row == "long range":
            reference = judgement
    assert judgement == reference


# Both


def test_our_rows_enter_no_total(tmp_path: Path) -> None:
    verdicts = judge(load(planted(tmp_path)))
    assert {found["row"] for found in verdicts["cells"]} == {rule["row"] for rule in verdicts["rows"]} == set(RULES)
    assert {found["row"] for found in verdicts["ours"]["cells"]} == set(OURS)
    assert [rule["row"] for rule in verdicts["ours"]["rows"]] == list(OURS)
    assert len(verdicts["ours"]["cells"]) == 2 * 3 * 2
    for found in verdicts["ours"]["cells"]:
        assert found["claimed"] is None
        assert found["verdict"] in (found["measured"], "undecided")
        assert found["reason"]
    words = {(c["row"], c["column"]): c["measured"] for c in verdicts["ours"]["cells"] if c["variant"] == "best"}
    assert words == {
        (GENERATION, "Transformer"): "Moderate",
        (GENERATION, "LSTM"): "Fast",
        (GENERATION, "CNN"): "Slow",
        (TRACKING, "Transformer"): "Moderate",
        (TRACKING, "LSTM"): "Excellent",
        (TRACKING, "CNN"): "Moderate",
    }


def test_the_interview_cells_keep_their_keys(tmp_path: Path) -> None:
    folder = Folder()
    add_decodes(folder, dict.fromkeys(BEST, 1e-3))
    verdicts = judged(folder, tmp_path)
    keys = (
        *("row", "column", "variant", "architecture", "claimed", "measured", "figure", "low", "high", "unit", "seeds"),
        *("tasks", "device", "regime", "core_parameters", "verdict", "reason", "doubts", "notes", "alternative"),
        "sensitivity",
    )
    for found in (*verdicts["cells"], *verdicts["ours"]["cells"]):
        assert set(found) == set(keys)
    assert set(verdicts["rows"][0]) == {"row", "unit", "bands", "rule"}
    assert set(verdicts["regimes"]) == {"settings", "summary", "flips", "cells"}
    claimed = {found["claimed"] for found in verdicts["cells"]}
    assert None not in claimed
    assert {found["verdict"] for found in verdicts["cells"]} == {"not run"}


def test_a_run_that_lacks_only_rows_of_ours_is_complete(tmp_path: Path) -> None:
    verdicts = judge(load(planted(tmp_path)))
    for found in verdicts["ours"]["cells"]:
        found.update(measured=None, figure=None, verdict="not run")
    assert "not complete" not in headline(verdicts)


def test_a_flip_of_ours_leads_the_report_and_is_not_counted(tmp_path: Path) -> None:
    folder = Folder()
    add_tracking(folder, CHRONO, seeds=7)
    add_tracking(folder, CHRONO, ("parity", "flip-flop"), seeds=7, regime="training time")
    add_long_range(folder, CHRONO, seeds=7)
    add_long_range(folder, CHRONO, list(TASKS), seeds=7, regime="training time")
    verdicts = judged(folder, tmp_path)
    (flip,), (own,) = verdicts["regimes"]["flips"], verdicts["ours"]["flips"]
    assert (flip["row"], own["row"]) == (LONG_RANGE.row, TRACKING)
    assert [word["measured"] for word in own["words"]] == ["Excellent", "Limited"]
    assert flips(verdicts)[1].startswith("State tracking (ours), LSTM (lstm-chrono): Excellent in core parameters")
    assert verdicts["regimes"]["summary"].startswith("1 decided verdict of 2 settings flip")
    assert {found["row"] for found in verdicts["ours"]["elsewhere"]} == {TRACKING}
    assert not {found["row"] for found in verdicts["regimes"]["cells"]} & set(OURS)
