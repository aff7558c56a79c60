"""Peers and overhead: planted ratios, shares and intensities come back, whatever else is in the folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import peers
from analysis.peers.roofline import attainable
from analysis.peers.words import sentences
from tests.synthetic import Folder
from tests.synthetic_peers import (
    CONVOLUTION,
    COPY,
    MATMUL,
    RATES,
    ROWS,
    Planted,
    add_overhead,
    add_peers,
    loaded,
    overhead_trial,
    peers_trial,
    row,
)

NAMES = ["peers.md", "peers.json", "figures/peers.svg", "figures/roofline.svg"]


@pytest.fixture
def exact(tmp_path: Path) -> dict[str, Any]:
    """Figures of a grid without noise."""
    folder = Folder()
    add_peers(folder, Planted())
    add_overhead(folder, 1.02)
    return peers.figures(loaded(folder, tmp_path))


def test_planted_ratios_come_back_to_the_last_printed_digit(exact: dict[str, Any]) -> None:
    for subject, rate in RATES.items():
        group, who = subject.split("/")
        found = row(exact["contenders"], group=group, who=who, width=512, length=1024)
        assert found["tokens_per_second"] == pytest.approx([rate / 16] * 3, rel=1e-5)
        if who != "ours":
            assert found["ours_over_it"] == pytest.approx([RATES[f"{group}/ours"] / rate] * 3, rel=1e-5)
            assert found["trials"] == 3


def test_the_fastest_peer_is_named_and_a_slower_own_model_is_said(exact: dict[str, Any]) -> None:
    fastest = row(exact["fastest"], group="transformer", width=128, length=256)
    assert fastest["peer"] == "nn.TransformerEncoder"
    assert fastest["ratio"][0] == pytest.approx(1.2, rel=1e-5)
    told = sentences(exact)
    assert told[0].startswith("Transformer: ours is faster than every peer in all 4 cells (width 128, 512; n = 256,")
    assert "LSTM: ours is slower than nn.LSTM in all 4 cells" in told[1]
    assert "0.91 [0.91, 0.91] (nn.LSTM" in told[1]
    assert "CNN: ours is not told apart from nn.Conv1d in all 4 cells" in told[2]


def test_intervals_cover_the_planted_ratio_nineteen_times_in_twenty(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(noise=0.05), widths=range(16, 96), lengths=(8,), replicates=4)
    found = peers.figures(loaded(folder, tmp_path))["contenders"]
    hits = [
        low <= RATES[f"{r['group']}/ours"] / RATES[f"{r['group']}/{r['who']}"] <= high
        for r in found
        if r["who"] != "ours"
        for _, low, high in [r["ours_over_it"]]
    ]
    assert len(hits) == 400
    assert 0.91 < np.mean(hits) < 0.985


def test_the_lower_end_against_the_fastest_is_the_lowest_of_any_peer(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(noise=0.1), widths=(64,), lengths=(8,))
    found = peers.figures(loaded(folder, tmp_path))
    rivals = [r for r in found["contenders"] if r["group"] == "transformer" and r["ours_over_it"]]
    first = min(rivals, key=lambda r: r["ours_over_it"][0])
    ratio = row(found["fastest"], group="transformer")["ratio"]
    assert ratio == [first["ours_over_it"][0], min(r["ours_over_it"][1] for r in rivals), first["ours_over_it"][2]]


def test_shares_are_flops_over_time_over_the_peak_of_the_same_trial(tmp_path: Path) -> None:
    folder, slow = Folder(), 0.5
    for replicate, pace in enumerate((1.0, slow)):  # a machine at half its pace: rates halve, shares stay
        planted = Planted(
            rates={k: v * pace for k, v in RATES.items()},
            probes={"matmul": MATMUL * pace, "convolution": CONVOLUTION * pace, "copy": COPY * pace},
            step_share=0.7 * pace,
        )
        dice = np.random.default_rng(0)
        folder.add(peers_trial(128, 256, replicate), planted.measured(128, 1024, dice), rows=ROWS)
    found = peers.figures(loaded(folder, tmp_path))
    work = 6 * 48 * 128**2 * RATES["cnn/ours"]
    ours = row(found["contenders"], group="cnn", who="ours")
    assert ours["share_of_matmul"] == pytest.approx([work / MATMUL] * 3, rel=1e-5)
    assert ours["share_of_convolution"] == pytest.approx([work / CONVOLUTION] * 3, rel=1e-5)
    assert ours["flops_per_second"][0] == pytest.approx(work * math.sqrt(slow), rel=1e-5)
    step = row(found["steps"], group="cnn")
    assert step["share_of_matmul"] == pytest.approx([0.7] * 3, rel=1e-5)
    assert step["share_of_convolution"] == pytest.approx([0.7 * MATMUL / CONVOLUTION] * 3, rel=1e-5)
    assert row(found["machine"], probe="copy")["lowest"] == pytest.approx(COPY * slow)


def test_intensity_is_operations_over_the_bytes_that_must_move(exact: dict[str, Any]) -> None:
    core, tokens, width = 48 * 512**2, 1024, 512
    by_hand = 6 * core * tokens / (4 * (3 * core + 4 * tokens * width))
    found = row(exact["contenders"], group="lstm", who="ours", width=512, length=256)
    assert found["flops_per_byte"] == pytest.approx(by_hand, rel=1e-5)
    assert found["core_parameters"] == core


def test_the_roof_is_a_slope_and_a_ceiling_that_meet_at_the_ridge() -> None:
    assert attainable(np.array([1.0, 5.0, 50.0]), MATMUL, COPY).tolist() == [COPY, MATMUL, MATMUL]


def test_trials_that_failed_or_never_ran_are_counted_and_not_used(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(), widths=(128,), lengths=(256,))
    lucky = Planted(rates={**RATES, "transformer/GPT-2": 1e9}).measured(128, 1024, np.random.default_rng(0))
    folder.add(peers_trial(128, 256, 3), lucky, rows=ROWS, status="failed", reason="no room")
    folder.plan(overhead_trial("lstm", "lstm", "needle", 0), rows=ROWS)
    found = peers.figures(loaded(folder, tmp_path))
    assert found["notes"] == [
        "1 of 1 overhead trials not run (not reached yet)",
        "1 of 4 peers trials failed (no room)",
    ]
    assert row(found["contenders"], who="GPT-2")["trials"] == 3
    assert row(found["contenders"], who="GPT-2")["ours_over_it"][0] == pytest.approx(1.5, rel=1e-5)


def test_only_the_newest_machine_counts(tmp_path: Path) -> None:
    folder, dice = Folder(), np.random.default_rng(0)
    other = Planted(rates={k: 2 * v for k, v in RATES.items()}).measured(128, 1024, dice)
    folder.add(peers_trial(128, 256, 9), other, rows=ROWS, machine={"fingerprint": "elsewhere"})
    add_peers(folder, Planted(), widths=(128,), lengths=(256,))
    found = peers.figures(loaded(folder, tmp_path))
    assert row(found["contenders"], who="GPT-2")["tokens_per_second"][2] == pytest.approx(6000, rel=1e-5)
    assert found["notes"] == ["1 trials of another machine set aside"]


def test_overhead_is_paired_inside_rounds_so_a_drift_cancels(tmp_path: Path) -> None:
    folder = Folder()
    add_overhead(folder, 1.02)
    add_overhead(folder, 1.5, steps=(150, 100), task="markov")
    found = peers.figures(loaded(folder, tmp_path))
    assert row(found["overhead"], task="needle")["ratio"] == pytest.approx([1.02] * 3, rel=1e-5)
    assert [r["task"] for r in found["overhead"]] == ["needle"]
    assert "3 overhead trials set aside" in found["notes"][0]
    assert row(found["goals"], at_most=True)["word"] == "met"


def test_goals_are_judged_on_the_worst_cell_with_the_doubt_of_its_interval(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(rates={**RATES, "cnn/pytorch-tcn": 7900.0}, step_share=0.68))
    add_overhead(folder, 1.04, replicates=1)
    words = {goal["goal"]: (goal["word"], goal["reached"], goal["cells"]) for goal in judged(folder, tmp_path)}
    assert words["transformer: ours over the fastest peer, forward and backward"] == ("met", 4, 4)
    assert words["cnn: ours over pytorch-tcn, forward and backward"] == ("missed", 0, 4)
    assert words["cnn: ours over nn.Conv1d, forward and backward"] == ("met", 4, 4)
    assert words["lstm: ours over nn.LSTM, forward and backward"] == ("missed", 0, 4)
    assert words["transformer: training step, share of the torch.mm peak at width 512"] == ("met", 2, 2)
    assert words["cnn: training step, share of the torch.mm peak at width 512"] == ("missed", 0, 2)
    assert words["harness over bare loop, a learn trial"] == ("missed, on one trial without an interval", 0, 1)


def judged(folder: Folder, path: Path) -> list[dict[str, Any]]:
    return list(peers.figures(loaded(folder, path))["goals"])


def test_a_goal_inside_the_interval_is_doubtful(tmp_path: Path) -> None:
    folder, dice = Folder(), np.random.default_rng(0)
    for replicate, rate in enumerate((7000.0, 8000.0, 9000.0)):
        planted = Planted(rates={**RATES, "cnn/nn.Conv1d": rate})
        folder.add(peers_trial(128, 256, replicate), planted.measured(128, 1024, dice), rows=ROWS)
    (goal,) = [g for g in judged(folder, tmp_path) if "nn.Conv1d" in g["goal"]]
    assert goal["word"] == "met, but its interval reaches across"
