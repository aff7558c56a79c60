"""The ledger where it is read: files, terminal, page, beside other studies, and without any."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from claimed import PLAIN, add_all, add_images, add_modelling, add_parallelisation, folder, learn
from click.testing import CliRunner
from planted import add_traces
from rich.console import Console
from synthetic import Folder

import bakeoff
from analysis import html, publish, report, story
from analysis.document import Document, Fold, Paragraph, Section, Table
from analysis.ledger import page, rules, table, words
from analysis.load import MORE, TIDY, load, tidy
from analysis.measurements import pieces
from analysis.report import Written

HOSTILE = "pkg:<script>alert(1)</script>`|*[x](y)\x1b[31m"


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_all(folder()).write(tmp_path_factory.mktemp("reports") / "claims")


@pytest.fixture(scope="module")
def written(claims: Path) -> Written:
    return report.write(claims)


@pytest.fixture(scope="module")
def told(written: Written) -> Document:
    return story.tell(publish.materials([written]))


def printed(ledger: dict) -> str:
    out = io.StringIO()
    table.render(ledger, Console(file=out, width=80, force_terminal=False))
    return out.getvalue()


def test_a_study_of_claims_alone_has_a_ledger_and_no_interview_table(written: Written, claims: Path) -> None:
    assert written.verdicts == {}
    assert {"ledger.md", "ledger.json", "measurements.csv"} <= set(written.files)
    assert json.loads((claims / "ledger.json").read_text()) == written.ledger
    assert not (claims / "verdicts.json").exists()


def test_a_study_without_claims_has_no_ledger(tmp_path: Path) -> None:
    run = Folder()
    add_traces(run, "transformer-rotary", 0.98)
    found = report.write(run.write(tmp_path))
    assert found.verdicts
    assert found.ledger == {}
    assert not (tmp_path / "ledger.json").exists()


def test_the_page_begins_with_the_question_three_sentences_and_the_ledger(told: Document) -> None:
    question, answer, ledger, *_ = told.blocks
    assert isinstance(question, Paragraph)
    assert question.text == page.QUESTION
    assert isinstance(answer, Paragraph)
    assert answer.lead
    assert answer.text.startswith("Of 10 claims made of transformers, 7 agree with what was measured, 2 of which hold")
    assert isinstance(ledger, Table)
    assert ledger.header == ("Claim", "Transformer", "LSTM", "CNN", "Floor", "Seeds", "Verdict")
    assert len(ledger.rows) == 10


def test_every_claim_opens_to_rule_evidence_failures_and_command(told: Document) -> None:
    (section,) = [b for b in told.blocks if isinstance(b, Section) and b.anchor == "claims"]
    folds = [b for b in section.blocks if isinstance(b, Fold)]
    assert len(folds) == 10
    for fold, rule in zip(folds, rules.RULES.values(), strict=True):
        text = "\n".join(getattr(b, "text", "") + "\n".join(getattr(b, "items", ())) for b in fold.blocks)
        assert rule.statement in text
        assert "Transformer:" in text
        assert f"bakeoff run planted --only {rule.claim.replace(' ', '-')}" in text
    lost = next(f for f in folds if f.summary.startswith("8."))
    assert any("seeds 0, 1 and 2: not run" in item for b in lost.blocks for item in getattr(b, "items", ()))


@pytest.fixture(scope="module")
def published(told: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page")
    publish.write(told, target)
    return target


def test_the_page_holds_texts_of_records_as_texts(published: Path) -> None:
    text = (published / "report.html").read_text()
    assert "The &lt;b&gt;transformer&lt;/b&gt; says:" in text
    assert "<b>transformer" not in text
    assert "<title>Ten claims about generative AI, measured</title>" in text
    assert "says:" in (published / "report.md").read_text()


def test_claims_stand_beside_the_table_of_another_study(tmp_path: Path) -> None:
    run = folder()
    add_modelling(run, {"transformer-sinusoidal": (2.0, 2.1, 2.0), "lstm-forget-bias": (2.5, 2.5, 2.6)})
    written = report.write(run.write(tmp_path / "claims"))
    run = Folder()
    add_traces(run, "transformer-rotary", 0.98)
    other = report.write(run.write(tmp_path / "quick"))
    document = story.tell(publish.materials([written, other]))
    first = next(block for block in document.blocks if isinstance(block, Table))
    assert first.header[0] == "Feature"
    titles = [block.title for block in document.blocks if isinstance(block, Section)]
    assert any(title.startswith(page.TITLE) for title in titles)
    assert re.search(r'href="#claim-planted-cpu-[-a-z0-9]*improved-modelling"', html.render(document))


def test_the_terminal_shows_every_claim_in_80_columns(written: Written) -> None:
    text = printed(written.ledger)
    assert max(map(len, text.splitlines())) <= 80
    for rule in rules.RULES.values():
        assert f"{rule.number} {rule.claim}".upper() in text
    assert "= agrees" in text
    assert "x disagrees" in text
    assert "0.99 [0.99, 0.99]" in text
    assert rules.NOT_PARTICULAR in " ".join(text.split())


def test_markdown_holds_table_rules_and_reasons(written: Written) -> None:
    text = table.markdown(written.ledger)
    assert text.count("| ") > 10 * 7
    for rule in rules.RULES.values():
        assert rule.statement.split(";")[0][:60] in text
    assert "flips: agrees at equal core parameters, disagrees at equal training time" in text


def test_a_strangers_name_is_never_markup(tmp_path: Path) -> None:
    run = folder(HOSTILE)
    speeds = {HOSTILE: 1.0, "transformer-sinusoidal": 1.0, "lstm-forget-bias": 2.0, "cnn-k3": 1.5}
    add_parallelisation(run, speeds, dict.fromkeys(speeds, 0.9))
    for entry in run.entries:
        for one in (*entry["trial"].get("architectures", ()), entry["trial"].get("architecture") or {}):
            if one.get("name") == HOSTILE:
                assert one["family"] == HOSTILE.split("-")[0]
    add_images(run, dict.fromkeys(PLAIN, 2.0))
    run.add(learn(HOSTILE, "digits", 64, 0, labelled=False), status="failed", reason=HOSTILE, rows=[rules.IMAGES])
    found = report.write(run.write(tmp_path / "run"))
    assert [column["title"] for column in found.ledger["columns"]][-1] == HOSTILE
    publish.report([found], tmp_path / "page")
    html = (tmp_path / "page" / "report.html").read_text()
    assert "<script>alert" not in html
    assert "\x1b" not in html + (tmp_path / "run" / "ledger.md").read_text() + printed(found.ledger)
    assert re.search(r"(?<!\\)<script", (tmp_path / "run" / "ledger.md").read_text()) is None
    assert "[x](y)" not in (tmp_path / "run" / "ledger.md").read_text()


def test_published_ledgers_are_printed_with_and_without_a_table(
    claims: Path, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "reports" / "published" / "machine" / "claims"
    shutil.copytree(claims, home)
    (home / "report.html").write_text("")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(bakeoff.main, ["table", "--published"])
    assert result.exit_code == 0, result.output
    assert "published by the maintainers" in result.output
    assert words.TITLE in result.output


def test_the_front_door_prints_the_ledger_and_writes_the_same_page(
    claims: Path, published: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(claims, tmp_path / "claims")
    result = CliRunner().invoke(bakeoff.main, ["report", str(folder)])
    assert result.exit_code == 0, result.output
    assert words.TITLE in result.output
    for path in sorted(published.rglob("*.*")):
        assert path.read_bytes() == (folder / path.relative_to(published)).read_bytes(), path.name


def test_measurements_tell_claims_roles_and_regimes_apart(written: Written) -> None:
    text = "".join(pieces(written.run))
    header = text.splitlines()[0].split(",")
    assert tuple(header) == (*TIDY[:-4], *MORE, *TIDY[-4:]) == tuple(tidy(written.run).columns)
    frame = tidy(written.run)
    reversal = frame[(frame["task"] == "reverse") & (frame["metric"] == "test_score")]
    assert set(reversal["role"]) == {"encoder-decoder"}
    assert set(reversal["row"]) == {f"{rules.SEQUENCES}; {rules.ATTENTION}"}


def test_files_of_runs_without_roles_stay_as_they_were(tmp_path: Path) -> None:
    run = Folder()
    add_traces(run, "transformer-rotary", 0.98)
    assert tuple(tidy(load(run.write(tmp_path))).columns) == TIDY
