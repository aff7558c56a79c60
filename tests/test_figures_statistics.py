"""Profiles and paired comparisons as figures: what they say is what the records hold, and nothing breaks them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from planted import add_clocks, add_long_range, planted
from synthetic import BEST, COLUMNS, STRANGER, TASKS, Folder, learn, values

from analysis.document import Picture
from analysis.drawing import evenly, style
from analysis.figures import forest, profiles
from analysis.load import load
from analysis.material import Material
from analysis.statistics import compared

PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores"
ODD = {**STRANGER, "title": "<script>$x$" + "y" * 60}
BOTH = pytest.mark.parametrize("draw", [profiles.picture, forest.picture])


def material(path: Path) -> Material:
    return Material(path, load(path), {})


def drawn(draw: Callable[[Material], Picture | str], path: Path) -> Picture:
    """The picture, saved once: what cannot be rendered fails here."""
    picture = draw(material(path))
    assert isinstance(picture, Picture), picture
    assert svg(picture.figure).startswith("<?xml")
    return picture


def svg(figure: Figure) -> str:
    out = io.StringIO()
    with style():
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def test_profiles_tell_the_shares(tmp_path: Path) -> None:
    """Planted scores are 0.99 or 0.1: the Transformer passes one half everywhere, the LSTM in 2 of 9 cells."""
    picture = drawn(profiles.picture, planted(tmp_path))
    at = picture.data.set_index(["column", "variant", "score above"])["share"]
    assert at["Transformer", "best", 0.5] == 1.0
    assert at["LSTM", "best", 0.5] == pytest.approx(2 / 9)
    assert at["CNN", "plain", 0.5] == pytest.approx(5 / 9)
    assert at["LSTM", "best", 0.0] == 1.0
    assert picture.finding.startswith(
        "More than half of the way from chance to perfect is reached by 100% [100%, 100%]"
    )
    assert picture.finding.endswith("no two profiles cross.")


def test_profiles_that_cross_are_named(tmp_path: Path) -> None:
    folder = Folder()
    for name, scores in {BEST[0]: (0.6, 0.6, 0.6), BEST[1]: (0.9, 0.9, 0.1)}.items():
        for seed, score in enumerate(scores):
            folder.add(learn(name, "needle", 32, seed), values(test_score=score), rows=["long range"], lag=32)
    assert drawn(profiles.picture, folder.write(tmp_path)).finding.endswith("Transformer's and LSTM's cross.")


def test_the_forest_shows_every_declared_comparison(tmp_path: Path) -> None:
    picture = drawn(forest.picture, planted(tmp_path))
    assert len(picture.data) == 21 + 12
    assert picture.figure.axes[0].get_title("right").startswith("Transformer")
    found = compared.times(material(tmp_path))
    assert picture.data["outcome"].tolist()[-len(found) :] == [c.outcome for c in found]
    assert "Transformer faster than LSTM" in picture.finding
    assert "of 21 declared comparisons decided" in picture.finding


def test_the_forest_draws_every_pair_and_the_interval(tmp_path: Path) -> None:
    planted(tmp_path)
    axes = drawn(forest.picture, tmp_path).figure.axes[0]
    one = compared.scores(material(tmp_path))[0]
    drawn_at = [line.get_xdata() for line in axes.lines if line.get_marker() == "|"]
    assert any(np.array_equal(np.sort(x), np.sort(one.values)) for x in drawn_at)


@BOTH
def test_figures_fit_the_page_in_readable_letters(draw: Callable[[Material], Picture | str], tmp_path: Path) -> None:
    figure = drawn(draw, planted(tmp_path)).figure
    assert figure.get_figwidth() <= 7
    texts = [text for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 8


@BOTH
def test_the_same_records_give_the_same_bytes(draw: Callable[[Material], Picture | str], tmp_path: Path) -> None:
    import matplotlib as mpl

    planted(tmp_path)
    with mpl.rc_context({"svg.hashsalt": "x"}):
        assert svg(drawn(draw, tmp_path).figure) == svg(drawn(draw, tmp_path).figure)


@BOTH
def test_one_seed_of_one_task_at_one_length(draw: Callable[[Material], Picture | str], tmp_path: Path) -> None:
    folder = Folder()
    for name, score in zip(BEST, (0.9, 0.4, 0.0), strict=True):
        folder.add(learn(name, "needle", 32, 0), values(test_score=score), rows=["long range"], lag=32)
    picture = drawn(draw, folder.write(tmp_path))
    assert not np.isfinite(picture.data["low"]).any() or draw is forest.picture


@BOTH
def test_strangers_failures_and_names_do_not_break_it(
    draw: Callable[[Material], Picture | str], tmp_path: Path
) -> None:
    folder = Folder(
        columns=(*COLUMNS, ODD, {**ODD, "title": "other", "family": "other", "plain": "cnn-3", "best": "cnn-3"})
    )
    for name in (*BEST, "mine:Net"):
        add_long_range(folder, name, list(TASKS)[:2] if name == BEST[1] else (), seeds=2)
    folder.add(learn(BEST[0], "<b>$y$", 32, 0), values(test_score=float("nan")), rows=["long range"], lag=32)
    folder.add(learn(BEST[1], "<b>$y$", 32, 0), status="failed", rows=["long range"], lag=32)
    folder.plan(learn(BEST[2], "<b>$y$", 32, 0), ["long range"], 32)
    drawn(draw, folder.write(tmp_path))


@BOTH
def test_nothing_to_draw_is_said(draw: Callable[[Material], Picture | str], tmp_path: Path) -> None:
    assert isinstance(draw(material(Folder().write(tmp_path))), str)
    assert isinstance(draw(material(PUBLISHED / "peers")), str)


def test_a_single_family_has_a_profile_and_no_pair(tmp_path: Path) -> None:
    folder = Folder()
    add_long_range(folder, BEST[0])
    path = folder.write(tmp_path)
    assert "trainings" in drawn(profiles.picture, path).finding
    assert isinstance(forest.picture(material(path)), str)


def test_a_clock_study_shows_times_alone(tmp_path: Path) -> None:
    folder = Folder()
    add_clocks(folder, dict.fromkeys(BEST, 1.0) | {"lstm-chrono": 40.0})
    picture = drawn(forest.picture, folder.write(tmp_path))
    assert set(picture.data["compared"]) == {"step times"}
    assert picture.finding.startswith("step times overall: Transformer faster than LSTM")
    assert isinstance(profiles.picture(material(tmp_path)), str)


def test_the_published_records_are_drawn() -> None:
    for draw in (profiles.picture, forest.picture):
        drawn(draw, PUBLISHED / "quick")
    drawn(forest.picture, PUBLISHED / "clock")


def test_of_many_pairs_those_at_even_ranks_are_drawn() -> None:
    """All of a few in their order; of many so many, the extremes among them, each a quantile of all."""
    values = np.random.default_rng(0).permutation(1000).astype(float)
    assert values[evenly(values, 1000)].tolist() == values.tolist()
    assert values[evenly(values, 4)].tolist() == [0, 333, 666, 999]
