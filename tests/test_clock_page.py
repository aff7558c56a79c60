"""The clock study on paper: the same bytes every time, names escaped, and what is missing crashes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import Folder
from synthetic_clocks import COLUMNS, LAWS, Clocked, add_decodes, whole

from analysis import clocks
from analysis.clocks.across import pick
from analysis.clocks.measured import figures, measure
from analysis.clocks.panels import GAP, spread
from analysis.clocks.samples import SINGLE, STEP
from analysis.load import Run, load

WHOLE = {"pass": STEP, "threads": 1, "precision": "fp32"}


def frames_of(run: Run) -> dict[str, pd.DataFrame]:
    return figures(measure(run))


def test_the_same_records_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    run_folder = whole(tmp_path / "run")
    names = clocks.write(load(run_folder), tmp_path / "one")
    lines = (run_folder / "trials.jsonl").read_text().splitlines()
    (run_folder / "trials.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    plan = json.loads((run_folder / "plan.json").read_text())
    (run_folder / "plan.json").write_text(json.dumps(plan | {"trials": plan["trials"][::-1]}))
    assert clocks.write(load(run_folder), tmp_path / "two") == names
    figures_drawn = {f"figures/{name}.svg" for name in ("step-time", "memory", "generation", "backends")}
    assert set(names) == {"speed.md", "speed.json"} | figures_drawn
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_the_page_and_the_data_say_what_was_planted(tmp_path: Path) -> None:
    run = load(whole(tmp_path))
    clocks.write(run, tmp_path)
    page = (tmp_path / "speed.md").read_text()
    lead = page.split("\n\n")[1]
    assert "LSTM at 512 to 4,096" in lead
    assert "LSTM overtakes Transformer at 4" in lead
    assert "n^1.00 (Transformer)" in lead
    assert "µs more for every 1,000 tokens" in lead
    assert "Not measured" not in page
    tables = [block for block in page.split("\n\n") if block.startswith("|")]
    captions = [block for block in page.split("\n\n") if block.startswith("*cpu")]
    assert len(tables) == len(captions) > 20
    assert all(
        "thread" in text and ("replicate" in text or "Replicates" in tables[i]) for i, text in enumerate(captions)
    )
    data = json.loads((tmp_path / "speed.json").read_text())
    names, rows = (data["figures"]["cores"][key] for key in ("columns", "rows"))
    serial = [dict(zip(names, row, strict=True))["serial"] for row in rows]
    assert np.mean(serial) == pytest.approx(0.25, abs=0.02)
    assert len(clocks.summary(run)) <= clocks.LINES


def test_names_of_strangers_are_shown_and_not_interpreted(tmp_path: Path) -> None:
    name = "odd:|$x_{$<b>*"
    column = {"title": name, "family": name, "plain": name, "best": name, "best_reason": ""}
    folder = Folder(columns=(*COLUMNS, column))
    Clocked(laws=LAWS | {name: lambda n: 1e-6 * n}, lengths=(64, 128)).add(folder)
    clocks.write(load(folder.write(tmp_path)), tmp_path)
    page = (tmp_path / "speed.md").read_text()
    assert name not in page
    assert r"odd:\|$x\_{$\<b>\*" in page
    assert "<b>" not in (tmp_path / "figures" / "step-time.svg").read_text()


def test_nothing_is_written_for_a_run_without_such_trials(tmp_path: Path) -> None:
    run = load(Folder(columns=COLUMNS).write(tmp_path))
    assert clocks.write(run, tmp_path) == []
    assert clocks.summary(run) == []
    assert not (tmp_path / "speed.md").exists()


def test_a_grid_that_was_not_run_is_said(tmp_path: Path) -> None:
    folder = Folder(columns=COLUMNS, stopped="time limit")
    for trial in Clocked(lengths=(64,)).trials():
        folder.plan(trial, ["clock grid"])
    run = load(folder.write(tmp_path))
    assert clocks.write(run, tmp_path) == []
    assert clocks.summary(run) == [
        "Clock grid: 6 of 6 trials not run (time limit).",
        "Generation: not planned in study planted.",
    ]


@pytest.mark.parametrize("kept", [1, 2, 5, 9, 13])
def test_the_first_few_records_of_a_run_already_make_a_page(tmp_path: Path, kept: int) -> None:
    whole(tmp_path, noise=0.01)
    lines = (tmp_path / "trials.jsonl").read_text().splitlines()
    (tmp_path / "trials.jsonl").write_text("\n".join(lines[:kept]) + "\n")
    run = load(tmp_path)
    assert "speed.md" in clocks.write(run, tmp_path)
    page = (tmp_path / "speed.md").read_text()
    assert "not run" in page
    assert "nan" not in page.lower().replace("finan", "")
    assert len(clocks.summary(run)) <= clocks.LINES


def test_failed_lengths_and_missing_state_are_said_and_do_not_crash(tmp_path: Path) -> None:
    folder = Folder(columns=COLUMNS)
    grid = Clocked(noise=0.01)
    for trial in grid.trials():
        full = trial["length"] == 4096 and trial["replicate"] > 0
        measured = [] if full else grid.measured(trial)
        status = "out of memory" if full else "ok"
        folder.add(trial, measured, rows=["clock grid"], status=status, reason="too big" if full else "")
    add_decodes(folder, contexts=(64,), replicates=1, state={})
    run = load(folder.write(tmp_path))
    assert "figures/generation.svg" in clocks.write(run, tmp_path)
    assert "2 of 39 trials out of memory (too big)" in (tmp_path / "speed.md").read_text()
    fits = pick(frames_of(run)["fits"], subject="attention", layout=SINGLE, **WHOLE)
    assert fits["longest"].to_list() == [2048]  # the law is of the lengths that every replicate has


def test_labels_keep_their_order_and_their_distance() -> None:
    placed = spread([0.1, 0.5, 0.5, 0.52, 0.9])
    assert placed == sorted(placed)
    assert min(np.diff(placed)) >= GAP - 1e-9
    assert (placed[0], placed[-1]) == (0.1, 0.9)


def test_a_summary_imports_no_drawing() -> None:
    code = "import analysis.clocks, sys; print(sorted({'matplotlib', 'seaborn', 'torch'} & set(sys.modules)))"
    root = Path(__file__).parent.parent
    out = subprocess.run([sys.executable, "-c", code], check=True, cwd=root, capture_output=True, text=True).stdout
    assert out.strip() == "[]"
