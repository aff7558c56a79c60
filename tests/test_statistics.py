"""Aggregates over cells and seeds, and tests of matched pairs, meet independent known answers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats as reference

from analysis.statistics import paired
from analysis.statistics.aggregate import improvement, iqm, mean_over_cells, resampled
from analysis.statistics.equivalence import beyond_p, within_p
from analysis.statistics.paired import bounded_equivalence_p, bounded_mean, flip_p, holm
from analysis.statistics.profiles import STRAYS, profile
from analysis.stats import Array


def test_the_interquartile_mean_is_that_of_the_middle_half() -> None:
    cells = [np.array([7.0, 0, 3, 4]), np.array([1.0, 6, 2, 5])]
    assert iqm(cells).point == 3.5
    assert iqm([cell + [0, -90, 0, 90] * (cell == 7) for cell in cells]).point == 3.5, "an outlier moves nothing"


def test_cells_weigh_the_same_however_many_seeds_they_have() -> None:
    assert mean_over_cells([np.zeros(2), np.ones(6)]).point == 0.5


def test_resamples_have_the_variance_of_the_mean() -> None:
    """n - 1 out of n: the variance of the resampled means is that of a mean of n, unbiased. Strays add to it."""
    cells = [np.array([0.0, 1.0, 5.0])] * 40
    own = np.var(resampled(cells, strays=0).mean(axis=2))
    assert own == pytest.approx(np.var(cells[0], ddof=1) / 3, rel=0.05)


def test_one_score_in_a_resample_strays() -> None:
    cells = [np.full(3, float(number)) for number in range(10)]
    drawn = resampled(cells)
    assert drawn.shape == (2000, 10, 2)
    strays = (drawn != np.arange(10)[:, None]).sum(axis=(1, 2)).mean()
    assert strays == pytest.approx(20 / 30 * 9 / 10, rel=0.1)


def test_improvement_is_the_share_of_duels_won() -> None:
    first, second = [np.array([1.0, 2, 3]), np.array([5.0, 5])], [np.array([0.0, 2, 2]), np.array([5.0, 6])]
    cells = zip(first, second, strict=True)
    won = [np.mean([(a > b) + (a == b) / 2 for a, b in itertools.product(*cell)]) for cell in cells]
    found, turned = improvement(first, second), improvement(second, first)
    assert found.point == pytest.approx(np.mean(won))
    assert (turned.point, turned.low, turned.high) == pytest.approx((1 - found.point, 1 - found.high, 1 - found.low))


def test_improvement_of_one_cell_is_mann_and_whitneys_u() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(1, 1, 9), generator.normal(0, 2, 7)
    assert improvement([a], [b]).point == pytest.approx(reference.mannwhitneyu(a, b).statistic / 63)


def test_improvements_interval_is_that_of_a_table_of_duels() -> None:
    """Rows, columns and interaction estimated from the tables written out (two-way random effects), ties among them."""
    generator = np.random.default_rng(7)
    first, second = ([generator.integers(0, 5, size) / 4 for size in (3, 4, 5)] for _ in range(2))
    variance, parts, freedoms = 0.0, [], []
    for a, b in zip(first, second, strict=True):
        won = np.array([[float(x > y) + float(x == y) / 2 for y in b] for x in a])
        rows, columns = won.mean(axis=1), won.mean(axis=0)
        residual = won - rows[:, None] - columns + won.mean()
        interaction = (residual**2).sum() / (a.size - 1) / (b.size - 1)
        parts += [rows.var(ddof=1) / a.size, columns.var(ddof=1) / b.size]
        freedoms += [a.size - 1, b.size - 1]
        variance += parts[-2] + parts[-1] - interaction / a.size / b.size
    freedom = sum(parts) ** 2 / sum(part**2 / own for part, own in zip(parts, freedoms, strict=True))
    reach = reference.t.ppf(0.975, freedom) * np.sqrt(variance) / 3
    found = improvement(first, second)
    assert (found.low, found.high) == pytest.approx((found.point - reach, found.point + reach))
    assert 0 < found.low < found.high < 1


def test_improvement_without_any_spread_is_not_certain() -> None:
    """Three seeds against three that never overlap: Wilson's interval of three successes."""
    found = improvement([np.ones(3)], [np.zeros(3)])
    assert (found.point, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(reference.binomtest(3, 3).proportion_ci(method="wilson").low)


@pytest.mark.parametrize("aggregate", [iqm, mean_over_cells, lambda cells: improvement(cells, cells)])
def test_one_seed_says_nothing_about_luck(aggregate) -> None:
    found = aggregate([np.array([0.5]), np.array([0.7])] * 6)
    assert np.isfinite(found.point)
    assert np.isinf([found.low, found.high]).all()


@pytest.mark.parametrize("aggregate", [iqm, mean_over_cells])
def test_few_cells_say_nothing_about_luck(aggregate) -> None:
    cells = [np.array([0.2, 0.9, 0.5])] * 6
    assert np.isfinite(aggregate(cells)).all()
    assert np.isinf(aggregate(cells[:5])[1:]).all()


def test_no_scores_are_refused() -> None:
    for aggregate in (iqm, mean_over_cells, lambda cells: improvement(cells, cells)):
        with pytest.raises(ValueError, match=r"at least one|every cell"):
            aggregate([])


def test_a_profile_counts_what_lies_above() -> None:
    cells, thresholds = [np.array([0.2, 0.4, 0.9]), np.array([0.5, 0.5, 0.5])], np.array([0.0, 0.4, 0.5, 0.95])
    band = profile(cells, thresholds)
    assert band.point == pytest.approx([1.0, (1 / 3 + 1) / 2, (1 / 3) / 2, 0.0])
    assert np.isnan(band.low).all(), "two cells are too few to resample"
    several = profile(cells * 3, thresholds)
    assert several.point == pytest.approx(band.point)
    assert (several.low <= several.point).all()
    assert (several.point <= several.high).all()
    assert (several.low < several.high).any()


def flipped(differences: Array, cells: Sequence[int]) -> float:
    """The same p by writing every pattern out."""
    groups = [np.flatnonzero(np.equal(cells, cell)) for cell in sorted(set(cells))]

    def statistic(x: Array) -> float:
        mean = sum(x[own].mean() for own in groups)
        variance = sum(x[own].var(ddof=1) / own.size for own in groups if own.size > 1)
        return abs(mean) / np.sqrt(variance + 1e-6 * np.abs(differences).max() ** 2)

    patterns = [statistic(differences * signs) for signs in itertools.product((1, -1), repeat=differences.size)]
    return float(np.mean(np.array(patterns) >= statistic(differences) * (1 - 1e-6)))


@pytest.mark.parametrize("cells", [[0, 0, 0], [0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4], [0, 0, 1, 1, 1, 1, 1, 1]])
def test_flip_p_is_the_share_of_all_patterns_as_extreme(cells: list[int]) -> None:
    for seed in range(10):
        differences = np.random.default_rng(seed).normal(0.5, 1, len(cells))
        assert flip_p(differences, cells) == pytest.approx(flipped(differences, cells))


def test_flip_p_known_answers() -> None:
    assert flip_p(np.array([0.2, 0.5, 0.3]), [0, 0, 0]) == 2 / 8
    assert flip_p(np.zeros(4), [0, 0, 1, 1]) == 1.0
    consistent = np.repeat([1.0, 1.0, -0.4], 3)  # two cells for one, a third for the other, without noise
    assert flip_p(consistent, np.repeat([0, 1, 2], 3).tolist()) < 0.02
    assert flip_p(consistent, [0] * 9) > 0.02, "in one cell the same differences are noise"


def test_flip_p_does_not_depend_on_order_or_sides() -> None:
    differences, cells = np.random.default_rng(1).normal(0.3, 1, 24), np.repeat(np.arange(8), 3)
    order = np.random.default_rng(2).permutation(24)
    p = flip_p(differences, cells.tolist())
    assert flip_p(-differences, cells.tolist()) == pytest.approx(p, abs=0.01)
    assert flip_p(differences[order], cells[order].tolist()) == pytest.approx(p, abs=0.01)


def test_the_normal_limit_of_many_pairs_agrees_with_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    differences, cells = np.random.default_rng(3).normal(0.03, 1, 600), np.repeat(np.arange(60), 10).tolist()
    limit = flip_p(differences, cells)
    monkeypatch.setattr(paired, "MANY", 600)
    assert limit == pytest.approx(flip_p(differences, cells), abs=0.01)
    assert 0.01 < limit < 0.3


@pytest.mark.parametrize(("successes", "runs"), [(0, 3), (3, 3), (5, 9), (1, 20)])
def test_a_bounded_mean_of_zeros_and_ones_is_clopper_and_pearsons(successes: int, runs: int) -> None:
    exact = reference.binomtest(successes, runs).proportion_ci(method="exact")
    found = bounded_mean([1.0] * successes + [0.0] * (runs - successes), 0.0, 1.0)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.02)


def test_equivalence_without_any_difference_takes_sixty_pairs() -> None:
    for pairs in (10, 36, 100):
        p = bounded_equivalence_p(np.zeros(pairs), 0.05, -1, 1)
        assert p == pytest.approx(0.95**pairs, abs=0.012)  # weight of the unseen pair is Beta(1, pairs)
    assert bounded_equivalence_p(np.full(500, 0.2), 0.05, -1, 1) > 0.99


def test_holm_known_answers() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == pytest.approx([1.0, 1.0])
    assert holm([]).size == 0


def test_tests_of_times_are_students() -> None:
    x = np.random.default_rng(3).normal(0.04, 0.05, 6)
    assert beyond_p(x, 0.0) == pytest.approx(reference.ttest_1samp(x, 0).pvalue)
    sides = [
        reference.ttest_1samp(x, edge, alternative=side).pvalue for edge, side in ((-0.1, "greater"), (0.1, "less"))
    ]
    assert within_p(x, 0.1) == pytest.approx(max(sides))
    assert beyond_p(x, 0.02) > beyond_p(x, 0.0)
    assert (beyond_p(x[:1], 0.1), within_p(x[:1], 0.1), within_p(x, np.inf)) == (1.0, 1.0, 1.0)
    assert (beyond_p(np.full(3, 0.2), 0.1), within_p(np.full(3, 0.2), 0.1)) == pytest.approx((0.0, 1.0))


def test_the_band_of_a_profile_holds_the_shares_of_resamples() -> None:
    """By their definition, threshold by threshold, with scores that lie on a threshold."""
    generator = np.random.default_rng(0)
    cells, thresholds = [generator.integers(0, 11, 4) / 10 for _ in range(7)], np.linspace(0, 1, 11)
    drawn = resampled(cells, STRAYS)
    shares = np.stack([(drawn > threshold).mean(axis=(1, 2)) for threshold in thresholds], axis=1)
    low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    band = profile(cells, thresholds)
    assert band.low == pytest.approx(np.minimum(low, band.point), abs=1e-12)
    assert band.high == pytest.approx(np.maximum(high, band.point), abs=1e-12)
