"""Verdicts over the whole table: planted effects, missing data, strangers, and the files on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from planted import add_clocks, add_explanations, add_long_range, add_scaling, add_traces, planted
from synthetic import BEST, COLUMNS, STRANGER, Folder, architecture, cell, judged, learn, outcome, values

from analysis import report
from analysis.claims import RULES, RULES_VERSION
from analysis.load import load
from analysis.verdicts import judge
from bench.records import TRIALS, Measurement, RecordsError

PARALLEL, LONG, SCALING, SPEED, EXPLAIN = ROWS = tuple(RULES)


@pytest.mark.parametrize(
    ("row", "figure", "cap", "word"),
    [
        (PARALLEL, 0.5, 0, "Partly"),  # Yes asks for more than 0.5
        (PARALLEL, 0.500001, 0, "Yes"),
        (PARALLEL, 0.2, 0, "Partly"),
        (PARALLEL, 0.19, 0, "No"),
        (LONG, 0.8, 0, "Excellent"),
        (LONG, 0.4, 0, "Moderate"),
        (LONG, 0.399, 0, "Limited"),
        (SCALING, 0.95, 1, "Moderate"),
        (SCALING, 0.95, 2, "Low"),
        (SCALING, 0.3, 1, "Low"),
        (SPEED, 0.5, 0, "Moderate"),
        (EXPLAIN, 0.9, 1, "Moderate"),
        (EXPLAIN, 0.9, 3, "void"),
        (EXPLAIN, float("-inf"), 0, "Poor"),
    ],
)
def test_words_at_the_edges_of_the_bands(row: str, figure: float, cap: int, word: str) -> None:
    assert RULES[row].word(figure, cap) == word


def test_planted_run_gives_the_claimed_words(tmp_path: Path) -> None:
    verdicts = judge(load(planted(tmp_path)))
    assert verdicts["rules"] == RULES_VERSION
    assert len(verdicts["cells"]) == 5 * 3 * 2
    assert verdicts["regimes"]["flips"] == []
    for found in verdicts["cells"]:
        assert found["measured"] == found["claimed"], found
        assert found["verdict"] == ("undecided" if found["row"] == LONG and found["column"] != "LSTM" else "agrees"), (
            found
        )
        assert found["low"] <= found["figure"] <= found["high"]


def test_nothing_recorded_gives_no_word_anywhere(tmp_path: Path) -> None:
    folder = Folder(stopped="time limit of 20 minutes")
    for name in BEST:
        folder.plan(learn(name, "needle", 32, 0), ["long range"], 32)
    for found in judged(folder, tmp_path)["cells"]:
        assert outcome(found) == (None, "not run")
        assert found["figure"] is None
    assert "time limit of 20 minutes" in cell(judged(folder, tmp_path), LONG)["reason"]
    assert "not planned" in cell(judged(folder, tmp_path), SPEED)["reason"]


def test_best_variant_not_chosen_yet_is_not_run(tmp_path: Path) -> None:
    folder = Folder(columns=[{**COLUMNS[0], "best": None}, *COLUMNS[1:]], stopped="interrupted")
    add_traces(folder, "transformer-sinusoidal", 0.98)
    verdicts = judged(folder, tmp_path)
    assert outcome(cell(verdicts, PARALLEL)) == (None, "not run")
    assert "interrupted" in cell(verdicts, PARALLEL)["reason"]
    assert outcome(cell(verdicts, PARALLEL, variant="plain")) == ("Yes", "agrees")


def test_an_a_a_pair_gets_the_same_words(tmp_path: Path) -> None:
    """One architecture in two columns, measured twice with other luck."""
    folder = Folder()
    for name, luck in (("transformer-rotary", 0.004), ("lstm-chrono", 0.006), ("cnn-8", 0.005)):
        add_traces(folder, name, 0.9)
        add_long_range(folder, name, ["copy"], seeds=5)
        add_scaling(folder, name, 0.3 + luck / 10, 0.3, noise=luck)
        add_explanations(folder, name, 0.65, wobble=luck)
    add_clocks(folder, {"transformer-rotary": 1.0, "lstm-chrono": 1.0, "cnn-8": 1.7})
    verdicts = judged(folder, tmp_path)
    for row in ROWS:
        one, other = cell(verdicts, row, "Transformer"), cell(verdicts, row, "LSTM")
        assert one["measured"] == other["measured"] is not None
    assert cell(verdicts, SPEED, "Transformer")["low"] <= 1 <= cell(verdicts, SPEED, "Transformer")["high"]


def test_a_stranger_is_judged_without_a_claim_and_moves_nobody(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    for name in (*BEST, "mine:Net"):
        add_scaling(folder, name, 0.8 if name == "mine:Net" else 0.4, 0.4)
        add_traces(folder, name, 0.0)
    add_clocks(folder, dict.fromkeys(BEST, 1.0) | {"mine:Net": 0.25})
    verdicts = judged(folder, tmp_path)
    assert len(verdicts["cells"]) == 5 * 4 * 2
    assert outcome(cell(verdicts, SPEED, "mine:Net")) == ("Fast", "no claim")
    assert cell(verdicts, SPEED, "mine:Net")["figure"] == pytest.approx(4, rel=0.02)
    assert cell(verdicts, SPEED, "mine:Net")["claimed"] is None
    assert cell(verdicts, SPEED)["measured"] == "Fast"
    assert cell(verdicts, SCALING)["measured"] == "High"
    assert outcome(cell(verdicts, PARALLEL, "mine:Net")) == ("No", "no claim")


def test_a_torn_last_line_is_not_run(tmp_path: Path) -> None:
    folder = Folder()
    add_traces(folder, "transformer-rotary", 0.98)
    path = folder.write(tmp_path) / TRIALS
    path.write_text(path.read_text()[:-40])
    found = cell(judge(load(tmp_path)), PARALLEL)
    assert outcome(found) == ("Yes", "undecided")
    assert "1 of 4 trials not run" in found["reason"]


def test_numbers_that_are_not_finite_never_reach_a_word(tmp_path: Path) -> None:
    folder = Folder()
    trial = learn("transformer-rotary", "markov", 64, 0)
    folder.add(trial, values(excess_loss_nats=float("nan"), solved=float("nan")), ["scalability", "long range"])
    add_clocks(folder, dict.fromkeys(BEST, 0.0))
    broken = {"kind": "trace", "architecture": architecture("transformer-rotary"), "length": 16, "device": "cpu"}
    folder.add(broken, [Measurement("span_operations", 0, "pram"), Measurement("work_operations", 5, "pram")])
    verdicts = judged(folder, tmp_path)
    assert {cell(verdicts, row)["verdict"] for row in (PARALLEL, SCALING, SPEED)} == {"not run"}
    assert cell(verdicts, LONG)["verdict"] in ("undecided", "not run")


def test_the_three_files_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    folder = planted(tmp_path)
    names = (report.VERDICTS, report.TABLE, report.MEASUREMENTS)
    returned = report.write(folder).verdicts
    first = [(folder / name).read_bytes() for name in names]
    report.write(folder)
    assert first == [(folder / name).read_bytes() for name in names]
    assert json.loads(first[0]) == returned


def test_a_foreign_plan_is_refused_with_a_mend(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"schema": 1, "columns": [], "trials": [{"id": "x"}]}')
    with pytest.raises(RecordsError, match="--fresh"):
        load(tmp_path)
