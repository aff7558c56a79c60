"""Figures of structure: what was planted is what is drawn; with those of scaling, every run gives a fit picture."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import add_scaling, add_traces, planted
from structures import built, drawn, explained, figure, read, structure, trace
from synthetic import BEST, COLUMNS, Folder, architecture, learn

from analysis.document import Picture
from analysis.drawing import save, style
from analysis.figures import excess, positions, reach, span
from analysis.figures.lines import WIDTH
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge
from bench.records import Measurement

PUBLISHED = Path(__file__).parent.parent / "reports" / "published" / "amd-epyc-2-cores"
FIGURES = {module.NAME: module.picture for module in (span, reach, excess, positions)}
ODD = '<script>alert("$x$ _{\\frac")</script> and sixty letters of a very long name'
ODD_COLUMNS = (
    *COLUMNS,
    {"title": ODD, "family": ODD, "plain": ODD, "best": ODD, "best_reason": ""},
    {"title": "$a$ $b^", "family": "$a$ $b^", "plain": "$a$ $b^", "best": None, "best_reason": ""},
)


@pytest.fixture
def crowd(tmp_path: Path) -> Material:
    """Everything at once, with names that must not be taken at their word."""
    folder = Folder(ODD_COLUMNS)
    for number, name in enumerate((*BEST, "lstm", "cnn-3", ODD, "$a$ $b^")):
        family = name if name in (ODD, "$a$ $b^") else ""
        structure(folder, name, lambda n, k=number: 30.0 * n ** (0.2 * k), family)  # type: ignore[misc]
        if family:
            continue
        add_scaling(folder, name, 0.3, 0.2 + 0.01 * number, floor=1e-4 if name == "cnn-8" else 0.0)
        for seed in range(3):
            explained(folder, name, seed, [2.0 ** (-i / (5 + number)) for i in range(32)], 5.0 + number)
            read(folder, name, seed, {i: 2 - 0.1 * math.log2(i + 1) + 0.01 * seed for i in range(1, 32)}, 400_000)
    return built(folder, tmp_path)


class TestSpan:
    def test_laws_are_the_planted_ones(self, tmp_path: Path) -> None:
        folder = Folder()
        structure(folder, "transformer-rotary", lambda n: 33.0)
        structure(folder, "lstm-chrono", lambda n: 7.0 * n + 7)
        structure(folder, "cnn-8", lambda n: 5 * math.log2(n) + 1)
        picture = drawn(span.picture(built(folder, tmp_path)))
        found = picture.data.set_index(["panel", "column"])["law"]
        titles = {name: title for name, (title, _) in span.PANELS.items()}
        assert found[titles[span.SPAN]].to_dict() == {
            "Transformer": "constant 33",
            "LSTM": "7 n + 7",
            "CNN": "5 log₂ n + 1",
        }
        assert found[titles["path_weight_crossings"]].tolist() == ["constant 2"] * 3
        assert "7 n + 7 (LSTM)" in picture.finding
        assert "455 at n = 64 (LSTM)" in picture.finding

    def test_slopes_are_those_that_the_table_judges(self) -> None:
        run = load(PUBLISHED / "quick")
        verdicts = judge(run)
        picture = drawn(span.picture(Material(PUBLISHED / "quick", run, verdicts)))
        judged = {
            cell["column"]: f"n^{cell['figure']:.2f}"
            for cell in verdicts["cells"]
            if (cell["row"], cell["variant"]) == ("Parallel processing", "best")
        }
        shown = picture.data[picture.data["panel"] == span.PANELS["parallelism"][0]]
        assert dict(zip(shown["column"], shown["law"], strict=True)) == judged

    def test_thresholds_have_the_slopes_of_the_rule(self, tmp_path: Path) -> None:
        folder = Folder()
        structure(folder, "lstm-chrono", lambda n: 7.0 * n)
        (_, axes, _, _) = figure(span.picture(built(folder, tmp_path))).axes
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) == 2]  # type: ignore[arg-type]
        slopes = [float(np.diff(np.log(line.get_ydata()))[0] / np.diff(np.log(line.get_xdata()))[0]) for line in lines]
        assert slopes == pytest.approx([0.5, 0.2])


class TestReach:
    def test_geometric_mean_over_every_model_of_the_headline_setting(self, tmp_path: Path) -> None:
        folder = Folder()
        explained(folder, "lstm-chrono", 0, [8.0, 4.0, 2.0, 1.0], 1.0)
        explained(folder, "lstm-chrono", 1, [2.0, 1.0, 0.5, 0.0], 3.0)
        explained(folder, "lstm-chrono", 2, [99.0] * 4, 99.0, core_parameters=100_000)
        explained(folder, "lstm-chrono", 3, [99.0] * 4, 99.0, regime="training FLOPs")
        picture = drawn(reach.picture(built(folder, tmp_path)))
        own: Any = picture.data.set_index("distance")
        assert own["norm"].to_dict() == pytest.approx({1: 2.0, 2: 1.0, 0: 4.0})
        assert own.loc[1, ["low", "high", "models", "half-length"]].tolist() == [1.0, 4.0, 2, 2.0]
        assert "after training, n = 4: halves every 2 (LSTM best in 2 models)" in picture.finding

    def test_the_longest_traces_of_the_table_s_size_are_drawn(self, tmp_path: Path) -> None:
        folder = Folder()
        structure(folder, "lstm-chrono", lambda n: 7.0 * n)
        wide = {"kind": "trace", "architecture": architecture("lstm-chrono", 100_000), "length": 256, "device": "cpu"}
        folder.add(wide, [Measurement("gradient_reach", 1.0, step=i) for i in range(256)], rows=["theory"])
        picture = drawn(reach.picture(built(folder, tmp_path)))
        assert picture.data["distance"].max() == 64
        assert picture.data.set_index("distance").loc[64, "norm"] == pytest.approx(3 * 2**-6.4)
        assert "at initialisation, n = 128: halves every 10 (LSTM best)" in picture.finding

    def test_no_decay_is_said_in_words(self, tmp_path: Path) -> None:
        folder = Folder()
        for seed in range(3):
            explained(folder, "transformer-rotary", seed, [1.0, 1.0, 1.0, 1.0], math.inf)
        assert "no decay (Transformer best in 3 models)" in drawn(reach.picture(built(folder, tmp_path))).finding


class TestEveryRun:
    @pytest.mark.parametrize("name", FIGURES)
    @pytest.mark.parametrize("study", ["quick", "clock", "peers"])
    def test_published_runs_give_a_picture_or_a_sentence(self, name: str, study: str, tmp_path: Path) -> None:
        found = FIGURES[name](Material(PUBLISHED / study, load(PUBLISHED / study), {}))
        if isinstance(found, Picture):
            _check(found, tmp_path)
        else:
            assert found

    @pytest.mark.parametrize("name", FIGURES)
    def test_a_run_of_which_nothing_finished_gives_a_sentence(self, name: str, tmp_path: Path) -> None:
        folder = Folder(stopped="stopped after 5 minutes")
        trace(folder, "lstm-chrono", 16, [], status="failed", reason="no memory")
        for seed, kind in enumerate(("explain", "learn")):
            trial = learn("lstm-chrono", "markov", 64, seed, kind=kind)
            folder.plan(trial, ["interpretability" if kind == "explain" else "scalability"])
        found = FIGURES[name](built(folder, tmp_path))
        assert isinstance(found, str)
        assert "no memory" in found or "stopped after 5 minutes" in found

    @pytest.mark.parametrize("name", FIGURES)
    def test_nothing_but_missing_numbers_gives_a_sentence(self, name: str, tmp_path: Path) -> None:
        folder = Folder()
        metrics = ("span_operations", "work_operations", "path_operations")
        trace(folder, "lstm-chrono", 16, [Measurement(m, math.nan, s) for m in metrics for s in ("", "kernel", "pram")])
        explained(folder, "lstm-chrono", 0, [math.nan] * 4, math.nan)
        read(folder, "lstm-chrono", 0, {1: math.nan, 2: math.nan})
        assert isinstance(FIGURES[name](built(folder, tmp_path)), str)

    @pytest.mark.parametrize("name", FIGURES)
    def test_one_length_one_seed_one_family(self, name: str, tmp_path: Path) -> None:
        folder = Folder()
        add_traces(folder, "lstm-chrono", 0.5, (16,))
        explained(folder, "lstm-chrono", 0, [1.0], math.nan)
        add_scaling(folder, "lstm-chrono", 0.3, 0.2, seeds=1)
        read(folder, "lstm-chrono", 0, {1: 2.0}, 400_000)
        _check(drawn(FIGURES[name](built(folder, tmp_path))), tmp_path)

    @pytest.mark.parametrize("name", FIGURES)
    def test_odd_names_are_letters_and_nothing_overlaps(self, name: str, crowd: Material, tmp_path: Path) -> None:
        picture = drawn(FIGURES[name](crowd))
        _check(picture, tmp_path)
        svg = save(figure(picture), tmp_path / "figure.svg").read_text()
        assert "<script>" not in svg
        assert len(svg) < 400_000

    @pytest.mark.parametrize("name", FIGURES)
    def test_a_whole_run_draws_the_same_bytes_twice(self, name: str, tmp_path: Path) -> None:
        folder = planted(tmp_path / "run")
        pictures = [FIGURES[name](Material(folder, load(folder), {})) for _ in range(2)]
        if isinstance(pictures[0], str):
            assert pictures[0] == pictures[1]
            return
        with style():
            written = [save(figure(p), tmp_path / f"{i}.svg").read_bytes() for i, p in enumerate(pictures)]
        assert written[0] == written[1]
        assert drawn(pictures[0]).finding == drawn(pictures[1]).finding


def _check(picture: Picture, path: Path) -> None:
    """Size, legibility, no text on another or beyond the edge, a finding that is a sentence, and data behind it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    sheet = figure(picture)
    assert sheet.get_figwidth() <= WIDTH
    assert picture.finding.endswith(".")
    assert 0 < len(picture.data) <= 200
    with style():
        canvas = FigureCanvasAgg(sheet)
        canvas.draw()
    boxes = [(text.get_text(), _box(text, canvas.get_renderer())) for text in _seen(sheet)]
    assert all(text.get_fontsize() >= 8 for text in _seen(sheet))
    page = sheet.bbox.padded(1)
    for text, box in boxes:
        corners = [(box.x0, box.y0), (box.x1, box.y1)]
        assert all(page.contains(*corner) for corner in corners), f"{text!r} beyond the edge"
    for (first, one), (second, other) in combinations(boxes, 2):
        assert not one.padded(-1).overlaps(other.padded(-1)), f"{first!r} on {second!r}"


def _seen(figure: Any) -> list[Any]:
    """Texts that are drawn; matplotlib also keeps labels of ticks beyond the ends of an axis."""
    from matplotlib.text import Text

    unseen = set()
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        unseen |= {tick.label1 for tick in ticks if not low <= tick.get_loc() <= high}
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible() and t not in unseen]


def _box(text: Any, renderer: Any) -> Any:
    """Of the letters alone, without an annotation's arrow."""
    from matplotlib.text import Text

    return Text.get_window_extent(text, renderer)
