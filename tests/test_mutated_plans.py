"""Damaged plans: refused in one clear line that names the file and the mend, or judged as the same plan."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mutations import BAD, MISSING, PUBLISHED, Json, Place, one_of_each, plan_fields, read, refusal, spoilt, write

import bakeoff
from analysis.load import load
from analysis.planned import entries
from bench.records import RecordsError, read_plan, trial_id

PLAN, RECORDS = read(PUBLISHED)
SMALL = PLAN | {"trials": PLAN["trials"][:: len(PLAN["trials"]) // 40]}
"""A plan of forty trials."""


def rehashed(record: Json, **trial: Any) -> Json:
    changed = record["trial"] | trial
    return record | {"trial": changed, "id": trial_id(changed)}


def plan_may_hold(place: Place, bad: Any) -> bool:
    """Texts and names may be any, and what has a default may be missing. Configurations are guarded by their hash."""
    text = isinstance(bad, str) and bad != "\ud800"
    match place:
        case ("stopped" | "command" | "purpose",) | ("columns", 0, "best_reason"):
            return bad is MISSING or text
        case ("study",):
            return text
        case ("columns" | "selection", 0) | ("trials", 0):
            return bad is MISSING
        case ("columns" | "selection",):
            return bad == [] or (bad is MISSING and place[0] == "selection")
        case ("trials",):
            return bad == []
        case ("columns", 0, "title" | "plain" | "best"):
            return (text and bad != "") or (bad is None and place[2] == "best")
        case ("selection", 0, "row" | "architecture"):
            return text
        case ("selection", 0, "learning_rate" | "merit"):
            return type(bad) in (int, float)
        case ("selection", 0, "trials"):
            return type(bad) is int
        case ("selection", 0, "edge"):
            return bad is MISSING or bad is True
        case ("trials", _, "rows"):
            return bad == []
        case ("trials", int(at), "lag"):
            return bad is MISSING and SMALL["trials"][at]["lag"] is None
    return False


def test_every_field_of_a_plan(tmp_path: Path) -> None:
    """Refused with its file and a mend; what stands are texts, names and defaults, never another trial."""
    stood, refused = 0, 0
    for place in plan_fields(SMALL):
        for bad in BAD:
            changed = spoilt(SMALL, place, bad)
            if changed == SMALL:
                continue
            (tmp_path / "plan.json").write_text(json.dumps(changed))
            if fault := refusal(lambda: entries(read_plan(tmp_path), tmp_path)):
                assert re.search(r"plan\.json .*--fresh$", fault), (place, bad)
                assert fault.isprintable()
                refused += 1
            else:
                assert plan_may_hold(place, bad), (place, bad)
                stood += 1
    assert refused > 500
    assert stood > 50


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'{"schema": 1}', b'{"schema": 2}', b"\xff", b"NaN"]
)
def test_a_plan_that_is_none_gets_one_line(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (write(tmp_path / "reports" / "quick", PLAN, RECORDS[:1]) / "plan.json").write_bytes(content)
    result = CliRunner().invoke(bakeoff.main, ["report", "quick"], catch_exceptions=False)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert re.search(r"plan\.json .*--fresh$", result.output.strip())


@pytest.mark.parametrize(
    "trial",
    [
        {"architecture": "lstm"},
        {"architecture": {"name": 3}},
        {"task": []},
        {"task": {"name": None}},
        {"seed": "1"},
        {"seed": 10**30},
        {"length": 1.5},
        {"architectures": [None]},
        {"kind": None},
        {"split": 3},
    ],
)
def test_a_trial_of_wrong_types_is_refused_even_with_its_right_id(trial: Json, tmp_path: Path) -> None:
    for record in one_of_each(RECORDS):
        changed = rehashed(record, **trial)
        entry = next(e for e in PLAN["trials"] if e["id"] == record["id"])
        plan = PLAN | {"trials": [entry | {"id": changed["id"], "trial": changed["trial"]}]}
        with pytest.raises(RecordsError, match=r"plan\.json .*--fresh$"):
            load(write(tmp_path, plan, []))
        with pytest.raises(RecordsError, match=r"record \w+ has no usable trial.*--fresh$"):
            load(write(tmp_path, PLAN | {"trials": []}, [changed]))


def test_a_plan_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    first, second, *_ = PLAN["columns"]
    clock = next(e for e in PLAN["trials"] if e["trial"]["kind"] == "clock")
    far = next(e for e in PLAN["trials"] if e["lag"] and "long range" in e["rows"])
    others = [e for e in PLAN["trials"] if e is not far]
    contradictions: dict[str, Json] = {
        "two columns of one title": {"columns": [first, second | {"title": first["title"]}]},
        r"puts \S+, of family transformer, into lstm": {"columns": [first | {"family": "lstm"}]},
        "is of device cuda, but its trial": {"device": "cuda", "trials": [clock]},
        "beyond its length": {"trials": [far | {"lag": far["trial"]["task"]["length"] + 1}]},
        "with two lags": {"trials": [far | {"lag": 1}, *others]},
        "does not match its id": {"trials": [far | {"id": "0" * 12}]},
    }
    for message, change in contradictions.items():
        with pytest.raises(RecordsError, match=rf"plan\.json .*{message}.*--fresh$"):
            load(write(tmp_path, PLAN | change, []))
