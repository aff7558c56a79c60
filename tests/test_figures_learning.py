"""The figures of learning: solved share, curves, and steps to solve, against what was planted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from synthetic import BEST, COLUMNS, Folder, learn, values

from analysis.document import Picture
from analysis.drawing import save, style
from analysis.figures import learning, solved, survival
from analysis.figures.trainings import lines, trainings
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge
from bench.records import Measurement

CAP = 400
"""Steps in the recipe of synthetic trials."""
FIGURES = (solved, learning, survival)
PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores"
TRANSFORMER, LSTM, CNN = BEST
LONG, STATE = ["long range"], ["state tracking"]


def train(
    folder: Folder,
    name: str,
    steps: int | None,
    *,
    task: str = "needle",
    length: int = 32,
    seed: int = 0,
    seconds: float | None = None,
    rows: list[str] = LONG,
    lag: int | None = None,
) -> None:
    """A training solved at a step, or (None) unsolved at the cap, that takes 0.01 s a step unless told."""
    end = CAP if steps is None else steps
    scores = [Measurement("score", s / end * (0.5 if steps is None else 0.99), step=s) for s in range(25, end + 1, 25)]
    found = [*scores, *values(solved=float(steps is not None), steps=float(end))]
    found += values(training_cpu_seconds=end * 0.01 if seconds is None else seconds)
    found += values(steps_to_solve=float(end)) if steps is not None else []
    folder.add(learn(name, task, length, seed), found, rows=rows, lag=lag or length)


def diverge(folder: Folder, name: str, step: int, seed: int, seconds: float) -> None:
    found = [Measurement("score", 0.1, step=25), Measurement("score", math.nan, step=step)]
    found += values(solved=0.0, steps=float(step), training_cpu_seconds=seconds)
    folder.add(learn(name, "needle", 32, seed), found, rows=LONG, lag=32, status="diverged")


def material(folder: Folder, path: Path) -> Material:
    written = folder.write(path)
    return Material(written, load(written), {})


def drawn(module: ModuleType, given: Material) -> Picture:
    found = module.picture(given)
    assert isinstance(found, Picture), found
    return found


def texts(picture: Picture) -> list[Any]:
    """Texts that are seen; matplotlib also keeps labels of ticks beyond the ends of an axis."""
    from matplotlib.text import Text

    unseen = set()
    for axis in [axis for axes in picture.figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        unseen |= {tick.label1 for tick in ticks if not low <= tick.get_loc() <= high}
    found = [t for t in picture.figure.findobj(Text) if isinstance(t, Text) and t not in unseen]
    return [t for t in found if t.get_text() and t.get_visible()]


def everyone(folder: Folder, steps: Mapping[str, list[int | None]], **how: Any) -> None:
    for name, ends in steps.items():
        for seed, end in enumerate(ends):
            train(folder, name, end, seed=seed, **how)


def product_limit(ended: list[tuple[float, bool]]) -> list[tuple[float, float]]:
    """Kaplan and Meier by hand: (time, fraction) after each time at which something was solved."""
    fraction, steps = 1.0, []
    for time in sorted({t for t, done in ended if done}):
        at_risk = sum(t >= time for t, _ in ended)
        fraction *= 1 - sum(done for t, done in ended if t == time) / at_risk
        steps.append((time, fraction))
    return steps


def test_unsolved_fraction_is_the_product_limit_with_its_log_log_band() -> None:
    generator = np.random.default_rng(5)
    ended = [(float(generator.integers(1, 9)), bool(generator.random() < 0.6)) for _ in range(40)]
    own = pd.DataFrame(
        {"steps": [t for t, _ in ended], "outcome": ["solved" if done else "unsolved" for _, done in ended]}
    )
    curve = survival.Curve.of(own, "steps")
    by_hand = product_limit(ended)
    told = curve.at(np.array([time for time, _ in by_hand]))
    assert told[survival.SHARE].tolist() == pytest.approx([fraction for _, fraction in by_hand])
    assert curve.median == next(time for time, fraction in by_hand if fraction <= 0.5)
    # Greenwood's variance of log(-log S), at the second time
    greenwood, (time, fraction) = 0.0, by_hand[1]
    for t, _ in by_hand[:2]:
        at_risk, events = sum(e >= t for e, _ in ended), sum(done for e, done in ended if e == t)
        greenwood += events / (at_risk * (at_risk - events))
    reach = 1.959964 * math.sqrt(greenwood) / abs(math.log(fraction))
    row = told.set_index("at").loc[time]
    assert row["low"] == pytest.approx(fraction ** math.exp(reach), rel=1e-5)
    assert row["high"] == pytest.approx(fraction ** math.exp(-reach), rel=1e-5)


def test_nothing_solved_stays_at_one_and_everything_solved_ends_at_zero() -> None:
    own = pd.DataFrame({"steps": [300.0, 400.0], "outcome": ["unsolved", "unsolved"]})
    none = survival.Curve.of(own, "steps")
    assert np.isnan(none.median)
    assert none.at(np.array([100.0, 400.0, 500.0]))[survival.SHARE].tolist() == [1.0, 1.0], "unknown after the end"
    every = survival.Curve.of(own.assign(outcome="solved"), "steps")
    assert (every.unsolved[-1], every.median) == (0.0, 300.0)


def test_medians_are_those_planted_on_cells_that_all_share(tmp_path: Path) -> None:
    folder = Folder()
    everyone(folder, {TRANSFORMER: [75, 100, 125], LSTM: [150, 300, None], CNN: [200, None, None]})
    everyone(folder, {TRANSFORMER: [25, 25, 25], LSTM: [25, 25, 25]}, task="copy")  # nothing of the CNN: left out
    picture = drawn(survival, material(folder, tmp_path))
    assert picture.finding == (
        "Median to solve over 1 cell capped at 400 steps: Transformer 100 steps and 1.00 CPU seconds; "
        "LSTM 300 steps and 3.00 CPU seconds; CNN not reached (1 of 3 solved)"
    )
    counts: Any = picture.data.groupby("contender")[["trainings", "solved", "unsolved"]].first()
    assert counts.loc["LSTM"].tolist() == [3, 2, 1]


def test_diverged_is_censored_at_the_cap_and_lost_trials_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = Folder(stopped="time limit")
    train(folder, TRANSFORMER, 100)
    diverge(folder, TRANSFORMER, step=50, seed=1, seconds=0.6)
    folder.add(learn(TRANSFORMER, "needle", 32, 2), rows=LONG, lag=32, status="timed out")
    folder.plan(learn(TRANSFORMER, "needle", 32, 3), LONG, 32)
    given = material(folder, tmp_path)
    ended: Any = trainings(given).set_index("seed")
    assert ended.loc[1, ["outcome", "steps"]].tolist() == ["diverged", CAP]
    assert ended.loc[1, "seconds"] == pytest.approx(0.6 * CAP / 50)
    assert ended.loc[[2, 3], ["steps", "seconds"]].isna().all(axis=None)
    picture = drawn(survival, given)
    assert picture.finding.endswith("left out: 1 not run, 1 timed out")
    last = picture.data.set_index("at").loc[CAP]
    assert (last["trainings"], last["diverged"], last[survival.SHARE]) == (2, 1, 0.5)


def test_plain_variants_are_drawn_only_where_they_cover_the_cells(tmp_path: Path) -> None:
    folder = Folder()
    for task in ("needle", "copy"):
        everyone(folder, {name: [100] for name in (*BEST, "lstm")}, task=task)
    train(folder, "cnn-3", 100)
    given = material(folder, tmp_path)
    assert set(drawn(survival, given).data["contender"]) == {"Transformer", "LSTM", "CNN", "LSTM, plain"}
    assert set(drawn(solved, given).data["contender"]) >= {"LSTM, plain", "CNN, plain"}


def test_thousands_of_trainings_make_no_heavier_figure(tmp_path: Path) -> None:
    folder, generator = Folder(), np.random.default_rng(7)
    for seed in range(1500):
        train(folder, TRANSFORMER, 25 if seed % 2 else None, seed=seed, seconds=float(generator.random()))
    picture = drawn(survival, material(folder, tmp_path))
    assert len(save(picture.figure, tmp_path / "many.svg").read_bytes()) < 250_000
    assert (picture.data["trainings"] == 1500).all()


def test_without_cpu_seconds_only_steps_are_drawn(tmp_path: Path) -> None:
    folder = Folder()
    train(folder, TRANSFORMER, 100, seconds=math.nan)
    picture = drawn(survival, material(folder, tmp_path))
    assert len(picture.figure.axes) == 1
    assert "CPU" not in picture.finding


def test_solved_cells_are_those_that_the_rows_count(tmp_path: Path) -> None:
    given = Material(PUBLISHED / "quick", load(PUBLISHED / "quick"), {})
    verdicts = judge(given.run)
    picture = drawn(solved, given)
    assert len(picture.data) == len(picture.data.drop_duplicates(["task", "lag", "contender"]))
    for column in ("Transformer", "LSTM", "CNN"):
        noted = [
            re.fullmatch(r"(\d+) of (\d+) cells solved", note)
            for cell in (*verdicts["cells"], *verdicts["ours"]["cells"])
            if cell["column"] == column and cell["variant"] == "best" and cell["regime"] == "core parameters"
            for note in cell["notes"]
        ]
        done, cells = (sum(int(found[i]) for found in noted if found) for i in (1, 2))
        assert cells > 0
        assert f"{column} {done} of {cells}" in picture.finding


def test_shares_carry_wilson_intervals_and_say_what_is_missing(tmp_path: Path) -> None:
    folder = Folder()
    everyone(folder, {TRANSFORMER: [100, 100, None]}, rows=STATE, lag=31)
    folder.add(learn(TRANSFORMER, "needle", 32, 3), rows=STATE, lag=31, status="failed", reason="crashed")
    folder.plan(learn(TRANSFORMER, "needle", 32, 4), STATE, 31)
    folder.plan(learn(LSTM, "needle", 32, 0), STATE, 31)
    picture = drawn(solved, material(folder, tmp_path))
    own, blank = (picture.data[picture.data["contender"] == c].iloc[0] for c in ("Transformer", "LSTM"))
    assert own[["lag", "seeds", "solved", "failed", "not run", "share"]].tolist() == [31, 5, 2, 1, 1, 0.5]
    n, p, z = 4, 0.5, 1.959964
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert own[["low", "high"]].tolist() == pytest.approx([middle - reach, middle + reach], rel=1e-5)
    assert blank["not run"] == 1
    assert np.isnan(blank["share"])
    assert "Transformer 0 of 1" in picture.finding, "half is no majority"
    assert "1 point with seeds missing and 1 point without any result" in picture.finding
    axes: Any = picture.figure.axes[0]
    marks = [line for line in axes.get_lines() if line.get_markersize() == solved.SIZE]
    hollow = [line for line in marks if line.get_markerfacecolor() == "white" and len(line.get_ydata())]
    assert sorted(float(np.asarray(line.get_ydata())[0]) for line in hollow) == [solved.ABSENT, 0.5]
    assert "no result" in [t.get_text() for t in texts(picture)]


def test_every_seed_is_a_curve_that_ends_filled_or_hollow(tmp_path: Path) -> None:
    from matplotlib.collections import LineCollection

    folder = Folder()
    everyone(folder, {TRANSFORMER: [75, 150, None, None], CNN: [None]})
    diverge(folder, LSTM, step=75, seed=0, seconds=1.0)
    picture = drawn(learning, material(folder, tmp_path))
    axes: Any = picture.figure.axes[0]
    paths = [path for found in axes.collections if isinstance(found, LineCollection) for path in found.get_segments()]
    assert sorted(len(path) for path in paths) == [1, 3, 6, 16, 16, 16]
    ends = [line for line in axes.get_lines() if len(line.get_ydata()) == 1]
    looks = {(line.get_marker(), line.get_markerfacecolor() == "white", *line.get_xdata()) for line in ends}
    assert looks == {("o", False, 75), ("o", False, 150), ("o", True, 400), ("^", True, 400), ("x", True, 25)}
    levels = [line.get_ydata()[0] for line in axes.get_lines() if list(line.get_ydata()) == [0.95, 0.95]]
    assert levels == [learning.THRESHOLD]
    assert picture.finding == (
        "Trainings solved in 1 cell: Transformer 2 of 4 (median at step 112), LSTM 0 of 1 and CNN 0 of 1; "
        "3 reached the step cap unsolved; 1 diverged"
    )


def test_more_cells_than_fit_are_shown_at_the_longest_length_of_each_task(tmp_path: Path) -> None:
    folder = Folder()
    for length in (16, 32, 64, 128, 256, 512, 1024):
        for task in ("needle", "copy"):
            train(folder, TRANSFORMER, 100, task=task, length=length)
    folder.plan(learn(TRANSFORMER, "copy", 2048, 0), LONG, 2048)
    picture = drawn(learning, material(folder, tmp_path))
    assert picture.data[["task", "length"]].to_numpy().tolist() == [["copy", 1024], ["needle", 1024]]
    assert picture.finding.startswith("Trainings solved in 2 cells, the longest of each task among 14")


def test_long_tables_are_summarised(tmp_path: Path) -> None:
    folder = Folder()
    for task in [f"task{i}" for i in range(8)]:
        for seed in range(learning.MOST_SEEDS + 10):
            train(folder, TRANSFORMER, 25 if seed else None, task=task, seed=seed)
    given = material(folder, tmp_path)
    picture = drawn(learning, given)
    assert picture.data["trainings"].tolist() == [30] * 8
    assert picture.data["solved"].tolist() == [29] * 8
    assert "drawn are at most 20 seeds" in picture.finding
    crowded = Folder()
    for name in (*BEST, "lstm"):
        for lag in range(2, 82):
            train(crowded, name, None if lag > 41 else 25, length=lag)
    table = drawn(solved, material(crowded, tmp_path / "crowded")).data
    assert table["cells"].tolist() == [80, 80, 80]
    assert table["cells solved"].tolist() == [40, 40, 40]


@pytest.mark.parametrize("module", FIGURES)
def test_without_trainings_the_reason_is_said(module: ModuleType, tmp_path: Path) -> None:
    assert module.picture(material(Folder(), tmp_path / "none")) == "not planned in study planted"
    waiting = Folder(stopped="time limit")
    waiting.plan(learn(TRANSFORMER, "needle", 32, 0), LONG, 32)
    assert module.picture(material(waiting, tmp_path / "waiting")) == "time limit"
    broken = Folder()
    broken.add(learn(TRANSFORMER, "needle", 32, 0), rows=LONG, lag=32, status="out of memory", reason="killed")
    assert "out of memory killed" in module.picture(material(broken, tmp_path / "broken"))


@pytest.mark.parametrize("study", ["clock", "peers"])
@pytest.mark.parametrize("module", FIGURES)
def test_studies_that_train_nothing_have_no_figure(module: ModuleType, study: str) -> None:
    folder = PUBLISHED / study
    assert module.picture(Material(folder, load(folder), {})) == f"not planned in study {study}"


def test_families_without_a_shared_cell_are_not_compared(tmp_path: Path) -> None:
    folder = Folder()
    train(folder, TRANSFORMER, 100, task="needle")
    train(folder, LSTM, 100, task="copy")
    assert survival.picture(material(folder, tmp_path)) == "no cell was trained to its end by every contender"


def test_plain_stands_in_for_a_best_variant_that_was_never_chosen(tmp_path: Path) -> None:
    folder = Folder(columns=[{**COLUMNS[1], "best": None}, COLUMNS[2]])
    everyone(folder, {"lstm": [100], CNN: [None], "cnn-3": [100]})
    given = material(folder, tmp_path)
    assert [(line.title, line.leads) for line in lines(given)] == [
        ("LSTM, plain", True),
        ("CNN", True),
        ("CNN, plain", False),
    ]
    assert "LSTM, plain 1 of 1" in drawn(solved, given).finding


def test_other_settings_and_splits_are_not_mixed_in(tmp_path: Path) -> None:
    folder = Folder()
    train(folder, TRANSFORMER, 100)
    for setting in ({"regime": "training FLOPs"}, {"core_parameters": 100_000}, {"split": "development"}):
        found = values(solved=0.0, steps=400.0, training_cpu_seconds=4.0)
        folder.add(learn(TRANSFORMER, "needle", 32, 1, **setting), found, rows=LONG, lag=32)
    assert trainings(material(folder, tmp_path))["outcome"].tolist() == ["solved"]


@pytest.mark.parametrize("module", FIGURES)
def test_odd_names_stay_text_and_fit(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "<script>alert(1)</script> $x$ " + "y" * 40
    monkeypatch.setitem(synthetic.FAMILY, "odd", "$family$")
    folder = Folder(columns=[*COLUMNS, {"title": name, "family": "$family$", "plain": "odd", "best": "odd"}])
    everyone(folder, {architecture: [100, None] for architecture in (*BEST, "odd")}, task="$t$" + "z" * 60)
    picture = drawn(module, material(folder, tmp_path))
    assert name in picture.finding
    assert name in set(picture.data["contender"])
    assert max(len(text.get_text()) for text in texts(picture)) < 90
    svg = save(picture.figure, tmp_path / "odd.svg").read_text()
    assert "<script" not in svg


@pytest.mark.parametrize("module", FIGURES)
@pytest.mark.parametrize("tasks", [1, 3, 5])
def test_texts_are_legible_and_apart_and_equal_records_give_equal_bytes(
    module: ModuleType, tasks: int, tmp_path: Path
) -> None:
    folder = Folder()
    for number in range(tasks):
        everyone(folder, {name: [50 * (number + 1), None] for name in (*BEST, "lstm", "cnn-3")}, task=f"task {number}")
    given = material(folder, tmp_path)
    pictures = [drawn(module, given), drawn(module, Material(given.folder, load(given.folder), {}))]
    figures = [save(p.figure, tmp_path / f"{i}.svg").read_bytes() for i, p in enumerate(pictures)]
    assert figures[0] == figures[1]
    pd.testing.assert_frame_equal(pictures[0].data, pictures[1].data)
    from matplotlib.text import Text

    figure = pictures[0].figure
    assert figure.get_figwidth() <= 7.0
    with style():
        figure.draw_without_rendering()
    frame = figure.bbox.padded(2)
    boxes: dict[tuple[str, float, float], Any] = {}
    for text in texts(pictures[0]):
        assert text.get_fontsize() >= 8, text.get_text()
        box = Text.get_window_extent(text)  # of an annotation without its arrow
        assert min(box.x0 - frame.x0, frame.x1 - box.x1, box.y0 - frame.y0, frame.y1 - box.y1) >= 0, text.get_text()
        assert not [other for other, known in boxes.items() if known.overlaps(box)], text.get_text()
        boxes[text.get_text(), box.x0, box.y0] = box
