"""From a study to trials, in four stages; each stage may look at the results of those before it.

1. structure and speed: traces and clocks, which depend on nothing;
2. screening: every variant over the same grid of learning rates, on the first development seed;
3. development: the further development seeds, for the rates of each variant that did best in the screening
   (successive halving: Jamieson and Talwalkar 2016);
4. report: every cell at the rate that its variant chose, on report seeds.

A stage is a pure function of the results so far, so a run that is resumed plans exactly what the first one planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench.regimes import seconds_near, step_cap
from bench.selection import Choice, Results, choose_best, choose_rates, keep_rates
from bench.study import Cell, Source, Study
from bench.timed_planning import CLOCK_GRID, GENERATION, PEERS, clock_grid, decodes, peers, speed_clocks
from bench.trial import (
    CORE_PARAMETERS,
    DEVELOPMENT,
    REPORT,
    Clock,
    Explain,
    Learn,
    Recipe,
    Trace,
    Trial,
)
from models import ARCHITECTURES, FAMILIES, Family
from models.architecture import Architecture

PARALLEL, LONG_RANGE, SCALABILITY = "parallel", "long range", "scalability"
SPEED, INTERPRETABILITY, STATE_TRACKING, THEORY = "speed", "interpretability", "state tracking", "theory"
ROWS = (
    *(PARALLEL, LONG_RANGE, SCALABILITY, SPEED, INTERPRETABILITY, STATE_TRACKING),
    *(GENERATION, CLOCK_GRID, PEERS, THEORY),
)
REFERENCE = "transformer-sinusoidal"
"""The architecture whose FLOPs and time the other regimes match."""
DEVELOPMENT_SEED = 1000
"""Development seeds start here; report seeds start at 0."""


@dataclass(frozen=True)
class Planned:
    """A trial and the rows that it speaks for."""

    trial: Trial
    rows: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """An entry of the plan's `trials`."""
        lag = self.trial.task.lag if isinstance(self.trial, Learn) else None
        return {"id": self.trial.id, "trial": self.trial.to_json(), "rows": list(self.rows), "lag": lag}


Stage = Callable[[Results], list[Planned]]
Seconds = Mapping[int, Mapping[str, float]]
"""Seconds per training step, by length of a cell and name of an architecture."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study with the user's options filled in."""

    study: Study
    device: str = "cpu"
    strangers: tuple[Architecture, ...] = ()

    def __post_init__(self) -> None:
        if self.study.seeds > DEVELOPMENT_SEED:
            raise ValueError(
                f"{self.study.seeds} seeds would run into the development seeds: {DEVELOPMENT_SEED} at most"
            )

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """All variants at the study's first budget, strangers last."""
        budget = self.study.core_parameters[0]
        return tuple(replace(a, core_parameters=budget) for a in (*ARCHITECTURES.values(), *self.strangers))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return (self.structure_and_speed, self.screening, self.development, self.report)

    def structure_and_speed(self, results: Results) -> list[Planned]:
        """Clocks first, while nothing has heated the machine, then traces."""
        named: dict[str, list[Trial]] = {
            SPEED: list(self.clocks()),
            GENERATION: list(decodes(self.study, self.architectures, self.device)),
            CLOCK_GRID: list(clock_grid(self.study, self.architectures, self.device)),
            PEERS: list(peers(self.study, self.device)),
            PARALLEL: [Trace(architecture=a, length=n) for a in self.architectures for n in self.study.trace_lengths],
            THEORY: list(self._theory()),
        }
        return [Planned(trial, (row,)) for row, trials in named.items() for trial in trials]

    def _theory(self) -> Iterator[Trace]:
        """The plain variants at further sizes, and so at further widths."""
        for name in (*(family.plain for family in FAMILIES.values()), *(a.name for a in self.strangers)):
            for size in self.study.theory_core_parameters:
                architecture = replace(self._find(name), core_parameters=size)
                yield from (Trace(architecture=architecture, length=n) for n in self.study.theory_lengths)

    def clocks(self) -> list[Clock]:
        """The clocks that decide training speed, and that training times are matched by."""
        return list(speed_clocks(self.study, self.architectures, self.device))

    def screening(self, results: Results) -> list[Planned]:
        """Every variant gets every learning rate on every development cell and source, on the first seed."""
        return [p for rate in self.study.learning_rates for p in self._developed(rate, DEVELOPMENT_SEED)]

    def development(self, results: Results) -> list[Planned]:
        """The screening, and what follows from it: every variant gets the further seeds for equally many rates.

        A variant whose screening has not ended in a row has no further trials there yet.
        """
        screened = self.screening(results)
        kept = {row: keep_rates(_learns(screened, row), results) for row in (LONG_RANGE, SCALABILITY)}
        further = [
            planned
            for number in range(1, self.study.development_seeds)
            for rate in self.study.learning_rates
            for planned in self._developed(rate, DEVELOPMENT_SEED + number)
            for row in kept
            for trial in _learns([planned], row)
            if rate in kept[row].get(trial.architecture.name, ())
        ]
        return screened + further

    def _developed(self, rate: float, seed: int) -> list[Planned]:
        """One development seed at one rate."""
        planned = []
        for architecture in self.architectures:
            cells = [cell for cell in self.study.cells if cell.development]
            planned += [self._cell(architecture, cell, rate, seed, DEVELOPMENT) for cell in cells]
            planned += [self._source(architecture, one, rate, seed, 0, DEVELOPMENT) for one in self.study.sources]
        return planned

    def report(self, results: Results) -> list[Planned]:
        """The plain and the best variant of each family, and every stranger; sources first, so that a run that is
        cut short by its time limit has every row, and loses the last cells of the study first.
        """
        planned = []
        names = self._reported(results)
        seconds = {n: seconds_near(n, self.clocks(), results) for n in {cell.task.length for cell in self.study.cells}}
        rates = {row: self.learning_rates(results, row) for row in (LONG_RANGE, SCALABILITY)}
        for source in self.study.sources:
            for seed in range(self.study.seeds):
                for name in names:
                    planned += self._reported_source(name, source, seed, rates[SCALABILITY][name].learning_rate)
        for cell in self.study.cells:
            for seed in range(self.study.seeds):
                for name in names:
                    planned += self._reported_cell(name, cell, seed, rates[LONG_RANGE][name].learning_rate, seconds)
        return planned

    def learning_rates(self, results: Results, row: str) -> dict[str, Choice]:
        """The choice of each variant for the long-range cells or for the sources."""
        return choose_rates(_learns(self.development(results), row), results)

    def columns(self, results: Results) -> list[dict[str, Any]]:
        """The columns of the table, each with its plain and its best variant."""
        choices = self.learning_rates(results, LONG_RANGE)
        waiting = sum(p.trial.id not in results for p in self.development(results) if LONG_RANGE in p.rows)
        columns = []
        for name, family in FAMILIES.items():
            best, reason = self._best(family, choices, waiting)
            columns.append(
                {"title": family.title, "family": name, "plain": family.plain, "best": best, "best_reason": reason}
            )
        for stranger in self.strangers:
            name = stranger.name
            columns.append({"title": name, "family": name, "plain": name, "best": name, "best_reason": "as given"})
        return columns

    def _best(self, family: Family, choices: Mapping[str, Choice], waiting: int) -> tuple[str | None, str]:
        """The candidate that speaks for a family at its best, or None, and why."""
        if len(family.candidates) == 1:
            return family.candidates[0], "the only candidate"
        if not choices:
            return None, f"not chosen: study {self.study.name} has no development cells"
        if waiting:
            return None, f"not chosen: {waiting} development trials not run"
        merits = ", ".join(f"{c} {choices[c].merit:.2f}" for c in family.candidates)
        return choose_best(family.candidates, choices), f"development merit {merits}"

    def selection(self, results: Results) -> list[dict[str, Any]]:
        """Every learning rate that was chosen, for the plan file, and whether it is an edge of the grid."""
        grid = self.study.learning_rates
        return [
            {"row": row, **asdict(choice), "edge": choice.learning_rate in (min(grid), max(grid))}
            for row in (LONG_RANGE, SCALABILITY)
            for choice in self.learning_rates(results, row).values()
        ]

    def _reported(self, results: Results) -> list[str]:
        columns = self.columns(results)
        return list(dict.fromkeys(name for column in columns for name in (column["best"], column["plain"]) if name))

    def _reported_cell(self, name: str, cell: Cell, seed: int, rate: float, seconds: Seconds) -> list[Planned]:
        planned = []
        for budget in self.study.core_parameters:
            architecture, reference = (replace(self._find(n), core_parameters=budget) for n in (name, REFERENCE))
            for regime in self.study.regimes:
                near = seconds[cell.task.length]
                steps = step_cap(cell.steps, regime, architecture, reference, cell.task.interface, near)
                # Before the clocks have run there is no time to match; the stage is planned again when they have.
                if steps is not None:
                    planned.append(self._cell(architecture, replace(cell, steps=steps), rate, seed, REPORT, regime))
        return planned

    def _reported_source(self, name: str, source: Source, seed: int, rate: float) -> list[Planned]:
        architecture = self._find(name)
        by_data = [self._source(architecture, source, rate, seed, tokens, REPORT) for tokens in source.data_tokens]
        by_size = [
            self._source(replace(architecture, core_parameters=size), source, rate, seed, 0, REPORT)
            for size in source.core_parameters
        ]
        return by_data + by_size

    def _find(self, name: str) -> Architecture:
        return next(a for a in self.architectures if a.name == name)

    def _cell(
        self, architecture: Architecture, cell: Cell, rate: float, seed: int, split: str, regime: str = CORE_PARAMETERS
    ) -> Planned:
        kind = Explain if cell.explain else Learn
        trial = kind(
            architecture=architecture,
            task=cell.task,
            recipe=Recipe(learning_rate=rate, steps=cell.steps, batch_size=cell.batch_size),
            seed=seed,
            split=split,
            device=self.device,
            regime=regime,
        )
        # State tracking is a row of its own, but its development cells help to choose the rate like any other.
        row = STATE_TRACKING if cell.task.measures == STATE_TRACKING and split == REPORT else LONG_RANGE
        return Planned(trial, (row, INTERPRETABILITY) if cell.explain else (row,))

    def _source(
        self, architecture: Architecture, source: Source, rate: float, seed: int, data_tokens: int, split: str
    ) -> Planned:
        recipe = Recipe(
            learning_rate=rate,
            steps=source.steps,
            batch_size=source.batch_size,
            evaluate_every=source.evaluate_every,
            patience=source.patience,
        )
        trial = Learn(
            architecture=architecture,
            task=source.task,
            recipe=recipe,
            seed=seed,
            split=split,
            device=self.device,
            data_tokens=data_tokens,
        )
        return Planned(trial, (SCALABILITY,))


def _learns(planned: Sequence[Planned], row: str) -> list[Learn]:
    """The trainings among these that speak for a row."""
    return [p.trial for p in planned if row in p.rows and isinstance(p.trial, Learn)]
