"""Planted effects earn the outcome they deserve, and the section says what is there and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from planted import add_clocks, add_long_range, planted
from synthetic import BEST, COLUMNS, HERE, STRANGER, Folder, learn, values

from analysis.document import Block, Fold, Paragraph, Section, Table
from analysis.load import load
from analysis.material import Material
from analysis.statistics import blocks, compared
from analysis.statistics.declared import OVERALL
from analysis.statistics.equivalence import EQUIVALENT, UNDECIDED, Comparison
from analysis.statistics.paired import flip_p
from analysis.statistics.scores import by_cell, planned_scores

PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores"


def material(folder: Folder | Path, path: Path) -> Material:
    """A run, loaded."""
    written = folder.write(path) if isinstance(folder, Folder) else folder
    return Material(written, load(written), {})


def place(found: Sequence[Comparison], first: str, second: str, where: str = OVERALL) -> Comparison:
    """One declared comparison."""
    (one,) = [c for c in found if (c.first, c.second, c.where) == (first, second, where)]
    return one


def test_planted_scores_earn_what_they_deserve(tmp_path: Path) -> None:
    """A Transformer that solves everything, an LSTM that equals it in 144 pairs, a CNN that fails half of the cells."""
    folder = Folder()
    for name, unsolved in zip(BEST, ((), (), ("needle", "mqar", "copy")), strict=True):
        add_long_range(folder, name, unsolved, seeds=16)
    found = compared.scores(material(folder, tmp_path))
    assert len(found) == 3 * 7
    assert place(found, "Transformer", "LSTM").outcome == EQUIVALENT
    assert place(found, "Transformer", "CNN").outcome == place(found, "LSTM", "CNN").outcome.replace(
        "LSTM", "Transformer"
    )
    assert place(found, "Transformer", "CNN").outcome == "Transformer better"
    assert place(found, "LSTM", "CNN", "copy").outcome == "LSTM better"
    assert place(found, "Transformer", "CNN", "latch").outcome == UNDECIDED, "32 pairs do not show equivalence"
    assert place(found, "Transformer", "CNN").interval.point == pytest.approx(0.89 * 5 / 9)


def test_three_seeds_of_one_cell_decide_nothing(tmp_path: Path) -> None:
    folder = Folder()
    add_long_range(folder, BEST[0], seeds=3)
    add_long_range(folder, BEST[1], ["mqar"], seeds=3)
    add_long_range(folder, BEST[2], seeds=3)
    one = place(compared.scores(material(folder, tmp_path)), "Transformer", "LSTM", "mqar")
    assert (one.outcome, len(one.values)) == (UNDECIDED, 3)
    assert one.interval.low < 0 < one.interval.point


def test_comparisons_that_could_not_be_made_count_in_the_family(tmp_path: Path) -> None:
    """The CNN was planned and never ran: its comparisons have no pairs, and Holm's factor is still 21."""
    folder = Folder()
    add_long_range(folder, BEST[0], seeds=3)
    add_long_range(folder, BEST[1], ("needle", "latch", "copy"), seeds=3)
    folder.plan(learn(BEST[2], "needle", 32, 0), ["long range"], 32)
    found = compared.scores(material(folder, tmp_path))
    silent, one = place(found, "LSTM", "CNN"), place(found, "Transformer", "LSTM")
    assert (silent.values, silent.p, silent.outcome) == ((), 1.0, UNDECIDED)
    assert len(found) == 21
    assert one.p == pytest.approx(21 * flip_p(np.array(one.values), np.repeat(np.arange(9), 3).tolist()), rel=0.5)


def test_planted_times_earn_what_they_deserve(tmp_path: Path) -> None:
    folder = Folder()
    step = {"transformer-rotary": 1.0, "lstm-chrono": 3.0, "cnn-8": 1.001}
    add_clocks(folder, step, replicates=6)
    found = compared.times(material(folder, tmp_path))
    slow, same = place(found, "Transformer", "LSTM"), place(found, "Transformer", "CNN")
    assert (slow.outcome, place(found, "LSTM", "CNN", "n = 64").outcome) == ("Transformer faster", "CNN faster")
    assert slow.interval.point == pytest.approx(3.0, rel=0.03)
    assert same.outcome != "Transformer faster"
    assert 1 < same.band < 1.1
    assert len(found) == 3 * 4


def test_copies_that_differ_keep_a_lead_undecided(tmp_path: Path) -> None:
    """A ratio of 1.03 between families, and copies of one that differ by as much."""
    folder = Folder()
    add_clocks(folder, {"transformer-rotary": 1.0, "lstm-chrono": 1.03, "cnn-8": 3.0}, replicates=4, wobble=0.02)
    one = place(compared.times(material(folder, tmp_path)), "Transformer", "LSTM")
    assert one.outcome == UNDECIDED
    assert one.band > 1.03


def test_without_a_copy_or_with_one_process_no_time_is_decided(tmp_path: Path) -> None:
    folder = Folder()
    add_clocks(folder, dict.fromkeys(BEST, 1.0) | {"cnn-8": 5.0}, replicates=1)
    assert {c.outcome for c in compared.times(material(folder, tmp_path / "one"))} == {UNDECIDED}
    folder = Folder()
    add_clocks(folder, dict.fromkeys(BEST, 1.0) | {"cnn-8": 5.0}, replicates=4)
    folder.records = [
        type(r)(**{**vars(r), "measurements": tuple(m for m in r.measurements if m.subject != "A/A")})
        for r in folder.records
    ]
    found = compared.times(material(folder, tmp_path / "two"))
    assert {c.outcome for c in found} == {UNDECIDED}
    assert np.isnan(found[0].band)


def test_what_diverged_ended_at_chance_and_what_crashed_is_left_out(tmp_path: Path) -> None:
    folder = Folder()
    for seed, (status, score) in enumerate({"ok": 0.9, "diverged": 0.7, "failed": 0.8, "out of memory": 0.8}.items()):
        measured = values(test_score=score)
        folder.add(learn(BEST[0], "needle", 32, seed), measured, rows=["long range"], lag=32, status=status)
    folder.add(learn(BEST[0], "needle", 32, 4), values(test_score=-0.3), rows=["long range"], lag=32)
    folder.add(learn(BEST[0], "needle", 32, 5), values(test_score=float("nan")), rows=["long range"], lag=32)
    folder.add(learn(BEST[0], "needle", 32, 6, core_parameters=99_000), values(test_score=0.5), ["long range"], 32)
    scores = planned_scores(material(folder, tmp_path))
    assert len(scores) == 6, "another budget is another setting"
    assert by_cell(scores, BEST[0])["needle, lag 32 in 32"].tolist() == [0.9, 0.0, 0.0]


def inside(found: Sequence[Block]) -> list[Block]:
    """All blocks, those within folds and sections too."""
    every: list[Block] = []
    for block in found:
        every.append(block)
        if isinstance(block, Section | Fold):
            every += inside(block.blocks)
    return every


def tables(found: Sequence[Block]) -> dict[str, Table]:
    return {block.caption: block for block in inside(found) if isinstance(block, Table)}


def prose(found: Sequence[Block]) -> str:
    return " ".join(block.text for block in inside(found) if isinstance(block, Paragraph))


def test_the_section_holds_the_tables(tmp_path: Path) -> None:
    found = blocks(material(planted(tmp_path), tmp_path))
    held = tables(found)
    means = held["Interquartile mean of the scores, with stratified bootstrap intervals"]
    assert [row[0] for row in means.rows][:2] == [
        "Transformer, best (transformer-rotary)",
        "Transformer, plain (transformer-sinusoidal)",
    ]
    assert means.rows[0][1] == "0.99"
    assert means.rows[0][3:] == ("9", "27")
    overall = held["Paired comparison of scores, overall"]
    assert [row[0] for row in overall.rows] == ["Transformer and LSTM", "Transformer and CNN", "LSTM and CNN"]
    assert len(held["Paired comparison of scores"].rows) == 21
    assert len(held["Paired comparison of step times"].rows) == 12
    assert "21 comparisons of scores follow from the plan alone" in prose(found)
    assert held["Coverage of nominal 95 % intervals by simulation"].rows


def test_one_seed_is_said_and_shown_without_intervals(tmp_path: Path) -> None:
    folder = Folder()
    for name in BEST:
        add_long_range(folder, name, seeds=1)
    found = blocks(material(folder, tmp_path))
    assert "One seed a cell" in prose(found)
    means = tables(found)["Interquartile mean of the scores, with stratified bootstrap intervals"]
    assert {row[2] for row in means.rows} == {"?"}


@pytest.mark.parametrize("study", ["clock", "peers"])
def test_a_study_without_trainings_says_so(study: str, tmp_path: Path) -> None:
    text = prose(blocks(material(PUBLISHED / study, tmp_path)))
    assert f"not planned in study {study}" in text
    assert "No comparison of scores" in text


def test_missing_families_are_named(tmp_path: Path) -> None:
    folder = Folder()
    add_long_range(folder, "lstm-chrono", seeds=3)
    text = prose(blocks(material(folder, tmp_path)))
    assert "No score of Transformer, best, Transformer, plain, LSTM, plain, CNN, best, CNN, plain." in text
    assert "No two families share a cell" in text


def test_strangers_are_compared_with_everybody(tmp_path: Path) -> None:
    odd = {**STRANGER, "title": "<script>$x$" + "y" * 60}
    folder = Folder(columns=(*COLUMNS, odd))
    for name in (*BEST, "mine:Net"):
        add_long_range(folder, name, seeds=2)
    found = compared.scores(material(folder, tmp_path))
    assert len(found) == 6 * 7
    assert place(found, "CNN", odd["title"]).values


def test_an_empty_run_is_no_error(tmp_path: Path) -> None:
    assert "No long-range score" in prose(blocks(material(Folder(), tmp_path)))


def test_an_unchosen_best_variant_leaves_the_plain_ones(tmp_path: Path) -> None:
    folder = Folder(columns=tuple({**column, "best": None} for column in COLUMNS))
    add_clocks(folder, {"transformer-sinusoidal": 1.0, "lstm": 2.0, "cnn-3": 1.0}, machine=HERE)
    assert place(compared.times(material(folder, tmp_path)), "Transformer", "LSTM").outcome == "Transformer faster"


def test_the_same_records_give_the_same_section(tmp_path: Path) -> None:
    planted(tmp_path)
    assert blocks(material(tmp_path, tmp_path)) == blocks(material(tmp_path, tmp_path))
