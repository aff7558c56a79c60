"""What there is: studies, architectures, tasks and rows, for `bakeoff list`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench.planning import ROWS
from bench.studies import STUDIES
from bench.tasks import CLAIM_TASKS, TASKS
from models import ARCHITECTURES, BACKEND_OF, FAMILIES, RELATIVES


def show_catalogue(console: Console) -> None:
    """Print every table of what exists."""
    studies = _grid("study", "what it is for")
    for study in STUDIES.values():
        studies.add_row(study.name, study.purpose)
    architectures = _grid("architecture", "family", "role")
    plain = {family.plain for family in FAMILIES.values()}
    for architecture in ARCHITECTURES.values():
        role = "plain" if architecture.name in plain else ""
        best = any(architecture.name in family.candidates for family in FAMILIES.values())
        architectures.add_row(
            architecture.name,
            architecture.family,
            " and ".join(filter(None, (role, "candidate for best" if best else ""))),
        )
    for relative in RELATIVES.values():
        architectures.add_row(relative.name, relative.family, "relative")
    tasks = _grid("task", "speaks for", "what it asks")
    for task in (TASKS | CLAIM_TASKS).values():
        tasks.add_row(task.name, task.measures, (task.__doc__ or "").partition("\n")[0])
    for grid in (studies, architectures, tasks):
        console.print(grid)
    console.print("a relative is a further column of a table: --architecture NAME; your own: package.module:Name")
    kernels = ", ".join(f"{name} ({of})" for name, of in BACKEND_OF.items())
    console.print(f"the same on other kernels, timed by clock grids and never judged: {kernels}")
    console.print(f"rows: {', '.join(row.replace(' ', '-') for row in ROWS)}")


def _grid(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)
    return table
