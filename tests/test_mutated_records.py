"""Damaged records are refused in one clear line that names file, line and mend, or stand because they harm nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mutations import (
    BAD,
    HOSTILE,
    MISSING,
    PUBLISHED,
    Json,
    Place,
    fields,
    one_of_each,
    read,
    refusal,
    spoilt,
    write,
)

import bakeoff
from analysis.load import load
from bench.records import TRIALS, RecordsError, from_line
from bench.records import read as read_records

PLAN, RECORDS = read(PUBLISHED)
ALWAYS: set[float] = {1e308, -1e308}
"""No number of ours is that large."""
IMPOSSIBLE: dict[str, set[float]] = {
    r"solved|example_planted": {-1, 3, 1.5},
    r"intervention_ap|structural_reach|attention_weight": {-1, 3, 1.5},
    r"\w+_nap": {3, 1.5},
    r"score|\w+_score": {3},
    r"comprehensiveness|sufficiency": {-1},
    r"(test|development|position)_loss_nats|gradient_\w+": {-1},
    r"\w*seconds\w*|\w+_bytes|\w+_per_step|\w+_operations|\w+_parameters|\w+_crossings|flops_\w+": {-1},
    r"\w+_channels": {-1},
    r"excess_loss_nats": set(),
    r"steps|steps_to_solve|best_step": {-1},
}
"""What each metric cannot be, of the numbers tried. What goes into a model and what it makes of it may be anything."""


def may_stand(place: Place, bad: Any, record: Json) -> bool:
    """Whether a record may hold this there: written down apart from the code that decides it."""
    text, number = isinstance(bad, str) and bad != "\ud800", type(bad) in (int, float) and abs(bad) <= 1e308
    match place:
        case ("reason",):
            return bad is MISSING or text
        case ("finished" | "machine" | "measurements",):
            return bad is MISSING or (bad in ("", {}, []) and type(bad) is type(record[str(place[0])]))
        case ("wall_seconds" | "cpu_seconds",):
            return bad is MISSING or (number and bad >= 0)
        case ("machine", _):
            return bad in (MISSING, None, True, {}, 10**400) or text or number
        case ("measurements", _):
            return bad is MISSING
        case ("measurements", _, "metric"):
            return text and bad != ""
        case ("measurements", _, "subject"):
            return bad is MISSING or text
        case ("measurements", _, "step"):
            return bad is MISSING or bad is None or (bad == 3 and number)
        case ("measurements", int(at), "value"):
            metric = record["measurements"][at]["metric"]
            known = (values | ALWAYS for pattern, values in IMPOSSIBLE.items() if re.fullmatch(pattern, metric))
            return bad is None or (number and bad not in next(known, set()))
    return False


def test_every_field_of_every_kind_of_record() -> None:
    stood, refused = 0, 0
    for record in one_of_each(RECORDS):
        for place in fields(record):
            for bad in BAD:
                changed = spoilt(record, place, bad)
                if changed == record:
                    continue
                if fault := refusal(lambda: from_line(json.dumps(changed))):  # noqa: B023
                    assert fault.isprintable(), place
                    assert fault.isascii(), place
                    assert len(fault) < 300
                    refused += 1
                else:
                    assert may_stand(place, bad, record), (place, bad, record["trial"]["kind"])
                    stood += 1
    assert refused > 5_000
    assert stood > 1_000


@pytest.mark.parametrize("bad", [HOSTILE, "\x1b[2J", ""])
def test_any_reason_may_be_given(bad: str) -> None:
    assert from_line(json.dumps(RECORDS[0] | {"reason": bad})).reason == bad


def line_of(record: Json) -> str:
    return json.dumps(record) + "\n"


FIRST, SECOND = RECORDS[:2]
FILES: dict[str, tuple[str, str]] = {
    "another schema": (line_of(FIRST | {"schema": 2, "fate": "sealed"}), r"line 2: schema 2, this version reads 1"),
    "another trial": (line_of(FIRST | {"id": SECOND["id"]}), r"line 2: record \w+ does not match its trial"),
    "the same id with other contents": (line_of(SECOND | {"reason": "x"}), r"line 2: record \w+ is on line 1 already"),
    "NaN as JavaScript writes it": (line_of(FIRST | {"wall_seconds": float("nan")}), r"line 2: not JSON"),
    "a torn line": (line_of(FIRST)[:100] + "\n", r"line 2: not JSON"),
    "an empty line": ("\n", r"line 2: not JSON"),
    "no object": ("[1, 2]\n", r"line 2: not a record"),
    "bytes of no text": ("\xff\xfe\n", r"line 2: not JSON"),
    "endless nesting": ('{"trial": {"a": ' + "[" * 100_000 + "\n", r"line 2: not JSON"),
    "a number too large": (line_of(FIRST).replace('"reason"', '"wall_seconds": 1e999, "reason"'), r"line 2: not a rec"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_line_names_file_line_and_mend(name: str, tmp_path: Path) -> None:
    """Wherever it stands; in the last line, what may be the rest of a kill is left out instead."""
    text, expected = FILES[name]
    folder = write(tmp_path, PLAN, [SECOND])
    with (folder / TRIALS).open("ab") as file:
        file.write(text.encode("latin-1") + line_of(RECORDS[3]).encode())
    with pytest.raises(RecordsError, match=rf"trials\.jsonl, {expected}.*--fresh$") as refused:
        load(folder)
    assert str(refused.value).isprintable()
    with pytest.raises(RecordsError, match=rf"trials\.jsonl, {expected}"):
        list(read_records(folder))


@pytest.mark.parametrize("command", [["report", "reports/quick"], ["show", "c6"]])
@pytest.mark.parametrize("name", FILES)
def test_the_command_line_says_it_in_one_line(
    name: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "reports" / "quick", PLAN, [SECOND])
    with (folder / TRIALS).open("ab") as file:
        file.write(FILES[name][0].encode("latin-1") + line_of(RECORDS[3]).encode())
    result = CliRunner().invoke(bakeoff.main, command, catch_exceptions=False)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert "trials.jsonl, line" in result.output


@pytest.mark.parametrize("cut", [1, 40, 400, -60, -3])
def test_a_line_cut_anywhere_is_torn_and_left_out_at_the_end_alone(cut: int, tmp_path: Path) -> None:
    folder = write(tmp_path, PLAN, [FIRST])
    whole = (folder / TRIALS).read_text()
    for ending in ("", "\n"):  # a block write may end with a newline that stood inside it
        (folder / TRIALS).write_text(whole + line_of(SECOND)[:cut] + ending)
        assert [record.id for record in read_records(folder)] == [FIRST["id"]]
    (folder / TRIALS).write_text(line_of(SECOND)[:cut] + "\n" + whole)
    with pytest.raises(RecordsError, match="line 1: not JSON"):
        list(read_records(folder))


def test_an_empty_file_is_a_run_that_has_not_begun(tmp_path: Path) -> None:
    run = load(write(tmp_path, PLAN, []))
    assert set(run.trials["status"]) == {"not run"}
    assert run.values.empty
    assert (run.machine, run.machines) == ({}, 0)


def test_equal_lines_are_one_record(tmp_path: Path) -> None:
    run = load(write(tmp_path, PLAN, [FIRST, FIRST]))
    assert (run.trials["status"] == "ok").sum() == 1
    assert len(run.values) == len(FIRST["measurements"])


def test_a_value_that_is_there_twice_is_refused() -> None:
    """Which of the two counted would be chance: a score renamed to `solved` must not win."""
    again = FIRST["measurements"][0] | {"value": 7.0}
    with pytest.raises(RecordsError, match=r"tokens_per_step of \S+ is measured twice"):
        from_line(json.dumps(FIRST | {"measurements": [*FIRST["measurements"], again]}))
