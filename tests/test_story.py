"""What a report holds and in which order: every cell leads somewhere, several runs stay apart, nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from planted import planted

from analysis import forked, publish, report, story
from analysis.document import Block, Document, Entry, Fold, Paragraph, Section, Table
from analysis.drawing import Drawn
from analysis.report import Written


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return report.write(planted(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def alone(run: Written) -> Document:
    return story.tell(publish.materials([run]))


@pytest.fixture(scope="module")
def twice(run: Written) -> Document:
    """One run as two: the same study on the same device, in two folders."""
    return story.tell(publish.materials([run, run._replace(folder=run.folder / "again")]))


def blocks_in(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        yield from blocks_in(getattr(block, "blocks", ()))


def anchors(document: Document) -> list[str]:
    return [block.anchor for block in blocks_in(document.blocks) if isinstance(block, Section | Fold)]


def links(document: Document) -> list[str]:
    tables = [block for block in blocks_in(document.blocks) if isinstance(block, Table)]
    return [cell.anchor for t in tables for row in t.rows for cell in row if isinstance(cell, Entry) and cell.anchor]


def test_the_first_screen_is_the_question_the_answer_and_the_table(alone: Document) -> None:
    question, answer, table, *_ = alone.blocks
    assert isinstance(question, Paragraph)
    assert isinstance(answer, Paragraph)
    assert answer.lead
    assert isinstance(table, Table)


@pytest.mark.parametrize("document", ["alone", "twice"])
def test_every_cell_of_a_table_leads_to_a_place_of_its_own(document: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(document)
    places = anchors(page)
    assert [places.count(link) for link in links(page)] == [1] * len(links(page))
    assert len(links(page)) == len(set(links(page))) > 20


def test_pictures_have_names_of_their_own_and_need_no_more_drawing(twice: Document) -> None:
    pictures = list(story.pictures(twice.blocks))
    names = [picture.name for picture in pictures]
    assert len(names) == len(set(names))
    assert all(isinstance(picture.figure, Drawn) for picture in pictures)


def test_only_figures_outside_a_fold_are_drawn_as_png_too(alone: Document) -> None:
    """Those behind a fold are three times as many, and drawing them again takes as long."""
    folded = {p.name for b in blocks_in(alone.blocks) if isinstance(b, Fold) for p in story.pictures(b.blocks)}
    assert folded
    for picture in story.pictures(alone.blocks):
        assert isinstance(picture.figure, Drawn)
        assert bool(picture.figure.png) == (picture.name not in folded)


def test_two_runs_of_one_study_are_told_apart_by_their_folders(run: Written, twice: Document) -> None:
    titles = [block.title for block in blocks_in(twice.blocks) if isinstance(block, Section)]
    assert any(title.endswith(f"{run.folder.name}/again") for title in titles)


def test_a_run_with_less_of_the_table_comes_after_one_with_more(run: Written) -> None:
    full, empty = publish.materials([run, run._replace(folder=run.folder / "again")])
    cells = [{**cell, "verdict": "not run"} for cell in empty.verdicts["cells"]]
    empty = replace(empty, verdicts={**empty.verdicts, "cells": cells})
    page = story.tell([empty, full])
    first = next(block for block in page.blocks if isinstance(block, Table))
    assert {cell.anchor for row in first.rows for cell in row if isinstance(cell, Entry)} <= set(links(page))
    assert not any("again" in cell.anchor for row in first.rows for cell in row if isinstance(cell, Entry))


def test_the_same_records_give_the_same_files(run: Written, tmp_path: Path) -> None:
    for name in ("one", "other"):
        publish.report([run], tmp_path / name)
    one, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))}
        for name in ("one", "other")
    )
    assert one == other
    assert len(one) > 40


def test_a_fault_in_a_forked_call_is_raised_here() -> None:
    def fault() -> None:
        raise ValueError("of this call")

    with pytest.raises(ValueError, match="of this call"):
        forked.results([fault] * 5)
    assert forked.results([lambda n=n: n * n for n in range(9)]) == [n * n for n in range(9)]


def test_a_call_beside_the_work_is_made_before_the_work_goes_on(tmp_path: Path) -> None:
    """In a process of its own or after the block: its file is there behind the block, its fault is raised there."""
    for worth in (True, False):
        path = tmp_path / f"{worth}"
        with forked.meanwhile(lambda path=path: path.write_text(f"{os.getpid()}"), worth):
            inside = "the block"
        assert (path.read_text() != f"{os.getpid()}") is worth
        with pytest.raises(ZeroDivisionError), forked.meanwhile(lambda: 1 / 0, worth):
            inside += " goes on"
        assert inside == "the block goes on"
