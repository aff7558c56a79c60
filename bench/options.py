"""From what the user typed to a plan; everything that cannot be is a ValueError of one line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bench.claims import CLAIMS, PARALLELISATION
from bench.machine import device_problem
from bench.planning import ROWS, SPEED, Plan, Planned
from bench.studies import STUDIES
from bench.timed_planning import CLOCK_GRID, GENERATION, PEERS, THEORY
from bench.trial import DEVELOPMENT, TRAINING_TIME, Clock, Learn
from models import ARCHITECTURES, FAMILIES, RELATIVES, find
from models.architecture import Architecture


def make_plan(study: str, architectures: Sequence[str], device: str, seeds: int | None, minutes: float | None) -> Plan:
    """Fill a named study with the user's options. Raises ValueError for whatever is unknown or unusable."""
    if study not in STUDIES:
        raise ValueError(unknown("study", study, STUDIES))
    if problem := device_problem(device):
        raise ValueError(problem)
    chosen = STUDIES[study]
    if chosen.needs_cuda and device == "cpu":
        raise ValueError(f"study {study} measures a GPU: add --device cuda, or run quick")
    if seeds is not None:
        chosen = replace(chosen, seeds=seeds)
    if minutes is not None:
        if not minutes > 0:
            raise ValueError(f"--minutes must be a number above 0, got {minutes}")
        chosen = replace(chosen, minutes=minutes)
    strangers = tuple(_stranger(name, chosen.core_parameters[0]) for name in dict.fromkeys(architectures))
    return Plan(study=chosen, device=device, strangers=strangers)


def make_wanted(only: Sequence[str], plan: Plan) -> Callable[[Planned], bool]:
    """What `--only` lets through.

    Development trials come along wherever a learning rate must be chosen, clocks where training time is matched.
    Raises ValueError for a name that is neither row nor task, and for a row of which the study has no trials.
    """
    study = plan.study
    learned = [c.task for c in study.cells] + [s.task for s in study.sources] + [e.task for e in study.experiments]
    tasks = {task.name for task in learned}
    names = {row.replace(" ", "-"): row for row in ROWS} | {task: task for task in tasks}
    for name in only:
        if name not in names:
            raise ValueError(unknown("row or task", name, names))
    if not only:
        return lambda planned: True
    there = tasks | {row for stage in plan.stages for planned in stage({}) for row in planned.rows}
    for name in only:
        if names[name] not in there:
            raise ValueError(f"study {study.name} has no trials for {name}: `bakeoff list` names the other studies")
    chosen = {names[name] for name in only}
    learning = chosen - {"parallel", "speed", GENERATION, CLOCK_GRID, PEERS, THEORY, *CLAIMS}
    timed = {name for e in study.experiments if TRAINING_TIME in e.regimes for name in (*e.claims, e.task.name)}
    times_matter = (TRAINING_TIME in study.regimes and bool(learning - {"scalability"})) or bool(chosen & timed)

    def wanted(planned: Planned) -> bool:
        trial = planned.trial
        if times_matter and isinstance(trial, Clock) and {SPEED, PARALLELISATION} & set(planned.rows):
            return True
        # An experiment on a claim chooses its own rates, and its development trials are planned under its claims.
        if isinstance(trial, Learn) and trial.split == DEVELOPMENT and not set(CLAIMS) & set(planned.rows):
            scaling = trial.task.measures == "scaling"
            # The long-range cells choose the best variant of a family, which every learning row reports.
            return bool(learning & {"scalability", trial.task.name} if scaling else learning)
        return bool(chosen & set(planned.rows)) or (isinstance(trial, Learn) and trial.task.name in chosen)

    return wanted


def make_column(columns: Sequence[str], plan: Plan) -> Callable[[Planned], bool]:
    """What `--column` lets through: trials of these families or strangers, and those that compare several.

    Raises ValueError for a name that is no column.
    """
    members = {name: {family.plain, *family.candidates} for name, family in FAMILIES.items()}
    for relative in RELATIVES.values():
        members.get(relative.family, set()).add(relative.name)
    members |= {architecture.name: {architecture.name} for architecture in plan.strangers}
    known = {key: names for name, names in members.items() for key in {name, _title(name)}}
    for column in columns:
        if column not in known:
            raise ValueError(unknown("column", column, known))
    wanted = {name for column in columns for name in known[column]}

    def passes(planned: Planned) -> bool:
        architecture = getattr(planned.trial, "architecture", None)
        return not columns or architecture is None or architecture.name in wanted

    return passes


def _title(name: str) -> str:
    """The heading of a column, which a user may copy from the table."""
    return FAMILIES[name].title if name in FAMILIES else name


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One line for a name that is not in a table, with the closest ones that are."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(known)}"
    return f"unknown {kind} {name!r}: {hint}"


def _stranger(name: str, core_parameters: int) -> Architecture:
    """A user's architecture, checked before anything is measured."""
    from bench.contract import check_architecture

    if name in ARCHITECTURES:
        raise ValueError(
            f"{name} is in the table already: --architecture takes a relative ({', '.join(RELATIVES)}) or your own, as "
            "package.module:Name"
        )
    # A relative of a family is a column of its own, like a stranger's.
    architecture = replace(find(name), family=name)
    check_architecture(replace(architecture, core_parameters=core_parameters))
    return architecture
