"""Times of two runs, architecture by architecture, with what is common to all of them taken out.

A process (one trial) is the unit: its samples share their luck. Within a process all architectures take turns, so each
is seen against the mean of those that both runs have; what is left between the runs is compared by Welch's test. Then
the median over architectures is taken out at every length, as the drift of the machine or the ratio of two machines:
the many are the yardstick of the few, and a change of more than half of the architectures would be mistaken for drift.

A machine under load is not slower by one factor for everything. Eleven runs of `quick`'s clocks by one code, on two
cores with a load of 1 to 7, differed by up to 1.5 times in common; an architecture then differed from the others by up
to a quarter of that, on a scale of logarithms, at single lengths by a third. SHY keeps such differences unnamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.compare.comparison import LEAST, Comparison
from analysis.compare.readings import CONDITION, PASSES, PLACE, condition, place, readings
from analysis.load import Run
from analysis.provenance import distance, twins
from analysis.stats import LEVEL

YARDSTICK = 3
"""Fewest architectures whose median tells the machine's drift from a change."""
FAR = 3
"""Standard errors from the median beyond which an architecture does not speak for the machine."""
SHY = 0.5
"""Share of one machine's drift, in logarithms, that a named difference must exceed."""


@dataclass(frozen=True)
class Timings:
    """What was compared, and the ratio of the machines that was taken out."""

    made: list[Comparison]
    drift: float
    """Times of the second run over the first, median over architectures; NaN without any."""
    is_one_machine: bool


def compare(a: Run, b: Run) -> Timings:
    """Every architecture at every length that both runs clocked, and its mean over the lengths of a condition."""
    sides = _common(readings(a), readings(b))
    is_one = a.machine.get("fingerprint") == b.machine.get("fingerprint")
    if sides[0].empty:
        return Timings([], np.nan, is_one)
    paired = _paired(*sides)
    raw = paired["logs_b"] - paired["logs_a"]
    drift = float(raw.groupby(paired["subject"]).mean().median())
    enough = paired.groupby(PLACE)["subject"].transform("size") >= YARDSTICK
    paired["drift"] = raw.groupby([paired[name] for name in PLACE]).transform("median").where(enough, drift) * is_one
    paired["effect"] -= _shared(paired).where(enough, drift)
    bands = _bands(twins(a), twins(b))
    rows: list[Any] = [row for part in (_means(paired), paired) for row in part.to_dict("records")]
    made = [_comparison(row, bands) for row in rows]
    return Timings(made, float(np.exp(drift)), is_one)


def _common(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of architectures and places that both have, with the log time seen against its process, `own`."""
    keys = [*PLACE, "subject"]
    both = a[keys].drop_duplicates().merge(b[keys].drop_duplicates())
    many = both.groupby(PLACE)["subject"].transform("size") >= YARDSTICK
    both = both.assign(many=many)
    first, second = (_seen(side.merge(both, on=keys)) for side in (a, b))
    return first, second


def _seen(side: pd.DataFrame) -> pd.DataFrame:
    """Log seconds minus the mean, in that trial, of the architectures that no trial of the place lacks."""
    logs = np.log(side["seconds"])
    held = side.groupby([*PLACE, "subject"])["trial"].transform("nunique")
    whole = held == side.groupby(PLACE)["trial"].transform("nunique")
    process = logs.where(whole).groupby([side["trial"], side["pass"]]).transform("mean")
    return side.assign(logs=logs, own=logs - process.where(side["many"] & process.notna(), 0.0))


def _paired(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """One row per place and architecture: seconds of both runs, effect (log), its squared error and its freedom."""
    keys = [*PLACE, "subject"]
    tables = []
    for side, name in ((a, "a"), (b, "b")):
        grouped = side.groupby(keys, sort=False)
        found = grouped.agg(logs=("logs", "mean"), own=("own", "mean"), var=("own", "var"), n=("own", "size"))
        tables.append(
            found.assign(seconds=np.exp(found["logs"]), error=found["var"] / found["n"]).add_suffix(f"_{name}")
        )
    paired = tables[0].join(tables[1]).reset_index()
    paired["effect"] = paired["own_b"] - paired["own_a"]
    paired["error"] = paired["error_a"] + paired["error_b"]
    paired["parts"] = paired["error_a"] ** 2 / (paired["n_a"] - 1) + paired["error_b"] ** 2 / (paired["n_b"] - 1)
    return paired


def _shared(paired: pd.DataFrame) -> pd.Series:
    """What is common to the architectures of a place: their median, then that of those not far from it.

    With two of six slower, the median of all lies at the upper edge of the four, and one of them would look faster.
    """
    effect, places = paired["effect"], [paired[name] for name in PLACE]
    first = effect - effect.groupby(places).transform("median")
    far = (first.abs() > np.log(LEAST)) & (first.abs() > FAR * np.sqrt(paired["error"]))
    near = effect.mask(far)
    many = near.groupby(places).transform("count") > 0.5 * effect.groupby(places).transform("size")
    return near.where(many, effect).groupby(places).transform("median")


def _means(paired: pd.DataFrame) -> pd.DataFrame:
    """The mean over the places of each condition that has several; errors add up as of independent processes."""
    grouped = paired.groupby([*CONDITION, "subject"], sort=False)
    count = grouped.size()
    found = pd.DataFrame(
        {
            "effect": grouped["effect"].mean(),
            "error": grouped["error"].agg(_total) / count**2,
            "parts": grouped["parts"].agg(_total) / count**4,
            "drift": grouped["drift"].mean(),
            "seconds_a": np.exp(grouped["logs_a"].mean()),
            "seconds_b": np.exp(grouped["logs_b"].mean()),
        }
    )
    return found[count > 1].reset_index().assign(at=None)


def _total(values: pd.Series) -> float:
    """A sum that is unknown where one part is."""
    return float(values.to_numpy().sum())


def _bands(a: pd.DataFrame, b: pd.DataFrame) -> dict[tuple[object, ...], float]:
    """The wider A/A band of the two runs under every condition that has one, and over all of them."""
    found: dict[tuple[object, ...], float] = {}
    for pairs in (a, b):
        groups = [(key, group) for key, group in pairs.groupby(["pass", "size", "threads"])]
        for key, group in [*groups, *([((), pairs)] if len(pairs) else [])]:
            found[key] = max(found.get(key, 1.0), distance(group["ratio"]))
    return found


def _comparison(row: Mapping[str, Any], bands: dict[tuple[object, ...], float]) -> Comparison:
    effect, error, parts = (float(row[name]) for name in ("effect", "error", "parts"))
    least = max(float(np.log(LEAST)), SHY * abs(float(row["drift"])))
    reach, p = _welch(effect, error, parts, least)
    key = (row["pass"], row["size"], row["threads"])
    return Comparison(
        subject=str(row["subject"]),
        what=PASSES[str(row["pass"])],
        condition=condition(row),
        place="" if row["at"] is None else place(row),
        before=float(row["seconds_a"]),
        after=float(row["seconds_b"]),
        unit="s",
        effect=float(np.exp(effect)),
        low=float(np.exp(effect - reach)),
        high=float(np.exp(effect + reach)),
        p=p,
        least=float(np.exp(least)),
        band=bands.get(key, bands.get((), 1.0)),
    )


def _welch(effect: float, error: float, parts: float, least: float) -> tuple[float, float]:
    """Half the interval of a log effect with a squared error of so much, by Satterthwaite's freedom error^2 / parts,
    and p against effects up to `least` either way.

    NaN where one process alone leaves the error unknown; processes that agree to the last bit leave no doubt.
    """
    if not error > 0:
        return (0.0, float(abs(effect) <= least)) if error == 0 else (np.nan, np.nan)
    freedom, scale = error**2 / parts, np.sqrt(error)
    p = sum(float(stats.t.sf(end / scale, freedom)) for end in (abs(effect) - least, abs(effect) + least))
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * scale, min(p, 1.0)
