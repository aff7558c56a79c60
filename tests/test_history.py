"""History: asv's own files in, changes marked in the right direction, a page without the outside world."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from asv.results import Results
from asv.runner import BenchmarkResult
from asv.util import write_json

from analysis.history import changes, load_history
from analysis.history_page import write_history
from bench.records import RecordsError

COMMITS = ("a" * 40, "b" * 40, "c" * 40)
TIME, SCORE = "models.Call.time_forward", "learning.FixedBudget.track_score"
BENCHMARKS = {
    TIME: {
        "name": TIME,
        "version": "1",
        "unit": "seconds",
        "params": [["'lstm'", "'<cnn>'"]],
        "pretty_name": "Forward",
    },
    SCORE: {"name": SCORE, "version": "1", "unit": "score", "params": [["'lstm'"]], "pretty_name": None},
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three commits: the CNN becomes 1.5 times slower in the second, the LSTM's score rises in the third."""
    folder = tmp_path / "results"
    (folder / "box").mkdir(parents=True)
    write_json(folder / "box" / "machine.json", {"machine": "box"}, 1)
    write_json(folder / "benchmarks.json", BENCHMARKS, 2)
    for number, commit in enumerate(COMMITS):
        result = Results({"machine": "box"}, {}, commit, 1_000 * number, "3.11", "env", {})
        seconds = [0.010, 0.020 * (1.5 if number else 1.0)]
        samples = [[s * (1 + k / 1000) for k in range(12)] for s in seconds]
        result.add_result(BENCHMARKS[TIME], BenchmarkResult(seconds, samples, [1, 1], 0, "", None), record_samples=True)
        score = [0.5 if number < 2 else 0.9]
        result.add_result(BENCHMARKS[SCORE], BenchmarkResult(score, [None], [None], 0, "", None))
        result.save(str(folder))
    return folder


def test_every_value_of_every_commit_is_read_in_order(results: Path) -> None:
    frame = load_history(results)
    cnn = frame[(frame["benchmark"] == TIME) & (frame["case"] == "<cnn>")]
    assert list(cnn["commit"]) == ["aaaaaaaa", "bbbbbbbb", "cccccccc"]
    assert cnn["value"].to_list() == pytest.approx([0.02, 0.03, 0.03], rel=0.01)  # medians of samples
    assert (cnn["low"] < cnn["high"]).all()
    assert len(frame) == 9


def test_a_slower_call_is_a_regression_and_a_higher_score_is_none(results: Path) -> None:
    marked = changes(load_history(results))
    found = marked.loc[marked["change"] != "", ["commit", "benchmark", "case", "change"]].to_numpy().tolist()
    assert sorted(found) == [["bbbbbbbb", TIME, "<cnn>", "regression"], ["cccccccc", SCORE, "lstm", "improvement"]]


@pytest.mark.parametrize(
    ("value", "low", "high", "change"),
    [
        (1.3, 1.2, 1.4, "regression"),
        (1.05, 1.04, 1.06, ""),  # below the factor
        (1.3, 0.9, 1.9, ""),  # the intervals overlap
        (1.3, float("-inf"), float("inf"), ""),  # too few samples for an interval
        (0.7, 0.6, 0.8, "improvement"),
    ],
)
def test_a_change_needs_size_and_separate_intervals(value: float, low: float, high: float, change: str) -> None:
    rows = [
        ("m", c, n, TIME, "t", "s", "lstm", *v)
        for n, (c, v) in enumerate([("a", (1, 0.99, 1.01)), ("b", (value, low, high))])
    ]
    names = ["machine", "commit", "date", "benchmark", "title", "unit", "case", "value", "low", "high"]
    assert changes(pd.DataFrame(rows, columns=names))["change"].to_list() == ["", change]


def test_the_page_is_whole_escaped_and_the_same_every_time(results: Path, tmp_path: Path) -> None:
    marked = changes(load_history(results))
    first = write_history(marked, tmp_path / "one").read_bytes()
    assert first == write_history(marked, tmp_path / "two").read_bytes()
    text = first.decode()
    assert "1.50" in text
    assert "<cnn>" not in text
    assert not re.findall(r"(?:src|href)=[\"']https?:", text)
    assert text.count("<figure") == 2


def test_missing_results_name_the_mend(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="asv run"):
        load_history(tmp_path)
