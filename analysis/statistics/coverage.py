"""How often intervals and tests kept their word in simulated studies: found by tests/test_coverage_of_intervals.py.

Written down, since it takes minutes to find; a slow test repeats the simulation and fails where these say otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

SEEDS = (3, 5, 10, 20)


class Row(NamedTuple):
    """Shares of simulated studies whose nominal 95 % interval held the truth, at SEEDS; None where it is not used."""

    estimator: str
    situation: str
    covered: tuple[float | None, ...]


class Alarm(NamedTuple):
    """Share of simulated studies in which something was claimed that is not so."""

    claim: str
    seeds: int
    rate: float


COVERAGE = (
    Row("mean, t", "normal values", (0.959, 0.946, 0.952, 0.942)),
    Row("geometric mean, t", "ratios of times, log-normal", (0.959, 0.946, 0.952, 0.942)),
    Row("mean of shares, t", "scores near 1, three tasks a seed", (0.951, 0.953, 0.939, 0.949)),
    Row("mean, studentised bootstrap", "skewed values", (None, None, 0.947, 0.942)),
    Row("mean, t or bootstrap", "skewed values", (0.948, 0.931, 0.947, 0.942)),
    Row("geometric mean, t or bootstrap", "ratios of times, log-normal", (0.958, 0.952, 0.955, 0.947)),
    Row("share of one cell's trainings, Wilson", "any chance", (0.952, 0.955, 0.950, 0.949)),
    Row("share of all trainings, Wilson", "12 unlike cells", (0.999, 1.000, 1.000, 1.000)),
    Row("exponent, t", "three sizes, log-normal losses", (0.959, 0.949, 0.950, 0.950)),
    Row("exponent, drawn", "three sizes, log-normal losses", (0.949, 0.945, 0.957, 0.952)),
    Row("share of cells solved", "12 cells, trainings fall out as recorded", (0.998, 0.988, 0.990, 0.998)),
    Row("exponent / best", "behind two equals", (0.990, 0.990, 0.990, 0.980)),
    Row("exponent / best", "three equals", (0.988, 0.988, 0.988, 0.982)),
    Row("speed / a clear leader's", "three families", (0.945, 0.960, 0.944, 0.951)),
    Row("speed / fastest", "two equals lead", (0.976, 0.986, 0.980, 0.970)),
    Row("interquartile mean", "12 cells, trainings fall out as recorded", (0.947, 0.955, 0.949, 0.949)),
    Row("interquartile mean", "12 cells, scores spread evenly", (0.975, 0.963, 0.950, 0.956)),
    Row("paired difference, overall", "12 cells, trainings fall out as recorded", (0.942, 0.934, 0.938, 0.945)),
    Row("paired difference, overall", "12 cells, scores spread evenly", (0.962, 0.955, 0.953, 0.951)),
    Row("P(A > B)", "12 cells, trainings fall out as recorded", (0.963, 0.954, 0.952, 0.949)),
    Row("P(A > B)", "12 cells, scores spread evenly", (0.950, 0.955, 0.947, 0.951)),
    Row("profile at 0.5", "12 cells, trainings fall out as recorded", (0.958, 0.959, 0.947, 0.950)),
    Row("profile at 0.5", "12 cells, scores spread evenly", (0.937, 0.947, 0.942, 0.942)),
    Row("paired difference, one task", "2 cells, as recorded", (1.000, 1.000, 0.999, 0.995)),
)
ALARMS = (
    Alarm("any false alarm among 21 comparisons of scores of equal families", 3, 0.0040),
    Alarm("any false alarm among 21 comparisons of scores of equal families", 10, 0.0410),
    Alarm("any false lead among 12 comparisons of step times of equal families", 3, 0.0000),
    Alarm("any false lead among 12 comparisons of step times of equal families", 10, 0.0000),
    Alarm("equivalent overall, though scores differ by the band", 3, 0.0000),
    Alarm("equivalent overall, though scores differ by the band", 5, 0.0290),
    Alarm("equivalent overall, though scores differ by the band", 10, 0.0180),
    Alarm("equivalent overall, though scores differ by the band", 20, 0.0380),
)
CONSERVATIVE = {
    "share of all trainings, Wilson": "it takes all trainings for draws of one chance; cells that differ vary less",
    "share of cells solved": "a cell counts whole or not at all, so the share can only jump",
    "exponent / best": "the smallest of several ratios is bounded by the bounds of all (Berger 1982)",
    "speed / fastest": "whoever is the fastest in the sample need not be, and the interval allows for each",
    "paired difference, one task": "a handful of seeds that agree leave room for one that does not (Gaffke 2005)",
}
"""Intervals that cover more than 97 % because of how they are made, and why."""


def percent(share: float | None) -> str:
    """`95.2 %`, or a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"


def markdown() -> str:
    """Both tables as docs/statistics.md prints them."""
    head = ["Interval", "simulated as", *(f"{n} seeds" for n in SEEDS)]
    rows = [[row.estimator, row.situation, *map(percent, row.covered)] for row in COVERAGE]
    claims = [[alarm.claim, str(alarm.seeds), percent(alarm.rate)] for alarm in ALARMS]
    return "\n\n".join((_table(head, rows), _table(["Claim that is not so", "seeds", "of studies"], claims)))


def _table(head: list[str], rows: list[list[str]]) -> str:
    ruled = [head, ["---"] * 2 + ["--:"] * (len(head) - 2), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled)
