"""Run folder to frames: every value arrives where it belongs, in any order of records, and is looked up once."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import many
import numpy as np
import pandas as pd
import pytest
from mutations import PUBLISHED, read, write
from synthetic import Folder, architecture, learn, values

from analysis import measurements
from analysis.load import NOT_RUN, TIDY, Run, load, tidy
from analysis.verdicts import judge
from bench.records import Measurement, Record, RecordsError, trial_id
from bench.records import read as read_records

CLOCK = PUBLISHED.parent / "clock"


@pytest.fixture(scope="module")
def quick() -> Run:
    return load(PUBLISHED)


def told(folder: Path) -> dict[str, list[tuple[str, str, int | None, float]]]:
    """Values by trial as one object each, the slow way."""
    found = {r.id: [(m.metric, m.subject, m.step, m.value) for m in r.measurements] for r in read_records(folder)}
    return {id: rows for id, rows in found.items() if rows}


def held(run: Run) -> dict[str, list[tuple[str, str, int | None, float]]]:
    """The same out of the frames."""
    ids = run.trials["id"].to_numpy()[run.values["trial"]]
    steps = [None if step is pd.NA else int(step) for step in run.values["step"]]
    columns = (run.values["metric"], run.values["subject"], steps, run.values["value"])
    rows = zip(ids, zip(*columns, strict=True), strict=True)
    return {id: [row for _, row in group] for id, group in groupby(rows, key=lambda pair: pair[0])}


@pytest.mark.parametrize("folder", [PUBLISHED, CLOCK], ids=["quick", "clock"])
def test_columns_hold_what_the_records_say(folder: Path) -> None:
    assert held(load(folder)) == told(folder)


def test_the_order_of_the_records_means_nothing(tmp_path: Path) -> None:
    plan, records = read(PUBLISHED)
    one, other = load(PUBLISHED), load(write(tmp_path, plan, records[::-1]))
    pd.testing.assert_frame_equal(one.trials, other.trials)
    pd.testing.assert_frame_equal(one.values, other.values)
    assert one.machines == other.machines


def test_facts_of_a_trial_and_of_its_record(tmp_path: Path) -> None:
    folder = Folder()
    clock = {"kind": "clock", "architectures": [architecture("lstm"), architecture("cnn-3")], "length": 64}
    folder.add(learn("lstm", "needle", 32, 7, data_tokens=4096), values(solved=1), ["long range"], 31)
    folder.add(clock, rows=["speed", "clock grid"], status="failed", reason="no memory", machine={})
    folder.plan(learn("lstm", "needle", 32, 8), ["long range"], 31)
    stray = learn("lstm", "copy", 32, 9)
    folder.records.append(Record(trial_id(stray), stray, "ok", (Measurement("score", 0.5, step=3),)))
    trials = load(folder.write(tmp_path)).trials
    assert trials["status"].tolist() == ["ok", "failed", NOT_RUN, "ok"]
    assert trials["planned"].tolist() == [True, True, True, False]
    assert trials["rows"].tolist() == [("long range",), ("speed", "clock grid"), ("long range",), ()]
    assert trials["contenders"].tolist() == [(), ("lstm", "cnn-3"), (), ()]
    assert trials["core_parameters"].tolist() == [25_000] * 4
    assert trials["length"].tolist() == [32, 64, 32, 32]
    assert trials["reason"].tolist() == ["", "no memory", "", ""]
    assert trials["fingerprint"].tolist() == ["here", "", "", ""]
    assert [None if pd.isna(lag) else lag for lag in trials["lag"]] == [31, None, 31, None]
    assert (trials.at[0, "family"], trials.at[0, "seed"], trials.at[0, "data_tokens"]) == ("lstm", 7, 4096)


def test_a_trial_of_two_stages_speaks_for_the_rows_of_both(tmp_path: Path) -> None:
    folder = Folder()
    for row in ("speed", "clock grid", "speed"):
        folder.plan(learn("lstm", "needle", 32, 0), [row])
    trials = load(folder.write(tmp_path)).trials
    assert trials["rows"].tolist() == [("speed", "clock grid")]


def test_the_machine_is_that_of_the_newest_record(tmp_path: Path) -> None:
    folder = Folder()
    for seed, name in enumerate(("old", "new", "old")):
        folder.add(learn("lstm", "needle", 32, seed), machine={"fingerprint": name})
    folder.records[1] = Record(**vars(folder.records[1]) | {"finished": "2027-01-01T00:00:00+00:00"})
    run = load(folder.write(tmp_path))
    assert (run.machine["fingerprint"], run.machines) == ("new", 2)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"row": "long range"},
        {"row": "speed", "kind": "clock"},
        {"kind": "explain", "split": "report", "architecture": "lstm-chrono"},
        {"core_parameters": 25_000, "data_tokens": 0},
        {"data_tokens": None},
        {"architecture": None},
        {"row": "nothing of ours"},
    ],
)
def test_select_is_what_a_scan_of_all_trials_finds(quick: Run, wanted: dict[str, Any]) -> None:
    def fits(trial: Any) -> bool:
        facts = {**trial, "row": wanted.get("row")} if wanted.get("row") in trial["rows"] else trial
        return bool(trial["planned"]) and all(
            value is not None and facts.get(name) is not pd.NA and facts.get(name) == value
            for name, value in wanted.items()
        )

    expected = [place for place, trial in quick.trials.iterrows() if fits(trial.to_dict())]
    assert list(quick.select(**wanted).index) == expected


def test_last_is_the_last_value_of_a_trial(tmp_path: Path) -> None:
    folder = Folder()
    curve = [Measurement("score", value, step=step) for step, value in enumerate((0.1, 0.9, 0.4))]
    folder.add(learn("lstm", "needle", 32, 0), [*curve, Measurement("score", 7e-2, "x"), Measurement("loss", 1.0)])
    folder.add(learn("lstm", "needle", 32, 1), [Measurement("score", math.nan)])
    folder.plan(learn("lstm", "needle", 32, 2))
    folder.add(learn("lstm", "needle", 32, 3), [Measurement("score", math.inf)])
    run = load(folder.write(tmp_path))
    assert run.last(run.trials, "score").tolist()[0] == 0.4
    assert run.last(run.trials, "score").isna().tolist() == [False, True, True, False]
    assert run.last(run.trials.iloc[[3, 0]], "score").to_dict() == {3: math.inf, 0: 0.4}
    assert run.last(run.trials, "score", "x").notna().tolist() == [True, False, False, False]
    assert run.last(run.trials, "nothing").isna().all()
    assert run.of("nothing").empty
    assert run.of("loss")["value"].tolist() == [1.0]


def test_a_part_of_a_run_answers_like_the_whole(quick: Run) -> None:
    """Whoever looks at a claim at one length keeps the labels of the trials, with gaps between them."""
    kept = quick.trials[quick.trials["length"] == 128]
    part = replace(quick, trials=kept, values=quick.values[quick.values["trial"].isin(kept.index)])
    for metric, subject in (("solved", ""), ("span_operations", "pram"), ("state_bytes", "lstm-chrono")):
        pd.testing.assert_series_equal(part.last(kept, metric, subject), quick.last(kept, metric, subject))
    assert list(part.select(kind="learn").index) == [n for n in quick.select(kind="learn").index if n in kept.index]
    assert part.of("solved").equals(quick.of("solved")[quick.of("solved")["trial"].isin(kept.index)])


class Counted(tuple[str, ...]):
    """Rows of a trial that count how often somebody looks into them."""

    looks = 0

    def __contains__(self, row: object) -> bool:
        Counted.looks += 1
        return super().__contains__(row)


def test_a_judgement_does_not_look_into_every_trial_for_every_question(quick: Run) -> None:
    """A hundred cells must not mean a hundred passes over a hundred thousand trials."""
    counted = [Counted(rows) for rows in quick.trials["rows"]]
    run = Run(quick.plan, quick.trials.assign(rows=pd.Series(counted, dtype=object)), quick.values, {}, 1)
    Counted.looks = 0
    judge(run)
    assert 0 < Counted.looks <= len(run.trials)


def cells(text: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""))


def same(one: str, other: str) -> bool:
    """Equal as texts, or as numbers that were written in two ways."""
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


@pytest.mark.parametrize("folder", [PUBLISHED, CLOCK], ids=["quick", "clock"])
def test_measurements_are_the_tidy_frame_as_text(folder: Path) -> None:
    run = load(folder)
    written = list(cells("".join(measurements.pieces(run))))
    frame = list(cells(tidy(run).to_csv(index=False)))
    assert len(written) == len(frame)
    assert all(same(a, b) for one, other in zip(written, frame, strict=True) for a, b in zip(one, other, strict=True))


def test_measurements_come_in_whole_lines_that_fit_together(quick: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "".join(measurements.pieces(quick))
    monkeypatch.setattr(measurements, "AT_ONCE", 7)
    pieces = list(measurements.pieces(quick))
    assert "".join(pieces) == whole
    assert all(piece.endswith("\n") and piece.count("\n") <= 7 for piece in pieces)


def test_measurements_of_silent_trials_and_of_what_is_no_number(tmp_path: Path) -> None:
    folder = Folder()
    folder.plan(learn("lstm", "needle", 32, 0))
    found = [
        Measurement("a", math.nan),
        Measurement("b", math.inf, step=4),
        Measurement("c", 1e-7),
        Measurement("d", 2.0),
    ]
    folder.add(learn("lstm", "needle", 32, 1), found)
    folder.add(learn("lstm", "needle", 32, 2), status="diverged")
    rows = list(cells("".join(measurements.pieces(load(folder.write(tmp_path))))))
    assert tuple(rows[0]) == TIDY
    assert [row[-4:] for row in rows[1:]] == [
        ["", "", "", ""],
        ["a", "", "", ""],
        ["b", "", "4", "inf"],
        ["c", "", "", "1e-7"],
        ["d", "", "", "2.0"],
        ["", "", "", ""],
    ]


def test_a_run_with_its_seeds_multiplied_loads_and_tells_its_copies_apart(tmp_path: Path) -> None:
    run = load(many.write(tmp_path, 1_300))
    assert len(run.trials) == 1_300
    assert run.trials["planned"].all()
    assert set(run.trials["status"]) == {"ok"}
    assert held(run) == told(tmp_path)
    seeds = run.select(kind="learn", task="needle", architecture="lstm-chrono", split="report", length=32)["seed"]
    assert seeds.is_unique
    assert (run.last(run.trials, "solved").dropna().isin((0, 1))).all()
    assert np.ptp(run.last(run.trials[run.trials["task"] == "markov"], "excess_loss_nats").dropna()) > 0


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="nothing was run there"):
        load(tmp_path)
