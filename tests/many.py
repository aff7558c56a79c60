"""A run of any number of trials: the published quick run with its seeds multiplied. And what judging one costs:

    python tests/many.py 100000        times in CPU seconds and peak memory, part by part
    python tests/many.py 100000 20     the same with up to 20 values of each learning curve, as full records have

Every copy has seeds, ids and figures of its own, so the ids are checked and no two trials are alike.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analysis import measurements  # noqa: E402
from analysis.load import Run, load  # noqa: E402
from analysis.verdicts import judge  # noqa: E402
from bench.records import PLAN, TRIALS, canonical, trial_id, write_atomically  # noqa: E402

SAMPLE = ROOT / "reports" / "published" / "amd-epyc-2-cores" / "quick"
POINTS = 2
"""Values kept of each curve: with so many, 100,000 trials hold a million and a half."""
REPEATS = 3
SEEDS_APART = 10_000
JITTER = 1e-3


def write(folder: Path, trials: int, points: int = POINTS) -> Path:
    """Write plan.json and trials.jsonl of so many trials into the folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = json.loads((SAMPLE / PLAN).read_text())
    entries = []
    with (folder / TRIALS).open("w") as file:
        for entry, record in _copies(plan["trials"], points):
            entries.append(entry)
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
            if len(entries) == trials:
                break
    (folder / PLAN).write_text(canonical(plan | {"trials": entries, "command": f"python tests/many.py {trials}"}))
    return folder


def _copies(entries: list[dict[str, Any]], points: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Endless pairs of a planned trial and its record. What no seed decides is there once."""
    planned = {entry["id"]: entry for entry in entries}
    lines = (SAMPLE / TRIALS).read_text().splitlines()
    sample = [(planned[record["id"]], record) for record in map(json.loads, lines) if record["id"] in planned]
    generator = np.random.default_rng(0)
    copy = 0
    while True:
        for entry, record in sample:
            if "seed" in entry["trial"]:
                yield _copy(entry, record, copy, points, generator)
            elif not copy:
                yield entry, record
        copy += 1


def _copy(
    entry: dict[str, Any], record: dict[str, Any], copy: int, points: int, generator: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    trial = entry["trial"] | {"seed": entry["trial"]["seed"] + copy * SEEDS_APART}
    id = trial_id(trial)
    left = Counter((m["metric"], m.get("subject", "")) for m in record["measurements"])
    kept = []
    for m in record["measurements"]:
        key = m["metric"], m.get("subject", "")
        left[key] -= 1
        if left[key] < points:
            kept.append(m | {"value": _shifted(m["value"], generator)})
    return entry | {"id": id, "trial": trial}, record | {"id": id, "trial": trial, "measurements": kept}


def _shifted(value: Any, generator: np.random.Generator) -> Any:
    """A share stays between 0 and 1, what is a whole number stays one."""
    if not isinstance(value, float) or value.is_integer():
        return value
    return float(value * (1 - JITTER * generator.random()))


def main() -> None:
    """Print what each part of a judgement costs."""
    trials, points = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else POINTS
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        child = os.fork()  # the peak is to be the judgement's, not the generator's
        if not child:
            write(folder, trials, points)
            os._exit(0)
        os.waitpid(child, 0)
        size = (folder / TRIALS).stat().st_size + (folder / PLAN).stat().st_size
        print(f"CPU seconds, best of {REPEATS}, and peak memory so far; load of the machine {os.getloadavg()[0]:.1f}")
        timed("load", lambda: len(load(folder).trials))
        run = load(folder)
        timed("judge", lambda: judge(Run(run.plan, run.trials, run.values, run.machine, run.machines)))
        timed("measurements.csv", lambda: write_atomically(folder / "m.csv", measurements.pieces(run)))
        print(
            f"{trials:,} trials, {len(run.values):,} measurements, {size / 1e6:,.0f} MB; load {os.getloadavg()[0]:.1f}"
        )


def timed(name: str, part: Callable[[], object]) -> None:
    """Run a part REPEATS times; print the least CPU seconds and the peak so far."""
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        part()
        spent.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:20} {min(spent):6.2f} s   {peak:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
