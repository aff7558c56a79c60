"""What two runs say beside their clocks, and how a comparison is told: learning, memory, cells, provenance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import add_clocks, add_decodes, add_long_range, planted
from side_by_side import lead, material, sentences, tables, whole
from synthetic import COLUMNS, Folder
from synthetic_clocks import LAWS, clocked

from analysis.compare import changes, compare
from analysis.compare.cells import Pair
from analysis.compare.changes import compared
from analysis.compare.comparison import LEAST, Comparison, beyond_doubt, number_tested
from analysis.compare.learning import SHARE, STEPS
from analysis.document import Paragraph
from bench.records import Measurement


def test_a_strangers_column_is_listed_and_blames_nobody(tmp_path: Path) -> None:
    visitor = {**LAWS, "<script>$x$": lambda n: 2e-5 * n}
    runs = [clocked(tmp_path / str(n), noise=0.01, seed=n, laws=law) for n, law in enumerate((LAWS, visitor))]
    blocks = compare(*(material(run, tmp_path / str(n)) for n, run in enumerate(runs)))
    assert lead(blocks).startswith("Nothing changed beyond doubt")
    assert "Only B has architectures: <script>$x$" in sentences(blocks)
    assert "Only A" not in sentences(blocks)


def test_memory_is_exact_and_named_from_the_least_effect_on(tmp_path: Path) -> None:
    sides = []
    for number, factor in enumerate((1.0, 1.02, 1.5)):
        folder = Folder()
        add_decodes(folder, {"transformer-rotary": 2e-3, "lstm": 1e-3, "cnn-8": 3e-3}, state=kept(factor))
        sides.append(whole(folder.write(tmp_path / str(number))))
    assert changes(sides[0], sides[1]) == []
    assert "1.02" in str(tables(compare(sides[0], sides[1]))["Bytes that differ"].rows)
    (change,) = changes(sides[0], sides[2])
    assert (change.subject, change.what, change.effect) == ("lstm", "state while generating", 1.5)
    assert len(change.places) == 3
    assert "all 9 counts of bytes are equal" in str(compare(sides[0], sides[0]))


def test_bytes_of_steps_of_different_size_are_not_compared(tmp_path: Path) -> None:
    """What one plan calls constant tokens is 4,096, another 2,048; one sequence is one sequence."""
    runs = [clocked(tmp_path / str(tokens), tokens=tokens) for tokens in (4096, 2048)]
    found = [c for c in compared(*map(material, runs)).made if c.p is None]
    assert found
    assert {c.effect for c in found} == {1.0}


def test_a_task_that_is_no_longer_learned_is_named_with_the_cell_that_moved(tmp_path: Path) -> None:
    sides = []
    for number, unsolved in enumerate(((), ("needle", "latch", "copy"))):
        folder = Folder()
        for column in COLUMNS:
            for name in {column["plain"], column["best"]}:
                add_long_range(folder, name, unsolved if name == "cnn-8" else (), seeds=3)
        sides.append(whole(folder.write(tmp_path / str(number))))
    (change,) = changes(*sides)
    assert (change.subject, change.what, change.before, change.after) == ("cnn-8", SHARE, 1.0, pytest.approx(1 / 3))
    blocks = compare(*sides)
    assert "cnn-8: share of trainings solved 1.00 -> 0.33" in sentences(blocks)
    assert "Long-range dependencies, CNN (best), with cnn-8: Moderate -> Excellent" in sentences(blocks)
    assert changes(sides[0], sides[0]) == []


def test_one_seed_that_falls_the_other_way_is_no_change(tmp_path: Path) -> None:
    sides = []
    for number, unsolved in enumerate(((), ("mqar",))):
        folder = Folder()
        for column in COLUMNS:
            add_long_range(folder, column["best"], unsolved if column["family"] == "lstm" else (), seeds=1)
        sides.append(whole(folder.write(tmp_path / str(number))))
    assert changes(*sides) == []
    rows = {row[0]: row for row in tables(compare(*sides))["What was learned"].rows}
    assert rows[f"lstm-chrono, {SHARE}"][4] == "0 solved anew, 1 no longer"


@pytest.mark.parametrize(("factor", "expected"), [(1.0, []), (1.04, []), (1.5, ["lstm-chrono"])])
def test_steps_to_solve_are_compared_pair_by_pair(tmp_path: Path, factor: float, expected: list[str]) -> None:
    sides = []
    for number, slower in enumerate((1.0, factor)):
        folder = Folder()
        for column in COLUMNS:
            add_long_range(folder, column["best"], seeds=3)
        for at, record in enumerate(folder.records):
            own = slower if record.trial["architecture"]["name"] == "lstm-chrono" else 1.0
            steps = Measurement("steps_to_solve", (100.0 + 25 * (at % 7)) * own)
            folder.records[at] = replace(record, measurements=(*record.measurements, steps))
        sides.append(whole(folder.write(tmp_path / str(number))))
    found = changes(*sides)
    assert [change.subject for change in found] == expected
    assert [(change.what, round(change.effect, 3)) for change in found] == [(STEPS, factor)] * len(expected)


def test_cells_that_are_ratios_move_with_the_culprit_and_are_told_so(tmp_path: Path) -> None:
    """The reference, a Transformer, becomes 1.5 times slower: the CNN's cell moves, the Transformer is named."""
    seconds = {"transformer-rotary": 1.0, "lstm-chrono": 3.0, "cnn-8": 1.3, "lstm": 3.0, "cnn-3": 1.4}
    sides = []
    for number, factor in enumerate((1.0, 1.5)):
        folder = Folder()
        add_clocks(folder, {**seconds, "transformer-rotary": factor}, wobble=0.002 + 0.001 * number)
        sides.append(whole(folder.write(tmp_path / str(number))))
    assert {change.subject for change in changes(*sides)} == {"transformer-rotary"}
    blocks = compare(*sides)
    assert lead(blocks).startswith("Changed beyond doubt from A to B: transformer-rotary. Nothing else did")
    assert "Training speed, CNN (best), with transformer-rotary: " in sentences(blocks)
    rows = {str(row[0]): row[3] for row in tables(blocks)["Cells of the table in both runs"].rows}
    assert "with transformer-rotary" in str(rows["Training speed, CNN (best)"])


def test_a_complete_run_beside_itself_and_beside_another_study(tmp_path: Path) -> None:
    both = whole(planted(tmp_path / "a"))
    blocks = compare(both, both)
    assert lead(blocks).startswith("Nothing changed beyond doubt")
    assert blocks == compare(both, both), "the same records give the same blocks"
    fates = {row[3] for row in tables(blocks)["Cells of the table in both runs"].rows}
    assert fates == {"the same"}
    other = material(clocked(tmp_path / "b"), tmp_path / "b")
    assert lead(compare(both, other)) == "Nothing can be compared: no measurement in common, the ten claims left aside."
    assert "Only A has tasks: needle at length 32" in sentences(compare(both, other))


def test_provenance_that_differs_is_set_side_by_side(tmp_path: Path) -> None:
    here = {"fingerprint": "here", "processor": "P", "torch": "2.9.0", "commit": "aaa", "dirty": False}
    there = {**here, "torch": "2.13.0", "commit": "bbb"}
    runs = [clocked(tmp_path / str(n), machine=machine) for n, machine in enumerate((here, there))]
    blocks = compare(*(material(run, tmp_path / str(n)) for n, run in enumerate(runs)))
    rows = {row[0]: row[1:] for row in tables(blocks)["Provenance: what differs"].rows}
    assert rows["torch"] == ("2.9.0", "2.13.0")
    assert "processor" not in rows
    assert "commit aaa" in sentences(blocks)


def test_two_machines_are_told_apart_from_a_drift(tmp_path: Path) -> None:
    laws = {name: (lambda n, law=law: law(n) / 10) for name, law in LAWS.items()}
    gpu = clocked(tmp_path / "gpu", laws=laws, device="cuda", machine={"fingerprint": "there", "accelerator": "G"})
    blocks = compare(material(clocked(tmp_path / "cpu"), tmp_path / "cpu"), material(gpu, tmp_path / "gpu"))
    text = " ".join(block.text for block in blocks if isinstance(block, Paragraph))
    assert "0.10 times, between the two machines" in text
    assert lead(blocks).startswith("Nothing changed")


def kept(factor: float) -> Callable[[str, int], float]:
    """Bytes of a state that grows with the context, the LSTM's times a factor."""
    return lambda name, context: 512.0 * context * (factor if name == "lstm" else 1.0)


def test_every_condition_of_a_named_difference_is_needed() -> None:
    sure = Comparison("x", "training step", "", "", 1.0, 1.2, "s", 1.2, 1.19, 1.21, 1e-6)
    assert beyond_doubt([sure]) == [sure]
    assert beyond_doubt([replace(sure, p=0.04), *[replace(sure, p=0.5)] * 9]) == [], "Holm over all that were made"
    untested = [replace(sure, p=np.nan)] * 99
    assert beyond_doubt([replace(sure, p=0.04), *untested]) != [], "what was not tested is not counted"
    assert number_tested([sure, *untested, replace(sure, p=None)]) == 1
    assert beyond_doubt([replace(sure, band=1.25)]) == []
    assert beyond_doubt([replace(sure, effect=LEAST - 0.01)]) == []
    assert beyond_doubt([replace(sure, p=np.nan)]) == []
    exact = replace(sure, p=None)
    assert beyond_doubt([exact, replace(exact, effect=1.01)]) == [exact]


def test_a_cell_moves_when_word_verdict_or_intervals_part() -> None:
    cell: dict[str, Any] = {"row": "Scalability", "column": "CNN", "variant": "best", "architecture": "cnn"}
    cell |= {"measured": "High", "verdict": "agrees", "figure": 0.95, "low": 0.9, "high": 1.0}
    assert Pair(cell, {**cell, "figure": 0.92, "low": 0.85, "high": 0.99}).moved == ()
    assert Pair(cell, {**cell, "figure": 0.6, "low": 0.5, "high": 0.7}).moved == ("figure",)
    assert Pair(cell, {**cell, "measured": "Low", "verdict": "disagrees"}).moved == ("word", "verdict")
    assert Pair(cell, {**cell, "low": None}).moved == (), "an end that is unknown parts nothing"
