"""Shortcut audit: fitted scikit-learn models that see a window, or counts without order, get what that is worth.

What a window or a bag can know at best is worked out for each task in closed form; none may beat it.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from numpy.polynomial import polynomial
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from bench.tasks import TASKS
from bench.tasks.adding import Adding
from bench.tasks.task import stream

LENGTH, WINDOW = 32, 8
DRAWN = 6000
FIRST_RECALL = LENGTH - 8
"""Where copy's recall of its eight items begins."""
LAST_READ = LENGTH - 2
"""Where flip-flop's last read stands."""


@cache
def drawn(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, (DRAWN, LENGTH) each."""
    batch = TASKS[name](length=LENGTH).sample(DRAWN, stream(split, 0))
    return batch.inputs.numpy(), batch.targets.numpy()


def beats(hits: np.ndarray, ceiling: float) -> bool:
    """Whether an accuracy is above a ceiling by more than one chance in a thousand."""
    return bool(stats.binomtest(int(hits.sum()), len(hits), ceiling, alternative="greater").pvalue < 0.001)


def window_hits(name: str, position: int, window: int = WINDOW) -> np.ndarray:
    """Test hits of a linear classifier of the answer at a position from the last `window` tokens up to it, one-hot."""
    since = position - window + 1
    (x, y), (test_x, test_y) = drawn(name, "train"), drawn(name, "test")
    encoder = OneHotEncoder(handle_unknown="ignore").fit(x[:, since : position + 1])
    model = LogisticRegression(C=0.1, max_iter=200).fit(encoder.transform(x[:, since : position + 1]), y[:, position])
    return model.predict(encoder.transform(test_x[:, since : position + 1])) == test_y[:, position]


def bag_hits(name: str, position: int) -> np.ndarray:
    """Test hits of boosted trees from how often each token came up to a position, and the token there."""
    vocabulary = TASKS[name](length=LENGTH).interface.vocabulary

    def features(x: np.ndarray) -> np.ndarray:
        counts = np.stack([(x[:, : position + 1] == token).sum(1) for token in range(vocabulary)], axis=1)
        return np.concatenate([counts, x[:, position : position + 1]], axis=1)

    (x, y), (test_x, test_y) = drawn(name, "train"), drawn(name, "test")
    model = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=15, early_stopping=False, random_state=0)
    model.fit(features(x), y[:, position])
    return model.predict(features(test_x)) == test_y[:, position]


def needle_in_window() -> float:
    """The mark falls into the window's WINDOW - 1 places before the query, out of LENGTH - 1."""
    seen = (WINDOW - 1) / (LENGTH - 1)
    return seen + (1 - seen) / 8


def induction_in_window() -> float:
    """Trigger and follower are both in view, or the window's first token is a fair bet on being the follower."""
    places = LENGTH - 2
    seen = (WINDOW - 2) / places
    first_token = 1 / (places - (WINDOW - 2))
    return seen + (1 - seen) * (first_token + (1 - first_token) / 16)


def flip_flop_in_window() -> float:
    """One of the three instructions in view before the read is not i, which has probability .9 each."""
    seen = 1 - 0.9**3
    return seen + (1 - seen) / 2


# An even window would also show the bit of an instruction out of view, so flip-flop's ends on an odd one.
IN_WINDOW = [
    ("needle", LENGTH - 1, WINDOW, needle_in_window()),
    ("latch", LENGTH - 1, WINDOW, 1 / 8),
    ("copy", FIRST_RECALL, WINDOW, 1 / 8),
    ("copy", LENGTH - 1, WINDOW, 1 / 8),
    ("mqar", LENGTH - 1, WINDOW, 1 / 16),
    ("induction", LENGTH - 1, WINDOW, induction_in_window()),
    ("flip-flop", LAST_READ, WINDOW - 1, flip_flop_in_window()),
    ("parity", LENGTH - 1, WINDOW, 1 / 2),
]


@pytest.mark.parametrize(("name", "position", "window", "ceiling"), IN_WINDOW)
def test_a_window_knows_what_the_lag_leaves_it(name: str, position: int, window: int, ceiling: float) -> None:
    assert not beats(window_hits(name, position, window), ceiling)


def expected_largest_share(draws: int, symbols: int) -> float:
    """Expected share of the most common of `symbols` fair symbols in `draws` draws: who knows the counts guesses it.

    P(no count above m) = draws! / symbols**draws * [x**draws] (sum of x**j / j! over j <= m)**symbols.
    """
    series = np.array([1 / math.factorial(j) for j in range(draws + 1)])
    scale = math.factorial(draws) / symbols**draws

    def at_most(m: int) -> float:
        powers = polynomial.polypow(series[: m + 1], symbols)
        return scale * powers[draws] if draws < len(powers) else 0.0

    return sum(1 - at_most(m) for m in range(draws)) / draws


def test_the_expected_largest_share_agrees_with_counting() -> None:
    rolls = np.random.default_rng(0).integers(8, size=(20_000, 8))
    largest = (rolls[:, :, None] == np.arange(8)).sum(1).max(1) / 8
    assert abs(largest.mean() - expected_largest_share(8, 8)) < 4 * largest.std() / 20_000**0.5


IN_BAG = [
    ("copy", FIRST_RECALL, expected_largest_share(8, 8)),
    ("induction", LENGTH - 1, expected_largest_share(LENGTH - 2, 16)),
    ("mqar", LENGTH - 1, TASKS["mqar"](length=LENGTH).chance),
]


@pytest.mark.parametrize(("name", "position", "ceiling"), IN_BAG)
def test_counts_without_order_know_only_what_is_frequent(name: str, position: int, ceiling: float) -> None:
    assert not beats(bag_hits(name, position), ceiling)


@pytest.mark.parametrize("markers", ["anywhere", "halves"])
def test_a_window_on_adding_leaves_the_variance_of_what_is_out_of_view(markers: str) -> None:
    task = Adding(length=LENGTH, markers=markers)
    (x, y), (test_x, test_y) = (
        (batch.inputs[:, -WINDOW:].numpy(), batch.targets[:, -1].numpy())
        for batch in (task.sample(DRAWN, stream(split, 0)) for split in ("train", "test"))
    )

    def features(window: np.ndarray) -> np.ndarray:
        return np.concatenate([window[..., 0] * window[..., 1], window[..., 1]], axis=1)

    errors = (LinearRegression().fit(features(x), y).predict(features(test_x)) - test_y) ** 2
    seen = 2 * WINDOW / LENGTH if markers == "anywhere" else WINDOW / (LENGTH // 2)
    floor = (2 - seen) / 12
    assert abs(errors.mean() - floor) < 4 * errors.std() / DRAWN**0.5  # here the fit reaches its bound


def test_the_audit_has_power() -> None:
    # needle and latch ask where to look, not in which order: counts solve them, and the audit must notice
    for name in ("needle", "latch"):
        assert bag_hits(name, LENGTH - 1).mean() > 0.95
    assert beats(window_hits("needle", LENGTH - 1, LENGTH), needle_in_window())
    assert beats(window_hits("needle", LENGTH - 1), 1 / 8)
    assert beats(window_hits("flip-flop", LAST_READ, 3), 1 / 2)
    assert window_hits("copy", LENGTH - 1, LENGTH).mean() > 0.99
