"""The records file: round trip, refusals, torn ends."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from bench.records import Measurement, Record, RecordsError, from_line, read, to_line, trial_id, write_atomically

TRIAL = {"kind": "learn", "seed": 3, "task": {"name": "needle", "length": 32}}


def record(**changes: object) -> Record:
    fields: dict[str, object] = {
        "id": trial_id(TRIAL),
        "trial": TRIAL,
        "status": "ok",
        "measurements": (Measurement("score", 0.5, step=25), Measurement("explanation_nap", 0.9, "intrinsic/rollout")),
    }
    return Record(**{**fields, **changes})  # type: ignore[arg-type]


def numbered(seed: int) -> Record:
    trial = TRIAL | {"seed": seed}
    return record(id=trial_id(trial), trial=trial)


def test_round_trip() -> None:
    assert from_line(to_line(record())) == record()


def test_id_is_stable_and_order_free() -> None:
    assert trial_id(TRIAL) == trial_id(dict(reversed(TRIAL.items())))
    assert trial_id(TRIAL) == "558b747f654f"
    assert trial_id(TRIAL) != trial_id(TRIAL | {"seed": 4})


def test_what_is_not_finite_survives_strict_json() -> None:
    values = (math.inf, -math.inf, math.nan, 1.5)
    line = to_line(record(measurements=tuple(Measurement("reach", v, step=n) for n, v in enumerate(values))))
    assert [m["value"] for m in json.loads(line, parse_constant=pytest.fail)["measurements"]] == [
        "inf",
        "-inf",
        None,
        1.5,
    ]
    back = [m.value for m in from_line(line).measurements]
    assert back[:2] == [math.inf, -math.inf]
    assert math.isnan(back[2])
    assert back[3] == 1.5


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        "{}",
        json.dumps({"id": "x", "trial": TRIAL, "status": "ok", "schema": 1}),
        json.dumps({"id": trial_id(TRIAL), "trial": TRIAL, "status": "splendid", "schema": 1}),
        json.dumps({"id": trial_id(TRIAL), "trial": TRIAL, "status": "ok", "schema": 99}),
        json.dumps({"id": trial_id(TRIAL), "trial": TRIAL, "status": "ok", "schema": 1, "surprise": 1}),
        json.dumps(
            {"id": trial_id(TRIAL), "trial": TRIAL, "status": "ok", "schema": 1, "measurements": [{"value": 1}]}
        ),
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(RecordsError):
        from_line(line)


def test_reading_skips_a_torn_end_and_takes_an_id_once(tmp_path: Path) -> None:
    whole = [to_line(numbered(seed)) for seed in (0, 1, 0)]
    (tmp_path / "trials.jsonl").write_text("\n".join(whole) + "\n" + to_line(numbered(2))[:40])
    assert [r.trial["seed"] for r in read(tmp_path)] == [0, 1]


def test_a_bad_line_in_the_middle_names_file_line_and_mend(tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_text(f"{to_line(numbered(0))}\nbroken\n{to_line(numbered(1))}\n")
    with pytest.raises(RecordsError, match=r"trials\.jsonl, line 2.*--fresh"):
        list(read(tmp_path))


def test_value_is_the_last_of_its_name_and_subject() -> None:
    r = record(measurements=(Measurement("score", 1.0), Measurement("score", 2.0), Measurement("score", 3.0, "x")))
    assert (r.value("score"), r.value("score", "x"), r.value("loss")) == (2.0, 3.0, None)


def test_an_atomic_write_leaves_no_scratch(tmp_path: Path) -> None:
    write_atomically(tmp_path / "plan.json", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]
