"""`bakeoff report` and `bakeoff compare` at the front door: what they write, what they say, what they refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from planted import planted

import bakeoff


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bakeoff.main, list(arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted(tmp_path_factory.mktemp("reports") / "one")


@pytest.fixture(scope="module")
def other(folder: Path) -> Path:
    return Path(shutil.copytree(folder, folder.parent / "other"))


def test_a_report_on_two_runs_is_one_page_where_it_was_asked_for(folder: Path, other: Path, tmp_path: Path) -> None:
    result = run("report", "one", str(other), "--reports", str(folder.parent), "--out", str(tmp_path / "both"))
    assert result.exit_code == 0, result.output
    assert f"page in {tmp_path / 'both'}: report.html, report.md, " in result.output
    page = (tmp_path / "both" / "report.html").read_text()
    for name in ("one", "other"):
        assert f"/{name}</h" in page, "each run has a heading that names its folder"


def test_by_default_the_page_of_several_runs_is_named_after_them(folder: Path, other: Path) -> None:
    result = run("report", "one", "other", "--reports", str(folder.parent))
    assert result.exit_code == 0, result.output
    assert (folder.parent / "one+other" / "report.html").exists()


def test_equal_runs_differ_in_nothing(folder: Path, other: Path, tmp_path: Path) -> None:
    result = run("compare", str(folder), str(other), "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Nothing changed beyond doubt")
    assert (tmp_path / "compare.html").exists()


@pytest.mark.parametrize("command", [("report", "one", "never"), ("compare", "one", "never")])
def test_a_run_that_is_not_there_is_named_before_anything_is_written(folder: Path, command: tuple[str, ...]) -> None:
    result = run(*command, "--reports", str(folder.parent))
    assert result.exit_code == 2
    assert "bakeoff: no run in" in result.output
    assert "Traceback" not in result.output


def test_a_file_where_the_page_should_go_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    result = run("report", str(folder), "--out", str(tmp_path / "taken"))
    assert result.exit_code == 2
    assert "is a file" in result.output
    assert (tmp_path / "taken").read_text() == "mine"


def test_records_with_a_fault_are_named_and_nothing_is_believed(folder: Path, tmp_path: Path) -> None:
    bad = Path(shutil.copytree(folder, tmp_path / "bad"))
    lines = (bad / "trials.jsonl").read_text().splitlines()
    lines[2] = lines[2].replace('"status":"ok"', '"status":"splendid"')
    (bad / "trials.jsonl").write_text("\n".join(lines) + "\n")
    result = run("report", str(bad))
    assert result.exit_code == 2
    assert "trials.jsonl, line 3" in result.output
    assert not (bad / "report.html").exists()
