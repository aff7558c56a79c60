"""Settings are never pooled, the headline is the smallest budget, and a verdict that flips leads the report."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from planted import add_explanations, add_long_range, explained
from rich.console import Console
from synthetic import BEST, TASKS, Folder, cell, judged, learn, outcome

from analysis import page, table

LONG, EXPLAIN = "Long-range dependencies", "Interpretability"
SMALL, LARGE = 25_000, 100_000
FLOPS, TIME = "training FLOPs", "training time"


def elsewhere(verdicts: dict[str, Any], row: str, column: str, regime: str, size: int) -> dict[str, Any]:
    wanted = (row, column, "best", regime, size)
    keys = ("row", "column", "variant", "regime", "core_parameters")
    (found,) = [c for c in verdicts["regimes"]["cells"] if tuple(c[key] for key in keys) == wanted]
    return dict(found)


def printed(verdicts: dict[str, Any]) -> str:
    stream = io.StringIO()
    table.render(verdicts, Console(file=stream, width=80, no_color=True))
    return stream.getvalue()


def test_sizes_are_not_seeds(tmp_path: Path) -> None:
    """Nothing solved at 100k, everything at 25k: pooled, every cell would be a tie of twice the seeds."""
    folder = Folder()
    add_long_range(folder, "lstm-chrono", list(TASKS), seeds=7, core_parameters=LARGE)
    add_long_range(folder, "lstm-chrono", seeds=7, core_parameters=SMALL)
    verdicts = judged(folder, tmp_path)
    found = cell(verdicts, LONG, "LSTM")
    assert (found["measured"], found["seeds"], found["figure"]) == ("Excellent", 7, 1)
    assert (found["regime"], found["core_parameters"]) == ("core parameters", SMALL)
    large = elsewhere(verdicts, LONG, "LSTM", "core parameters", LARGE)
    assert (large["measured"], large["seeds"], large["figure"]) == ("Limited", 7, 0)
    assert "9 of 9 cells" in found["reason"]


def test_a_flip_leads_the_report(tmp_path: Path) -> None:
    folder = Folder()
    for name in BEST:
        for regime in ("core parameters", FLOPS, TIME):
            unsolved = list(TASKS) if (name, regime) == ("lstm-chrono", TIME) else []
            add_long_range(folder, name, unsolved, seeds=7, regime=regime)
    verdicts = judged(folder, tmp_path)
    (flip,) = verdicts["regimes"]["flips"]
    assert (flip["row"], flip["column"], flip["architecture"]) == (LONG, "LSTM", "lstm-chrono")
    assert {w["regime"]: w["measured"] for w in flip["words"]} == {
        "core parameters": "Excellent",
        FLOPS: "Excellent",
        TIME: "Limited",
    }
    text = printed(verdicts)
    assert text.index("FLIP") < text.index("PARALLEL PROCESSING")
    pasted = page.markdown(verdicts)
    assert pasted.index("that flip") < pasted.index("| Feature")
    assert "training time at 25,000: Limited -> Limited" in pasted
    assert max(map(len, text.splitlines())) <= 80


def test_an_undecided_word_is_no_flip(tmp_path: Path) -> None:
    """With three seeds the words differ as well, but the one at the band's edge is undecided."""
    folder = Folder()
    add_long_range(folder, "lstm-chrono", seeds=3)
    add_long_range(folder, "lstm-chrono", ("needle", "copy"), seeds=3, regime=FLOPS)
    verdicts = judged(folder, tmp_path)
    words = {cell(verdicts, LONG, "LSTM")["measured"], elsewhere(verdicts, LONG, "LSTM", FLOPS, SMALL)["measured"]}
    assert words == {"Excellent", "Moderate"}
    assert verdicts["regimes"]["flips"] == []
    assert "no decided verdicts of 2 settings flip" in " ".join(printed(verdicts).split())


def test_one_setting_is_said_to_be_the_only_one(tmp_path: Path) -> None:
    folder = Folder()
    add_long_range(folder, "lstm-chrono")
    verdicts = judged(folder, tmp_path)
    assert verdicts["regimes"]["cells"] == verdicts["regimes"]["flips"] == []
    assert "only core parameters at 25,000" in printed(verdicts)


def test_explanations_elsewhere_use_the_method_chosen_in_development(tmp_path: Path) -> None:
    """Development models exist in the headline setting only; there `a` is better, at 100k `b` is."""
    folder = Folder()
    add_explanations(folder, "transformer-rotary", 0.95)
    for seed in range(4):
        trial = learn("transformer-rotary", "marked", 32, seed, kind="explain", core_parameters=LARGE)
        folder.add(trial, explained({"intrinsic/a": 0.2, "intrinsic/b": 0.9}), ["interpretability"])
    verdicts = judged(folder, tmp_path)
    assert outcome(cell(verdicts, EXPLAIN)) == ("Good", "agrees")
    assert cell(verdicts, EXPLAIN)["seeds"] == 3
    large = elsewhere(verdicts, EXPLAIN, "Transformer", "core parameters", LARGE)
    assert large["figure"] == pytest.approx(0.2)
    (flip,) = verdicts["regimes"]["flips"]
    assert flip["row"] == EXPLAIN


def test_a_plain_variant_that_is_best_flips_once(tmp_path: Path) -> None:
    folder = Folder(columns=[{"title": "LSTM", "family": "lstm", "plain": "lstm", "best": "lstm"}])
    add_long_range(folder, "lstm", seeds=7)
    add_long_range(folder, "lstm", list(TASKS), seeds=7, regime=TIME)
    assert len(judged(folder, tmp_path)["regimes"]["flips"]) == 1
