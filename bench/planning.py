"""From a study to trials, in four stages; each stage may look at the results of those before it.

1. structure and speed: traces and clocks, which depend on nothing;
2. screening: every variant over the same grid of learning rates, on the first development seed, for half of the steps;
3. development: the further development seeds and all steps, for the rates of each variant that did best in the
   screening (successive halving: Jamieson and Talwalkar 2016);
4. report: every cell at the rate that its variant chose, on report seeds.

A stage is a pure function of the results so far, so a run that is resumed plans exactly what the first one planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench import claims
from bench.claims import planning as claims_planning
from bench.planned import (
    INTERPRETABILITY,
    LONG_RANGE,
    SCALABILITY,
    STATE_TRACKING,
    Planned,
    a_cell,
    a_source,
    learns,
    shortened,
)
from bench.regimes import Seconds, seconds_near, step_cap
from bench.selection import SCREENED, Choice, Results, choose_best, choose_rates, keep_rates
from bench.study import Cell, Source, Study
from bench.timed_planning import CLOCK_GRID, GENERATION, PEERS, THEORY, clock_grid, decodes, peers, speed_clocks, theory
from bench.trial import DEVELOPMENT, REPORT, Clock, Trace, Trial
from models import ARCHITECTURES, FAMILIES, Family
from models.architecture import Architecture

PARALLEL, SPEED = "parallel", "speed"
ROWS = (
    *(PARALLEL, LONG_RANGE, SCALABILITY, SPEED, INTERPRETABILITY, STATE_TRACKING),
    *(GENERATION, CLOCK_GRID, PEERS, THEORY),
    *claims.CLAIMS,
)
REFERENCE = "transformer-sinusoidal"
"""The architecture whose FLOPs and time the other regimes match."""
DEVELOPMENT_SEED = 1000
"""Development seeds start here; report seeds start at 0."""


Stage = Callable[[Results], list[Planned]]


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
        claimed = bool(self.study.experiments)
        planned: list[tuple[str, Iterable[Trial]]] = [
            (claims.PARALLELISATION if claimed else SPEED, self.clocks()),
            (GENERATION, decodes(self.study, self.architectures, self.device)),
            (CLOCK_GRID, clock_grid(self.study, self.architectures, self.device)),
            (PEERS, peers(self.study, self.device)),
            (claims.PARALLELISATION if claimed else PARALLEL, self._traces()),
            (THEORY, theory(self.study, [self._find(name) for name in self._plain()])),
        ]
        return [Planned(trial, (row,)) for row, trials in planned for trial in trials]

    def _traces(self) -> Iterator[Trace]:
        return (Trace(architecture=a, length=n) for a in self.architectures for n in self.study.trace_lengths)

    def _plain(self) -> list[str]:
        """The plain variants, and every stranger."""
        return [*(family.plain for family in FAMILIES.values()), *(a.name for a in self.strangers)]

    def clocks(self) -> list[Clock]:
        """The clocks that decide training speed, and that training times are matched by."""
        return list(speed_clocks(self.study, self.architectures, self.device))

    def screening(self, results: Results) -> list[Planned]:
        """Every variant gets every learning rate on every development cell and source: first seed, half the steps."""
        tried = claims_planning.screening(self.study.experiments, DEVELOPMENT_SEED, self.device)
        return [
            *(p for rate in self.study.learning_rates for p in self._developed(rate, DEVELOPMENT_SEED, SCREENED)),
            *(Planned(trial, rows) for trial, rows in tried),
        ]

    def development(self, results: Results) -> list[Planned]:
        """The screening, and what follows from it: every variant gets the further seeds for equally many rates.

        A variant whose screening has not ended in a row has no further trials there yet.
        """
        screened = self.screening(results)
        kept = {row: keep_rates(learns(screened, row), results) for row in (LONG_RANGE, SCALABILITY)}
        further = [
            planned
            for number in range(1, self.study.development_seeds)
            for rate in self.study.learning_rates
            for planned in self._developed(rate, DEVELOPMENT_SEED + number, 1.0)
            for row in kept
            for trial in learns([planned], row)
            if rate in kept[row].get(trial.architecture.name, ())
        ]
        return screened + further

    def _developed(self, rate: float, seed: int, share: float) -> list[Planned]:
        """One development seed at one rate, for a share of the steps."""
        planned = []
        cells = [shortened(cell, share) for cell in self.study.cells if cell.development]
        sources = [shortened(source, share) for source in self.study.sources]
        for architecture in self.architectures:
            planned += [a_cell(architecture, cell, rate, seed, DEVELOPMENT, self.device) for cell in cells]
            planned += [a_source(architecture, source, rate, seed, 0, DEVELOPMENT, self.device) for source in sources]
        return planned

    def report(self, results: Results) -> list[Planned]:
        """The plain and the best variant of each family, and every stranger; sources first, so that a run that is
        cut short by its time limit has every row, and loses the last cells of the study first.
        """
        planned = []
        names = self._reported(results)
        tasks = [cell.task for cell in self.study.cells] + [each.task for each in self.study.experiments]
        seconds = {n: seconds_near(n, self.clocks(), results) for n in {task.length for task in tasks}}
        rates = {row: self.learning_rates(results, row) for row in (LONG_RANGE, SCALABILITY)}
        for source in self.study.sources:
            for seed in range(self.study.seeds):
                for name in names:
                    planned += self._reported_source(name, source, seed, rates[SCALABILITY][name].learning_rate)
        for cell in self.study.cells:
            for seed in range(self.study.seeds):
                for name in names:
                    planned += self._reported_cell(name, cell, seed, rates[LONG_RANGE][name].learning_rate, seconds)
        claimed = claims_planning.report(
            self.study.experiments, self.study.seeds, DEVELOPMENT_SEED, self.device, results, seconds
        )
        return planned + [Planned(trial, rows) for trial, rows in claimed]

    def learning_rates(self, results: Results, row: str) -> dict[str, Choice]:
        """The choice of each variant for the long-range cells or for the sources."""
        return choose_rates(learns(self.development(results), row), results)

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
        made = [(row, grid, self.learning_rates(results, row)) for row in (LONG_RANGE, SCALABILITY)]
        for experiment in self.study.experiments:
            rates = claims_planning.chosen(experiment, DEVELOPMENT_SEED, self.device, results)
            made.append((experiment.label, experiment.learning_rates, rates))
        return [
            {"row": row, **asdict(choice), "edge": choice.learning_rate in (min(rates), max(rates))}
            for row, rates, choices in made
            for choice in choices.values()
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
                    shorter = replace(cell, steps=steps)
                    planned.append(a_cell(architecture, shorter, rate, seed, REPORT, self.device, regime))
        return planned

    def _reported_source(self, name: str, source: Source, seed: int, rate: float) -> list[Planned]:
        architecture = self._find(name)
        device = self.device
        by_data = [a_source(architecture, source, rate, seed, n, REPORT, device) for n in source.data_tokens]
        by_size = [
            a_source(replace(architecture, core_parameters=size), source, rate, seed, 0, REPORT, device)
            for size in source.core_parameters
        ]
        return by_data + by_size

    def _find(self, name: str) -> Architecture:
        return next(a for a in self.architectures if a.name == name)
