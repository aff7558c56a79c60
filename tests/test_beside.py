"""What stands beside the table: right numbers, failures counted, choices from development, and no say in a verdict."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import add_decodes, add_long_range, explained, planted
from rich.console import Console
from synthetic import BEST, COLUMNS, STRANGER, Folder, architecture, judged, learn, values

from analysis import page, report, table
from analysis.beside_traced import law
from bench.records import Measurement

LENGTHS = np.array([16.0, 32, 64, 128])


def beside(verdicts: Mapping[str, Any], start: str, column: str = "Transformer", variant: str = "best") -> Any:
    """The one measure whose label begins like this."""
    own = [m for m in verdicts["beside"] if (m["column"], m["variant"]) == (column, variant)]
    (found,) = [m for m in own if m["measure"].startswith(start)]
    return found


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (7 * LENGTHS + 7, "7 n + 7"),
        (np.full(4, 33.0), "constant"),
        (6 * np.log2(LENGTHS) - 11, "6 log2 n - 11"),
        (2 * LENGTHS, "2 n"),
        (LENGTHS**1.01, ""),
        (7 * LENGTHS + [0, 0, 1, 0], ""),
    ],
)
def test_a_law_is_printed_only_without_residual(spans: np.ndarray, expected: str) -> None:
    assert law(LENGTHS, spans) == expected


def test_two_lengths_make_no_law() -> None:
    assert law(LENGTHS[:2], np.array([1.0, 2.0])) == law(LENGTHS[:1], np.array([1.0])) == ""


def add_cell(folder: Folder, name: str, task: str, steps: Sequence[float | None]) -> None:
    """One seed per entry: the step at which it solved the cell, or None."""
    for seed, step in enumerate(steps):
        done = values(solved=float(step is not None), training_cpu_seconds=(step or 900) / 100)
        done += values(steps_to_solve=step) if step is not None else []
        folder.add(learn(name, task, 64, seed), done, ["long range"], 60)


def test_prices_are_medians_over_common_cells_with_failures_as_infinite(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    for name in (*BEST, "mine:Net", "lstm"):
        solves = name in BEST
        add_cell(folder, name, "needle", (100, None, 300) if solves else (None, None, 50))
        add_cell(folder, name, "copy", (400, 500, 600) if solves else (None, None, None))
        add_cell(folder, name, "latch", (None, None, 10) if name == "cnn-8" else (10, 10, 10))
    verdicts = judged(folder, tmp_path)
    steps = beside(verdicts, "steps to solve (2 cells)")
    assert (steps["text"], steps["numbers"]) == ("400", {"median": 400, "cells": 2})  # of 300 and 500
    assert beside(verdicts, "CPU-s to solve (2 cells)")["numbers"]["median"] == pytest.approx(4)
    assert beside(verdicts, "long-range cells failed", "CNN")["text"] == "1 of 3"
    assert beside(verdicts, "long-range cells failed", "mine:Net")["text"] == "2 of 3"
    for column, variant in (("mine:Net", "best"), ("LSTM", "plain")):
        found = beside(verdicts, "steps to solve (2 cells)", column, variant)
        assert (found["text"], found["numbers"]["median"]) == ("most not solved", None)


def test_no_common_cell_gives_no_price(tmp_path: Path) -> None:
    folder = Folder()
    for name, task in zip(BEST, ("needle", "copy", "latch"), strict=True):
        add_cell(folder, name, task, (100,))
    found = beside(judged(folder, tmp_path), "steps to solve (0 cells)")
    assert (found["text"], found["numbers"]) == ("not measured", {})


def add_trace(folder: Folder, name: str, n: int, **numbers: float) -> None:
    measured = [Measurement("span_operations", 7.0 * n + 7, "kernel"), *values(**numbers)]
    trial = {"kind": "trace", "architecture": architecture(name), "length": n, "device": "cpu"}
    folder.add(trial, measured, rows=["parallel"])


def test_traces_are_read_at_the_longest_length_that_has_them(tmp_path: Path) -> None:
    folder = Folder()
    endless = float("inf")  # null on file
    for n in (16, 32, 64):
        reach = {"structural_reach": 0.5} if n < 64 else {}
        add_trace(folder, BEST[0], n, gradient_half_length_positions=endless, saved_bytes=2e4 * n, **reach)
        add_trace(folder, BEST[1], n, gradient_half_length_positions=n / 4)
    verdicts = judged(folder, tmp_path)
    half = beside(verdicts, "grad. half-length, n=64")
    assert (half["text"], half["numbers"]) == ("no decay", {"value": None})
    assert beside(verdicts, "grad. half-length, n=64", "LSTM")["text"] == "16 positions"
    assert beside(verdicts, "structural reach, n=32")["text"] == "50% of pairs"
    assert beside(verdicts, "structural reach, n=32", "LSTM")["text"] == "not measured"
    assert beside(verdicts, "kept for backward, n=64")["text"] == "1.28 MB"
    span = beside(verdicts, "span in kernels, n=64")
    assert (span["text"], span["numbers"]) == ("455: 7 n + 7", {"value": 455, "law": "7 n + 7"})


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_step_time_exponent_is_per_token(exponent: float, tmp_path: Path) -> None:
    """A step of a longer length may hold other many tokens; their number must not pass for cost."""
    folder = Folder()
    for replicate in range(2):
        for n, tokens in ((64, 1024), (256, 1024), (1024, 2048)):
            seconds = 1e-6 * tokens * n**exponent * (1 + 0.01 * replicate)
            samples = [Measurement("tokens_per_step", tokens, name) for name in BEST]
            samples += [Measurement("cpu_seconds_per_step", seconds, name, 0) for name in BEST]
            contenders = [architecture(name) for name in BEST]
            trial = {"kind": "clock", "architectures": contenders, "length": n, "replicate": replicate}
            folder.add(trial, samples, ["speed"])
    found = beside(judged(folder, tmp_path), "step-time exponent")
    assert found["numbers"]["exponent"] == pytest.approx(exponent, abs=1e-9)


def test_generation_is_told_after_the_longest_context(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    seconds = {BEST[0]: 4e-3, BEST[1]: 1e-3, BEST[2]: 2e-3}
    add_decodes(
        folder,
        seconds,
        wobble=0,
        state=lambda name, n: 640.0 if name == BEST[1] else 512.0 * n + 2048,
        without=["mine:Net"],
    )
    verdicts = judged(folder, tmp_path)
    latency, held = (beside(verdicts, f"{label}, n=1024") for label in ("decode ms/token", "state"))
    assert (latency["text"], latency["numbers"]) == ("4", {"milliseconds": pytest.approx(4)})
    assert (held["text"], held["numbers"]) == ("526 kB", {"bytes": 512 * 1024 + 2048})
    assert beside(verdicts, "decode ms/token", "LSTM")["text"] == "1"
    assert beside(verdicts, "state", "LSTM")["text"] == "0.64 kB"
    for label in ("decode ms/token", "state"):
        assert beside(verdicts, label, "mine:Net")["text"] == "not measured"


def test_the_post_hoc_method_is_chosen_on_development_seeds(tmp_path: Path) -> None:
    folder = Folder()
    for split, naps in (("development", (0.9, 0.6)), ("report", (0.3, 0.95))):
        for seed in range(4):
            scores = dict(zip(("posthoc/one", "posthoc/two"), naps, strict=True)) | {"intrinsic/a": 0.7}
            trial = learn(BEST[1], "marked", 32, seed, split=split, kind="explain")
            folder.add(trial, explained(scores), ["interpretability"])
    verdicts = judged(folder, tmp_path)
    assert beside(verdicts, "best post-hoc", "LSTM")["text"] == "one"
    nap = beside(verdicts, "nAP post-hoc, intrinsic", "LSTM")
    assert nap["numbers"] == pytest.approx({"post hoc": 0.3, "intrinsic": 0.7})
    assert beside(verdicts, "ms post-hoc, intrinsic", "LSTM")["text"] == "3, 3"


def test_a_visitor_without_its_own_explanation_shows_the_post_hoc_one_alone(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    for split in ("development", "report"):
        trial = learn("mine:Net", "marked", 32, 0, split=split, kind="explain")
        folder.add(trial, explained({"posthoc/one": 0.9}), ["interpretability"])
    assert beside(judged(folder, tmp_path), "nAP post-hoc", "mine:Net")["text"] == "0.90, none"


def test_nothing_beside_the_table_decides(tmp_path: Path) -> None:
    folder = Folder()
    for name in BEST:
        add_long_range(folder, name, ["copy"])
    before = judged(folder, tmp_path)
    more = values(steps_to_solve=7, training_cpu_seconds=3)
    folder.records = [replace(record, measurements=(*record.measurements, *more)) for record in folder.records]
    after = judged(folder, tmp_path)
    assert beside(after, "steps to solve")["text"] != beside(before, "steps to solve")["text"]
    assert (after["cells"], after["ours"]) == (before["cells"], before["ours"])


def test_the_block_is_printed_written_and_filed(tmp_path: Path) -> None:
    verdicts = report.write(planted(tmp_path)).verdicts
    stream = io.StringIO()
    table.render(verdicts, Console(file=stream, width=80, no_color=True))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "Also measured (decides nothing)" in text
    assert "best post-hoc explanation" in text
    assert "| Measure" in page.markdown(verdicts)
    assert json.loads((tmp_path / report.VERDICTS).read_text())["beside"] == verdicts["beside"]
