"""Parallel processing and training speed: planted effects earn the planted word, vague ones none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted import add_clocks, add_traces
from synthetic import BEST, Folder, architecture, cell, judged, outcome

from analysis.rows.rates import Clocks
from analysis.rows.speed import TIMING
from bench.records import Measurement

PARALLEL, SPEED = "Parallel processing", "Training speed"


@pytest.mark.parametrize(("exponent", "word"), [(0.98, "Yes"), (0.35, "Partly"), (0.0, "No")])
def test_parallel_words(tmp_path: Path, exponent: float, word: str) -> None:
    """0 is a recurrence in a Python loop (work / span constant), near 1 the same recurrence as a scan."""
    folder = Folder()
    add_traces(folder, "transformer-rotary", exponent)
    found = cell(judged(folder, tmp_path), PARALLEL)
    assert outcome(found) == (word, "agrees" if word == "Yes" else "disagrees")
    assert (found["low"], found["high"]) == pytest.approx((exponent, exponent), abs=1e-6)
    assert found["seeds"] is None


def test_parallel_is_vague_with_two_lengths_and_silent_with_one(tmp_path: Path) -> None:
    for lengths, expected in (
        ((16, 32), ("Yes", "undecided")),
        ((16,), (None, "not run")),
        ((4, 8), (None, "not run")),
    ):
        folder = Folder()
        add_traces(folder, "transformer-rotary", 0.98, lengths)
        assert outcome(cell(judged(folder, tmp_path), PARALLEL)) == expected


def test_a_failed_trace_makes_the_verdict_undecided(tmp_path: Path) -> None:
    folder = Folder()
    add_traces(folder, "transformer-rotary", 0.98)
    trial = {"kind": "trace", "architecture": architecture("transformer-rotary"), "length": 256, "device": "cpu"}
    folder.add(trial, status="failed", reason="fused kernel", rows=["parallel"])
    found = cell(judged(folder, tmp_path), PARALLEL)
    assert outcome(found) == ("Yes", "undecided")
    assert "fused kernel" in found["reason"]


def clocked(path: Path, lstm: float, wobble: float = 0.005, **how: Any) -> dict[str, Any]:
    folder = Folder()
    add_clocks(folder, {"transformer-rotary": 1.0, "lstm-chrono": lstm, "cnn-8": 1.0}, wobble=wobble, **how)
    return cell(judged(folder, path), SPEED, "LSTM")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1.0, ("Fast", "disagrees")), (1.55, ("Moderate", "disagrees")), (3.0, ("Slow", "agrees"))],
)
def test_speed_words(tmp_path: Path, seconds: float, expected: tuple[str, str]) -> None:
    found = clocked(tmp_path, seconds)
    assert outcome(found) == expected
    assert found["figure"] == pytest.approx(1 / seconds, rel=0.02)
    assert found["seeds"] == 4


def test_exactly_twice_as_slow_sits_on_a_threshold(tmp_path: Path) -> None:
    found = clocked(tmp_path, 2.0, wobble=0)
    assert (found["figure"], found["low"], found["high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert (*outcome(found), found["alternative"]) == ("Moderate", "undecided", "Slow")
    assert found["sensitivity"]["thresholds"] == {"-10%": "Moderate", "+10%": "Slow"}


def test_wide_intervals_never_earn_a_verdict(tmp_path: Path) -> None:
    assert clocked(tmp_path, 3.0)["verdict"] == "agrees"
    assert clocked(tmp_path, 3.0, wobble=0.25)["verdict"] == "undecided"
    assert clocked(tmp_path, 3.0, replicates=1)["verdict"] == "undecided"


@pytest.mark.parametrize(("device", "figure"), [("cpu", 1 / 3), ("cuda", 1.0)])
def test_cpu_seconds_decide_on_a_cpu_and_wall_time_elsewhere(tmp_path: Path, device: str, figure: float) -> None:
    """Three times the CPU seconds of the others, in the same wall time."""
    folder = Folder(device=device)
    for replicate in range(3):
        samples = []
        for name in BEST:
            samples.append(Measurement("cpu_seconds_per_step", 3.0 if name == "lstm-chrono" else 1.0, name, 0))
            samples += [Measurement("seconds_per_step", 3.0, name, 0), Measurement("tokens_per_step", 4096.0, name)]
        contenders = [architecture(name) for name in BEST]
        trial = {"kind": "clock", "architectures": contenders, "length": 64, "replicate": replicate, "device": device}
        folder.add(trial, samples, ["speed"])
    found = cell(judged(folder, tmp_path), SPEED, "LSTM")
    assert found["figure"] == pytest.approx(figure, abs=1e-6)
    assert "no A/A pair" in found["reason"]


def test_other_machines_never_enter_a_ratio(tmp_path: Path) -> None:
    folder = Folder()
    add_clocks(folder, dict.fromkeys(BEST, 1.0), machine={"fingerprint": "elsewhere"})
    here = {"transformer-rotary": 1.0, "lstm-chrono": 3.0, "cnn-8": 1.0}
    for replicate_of_lengths in ((32,), (64,), (128,)):
        add_clocks(folder, {**here, "transformer-sinusoidal": 1.0}, lengths=replicate_of_lengths)
    found = cell(judged(folder, tmp_path), SPEED, "LSTM")
    assert found["figure"] == pytest.approx(1 / 3, rel=0.02)
    assert "12 trials of another machine set aside" in found["reason"]


def test_clocks_of_the_grid_never_enter_training_speed(tmp_path: Path) -> None:
    """Same architectures, same kind of trial: a replicate in which the LSTM is nine times as slow, tagged otherwise."""
    folder = Folder()
    add_clocks(folder, {"transformer-rotary": 1.0, "lstm-chrono": 3.0, "cnn-8": 1.0})
    before = cell(judged(folder, tmp_path), SPEED, "LSTM")
    grid = Folder()
    add_clocks(grid, {"transformer-rotary": 1.0, "lstm-chrono": 9.0, "cnn-8": 1.0}, lengths=(32, 4096), wobble=0)
    for entry, record in zip(grid.entries, grid.records, strict=True):
        trial = {**entry["trial"], "passes": ["forward", "step"]}
        folder.add(trial, record.measurements, rows=["clock grid"])
    assert cell(judged(folder, tmp_path), SPEED, "LSTM") == before


def test_disturbance_and_the_a_a_band_are_in_the_reason(tmp_path: Path) -> None:
    reason = clocked(tmp_path, 3.0, disturbed=1.5)["reason"]
    assert "20% of samples disturbed" in reason
    assert "A/A band" in reason
    assert "a threshold lies inside it" in clocked(tmp_path, 1.255, wobble=0.01)["reason"]


def test_a_length_that_never_finished_leaves_speed_undecided(tmp_path: Path) -> None:
    folder = Folder()
    add_clocks(folder, {"transformer-rotary": 1.0, "lstm-chrono": 3.0, "cnn-8": 1.0})
    trial = {"kind": "clock", "architectures": [architecture(name) for name in BEST], "length": 512, "replicate": 0}
    folder.add(trial, rows=["speed"], status="out of memory")
    found = cell(judged(folder, tmp_path), SPEED, "LSTM")
    assert outcome(found) == ("Slow", "undecided")
    assert "512" in found["reason"]


def test_a_grid_of_rates_is_a_pivot_table_of_means() -> None:
    """Two trials in one place, a place without any, a trial of no replicate, a rate that is not known."""
    replicates = pd.array([1, 0, 1, 0, 0, None, 2], dtype="Int64")
    lengths = [32, 64, 64, 64, 32, 32, 64]
    trials = pd.DataFrame({"replicate": replicates, "length": lengths}, index=[9, 8, 7, 5, 4, 3, 1])
    rates = pd.Series([1.0, 2.0, 3.0, 5.0, 4.0, 9.0, np.nan], trials.index)
    clocks = Clocks(TIMING, trials, trials, pd.DataFrame(), [32, 64], 0, 0)
    table = trials.assign(rate=rates).pivot_table(index="replicate", columns="length", values="rate")
    assert clocks.grid(rates[::-1]).tolist() == table.to_numpy(dtype=float).tolist() == [[4.0, 3.5], [1.0, 3.0]]
