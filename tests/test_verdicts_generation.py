"""Generation latency, a row of ours: planted times earn the planted word, missing ones a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from planted import add_decodes, add_tracking
from synthetic import BEST, COLUMNS, STRANGER, Folder, architecture, cell, judged, outcome

from analysis.claims import GENERATION as RULE
from bench.planning import GENERATION as DECODE_ROW
from bench.records import Measurement

GENERATION = RULE.row
ROTARY, CHRONO, CNN = BEST


def generated(path: Path, lstm: float, wobble: float = 0.005, **how: Any) -> dict[str, Any]:
    folder = Folder()
    add_decodes(folder, {ROTARY: 1e-3, CHRONO: lstm * 1e-3, CNN: 1e-3}, wobble=wobble, **how)
    return cell(judged(folder, path), GENERATION, "LSTM")


@pytest.mark.parametrize(
    ("slower", "expected"), [(1.0, ("Fast", "Fast")), (1.1, ("Fast", "Fast")), (2.5, ("Slow", "Slow"))]
)
def test_a_decided_verdict_is_the_word(tmp_path: Path, slower: float, expected: tuple[str, str]) -> None:
    found = generated(tmp_path, slower)
    assert outcome(found) == expected
    assert found["figure"] == pytest.approx(1 / slower, rel=0.02)
    assert (found["claimed"], found["seeds"]) == (None, 4)


def test_exactly_twice_as_slow_sits_on_a_threshold(tmp_path: Path) -> None:
    found = generated(tmp_path, 2.0, wobble=0)
    assert (found["figure"], found["low"], found["high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert (*outcome(found), found["alternative"]) == ("Moderate", "undecided", "Slow")
    assert found["sensitivity"]["thresholds"] == {"-10%": "Moderate", "+10%": "Slow"}


def add_paced(folder: Folder, pace: Callable[[str, int, int], float], replicates: int, contexts: Sequence[int]) -> None:
    """Decode trials in which a token takes `pace(name, replicate, context)` CPU seconds and a third of that in time."""
    for replicate in range(replicates):
        for context in contexts:
            samples = [Measurement("cpu_seconds_per_token", pace(name, replicate, context), name, 0) for name in BEST]
            samples += [Measurement("seconds_per_token", 1e-4, name, 0) for name in BEST]
            contenders = [architecture(name) for name in BEST]
            trial = {"kind": "decode", "architectures": contenders, "context": context, "replicate": replicate}
            folder.add(trial, samples, [DECODE_ROW])


def test_the_figure_is_a_geometric_mean_of_ratios_to_the_fastest_at_each_context(tmp_path: Path) -> None:
    """The Transformer leads by 3 after 64 tokens, the LSTM by 12 after 1024: 1 and 1/12, geometric mean 0.29."""
    pace = {(ROTARY, 64): 1.0, (ROTARY, 1024): 12.0, (CHRONO, 64): 3.0, (CHRONO, 1024): 1.0}
    folder = Folder()
    add_paced(folder, lambda name, _, context: pace.get((name, context), 20.0), 3, (64, 1024))
    verdicts = judged(folder, tmp_path)
    assert cell(verdicts, GENERATION)["figure"] == pytest.approx((1 * 1 / 12) ** 0.5, abs=1e-5)
    assert cell(verdicts, GENERATION, "LSTM")["figure"] == pytest.approx((1 / 3) ** 0.5, abs=1e-5)


def test_the_replicate_is_the_unit_of_the_interval(tmp_path: Path) -> None:
    """Student's t over the logarithms of four processes' ratios, by hand."""
    luck = np.array([0.97, 1.02, 1.05, 0.99])
    folder = Folder()
    add_paced(folder, lambda name, r, _: 1.3 * luck[r] if name == CNN else 1.0, 4, (64, 256, 1024))
    found = cell(judged(folder, tmp_path), GENERATION, "CNN")
    logs = -np.log(1.3 * luck)
    reach = scipy.stats.t.ppf(0.975, 3) * logs.std(ddof=1) / 2
    expected = np.exp([logs.mean(), logs.mean() - reach, logs.mean() + reach])
    assert (found["figure"], found["low"], found["high"]) == pytest.approx(tuple(expected), abs=1e-5)


@pytest.mark.parametrize(("device", "figure"), [("cpu", 0.25), ("cuda", 1.0)])
def test_cpu_seconds_decide_on_a_cpu_and_wall_time_elsewhere(tmp_path: Path, device: str, figure: float) -> None:
    folder = Folder(device=device)
    add_paced(folder, lambda name, *_: 4.0 if name == CHRONO else 1.0, 3, (64,))
    assert cell(judged(folder, tmp_path), GENERATION, "LSTM")["figure"] == pytest.approx(figure, abs=1e-6)


def test_a_context_that_never_finished_leaves_it_undecided(tmp_path: Path) -> None:
    folder = Folder()
    add_decodes(folder, {ROTARY: 1e-3, CHRONO: 3e-3, CNN: 1e-3})
    trial = {"kind": "decode", "architectures": [architecture(n) for n in BEST], "context": 4096, "replicate": 0}
    folder.add(trial, rows=[DECODE_ROW], status="out of memory")
    found = cell(judged(folder, tmp_path), GENERATION, "LSTM")
    assert outcome(found) == ("Slow", "undecided")
    assert "no decode trial finished at context = 4096" in found["reason"]


def test_a_replicate_without_every_context_is_set_aside(tmp_path: Path) -> None:
    folder = Folder(stopped="interrupted")
    add_decodes(folder, dict.fromkeys(BEST, 1e-3), wobble=0)
    odd = folder.records.pop()  # context 1024 of the last replicate
    assert (odd.trial["context"], odd.trial["replicate"]) == (1024, 3)
    found = cell(judged(folder, tmp_path), GENERATION)
    assert found["seeds"] == 3
    assert "1 replicates without every context set aside" in found["reason"]
    assert "1 of 12 trials not run (interrupted)" in found["reason"]


def test_who_cannot_step_is_not_run_and_harms_nobody(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    add_decodes(folder, {ROTARY: 1e-3, CHRONO: 3e-3, CNN: 1e-3}, without=["mine:Net"])
    verdicts = judged(folder, tmp_path)
    found = cell(verdicts, GENERATION, "mine:Net")
    assert (*outcome(found), found["reason"]) == (None, "not run", "cannot go position by position")
    assert outcome(cell(verdicts, GENERATION, "LSTM")) == ("Slow", "Slow")


def test_a_stranger_that_steps_is_judged_and_is_no_yardstick(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    add_decodes(folder, {ROTARY: 1e-3, CHRONO: 3e-3, CNN: 1e-3, "mine:Net": 2.5e-4}, wobble=0)
    verdicts = judged(folder, tmp_path)
    assert cell(verdicts, GENERATION, "mine:Net")["figure"] == pytest.approx(4)
    assert outcome(cell(verdicts, GENERATION, "mine:Net")) == ("Fast", "Fast")
    assert cell(verdicts, GENERATION)["figure"] == 1


@pytest.mark.parametrize(("status", "reason"), [("failed", "no kernel"), ("not run", "interrupted")])
def test_missing_trials_say_why_and_not_that_nobody_can_step(tmp_path: Path, status: str, reason: str) -> None:
    folder = Folder(stopped="interrupted")
    trial = {"kind": "decode", "architectures": [architecture(n) for n in BEST], "context": 64, "replicate": 0}
    if status == "failed":
        folder.add(trial, rows=[DECODE_ROW], status=status, reason=reason)
    else:
        folder.plan(trial, [DECODE_ROW])
    found = cell(judged(folder, tmp_path), GENERATION)
    assert found["verdict"] == "not run"
    assert reason in found["reason"]
    assert "position by position" not in found["reason"]


def test_no_decode_trials_are_not_planned(tmp_path: Path) -> None:
    folder = Folder()
    add_tracking(folder, ROTARY)
    found = cell(judged(folder, tmp_path), GENERATION)
    assert (*outcome(found), found["reason"]) == (None, "not run", "not planned in study planted")


def test_the_notes_tell_how_state_and_time_grow(tmp_path: Path) -> None:
    """A cache of 512 bytes a token, a state of 640 bytes, a buffer of context^1.5; time as the square root."""
    held = {ROTARY: lambda n: 512.0 * n + 8192, CHRONO: lambda n: 640.0, CNN: lambda n: float(n) ** 1.5}
    folder = Folder()
    for context in (64, 256, 1024):
        pace = {name: 1e-3 * (context / 64) ** (0.5 if name == ROTARY else 0) for name in BEST}
        add_decodes(folder, pace, contexts=(context,), wobble=0, state=lambda name, n: held[name](n))
    verdicts = judged(folder, tmp_path)
    reasons = [cell(verdicts, GENERATION, column)["reason"] for column in ("Transformer", "LSTM", "CNN")]
    assert "state of 532,480 bytes at context 1024, linear in the context (512 a token)" in reasons[0]
    assert "a token after 1024 others takes 4.00 times as long as after 64" in reasons[0]
    assert "500 tokens/s, geometric mean over context = 64, 256, 1024" in reasons[0]
    assert "state of 640 bytes at context 1024, constant in the context" in reasons[1]
    assert "takes 1.00 times as long" in reasons[1]
    assert "growing as context^1.50" in reasons[2]
