"""The declared comparisons, made: scores on matched (cell, seed) pairs, step times in the same process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.material import Material
from analysis.rows import rates
from analysis.rows.finding import Contender
from analysis.rows.rates import TWIN, Clocks
from analysis.rows.speed import TIMING
from analysis.statistics import declared
from analysis.statistics.aggregate import can_resample, mean_over_cells
from analysis.statistics.declared import OVERALL, SCORES, TIMES
from analysis.statistics.equivalence import Comparison, beyond_p, decided, within_p
from analysis.statistics.paired import bounded_equivalence_p, bounded_mean, flip_p
from analysis.statistics.scores import CHANCE, PERFECT, matched, planned_scores
from analysis.stats import Array, t_interval

LEAST, MOST = CHANCE - PERFECT, PERFECT - CHANCE
"""Between which a difference of two scores lies."""


def scores(material: Material) -> list[Comparison]:
    """The family SCORES, Holm-corrected; [] where no long-range training was planned."""
    return material.run.once(("paired scores", *material.contenders, material.headline), lambda: _all_scores(material))


def _all_scores(material: Material) -> list[Comparison]:
    held = planned_scores(material)
    found = []
    for first, second in declared.pairs(material):
        pairs = matched(held, first.architecture, second.architecture)
        for where in declared.strata(material, SCORES, list(dict.fromkeys(held["task"]))):
            own = pairs if where == OVERALL else pairs[pairs["task"] == where]
            found.append(_scores(_blank(first, second, where, SCORES.gains), own))
    return decided(found)


def times(material: Material) -> list[Comparison]:
    """The family TIMES, Holm-corrected; [] where no deciding clock was planned. Values are factors, neutral at 1."""
    found = []
    places = declared.strata(material, TIMES, ())
    for first, second in declared.pairs(material) if places else ():
        clocks = rates.select(material.run, TIMING, [str(first.architecture), str(second.architecture)])
        logs, twins = _by_place(clocks, _log_ratio(clocks, first, second)), _by_place(clocks, _log_twins(clocks))
        for where in places:
            blank = replace(_blank(first, second, where, TIMES.gains), neutral=1.0)
            found.append(_times(blank, logs[where], twins.get(where)) if where in logs else blank)
    return decided(found)


def _blank(first: Contender, second: Contender, where: str, gains: str) -> Comparison:
    """A comparison of which nothing is known yet."""
    return Comparison(first.column, second.column, where, gains, (first.family, second.family))


def _scores(blank: Comparison, pairs: pd.DataFrame) -> Comparison:
    """Where cells are many, as overall, the interval is stratified; where they are few it allows for the unseen."""
    if pairs.empty:
        return blank
    differences, band = pairs["difference"].to_numpy(dtype=float), float(SCORES.band or 0.0)
    cells = [group.to_numpy(dtype=float) for _, group in pairs.groupby("cell", sort=True)["difference"]]
    return replace(
        blank,
        interval=mean_over_cells(cells) if can_resample(cells) else bounded_mean(differences, LEAST, MOST),
        values=tuple(differences),
        band=band,
        p=flip_p(differences, pairs["cell"].tolist()),
        p_equivalent=bounded_equivalence_p(differences, band, LEAST, MOST),
    )


def _times(blank: Comparison, logs: Array, twins: Array | None) -> Comparison:
    """What lies within the A/A band is no difference; without a finite band nothing is decided."""
    ends = t_interval(twins)[1:] if twins is not None else (np.nan, np.nan)
    band = float(np.abs(ends).max())
    known = bool(np.isfinite(band))
    return replace(
        blank,
        interval=t_interval(np.exp(logs), "log"),
        values=tuple(np.exp(logs)),
        band=float(np.exp(band)),
        p=beyond_p(logs, band) if known else 1.0,
        p_equivalent=within_p(logs, band) if known else 1.0,
    )


def _log_ratio(clocks: Clocks, first: Contender, second: Contender) -> pd.Series:
    """How many times as fast the first one is, in logs, by trial."""
    ratio = clocks.rates[str(first.architecture)] / clocks.rates[str(second.architecture)]
    return ratio.map(np.log)


def _log_twins(clocks: Clocks) -> pd.Series:
    """How many times as fast a copy is as what it copies, in logs, by trial; empty where a trial lacks the copy."""
    if TWIN not in clocks.rates or clocks.rates[TWIN].isna().any():
        return pd.Series(dtype=float)
    own = [clocks.rates.at[index, names[0]] for index, names in clocks.trials["contenders"].items()]
    return (clocks.rates[TWIN] / np.array(own, dtype=float)).map(np.log)


def _by_place(clocks: Clocks, logs: pd.Series) -> dict[str, Array]:
    """One value per replicate: overall the mean over lengths, and at every length."""
    if logs.empty:
        return {}
    grid = clocks.grid(logs)
    at = {f"{TIMING.symbol} = {n}": grid[:, column] for column, n in enumerate(clocks.sizes)}
    return {OVERALL: grid.mean(axis=1)} | at
