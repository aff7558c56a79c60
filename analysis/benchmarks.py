"""Pairs of saved runs of pytest-benchmark: which calls became slower, the machine's own drift taken out.

A machine is as a whole faster in one minute than in the next, and where a process's memory lies can cost a call a fifth
for as long as the process lives. So base and change are measured in turns, and a call counts as slower only if it is
slower than the median call of its pair by the factor, and in every pair, each of two processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import click

Ratios = Mapping[str, float]
"""Name of a call -> its time over the base's."""


def fastest(path: Path) -> dict[str, float]:
    """Seconds of the fastest round of every call of a saved run. Raises ValueError for a file that is not one."""
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        return {run["fullname"]: float(run["stats"]["min"]) for run in runs}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a saved run of pytest-benchmark ({type(error).__name__})") from None


def compare(base: Mapping[str, float], now: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """The drift of the whole machine, a median over calls, and each call's ratio with the drift taken out."""
    common = [name for name in now if name in base]
    if not common:
        raise ValueError("the two runs have no call in common: save a base of the same calls (make bench-save)")
    ratios = {name: now[name] / base[name] for name in common}
    drift = median(ratios.values())
    return drift, {name: ratio / drift for name, ratio in ratios.items()}


def slower(runs: Sequence[Ratios], factor: float) -> dict[str, float]:
    """Calls beyond the factor in every run, with the smallest of their ratios."""
    least = {name: min(run.get(name, 0.0) for run in runs) for name in runs[0]}
    return {name: ratio for name, ratio in sorted(least.items()) if ratio > factor}


def base_commit(path: Path) -> str:
    """The commit that a saved run measured; empty if it cannot be had again, for it was of uncommitted changes."""
    info = json.loads(path.read_text(encoding="utf-8")).get("commit_info") or {}
    return "" if info.get("dirty", True) else str(info.get("id", ""))


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BASE NOW [BASE NOW]...")
@click.option("--factor", type=click.FloatRange(1, min_open=True), help="Smallest slowdown that counts.")
@click.option("--commit", is_flag=True, help="Print the commit of BASE instead; nothing if it had uncommitted changes.")
def main(runs: tuple[Path, ...], factor: float | None, commit: bool) -> None:
    """Compare runs in pairs; exit 1 if some call is slower than in the base by the factor in every pair."""
    try:
        if commit:
            fastest(runs[0])
            return click.echo(base_commit(runs[0]))
        if factor is None or len(runs) % 2:
            raise ValueError("give --factor and pairs of files, a base and then a later run")
        compared = [compare(fastest(base), fastest(now)) for base, now in zip(runs[::2], runs[1::2], strict=True)]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"all calls together: {', '.join(f'{drift:.2f}' for drift, _ in compared)} times the base's time")
    found = slower([ratios for _, ratios in compared], factor)
    for name, ratio in found.items():
        click.echo(f"slower {ratio:.2f}  {name}")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
