"""Resuming: nothing finished is lost or repeated, whenever the driver dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.planning import Plan, Planned
from bench.records import Record, RecordsError, read
from bench.runner import Run, set_aside
from bench.studies import SMOKE
from bench.trial import Trial

TINY = replace(
    SMOKE,
    cells=(replace(SMOKE.cells[0], steps=4, explain=False),),
    sources=(replace(SMOKE.sources[0], steps=2),),
    trace_lengths=(16, 32),
    clock_samples=1,
    clock_replicates=1,
)


class Silent:
    """A watcher that counts."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.records: list[Record] = []
        self.stop_after = stop_after

    def planned(self, trials: Sequence[Planned], finished: int) -> None:
        pass

    def started(self, trial: Trial) -> None:
        pass

    def finished(self, record: Record) -> None:
        self.records.append(record)
        if len(self.records) == self.stop_after:
            raise KeyboardInterrupt


def run(folder: Path, watcher: Silent) -> Run:
    going = Run(Plan(study=TINY), folder, watcher)
    going.execute()
    return going


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Silent, Silent]:
    """A folder whose run was interrupted after five trials and then resumed."""
    folder = tmp_path_factory.mktemp("run")
    first, second = Silent(stop_after=5), Silent()
    with pytest.raises(KeyboardInterrupt):
        run(folder, first)
    assert json.loads((folder / "plan.json").read_text())["stopped"] == "interrupted"
    run(folder, second)
    return folder, first, second


def test_an_interrupted_run_is_completed_and_nothing_is_repeated(finished: tuple[Path, Silent, Silent]) -> None:
    folder, first, second = finished
    ids = [r.id for r in read(folder)]
    plan = json.loads((folder / "plan.json").read_text())
    assert sorted(ids) == sorted({t["id"] for t in plan["trials"]})
    assert [r.id for r in first.records + second.records] == ids
    assert plan["stopped"] == ""


def test_a_further_run_has_nothing_to_do(finished: tuple[Path, Silent, Silent]) -> None:
    folder, watcher = finished[0], Silent()
    before = (folder / "trials.jsonl").read_bytes()
    run(folder, watcher)
    assert not watcher.records
    assert (folder / "trials.jsonl").read_bytes() == before


def test_a_torn_line_is_set_aside_and_its_trial_runs_again(
    finished: tuple[Path, Silent, Silent], tmp_path: Path
) -> None:
    lines = (finished[0] / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_bytes(b"".join(lines[:-1]) + lines[-1][:50])
    watcher = Silent()
    run(tmp_path, watcher)
    assert [r.id for r in watcher.records] == [json.loads(lines[-1])["id"]]
    assert (tmp_path / "trials.torn").read_bytes() == lines[-1][:50] + b"\n"
    assert len(list(read(tmp_path))) == len(lines)


def test_records_of_another_machine_are_refused_and_left_alone(
    finished: tuple[Path, Silent, Silent], tmp_path: Path
) -> None:
    line = json.loads((finished[0] / "trials.jsonl").read_text().splitlines()[0])
    line["machine"]["fingerprint"] = "elsewhere"
    (tmp_path / "trials.jsonl").write_text(json.dumps(line) + "\n")
    before = (tmp_path / "trials.jsonl").read_bytes()
    with pytest.raises(RecordsError, match=r"another machine.*--fresh"):
        run(tmp_path, Silent())
    assert (tmp_path / "trials.jsonl").read_bytes() == before


def test_fresh_keeps_what_was_measured(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "trials.jsonl").write_text(f"{number}")
        assert set_aside(tmp_path) == tmp_path / f"trials.{number}.jsonl"
    assert (tmp_path / "trials.1.jsonl").read_text() == "1"
    assert set_aside(tmp_path) is None


def test_a_second_driver_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    class Rival(Silent):
        def planned(self, trials: Sequence[Planned], finished: int) -> None:
            with pytest.raises(RecordsError, match=f"in use by process {os.getpid()}"):
                run(tmp_path, Silent())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Rival())


def test_what_only_lets_through_is_run_and_the_rest_stays_planned(tmp_path: Path) -> None:
    watcher = Silent()
    going = Run(
        Plan(study=TINY),
        tmp_path,
        watcher,
        wanted=lambda p: "parallel" in p.rows,
        narrowed="left out by --only parallel",
    )
    going.execute()
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert {r.trial["kind"] for r in watcher.records} == {"trace"}
    assert plan["stopped"] == "left out by --only parallel"
    assert {t["trial"]["kind"] for t in plan["trials"]} == {"trace", "clock", "decode", "learn"}


def test_a_spent_time_limit_starts_nothing_and_says_so(tmp_path: Path) -> None:
    going = Run(Plan(study=replace(TINY, minutes=1e-9)), tmp_path, Silent())
    going.execute()
    assert not going.results
    assert "time limit" in json.loads((tmp_path / "plan.json").read_text())["stopped"]


def test_a_killed_driver_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    """kill -9 at a random moment, twice; `make test-slow` does it ten times on the whole smoke study."""
    code = "import sys, pathlib; from test_runner import Silent, run; run(pathlib.Path(sys.argv[1]), Silent())"
    dice = random.Random(7)
    for _ in range(2):
        driver = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parent)
        known = len(list(read(tmp_path)))
        while driver.poll() is None and len(list(read(tmp_path))) < known + 2 and not _planned(tmp_path):
            time.sleep(0.05)
        time.sleep(dice.uniform(0, 2))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    kept = {r.id for r in read(tmp_path)}
    watcher = Silent()
    run(tmp_path, watcher)
    assert kept.isdisjoint(r.id for r in watcher.records), "nothing finished is run again"
    counts = Counter(json.loads(line)["id"] for line in (tmp_path / "trials.jsonl").read_text().splitlines())
    assert set(counts.values()) == {1}
    assert set(counts) == {t["id"] for t in json.loads((tmp_path / "plan.json").read_text())["trials"]}


def _planned(folder: Path) -> bool:
    return (folder / "plan.json").exists()
