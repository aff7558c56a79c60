"""Each cell opens: links that lead, evidence for every state a cell can be in, ways to flip it that do flip it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from opened import figure, fold, material, text, walk
from planted import (
    add_clocks,
    add_decodes,
    add_explanations,
    add_long_range,
    add_scaling,
    add_traces,
    explained,
    planted,
)
from synthetic import BEST, COLUMNS, FAMILY, STRANGER, Folder, learn, values

from analysis import cells, drawing, wording
from analysis.cells.case import MOST_ROWS, Case
from analysis.claims import INTERPRETABILITY, LONG_RANGE, OURS, PARALLEL, RULES, SPEED
from analysis.document import Block, Code, Entry, Fold, Paragraph, Picture, Table
from analysis.html.pictures import Sheet
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge

EVIL = "mine:<script>$x$</script> && rm -rf ~ '" + "n" * 60
EVERY = RULES | OURS


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Material:
    path = planted(tmp_path_factory.mktemp("whole"))
    run = load(path)
    return Material(path, run, judge(run))


@pytest.fixture(scope="module")
def opened(whole: Material) -> list[Block]:
    return cells.folds(whole)


def test_every_place_of_the_table_leads_to_its_fold(whole: Material, opened: list[Block]) -> None:
    interview, ours, legend = cells.table(whole)
    assert isinstance(interview, Table)
    assert isinstance(ours, Table)
    assert isinstance(legend, Paragraph)
    found = wording.index(whole.verdicts)
    anchors = []
    for row in (*interview.rows, *ours.rows):
        for title, entry in zip(interview.header[1:], row[1:], strict=True):
            assert isinstance(entry, Entry)
            assert [line.text for line in entry.lines] == [t for t, _ in wording.cell_lines(found, str(row[0]), title)]
            anchors.append(entry.anchor)
    assert [f.anchor for f in opened if isinstance(f, Fold)] == anchors
    assert len(set(anchors)) == 21


def test_tones_stand_beside_the_words_that_they_colour(whole: Material, opened: list[Block]) -> None:
    for block in opened:
        assert isinstance(block, Fold)
        assert not block.tone or f"{wording.SIGNS[block.tone]} {block.tone}" in block.summary
    tones = [block.tone for block in opened if isinstance(block, Fold)]
    assert tones.count("agrees") == sum(c["verdict"] == "agrees" for c in whole.verdicts["cells"]) / 2
    for table in cells.table(whole)[:2]:
        assert isinstance(table, Table)
        for entry in (e for row in table.rows for e in row if isinstance(e, Entry)):
            assert all(line.tone in ("", "dim", *line.text.split()) for line in entry.lines)


def test_every_fold_holds_picture_rule_steps_values_and_command(opened: list[Block]) -> None:
    for block in opened:
        assert isinstance(block, Fold)
        rule = EVERY[block.summary.partition(",")[0].removesuffix(" (ours)")]
        said = text([block])
        assert rule.statement in said
        assert rule.bands in said
        for part in ("From the values to the word:", "What would flip it:", "Failures: none", "Sensitivity: "):
            assert part in said, block.summary
        assert any(isinstance(b, Code) and b.text.startswith("bakeoff run planted --only ") for b in block.blocks)
        assert any(isinstance(b, Table) and b.caption.startswith("Every ") for b in walk([block]))


def test_pictures_are_small_named_apart_and_the_same_again(whole: Material, opened: list[Block]) -> None:
    sheet, found = Sheet(), [b for b in walk(opened) if isinstance(b, Picture)]
    assert len({p.name for p in found}) == len(found) == 42
    for picture in found:
        assert figure(picture).get_figwidth() <= 7
        assert len(str(sheet.draw(picture))) < 25_000, picture.name
        assert min(float(t.get_fontsize()) for a in figure(picture).axes for t in a.texts) >= 8
    index = wording.index(whole.verdicts)
    for row in EVERY:
        case = Case(whole, EVERY[row], whole.contenders[0], index[row, "Transformer", "best"])
        (again,) = [b for b in cells.opened(case, "again") if isinstance(b, Picture)]
        (first,) = [p for p in found if p.title == again.title]
        assert drawing.svg(figure(again)) == drawing.svg(figure(first))


def test_the_strip_shows_thresholds_and_every_seed(opened: list[Block]) -> None:
    for picture in (b for b in walk(opened) if isinstance(b, Picture)):
        rule = EVERY[picture.title.partition(",")[0]]
        shown = picture.data.groupby("what")["value"]
        assert sorted(shown.get_group("threshold"), reverse=True) == list(rule.thresholds)
        names = picture.data.loc[picture.data["what"].str.startswith("each "), "of"].tolist()
        if rule.row in (LONG_RANGE.row, INTERPRETABILITY.row):
            assert names == ["seed 0", "seed 1", "seed 2"]
        if rule.row == SPEED.row:
            assert names == [f"replicate {n}" for n in range(4)]
        (strip,) = [a for a in figure(picture).axes if a.get_xlabel() == rule.unit]
        lines = {tuple(segment[:, 0]) for c in strip.collections for segment in getattr(c, "get_segments", list)()}
        assert {(at, at) for at in rule.thresholds} <= lines
        moved = {round(at * f, 9) for at in rule.thresholds for f in (0.9, 1.1)}
        assert moved <= {round(float(first), 9) for first, _ in lines}


def test_nothing_for_a_study_without_rows(tmp_path: Path) -> None:
    run = load(Folder().write(tmp_path))
    assert cells.table(Material(tmp_path, run, {})) == cells.folds(Material(tmp_path, run, {})) == []


def test_a_run_of_nothing_opens_all_the_same(tmp_path: Path) -> None:
    columns = [{**column, "best": None} for column in COLUMNS]
    found = material(Folder(columns=columns, stopped="time limit"), tmp_path)
    opened = cells.folds(found)
    assert len(opened) == 21
    assert not [b for b in walk(opened) if isinstance(b, Picture)]
    said = text(opened)
    assert "No figure, so no picture: the development stage has not chosen the best variant: time limit." in said
    assert said.count("Failures: no trial was planned for it.") == 42
    assert all(f.tone == "not run" for f in opened if isinstance(f, Fold) and "(ours)" not in f.summary)


def test_one_seed_one_task_one_family(tmp_path: Path) -> None:
    folder = Folder()
    add_traces(folder, "lstm", 0.02, lengths=(16, 32))
    folder.add(learn("lstm", "needle", 32, 0), values(solved=1.0), rows=["long range"], lag=32)
    found = material(folder, tmp_path)
    pictures = [b for b in walk(cells.folds(found)) if isinstance(b, Picture)]
    assert [p.name for p in pictures] == [
        "cell-parallel-processing-lstm-plain",
        "cell-long-range-dependencies-lstm-plain",
    ]
    assert "the interval has no known end on that side" in text([fold(found, PARALLEL.row, "LSTM")])


def test_failures_are_listed_with_their_reasons(tmp_path: Path) -> None:
    folder = Folder(stopped="time limit of 3 minutes")
    add_long_range(folder, "lstm-chrono")
    folder.add(learn("lstm-chrono", "needle", 32, 7), rows=["long range"], lag=32, status="failed", reason="<b>no</b>")
    folder.add(
        learn("lstm-chrono", "needle", 32, 8), rows=["long range"], lag=32, status="diverged", reason="at step 3"
    )
    folder.plan(learn("lstm-chrono", "needle", 32, 9), rows=["long range"], lag=32)
    said = text([fold(material(folder, tmp_path), LONG_RANGE.row, "LSTM")])
    assert "Failures: of 30 planned trials 1 diverged, 1 failed, 1 not run, 27 ok." in said
    for reason in ("<b>no</b>", "at step 3", "time limit of 3 minutes", "missing trials all solved"):
        assert reason in said


def test_models_outside_the_gate_are_named(tmp_path: Path) -> None:
    folder = Folder()
    add_explanations(folder, "lstm-chrono", 0.9, seeds=4)
    trial = learn("lstm-chrono", "marked", 32, 9, kind="explain")
    folder.add(trial, explained({"intrinsic/a": 0.1, "intrinsic/b": 0.1}, gate=False), rows=["interpretability"])
    said = text([fold(material(folder, tmp_path), INTERPRETABILITY.row, "LSTM")])
    assert "marked: 1 models not admitted, because intervention found" in said
    assert "The gate: 8 of 9 models admitted; 4 fewer would leave the cell undecided." in said


def test_long_tables_say_what_they_leave_out(tmp_path: Path) -> None:
    folder = Folder()
    add_long_range(folder, "lstm-chrono", seeds=70)
    opened = fold(material(folder, tmp_path), LONG_RANGE.row, "LSTM")
    (trainings,) = [b for b in walk([opened]) if isinstance(b, Table) and b.caption.startswith("Every training")]
    assert len(trainings.rows) == MOST_ROWS
    assert "(570 of 630 rows are left out here; the download holds all)" in trainings.caption
    (picture,) = [b for b in walk([opened]) if isinstance(b, Picture)]
    assert (picture.data["what"] == "each seed alone").sum() == 70


def test_strangers_with_awkward_names_open_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twins = [{**STRANGER, **dict.fromkeys(("title", "family", "plain", "best"), name)} for name in (EVIL, EVIL + "!")]
    for name in (EVIL, EVIL + "!"):
        monkeypatch.setitem(FAMILY, name, name)
    folder = Folder(columns=(*COLUMNS, *twins))
    for name in BEST:
        add_scaling(folder, name, 0.3, 0.3)
    for name in (EVIL, EVIL + "!"):
        add_long_range(folder, name, ("needle",), seeds=2)
        add_scaling(folder, name, 0.3, 0.3)
        add_traces(folder, name, 0.3)
        add_explanations(folder, name, 0.6)
    add_clocks(folder, {name: 1.0 + n for n, name in enumerate((*BEST, EVIL))})
    add_decodes(folder, {name: 1.0 + n for n, name in enumerate((*BEST, EVIL))}, without=(EVIL + "!",))
    found = material(folder, tmp_path)
    opened = cells.folds(found)
    assert len({f.anchor for f in opened if isinstance(f, Fold)}) == 35
    pictures = [b for b in walk(opened) if isinstance(b, Picture)]
    assert len({p.name for p in pictures}) == len(pictures) > 12
    for picture in pictures[-6:]:
        assert "<script>" not in drawing.svg(figure(picture))
    (typed,) = [b.text for b in fold(found, PARALLEL.row, EVIL).blocks if isinstance(b, Code)]
    assert shlex.split(typed)[:7] == ["bakeoff", "run", "planted", "--only", "parallel", "--column", EVIL]


def test_other_regimes_are_told(tmp_path: Path) -> None:
    folder = Folder()
    add_long_range(folder, "lstm-chrono")
    add_long_range(folder, "lstm-chrono", ("needle",), core_parameters=100_000)
    said = text([fold(material(folder, tmp_path), LONG_RANGE.row, "LSTM")])
    assert "core parameters at 100,000: Limited -> Excellent, 0.83" in said
