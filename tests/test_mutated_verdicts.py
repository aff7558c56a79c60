"""Damage that a record's form does not show: the cell says so, and its word stands or is undecided, never another."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mutations import HOSTILE, PUBLISHED, Json, read, write
from planted import planted
from rich.console import Console

from analysis import measurements, page, table
from analysis.load import load
from analysis.regimes import OPEN
from analysis.verdicts import judge
from bench.records import trial_id

NOBODY = "an architecture that no record has"


class Spot(NamedTuple):
    """Values to damage, and what the cell that rests on them has to say then."""

    row: str
    column: str
    architecture: str
    kind: str
    metric: str
    subject: str
    said: str
    split: str = "report"


T, L, C = "transformer-rotary", "lstm-chrono", "cnn-8"
LEARNED, TIMED, READ = "Long-range dependencies", "Training speed", "Interpretability"
MUTE, LESS, UNSCORED = "not say whether they solved", "set aside", "admitted models without every score"
UNGATED, TRACED = "models without what the admission gate asks for", "traces without a usable work and span"
ROUNDS = (
    (
        Spot("Parallel processing", "LSTM", L, "trace", "span_operations", "pram", TRACED),
        Spot(LEARNED, "LSTM", L, "learn", "solved", "", MUTE),
        Spot("Scalability", "CNN", C, "learn", "excess_loss_nats", "", "trials without an excess loss"),
        Spot(TIMED, "LSTM", L, "clock", "cpu_seconds_per_step", L, LESS),
        Spot("Generation latency", "CNN", C, "decode", "cpu_seconds_per_token", C, LESS),
        Spot(READ, "Transformer", T, "explain", "explanation_nap", "intrinsic/a", UNSCORED),
        Spot(READ, "LSTM", L, "explain", "intervention_ap", "", UNGATED),
        Spot(READ, "CNN", C, "explain", "solved", "", UNGATED),
    ),
    (
        Spot("Parallel processing", "CNN", C, "trace", "work_operations", "pram", TRACED),
        Spot(TIMED, "CNN", C, "clock", "tokens_per_step", C, LESS),
        Spot(READ, "Transformer", T, "explain", "untrained_nap", "intrinsic/a", UNSCORED),
        Spot(READ, "LSTM", L, "explain", "comprehensiveness", "intrinsic/a", UNSCORED),
        Spot(READ, "CNN", C, "explain", "sufficiency", "intrinsic/a", UNSCORED),
    ),
    (
        Spot(READ, "Transformer", T, "explain", "comprehensiveness", "random", UNSCORED),
        Spot(READ, "LSTM", L, "explain", "explanation_nap", "intrinsic/a", "unequal development", "development"),
        Spot(READ, "CNN", C, "explain", "intervention_ap", "", "development " + UNGATED, "development"),
    ),
)
Damage = Callable[[Json], Json | None]
DAMAGES: dict[str, Damage] = {
    "null": lambda m: m | {"value": None},
    "infinite": lambda m: m | {"value": "inf"},
    "in another unit": lambda m: m | {"metric": f"fortnights_{m['metric']}"},
    "of somebody else": lambda m: m | {"subject": HOSTILE},
    "gone": lambda m: None,
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, list[Json], dict[Any, Json]]:
    """Plan, records and cells of a run in which nearly every best variant has a decided word."""
    plan, records = read(planted(tmp_path_factory.mktemp("planted")))
    plan["columns"] = [column | {"plain": NOBODY} for column in plan["columns"]]
    return plan, records, judged(write(tmp_path_factory.mktemp("sound"), plan, records))


def judged(folder: Path) -> dict[Any, Json]:
    verdicts = judge(load(folder))
    json.dumps(verdicts, allow_nan=False)
    return {(c["row"], c["column"], c["variant"]): c for c in (*verdicts["cells"], *verdicts["ours"]["cells"])}


def damaged(records: list[Json], spot: Spot, damage: Damage) -> list[Json]:
    """The first record that the spot names, with all its values that the spot names damaged."""

    def holds(record: Json) -> bool:
        trial = record["trial"]
        names = [a["name"] for a in (trial.get("architecture"), *trial.get("architectures", ())) if a]
        measured = any(m["metric"] == spot.metric for m in record["measurements"])
        right = trial["kind"] == spot.kind and trial.get("split", spot.split) == spot.split
        return right and measured and spot.architecture in names

    at = next(number for number, record in enumerate(records) if holds(record))
    rows = []
    for m in records[at]["measurements"]:
        hit = m["metric"] == spot.metric and m.get("subject", "") == spot.subject
        rows.append(damage(m) if hit else m)
    return [*records[:at], records[at] | {"measurements": [m for m in rows if m]}, *records[at + 1 :]]


@pytest.mark.parametrize("spots", ROUNDS, ids=["first", "second", "third"])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_value_that_is_not_there_is_said_and_earns_no_other_word(
    name: str, spots: tuple[Spot, ...], sound: tuple[Json, list[Json], dict[Any, Json]], tmp_path: Path
) -> None:
    plan, records, before = sound
    for spot in spots:
        records = damaged(records, spot, DAMAGES[name])
    after = judged(write(tmp_path, plan, records))
    for place, found in after.items():
        same = [found[key] == before[place][key] for key in ("measured", "verdict")]
        assert all(same) or (found["verdict"] in OPEN and found["doubts"]), place
    for spot in spots:
        assert spot.said in after[spot.row, spot.column, "best"]["reason"], spot
        assert spot.said not in before[spot.row, spot.column, "best"]["reason"]


def test_an_architecture_that_no_record_has_is_not_run(sound: tuple[Json, list[Json], dict[Any, Json]]) -> None:
    for (_, _, variant), found in sound[2].items():
        assert (found["verdict"] == "not run") == (variant == "plain")
        assert variant == "best" or "not planned in study planted" in found["reason"]


@pytest.mark.parametrize("part", ["columns", "trials"])
def test_a_plan_without_a_part_earns_no_word(part: str, tmp_path: Path) -> None:
    plan, records = read(PUBLISHED)
    found = judged(write(tmp_path, plan | {part: []}, records[:20]))
    assert {cell["verdict"] for cell in found.values()} <= {"not run"}


def hostile(data: Any, keep: frozenset[str]) -> Any:
    """Every text replaced, but for the values of the fields to keep; names stay told apart."""
    if isinstance(data, dict):
        return {key: value if key in keep else hostile(value, keep) for key, value in data.items()}
    if isinstance(data, list):
        return [hostile(value, keep) for value in data]
    return f"={HOSTILE}|\x1b[31m{data}[/red]`$x$\r\n- \u202e" if isinstance(data, str) and data else data


FORM = frozenset({"id", "kind", "split", "regime", "device", "status", "metric", "rows", "finished", "family"})
"""Fields that decide what a record is."""


@pytest.fixture(scope="module")
def disguised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted run with every name and text turned into markup."""
    plan, records = read(planted(tmp_path_factory.mktemp("planted")))
    plan = hostile(plan, FORM)
    for entry in plan["trials"]:
        entry["id"] = trial_id(entry["trial"])
    records = hostile(records, FORM)
    for record in records:
        record["id"] = trial_id(record["trial"])
        record["reason"] = f"{HOSTILE}\x1b]0;x\x07"
    return write(tmp_path_factory.mktemp("disguised"), plan, records)


def test_hostile_names_stay_text_in_terminal_and_markdown(disguised: Path) -> None:
    verdicts = judge(load(disguised))
    assert HOSTILE in json.dumps(verdicts)
    assert any(cell["verdict"] == "agrees" for cell in verdicts["cells"])
    out = io.StringIO()
    table.render(verdicts, Console(file=out, width=80, force_terminal=False))
    for text in (out.getvalue(), page.markdown(verdicts)):
        assert "script" in text
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert not re.search(r"(?<!\\)<script", page.markdown(verdicts))


def test_hostile_names_stay_text_in_the_measurements(disguised: Path) -> None:
    run = load(disguised)
    rows = list(csv.reader(io.StringIO("".join(measurements.pieces(run)), newline="")))
    assert len(rows) == 1 + len(run.values)
    assert {len(row) for row in rows} == {len(rows[0])}
    texts = {text for row in rows[1:] for text in row[:-1]}
    assert any(HOSTILE in text for text in texts)
    assert not any(re.match(r"[=+\-@\t\r]", text) for text in texts)
