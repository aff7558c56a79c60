"""What is committed as evidence follows from the committed records, and the README shows that and nothing else."""

from __future__ import annotations

import io
import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console

from analysis import clocks, peers, publish, report
from analysis.ledger.ledger import judge as judge_claims
from analysis.ledger.table import markdown as ledger_markdown
from analysis.load import load
from analysis.page import markdown
from analysis.table import render
from analysis.verdicts import judge

ROOT = Path(__file__).resolve().parent.parent
MACHINE = ROOT / "reports" / "published" / "amd-epyc-2-cores"
SHOWN = "figures/page/where-claims-hold.svg"
"""The figure that the README shows."""
PUBLISHED = sorted(path.parent for path in (ROOT / "reports" / "published").glob("*/*/verdicts.json"))


def pinned(package: str) -> str:
    """The version that the constraints name."""
    found = re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: "/".join(folder.parts[-2:]))
def test_published_verdicts_follow_from_published_records(folder: Path) -> None:
    verdicts = judge(load(folder))
    assert json.loads(json.dumps(verdicts)) == json.loads((folder / "verdicts.json").read_text())
    assert markdown(verdicts) == (folder / "table.md").read_text()
    assert len([c for c in verdicts["cells"] if c["variant"] == "best"]) == 15


@pytest.mark.parametrize(("study", "page"), [("clock", "speed.md"), ("peers", "peers.md")])
def test_published_pages_follow_from_published_records(study: str, page: str, tmp_path: Path) -> None:
    folder = MACHINE / study
    run = load(folder)
    pages = {"clock": clocks, "peers": peers}
    assert page in pages[study].write(run, tmp_path)
    assert (tmp_path / page).read_text() == (folder / page).read_text()
    assert run.plan["command"] == f"bakeoff run {study}", "no path of the machine"


def test_the_readme_shows_the_published_table() -> None:
    out = io.StringIO()
    verdicts = json.loads((MACHINE / "quick" / "verdicts.json").read_text())
    render(verdicts, Console(file=out, width=80, force_terminal=False))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    table = lines[: next(n for n, line in enumerate(lines) if line.startswith("claimed ->")) + 1]
    assert "\n".join(table) in (ROOT / "README.md").read_text()


def test_the_published_ledger_follows_from_published_records_and_the_readme_shows_it() -> None:
    folder = MACHINE / "claims"
    claims = judge_claims(load(folder))
    assert json.loads(json.dumps(claims)) == json.loads((folder / "ledger.json").read_text())
    assert len(claims["claims"]) == 10
    text = ledger_markdown(claims)
    assert text == (folder / "ledger.md").read_text()
    first = text.partition("\n\n**1.")[0]
    table = [line for line in first.splitlines() if line.startswith("|")]
    assert len(table) == 12
    assert "\n".join(table) in (ROOT / "README.md").read_text()


@pytest.mark.skipif(
    version("matplotlib") != pinned("matplotlib"), reason="another matplotlib draws other outlines than the pinned one"
)
def test_the_published_report_follows_from_published_records(tmp_path: Path) -> None:
    """Bytes and all: figures, texts, downloads."""
    folder = tmp_path / "quick"
    shutil.copytree(MACHINE / "quick", folder, ignore=shutil.ignore_patterns("*.html", "figures"))
    publish.report([report.write(folder)], folder)
    assert (folder / "report.html").read_bytes() == (MACHINE / "quick" / "report.html").read_bytes()
    assert len((folder / "report.html").read_bytes()) < 3_000_000
    assert (folder / SHOWN).read_bytes() == (MACHINE / "quick" / SHOWN).read_bytes()
