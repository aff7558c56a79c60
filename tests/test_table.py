"""The table is readable at 80 columns without colour, says the verdict in words, and takes no markup from records."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from planted import add_clocks, add_traces, planted
from rich.console import Console
from synthetic import BEST, COLUMNS, STRANGER, Folder, learn, values

from analysis import measurements, page, table, wording
from analysis.claims import OURS, RULES
from analysis.load import TIDY, load, tidy
from analysis.verdicts import judge
from bench.records import Measurement, Record, trial_id

HOSTILE = {"title": "[red]x|y[/red]\x1b[31m\u202e\n# z <b>", "family": "a:B", "plain": "a:B", "best": "a:B"}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return judge(load(planted(tmp_path_factory.mktemp("planted"))))


def printed(verdicts: dict[str, Any], width: int = 80) -> str:
    stream = io.StringIO()
    table.render(verdicts, Console(file=stream, width=width, no_color=True))
    return stream.getvalue()


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def test_terminal_table_fits_80_columns_and_says_verdicts_in_words(verdicts: dict[str, Any]) -> None:
    text = printed(verdicts)
    assert max(map(len, text.splitlines())) <= 80
    for row in (*RULES, *OURS):
        assert row.upper() in text
    assert text.count("= agrees") == 13 + 1  # 15 cells, 2 undecided; one in the legend
    assert "? undecided (or Moderate)" in text
    assert "Excellent -> Excellent" in text
    assert "0.33 [0.32, 0.34] 4 procs" in text
    assert "plain: = Slow" in text
    assert "\x1b" not in text


def test_the_terminal_stays_short(verdicts: dict[str, Any]) -> None:
    assert len(printed(verdicts).splitlines()) < 100


def test_every_measured_cell_shows_its_repeats(verdicts: dict[str, Any]) -> None:
    """Both variants of all 15 places and of the 6 of ours: exact traces, three seeds, four clock processes."""
    text = printed(verdicts).partition("Rules")[0]
    assert len(re.findall(r"\] exact", text)) == 6
    assert len(re.findall(r"\] 3 seeds", text)) == 18 + 6
    assert len(re.findall(r"\] 4 procs", text)) == 6 + 6


def test_rules_and_doubts_of_the_best_variants_are_below(verdicts: dict[str, Any]) -> None:
    text = " ".join(printed(verdicts, width=1000).split())
    for rule in RULES.values():
        assert f"{rule.row}: {rule.unit}; {rule.bands}; cpu, " in text
    for rule in OURS.values():
        assert f"{rule.row} (ours): {rule.unit}; {rule.bands}; cpu, " in text
    below = text.partition("Why undecided")[2]
    assert "* Long-range dependencies, Transformer: may be Moderate (interval)" in below
    assert "Long-range dependencies, CNN: may be " in below
    assert "* State tracking (ours), Transformer, CNN: may be Excellent" in below
    assert "Wilson" not in below, "notes are for table.md"
    assert text.endswith(table.POINTER)


def test_the_page_says_why_every_cell_says_what_it_says(verdicts: dict[str, Any]) -> None:
    text = unescaped(page.markdown(verdicts))
    for rule in RULES.values():
        assert f"- {rule.row}: {rule.statement}" in text
    for rule in OURS.values():
        assert f"- {rule.row} (ours): {rule.statement}" in text
    for found in wording.both(verdicts, "cells"):
        assert found["reason"]
        place = f"- {wording.named(found['row'])}, {found['column']}, {found['architecture']} ({found['variant']})"
        (line,) = [line for line in text.splitlines() if line.startswith(place)]
        assert found["reason"] in line
    assert "Transformer: best transformer-rotary (development score 0.97 against 0.91)" in text
    assert "chrono initialisation is told the length" in text


def test_learning_rates_are_on_the_page(verdicts: dict[str, Any]) -> None:
    choice = {"row": "long range", "architecture": "lstm", "learning_rate": 0.003, "merit": 1.5, "trials": 4}
    text = page.markdown({**verdicts, "selection": [choice]})
    assert re.search(r"\| long range +\| lstm +\| 0.003 +\| 1.50 +\| 4 ", text)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(0.2, 0.4, "0.30 [0.20, 0.40] 3 seeds"), (None, 0.4, "0.30 [?, 0.40] 3 seeds"), (-0.001, 0.4, "[0.00, 0.40]")],
)
def test_intervals_never_print_oddly(low: float | None, high: float, shown: str, verdicts: dict[str, Any]) -> None:
    found = {**verdicts["cells"][-1], "figure": 0.3, "low": low, "high": high, "seeds": 3}
    assert shown in wording.verdict_text(found)


def test_markdown_is_one_table_with_one_line_per_row(verdicts: dict[str, Any]) -> None:
    lines = page.markdown(verdicts).partition(wording.OURS_TITLE)[0].splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 5
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "0.33 [0.32, 0.34] 4 procs<br>= agrees<br>plain: = Slow<br>0.33 [" in unescaped(rows[5])


def test_our_rows_stand_apart_and_are_marked(verdicts: dict[str, Any]) -> None:
    """A row of ours shows its word alone: no claim before it, no sign of agreement behind it."""
    above, _, below = printed(verdicts).partition(wording.OURS_TITLE)
    own = below.partition("claimed ->")[0]
    for row in OURS:
        assert row.upper() not in above
        assert row.upper() in own
    assert "INTERPRETABILITY" in above
    assert not re.search(r"->|agrees|no claim|[=x~] ", own)
    assert re.search(r"^Moderate +Fast +Slow *$", own, re.MULTILINE)
    assert re.search(r"^\? undecided \(or Slow\) +plain: Fast +plain: Slow *$", own, re.MULTILINE)


def test_our_rows_are_a_table_of_their_own_in_markdown(verdicts: dict[str, Any]) -> None:
    above, _, below = unescaped(page.markdown(verdicts)).partition(f"**{wording.OURS_TITLE}**")
    rows = [line for line in below.partition("claimed ->")[0].splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 2
    assert [rows[2].split("|")[1].strip(), rows[3].split("|")[1].strip()] == list(OURS)
    assert "| Fast<br>1.00 [1.00, 1.00] 4 procs<br>plain: Fast<br>" in rows[2]
    assert not any(row in above for row in OURS)


def test_strangers_stand_in_a_block_beneath(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, STRANGER])
    add_clocks(folder, dict.fromkeys((*BEST, "mine:Net"), 1.0))
    text = printed(judge(load(folder.write(tmp_path))))
    assert max(map(len, text.splitlines())) <= 80
    assert text.index("mine:Net") > text.index("INTERPRETABILITY")
    assert "~ no claim" in text
    assert text.count("TRAINING SPEED") == text.count("GENERATION LATENCY") == 2


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    folder = Folder(columns=[*COLUMNS, HOSTILE], stopped="[bold]broken|\x07")
    verdicts = judge(load(folder.write(tmp_path)))
    shown, pasted = printed(verdicts), page.markdown(verdicts)
    assert "[red]x|y[/red]" in shown
    assert "[bold]broken|" in shown
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", shown + pasted)
    headers = [line for line in pasted.splitlines() if "Feature" in line]
    assert [len(re.findall(r"(?<!\\)\|", header)) for header in headers] == [6, 6]
    assert not re.search(r"(?<!\\)<b>", pasted)


def test_not_run_shows_no_word_and_no_figure(tmp_path: Path) -> None:
    folder = Folder(stopped="interrupted")
    folder.plan(learn(BEST[0], "needle", 32, 0), ["long range"], 32)
    text = printed(judge(load(folder.write(tmp_path))))
    assert text.count("- not run") == (15 + 6) * 2 + 1  # best and plain, and the legend
    assert "claimed: Excellent" in text
    assert "none" not in text
    assert not re.search(r"-> (Excellent|Yes|High|Fast|Good)", text)


def test_tidy_frame_has_one_row_per_value_and_one_per_silent_trial(tmp_path: Path) -> None:
    folder = Folder()
    add_traces(folder, "lstm", 0.0, lengths=(16, 32))
    folder.add(learn("lstm", "needle", 64, 1), values(solved=1, score=0.99), ["long range"], 60)
    folder.add(learn("lstm", "needle", 64, 2), status="diverged", rows=["long range"], lag=60)
    folder.plan(learn("lstm", "needle", 64, 3), ["long range"], 60)
    frame = tidy(load(folder.write(tmp_path)))
    assert tuple(frame.columns) == TIDY
    assert len(frame) == 2 * 4 + 2 + 1 + 1
    assert frame["status"].value_counts().to_dict() == {"ok": 10, "diverged": 1, "not run": 1}
    (row,) = frame[frame["metric"] == "score"].to_dict("records")
    expected = {
        "architecture": "lstm",
        "family": "lstm",
        "task": "needle",
        "length": 64,
        "lag": 60,
        "seed": 1,
        "value": 0.99,
    }
    assert {key: row[key] for key in expected} == expected


def test_csv_is_safe_to_open_in_a_spreadsheet(tmp_path: Path) -> None:
    folder = Folder()
    trial = {"kind": "learn", "architecture": {"name": "=cmd|' /C calc'!A0", "family": "@a"}, "task": {"name": "-1+1"}}
    folder.add(trial, [Measurement("+score", -0.5, "=x"), Measurement("score", 1.0)])
    folder.records.append(Record(trial_id({"kind": "\tx"}), {"kind": "\tx"}, "ok", (Measurement("a", 1.0),)))
    rows = list(csv.DictReader(io.StringIO("".join(measurements.pieces(load(folder.write(tmp_path)))))))
    assert [row["architecture"] for row in rows] == ["'=cmd|' /C calc'!A0"] * 2 + [""]
    assert (rows[0]["family"], rows[0]["task"], rows[0]["metric"], rows[0]["subject"]) == (
        "'@a",
        "'-1+1",
        "'+score",
        "'=x",
    )
    assert float(rows[0]["value"]) == -0.5  # numbers stay numbers
    assert rows[2]["kind"] == "'\tx"
