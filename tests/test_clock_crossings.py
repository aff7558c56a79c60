"""Crossovers: a planted one is found and covered, and what lies outside the range or in the noise is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_clocks import LENGTHS, clocked

from analysis.clocks import crossings, wording
from analysis.clocks.measured import figures, measure
from analysis.load import Run

RATIO = np.log2(np.array(LENGTHS) / 300.0)
"""A log ratio that crosses 0 at n = 300."""


def pair(ratios: np.ndarray, lengths: tuple[int, ...] = LENGTHS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two subjects whose log ratio of seconds is `ratios` (replicates, lengths)."""
    rows = [(k, n, 1000 * k + n, np.exp(ratios[k, i])) for k in range(len(ratios)) for i, n in enumerate(lengths)]
    first = pd.DataFrame(rows, columns=["replicate", "length", "trial", "seconds"])
    return first, first.assign(seconds=1.0)


def crossing(ratios: np.ndarray) -> crossings.Crossing:
    found = crossings.find(*pair(np.atleast_2d(ratios)))
    assert found is not None
    return found


def frames_of(run: Run) -> dict[str, pd.DataFrame]:
    return figures(measure(run))


def test_a_planted_crossover_is_found_where_it_is(tmp_path: Path) -> None:
    """Power laws meet at n = (2e-4 / 2e-5) ** 2 = 100."""
    run = clocked(tmp_path, laws={"attention": lambda n: 2e-5 * n, "recurrent": lambda n: 2e-4 * n**0.5})
    for row in frames_of(run)["crossovers"].to_dict("records"):
        found: crossings.Crossing = row["crossing"]
        assert found.kind == crossings.ONE
        assert found.points[0] == pytest.approx((100, 100, 100), rel=0.01)
        assert wording.crossing(found, ("Transformer", "LSTM")).startswith("LSTM overtakes Transformer at 100")


def test_the_interval_of_a_crossover_covers_it() -> None:
    dice, hits = np.random.default_rng(5), 0
    for _ in range(200):
        found = crossing(0.3 * RATIO + dice.normal(0, 0.1, (3, len(LENGTHS))))
        hits += any(point.low <= 300 <= point.high for point in found.points)
    assert hits >= 180, hits


@pytest.mark.parametrize(
    ("ratios", "kind", "text"),
    [
        (0.1 * (RATIO - 10), crossings.BEYOND, "none: A is faster from 64 to 4,096; beyond 4,096, if anywhere"),
        (0.1 * (RATIO + 10), crossings.BELOW, "none: B is faster from 64 to 4,096; below 64, if anywhere"),
        (np.full(7, 0.5), crossings.NONE, "none: B is faster from 64 to 4,096"),
        (np.array([1, 2, 3, 4, 3, 2, 1.0]), crossings.OUTSIDE, "B is faster from 64 to 4,096; below 64 or beyond"),
        (np.array([-1, -1, 1, 1, -1, -1, -1.0]), crossings.SEVERAL, "several, at 181 and 724: A is faster at 64, A at"),
        (RATIO, crossings.ONE, "A"),
    ],
)
def test_crossings_outside_the_range_and_several_are_said(ratios: np.ndarray, kind: str, text: str) -> None:
    wobble = 1e-6 * np.array([[-1.0], [0.0], [1.0]])
    found = crossing(ratios + wobble)
    assert found.kind == kind
    assert text in wording.crossing(found, ("A", "B"))


def test_an_open_end_of_an_interval_is_censored() -> None:
    ratios = np.array([-1, -0.9, -0.8, -0.7, -0.6, -0.1, 0.05]) + np.array([[-0.1], [0.0], [0.1]])
    found = crossing(ratios)
    assert found.kind == crossings.ONE
    assert found.points[0].high == np.inf
    assert "beyond 4,096]" in wording.crossing(found, ("A", "B"))


def test_equals_are_not_told_apart_and_one_replicate_has_no_interval() -> None:
    equal = np.array([[-0.3], [0.1], [0.2]]) + np.array([0.01, -0.01, 0.01, -0.01, 0.01, -0.01, 0.01])
    assert crossing(equal).kind == crossings.OPEN
    alone = crossing(RATIO)
    assert (alone.kind, alone.replicates) == (crossings.ONE, 1)
    assert alone.points[0].point == pytest.approx(300, rel=0.01)
    assert (alone.points[0].low, alone.points[0].high) == (0.0, np.inf)


def test_noise_inside_one_interval_is_not_several_crossings() -> None:
    """The means cross three times between lengths that are not told apart: one crossing. Twice and back: none."""
    wobble = 0.3 * np.array([[-1.0], [0.0], [1.0]]) * np.array([0, 0, 1, 1, 1, 0, 0])
    found = crossing(np.array([-1, -1, -0.05, 0.05, -0.05, 1, 1.0]) + wobble)
    assert (found.kind, len(found.points)) == (crossings.ONE, 1)
    assert 128 < found.points[0].low < 256
    assert 1024 < found.points[0].high < 2048
    back = crossing(np.array([1, 1, 0.05, -0.05, 0.05, 1, 1.0]) + wobble)
    assert back.kind == crossings.NONE
    assert (
        wording.crossing(back, ("A", "B")) == "none: B is faster from 64 to 4,096, not told apart at 256, 512 and 1,024"
    )


def test_replicates_that_agree_by_chance_between_two_lengths_end_no_interval() -> None:
    """Their lines meet at -0.01 between 256 and 512, where both lengths alone leave everything open."""
    early = np.full((2, 2), -1.0)
    found = crossing(np.hstack([early, [[-0.8, 0.8, 0.9, 0.9, 0.9], [0.75, -0.8, 0.8, 0.9, 0.9]]]))
    assert found.kind == crossings.ONE
    assert 128 <= found.points[0].low < 256
    assert found.points[0].high > 512


def test_families_that_replicates_do_not_tell_apart_share_the_lead(tmp_path: Path) -> None:
    laws = {"attention": lambda n: 1e-5 * n, "recurrent": lambda n: 1.001e-5 * n, "convolution": lambda n: 2e-5 * n}
    run = clocked(tmp_path / "noisy", laws=laws, lengths=(64, 256), noise=0.05)
    assert set(frames_of(run)["leaders"]["label"]) == {"Transformer or LSTM"}
    exact = clocked(tmp_path / "exact", laws=laws, lengths=(64, 256))
    assert set(frames_of(exact)["leaders"]["label"]) == {"Transformer"}
    alone = clocked(tmp_path / "alone", laws=laws, lengths=(64, 256), replicates=1)
    assert set(frames_of(alone)["leaders"]["label"]) == {
        "Transformer"
    }  # one replicate: its point, and the page says so


def test_best_variants_are_compared_only_where_they_differ(tmp_path: Path) -> None:
    found = frames_of(clocked(tmp_path, lengths=(64, 128)))["crossovers"]
    pairs = {(r.variant, r.first_name, r.second_name) for r in found.itertuples()}
    plain = {("attention", "recurrent"), ("attention", "convolution"), ("recurrent", "convolution")}
    assert pairs == {("plain", *names) for names in plain} | {("best", "attention", "recurrent-chrono")}
