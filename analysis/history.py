"""asv's results over commits -> tidy frame -> what changed. Reads files only; asv itself does the reading.

asv takes every rise for a loss. For a score, a throughput or a parallelism exponent a rise is a gain, so the direction
of every benchmark stands here.
"""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from bench.records import RecordsError

HIGHER_IS_BETTER = ("track_score", "track_tokens_per_second", "track_exponent")
FACTOR = 1.1
"""A change smaller than this is not marked, however narrow its intervals are."""
COLUMNS = ["machine", "commit", "date", "benchmark", "title", "unit", "case", "value", "low", "high"]


def load_history(results: Path) -> pd.DataFrame:
    """Every value of every commit in an asv results folder, oldest commit first, with asv's 99 % interval.

    Tracked figures carry no interval: low and high equal the value. Raises RecordsError where there are no results.
    """
    from asv.results import Results, iter_results_paths

    about = _benchmarks(results)
    rows: list[list[Any]] = []
    for folder, file, machine in iter_results_paths(str(results)):
        result = Results.load(str(Path(folder) / file), machine_name=machine)
        for key in result.get_all_result_keys():
            if key in about:
                rows += [
                    [machine, result.commit_hash[:8], result.date, *row] for row in _values(result, key, about[key])
                ]
    if not rows:
        raise RecordsError(f"no results in {results}: run `asv run HEAD~5..HEAD` first, without --dry-run")
    frame = pd.DataFrame(rows, columns=COLUMNS).dropna(subset=["value"])
    return frame.sort_values(["machine", "benchmark", "case", "date"], kind="stable", ignore_index=True)


def changes(frame: pd.DataFrame, factor: float = FACTOR) -> pd.DataFrame:
    """Each value against that of the commit before it: `ratio`, and `change` = regression, improvement or "".

    Marked when the two intervals do not overlap and the value moved by more than `factor` either way.
    """
    marked = frame.copy()
    before = marked.groupby(["machine", "benchmark", "case"], sort=False)[["value", "low", "high"]].shift()
    marked["ratio"] = marked["value"] / before["value"]
    rose = (marked["low"] > before["high"]) & (marked["ratio"] > factor)
    fell = (marked["high"] < before["low"]) & (marked["ratio"] < 1 / factor)
    rise_is_good = marked["benchmark"].str.endswith(HIGHER_IS_BETTER)
    marked["change"] = ""
    marked.loc[(rose & ~rise_is_good) | (fell & rise_is_good), "change"] = "regression"
    marked.loc[(rose & rise_is_good) | (fell & ~rise_is_good), "change"] = "improvement"
    return marked


def _benchmarks(results: Path) -> dict[str, dict[str, Any]]:
    path = results / "benchmarks.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordsError(f"{path} is missing: `asv run` makes it; see the README") from None
    except ValueError as error:
        raise RecordsError(f"{path} is not JSON ({error}): remove it and run `asv run` again") from None
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)}


def _values(result: Any, key: str, about: dict[str, Any]) -> list[list[Any]]:
    """(benchmark, title, unit, case, value, low, high) of one benchmark in one commit."""
    params = result.get_result_params(key)
    values, stats = result.get_result_value(key, params), result.get_result_stats(key, params)
    title, unit = about.get("pretty_name") or key, about.get("unit", "")
    rows = []
    for combination, value, stat in zip(product(*params), values, stats, strict=True):
        case = ", ".join(part.strip("'\"") for part in combination)
        number = math.nan if value is None else float(value)
        low, high = ((stat or {}).get(end) for end in ("ci_99_a", "ci_99_b"))
        rows.append([key, title, unit, case, number, _end(low, number), _end(high, number)])
    return rows


def _end(end: float | None, value: float) -> float:
    """An end of an interval; asv writes infinities for too few samples, and nothing for tracked figures."""
    return value if end is None else float(end)
