"""Long checks on the real thing, left out of `make test`: `make test-slow`, about fifteen minutes, quiet machine."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from test_runner import Silent

from analysis.load import load
from analysis.verdicts import judge
from bench.planning import Plan
from bench.records import read
from bench.runner import Run
from bench.studies import QUICK
from bench.trial import Clock
from models import ARCHITECTURES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


def smoke(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "bakeoff.py"), "run", "smoke", "--reports", str(folder)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_ten_kills_of_the_driver_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """kill -9 at ten random moments of smoke; after each, a second run completes the study."""
    dice, reference = random.Random(time.time_ns()), None
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        driver = smoke(folder)
        time.sleep(dice.uniform(3, 12))
        assert driver.poll() is None, "finished before it was killed"
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        kept = [r.id for r in read(folder / "smoke")]
        again = smoke(folder)
        output = again.communicate()[0].decode()
        assert again.returncode == 0, output
        lines = (folder / "smoke" / "trials.jsonl").read_text().splitlines()
        ids = [json.loads(line)["id"] for line in lines]
        planned = {t["id"] for t in json.loads((folder / "smoke" / "plan.json").read_text())["trials"]}
        assert max(Counter(ids).values()) == 1
        assert ids[: len(kept)] == kept, "what was finished stays, in its place"
        assert set(ids) == planned
        assert f"{len(ids) - len(kept)} trials run" in output
        bits = {
            r.id: _timeless(r.measurements) for r in read(folder / "smoke") if r.trial["kind"] in ("learn", "explain")
        }
        reference = reference or bits
        assert bits == reference, "the same trial gives the same learning measurements to the last bit"
        print(f"kill {number}: {len(kept)} kept, {len(ids)} in all")


def _timeless(measurements: object) -> list[str]:
    return [repr(m) for m in measurements if "seconds" not in m.metric]  # type: ignore[attr-defined]


class TwoNames(Plan):
    """Clocks only: one architecture under two names beside the other families."""

    @property
    def stages(self):  # type: ignore[no-untyped-def,override]
        return (lambda results: [p for p in self.structure_and_speed(results) if isinstance(p.trial, Clock)],)


def test_one_architecture_under_two_names_is_no_faster_than_itself(tmp_path: Path) -> None:
    """The interval of the speed ratio of twins holds 1 in at least 19 of 20 runs."""
    twin = replace(ARCHITECTURES["transformer-sinusoidal"], name="twin:Transformer", family="twin:Transformer")
    held = 0
    for number in range(20):
        folder = tmp_path / str(number)
        study = replace(QUICK, trace_lengths=())
        Run(TwoNames(study=study, strangers=(twin,)), folder, Silent()).execute()
        cells = judge(load(folder))["cells"]
        low, high = aa_interval(folder)
        held += low <= 1 <= high
        speed = {c["column"]: c["measured"] for c in cells if c["row"] == "Training speed" and c["variant"] == "plain"}
        print(f"run {number}: A/A ratio {low:.3f} to {high:.3f}; words {speed}; load {os.getloadavg()[0]:.2f}")
        assert speed["Transformer"] == speed["twin:Transformer"]
    assert held >= 19, f"only {held} of 20 intervals hold 1"


def aa_interval(folder: Path) -> tuple[float, float]:
    """95 % interval of the geometric mean ratio of the two names, the process being the unit."""
    import numpy as np

    from analysis.stats import t_interval

    by_replicate: dict[int, list[float]] = {}
    for record in read(folder):
        seconds = {
            name: np.median(
                [m.value for m in record.measurements if m.metric == "cpu_seconds_per_step" and m.subject == name]
            )
            for name in ("transformer-sinusoidal", "twin:Transformer")
        }
        ratio = np.log(seconds["transformer-sinusoidal"] / seconds["twin:Transformer"])
        by_replicate.setdefault(record.trial["replicate"], []).append(float(ratio))
    interval = t_interval(np.array([np.mean(v) for v in by_replicate.values()]))
    return float(np.exp(interval.low)), float(np.exp(interval.high))
