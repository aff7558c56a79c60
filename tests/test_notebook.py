"""A verdict table as the last line of a notebook: a frame with every cell, a table in which nothing is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from planted import planted
from synthetic import COLUMNS, Folder, learn

from analysis.notebook import COLUMNS as FIELDS
from analysis.notebook import Verdicts, frame, verdicts
from bench.records import RecordsError

PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores" / "quick"


class Reader(HTMLParser):
    """Tags and texts of a page; tags must close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(found: Verdicts) -> Reader:
    reader = Reader()
    reader.feed(found._repr_html_())
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    return verdicts(planted(tmp_path_factory.mktemp("run")))


def test_the_frame_has_every_cell_with_its_figure(complete: Verdicts) -> None:
    held = complete.frame
    assert tuple(held.columns) == FIELDS
    assert len(held) == 3 * 2 * 7
    assert not held.duplicated(["row", "column", "variant"]).any()
    one = held[(held["row"] == "Training speed") & (held["column"] == "LSTM") & (held["variant"] == "best")].iloc[0]
    assert (one["claimed"], one["measured"], one["verdict"]) == ("Slow", "Slow", "agrees")
    assert one["low"] <= one["figure"] <= one["high"]
    assert held["figure"].dtype == "float64"
    assert str(held["seeds"].dtype) == "Int64"


def test_the_frame_alone_is_the_same(tmp_path: Path) -> None:
    folder = planted(tmp_path)
    pd.testing.assert_frame_equal(frame(str(folder)), verdicts(folder).frame)


def test_the_last_line_shows_the_table(complete: Verdicts) -> None:
    reader = read(complete)
    assert reader.tags.count("tr") == 1 + 7
    assert set(reader.tags) == {"table", "caption", "tr", "th", "td", "br"}
    for text in ("Transformer", "Slow -> Slow", "= agrees", "Generation latency (ours)"):
        assert text in reader.texts


def test_in_a_terminal_it_is_text(complete: Verdicts) -> None:
    assert repr(complete).startswith("Study planted, device cpu")
    assert "Training speed" in repr(complete)


def test_a_strangers_name_is_no_markup(tmp_path: Path) -> None:
    title = '<script>alert(1)</script> & "q"'
    stranger = {"title": title, "family": "<b>", "plain": "<i>", "best": None, "best_reason": ""}
    folder = Folder(columns=[*COLUMNS, stranger])
    folder.add(learn("lstm", "needle", 32, 0), machine={"fingerprint": "x", "processor": "<u>fast</u>"})
    found = verdicts(folder.write(tmp_path))
    reader = read(found)
    assert set(reader.tags) == {"table", "caption", "tr", "th", "td", "br"}
    assert "".join(reader.texts).count(title) == 1
    assert (found.frame["column"] == title).sum() == 14
    assert (found.frame["verdict"] == "not run").all()


def test_a_folder_that_is_none_is_refused_with_a_mend(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="nothing was run there"):
        verdicts(tmp_path)
