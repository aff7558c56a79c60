"""Bakeoff: the front door. One file, one command a function; torch is imported only by commands that measure."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from bench.claims import CLAIMS

PUBLISHED = Path("reports") / "published"
ROWS = ("parallel", "long-range", "scalability", "speed", "interpretability", "state-tracking",
        "generation-latency", "clock-grid", "peers", "theory",
        *(claim.replace(" ", "-") for claim in CLAIMS))  # fmt: skip
INTERRUPTED = 130
UNTOUCHED = click.core.ParameterSource.DEFAULT

EXAMPLES = """\b
Examples:
  bakeoff table                              measure the table on this machine (about 6 minutes)
  bakeoff table --published                  print the table that the maintainers measured
  bakeoff table --architecture gru           a relative as a further column (see bakeoff list)
  bakeoff table --architecture pkg.mod:Mine  your own layer as a further column
  bakeoff table --only long-range            run one row only; finished trials are kept
  bakeoff run smoke                          every kind of trial once, in a minute
  bakeoff run full --seeds 10 --workers 8    hours; ctrl-C and the same command resumes
  bakeoff run clock                          speed and memory against length, at three sizes
  bakeoff report quick                       one page with every figure, from the records; needs no torch
  bakeoff compare before/quick quick         what changed between two runs, beyond doubt
  bakeoff show 3f9c                          one trial: what it was, what it measured
  bakeoff anatomy                            what is inside: diagrams and numbers of small models, half a minute
"""


class Fault(click.ClickException):
    """What the user can mend: one line, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"bakeoff: {self.message}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXAMPLES)
@click.version_option(package_name="bakeoff")
def main() -> None:
    """Measure the interview table: Transformer, LSTM and 1D-CNN, matched, cell by cell, with intervals and verdicts."""


def measuring(command: Callable[..., None]) -> Callable[..., None]:
    """The options shared by every command that measures."""
    options = [
        click.option("--architecture", "architectures", multiple=True, metavar="NAME|PKG.MODULE:NAME",
                     help="A further column: a relative such as gru (see `bakeoff list`), or your own Architecture "
                     "class or instance. Repeatable."),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N."),
        click.option("--workers", type=click.IntRange(1), default=lambda: os.cpu_count() or 1,
                     show_default="number of cores", help="Processes of one thread each; clocks always run alone."),
        click.option("--resume/--fresh", default=True, show_default=True,
                     help="Keep finished trials, or move them aside and start again."),
        click.option("--only", multiple=True, metavar="ROW|TASK",
                     help=f"Run only this row ({', '.join(ROWS)}) or task; the rest prints `not run`. Repeatable."),
        click.option("--column", multiple=True, metavar="FAMILY|NAME",
                     help="Run only this column's trials: transformer, lstm, cnn or your own; clocks always compare "
                     "all. Repeatable."),
        click.option("--seeds", type=click.IntRange(1), help="Report seeds per learning cell.  [default: the study's]"),
        click.option("--minutes", type=click.FloatRange(0, min_open=True),
                     help="Start no trial after this; what is left prints `not run`.  [default: the study's]"),
        click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
                     help="Where the folder of the study is made."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@main.command(epilog="\b\nExamples:\n  bakeoff table\n  bakeoff table --published\n  bakeoff table --seeds 5 --fresh")
@click.option("--published", is_flag=True, help="Print the committed tables instead, and say whose they are.")
@measuring
@click.pass_context
def table(context: click.Context, published: bool, **options: Any) -> None:
    """Run the quick study on this machine and print the table. Runs again in seconds: finished trials are kept."""
    if not published:
        return measure("quick", **options)
    given = [p for p in context.command.params if context.get_parameter_source(p.name or "") is not UNTOUCHED]
    given = [p for p in given if p.name in options]
    if given:
        name = given[0].opts[0]
        raise Fault(f"--published measures nothing, so {name} has no meaning with it: drop one of the two")
    print_published()


@main.command(
    epilog="\b\nExamples:\n  bakeoff run smoke\n  bakeoff run quick --device cuda\n  bakeoff run full --workers 8"
)
@click.argument("study")
@measuring
def run(study: str, **options: Any) -> None:
    """Run a STUDY (see `bakeoff list`) and print its table."""
    measure(study, **options)


@main.command(
    epilog="\b\nExamples:\n  bakeoff report quick\n  bakeoff report quick clock peers\n"
    "  bakeoff report reports/quick reports/published/h100/quick --out both"
)
@click.argument("studies", nargs=-1, required=True, metavar="STUDY...")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
              help="Where the folders of the studies are.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the page.  [default: the study's own; of several, one named after them]")  # fmt: skip
def report(studies: tuple[str, ...], reports: Path, out: Path | None) -> None:
    """One page on a STUDY, or on several: report.html, the same as Markdown, figures. Needs no torch, no network.

    A STUDY is a name or the path of a run folder. Table, verdicts and measurements of each are rebuilt as well.
    """
    folders = list(dict.fromkeys(run_folder(study, reports) for study in studies))
    written = [write_report(folder) for folder in folders]
    from analysis import publish

    with faults():
        target = out or (folders[0] if len(folders) == 1 else reports / "+".join(folder.name for folder in folders))
        files = publish.report(written, target)
    click.echo(f"page in {target}: {', '.join(files)}")


@main.command(
    epilog="\b\nExamples:\n  bakeoff compare before/quick reports/quick\n  bakeoff compare quick gpu --out both"
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
              help="Where the folders of the studies are.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the page.  [default: one in the reports folder, named after both]")  # fmt: skip
def compare(before: str, after: str, reports: Path, out: Path | None) -> None:
    """Set two runs side by side, say what differs beyond doubt, and write it as a page. Needs no torch.

    A and B are names of studies or paths of run folders: before and after a change, CPU and GPU, with a layer and
    without it.
    """
    a, b = run_folder(before, reports), run_folder(after, reports)
    from analysis import publish
    from analysis import report as judgement

    with faults():
        target = out or reports / "compare" / f"{a.name}+{b.name}"
        found, files = publish.comparison(judgement.write(a), judgement.write(b), target)
    click.echo("\n".join([*found, f"page in {target}: {', '.join(files)}"]))


def run_folder(name: str, reports: Path) -> Path:
    """The folder of a study or of a path."""
    with faults():
        folder = Path(name) if name and Path(name).exists() else reports / name
        if (folder / "plan.json").exists():
            return folder
    raise Fault(f"no run in {folder} (plan.json is missing there): `bakeoff list` names the studies that can be run")


@main.command(name="list")
def list_() -> None:
    """List studies, architectures, tasks and rows."""
    needs_torch()
    from rich.console import Console

    from bench.catalogue import show_catalogue

    show_catalogue(Console(highlight=False))


@main.command(epilog="\b\nExample:\n  bakeoff show 3f9c")
@click.argument("id")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
              help="Where the folders of the studies are.")  # fmt: skip
def show(id: str, reports: Path) -> None:
    """Show the trial whose ID starts so: its configuration, its machine, its measurements."""
    from analysis.trials import find_trials, show_trial

    with faults():
        found = find_trials(reports, id)
    if len(found) != 1:
        several = ", ".join(sorted(record.id for _, record in found)[:5])
        raise Fault(
            f"several trials start with {id!r}: {several}" if found else f"no trial in {reports}/ starts with {id!r}"
        )
    show_trial(*found[0])


@main.command(
    epilog="\b\nExamples:\n  bakeoff anatomy\n  bakeoff anatomy --architecture transformer-rotary --architecture gru\n"
    "  bakeoff anatomy --architecture pkg.mod:Mine --seed 1"
)
@click.option("--architecture", "names", multiple=True, metavar="NAME|PKG.MODULE:NAME",
              help="What to take apart: a name of `bakeoff list`, or your own Architecture. Repeatable.  "
              "[default: the plain Transformer, LSTM and CNN, and the Transformer of 2017]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of weights and sequences.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
              help="The page is written to its folder anatomy.")  # fmt: skip
def anatomy(names: tuple[str, ...], seed: int, reports: Path) -> None:
    """Take small trained models apart on one page: block diagrams, a head in numbers, gates, a receptive field."""
    needs_torch()
    from rich.console import Console

    from analysis import publish
    from analysis.anatomy import page, reading
    from bench import anatomy as laboratory

    sys.path.insert(0, os.getcwd())  # a stranger's module lies where the user stands
    console, folder = Console(highlight=False, markup=False), reports / "anatomy"
    with faults():
        with console.status("starting") as status:
            laboratory.write(names, seed, folder, passing=status.update, told=console.print)
        files = publish.write(page.document(reading.read(folder)), folder, "anatomy.html", "anatomy.md")
    click.echo(f"page in {folder}: {', '.join([reading.FILE, *files])}")


@main.command(epilog="\b\nExamples:\n  asv run HEAD~5..HEAD && bakeoff history\n  bakeoff history --factor 1.2")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path(".asv") / "results",
    show_default=True,
    help="asv's results folder.",
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="The page is written to its folder history.",
)
@click.option(
    "--factor", type=click.FloatRange(1, min_open=True), default=1.1, show_default=True, help="Smallest change marked."
)
def history(results: Path, reports: Path, factor: float) -> None:
    """Draw asv's results over commits on one offline page, with intervals, and mark regressions."""
    with faults():
        try:
            from analysis.history import changes, load_history

            marked = changes(load_history(results), factor)
        except ModuleNotFoundError as error:
            raise Fault(f"history needs {error.name}: `pip install -e '.[dev]'`") from None
        from analysis.history_page import write_history

        page = write_history(marked, reports / "history", factor)
    for row in marked[marked["change"] != ""].itertuples():
        click.echo(f"{row.commit}  {row.change}  {row.ratio:.2f}  {row.title}  {row.case}")
    count = int((marked["change"] == "regression").sum())
    click.echo(f"{marked['commit'].nunique()} commits, {count} regressions; page written to {page}")


def measure(study: str, *, architectures: tuple[str, ...], device: str, workers: int, resume: bool,
            only: tuple[str, ...], column: tuple[str, ...], seeds: int | None, minutes: float | None,
            reports: Path) -> None:  # fmt: skip
    """Run what is missing of a study, then write and print its report."""
    needs_torch()
    from rich.console import Console

    from bench.options import make_column, make_plan, make_wanted
    from bench.progress import ProgressWatcher
    from bench.runner import Run, set_aside

    console = Console(highlight=False)
    sys.path.insert(0, os.getcwd())  # a stranger's module lies where the user stands
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with faults():
        plan = make_plan(study, architectures, device, seeds, minutes)
        row, family = make_wanted(only, plan), make_column(column, plan)
        left_out = " ".join(["left out by", *(f"--only {n}" for n in only), *(f"--column {n}" for n in column)])
        folder = reports / plan.study.name
        if not resume and (aside := set_aside(folder)):
            console.print(f"earlier records are kept in {aside}")
        with ProgressWatcher(console) as watcher:
            going = Run(
                plan, folder, watcher, workers, lambda trial: row(trial) and family(trial), left_out, command_line()
            )
            try:
                going.execute()
            except KeyboardInterrupt:
                watcher.progress.stop()
                console.print(
                    f"stopped: {len(going.results)} finished trials are kept in {folder}; the same command goes on"
                )
                raise SystemExit(INTERRUPTED) from None
        console.print(f"{watcher.new} trials run, {len(going.results)} on file, {watcher.cpu_seconds:.0f} CPU-seconds")
    write_report(folder)


def write_report(folder: Path) -> Any:
    """Judge the records of a folder, write its files, print its table; returns what was written."""
    from rich.console import Console

    from analysis import report as judgement
    from analysis import table as layout
    from analysis.ledger import table as claims

    with faults():
        written = judgement.write(folder)
        if written.verdicts:
            layout.render(written.verdicts, Console(highlight=False))
        if written.ledger:
            claims.render(written.ledger, Console(highlight=False))
        click.echo("\n".join([*written.found, f"written in {folder}: {', '.join(written.files)}"]))
    return written


def print_published() -> None:
    """Print every committed table and ledger, each with the machine that it was measured on."""
    root = next((p for p in (PUBLISHED, Path(__file__).resolve().parent / PUBLISHED) if p.is_dir()), None)
    found = [p.parent for p in root.glob("*/*/report.html")] if root else []
    folders = sorted(found, key=lambda folder: (not (folder / "verdicts.json").exists(), folder))  # the table first
    if not folders:
        raise Fault("no published table in this copy: run `bakeoff table` to measure your own")
    import json

    from rich.console import Console

    from analysis import table as layout
    from analysis.ledger import table as claims

    printers = {"verdicts.json": layout.render, "ledger.json": claims.render}
    for folder in folders:
        click.echo(f"published by the maintainers, measured on their machine {folder.parent.name!r}, not on yours:")
        for name in (name for name in printers if (folder / name).exists()):
            printers[name](json.loads((folder / name).read_text()), Console(highlight=False))


def needs_torch() -> None:
    """Say how to get torch instead of showing a traceback."""
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        raise Fault(
            "measuring needs torch, which is not installed: `pip install torch`, then `pip install -e '.[measure]'`"
        ) from None


def command_line() -> str:
    """The command as it was typed, for the record, but for where the reports lie: a path is nobody's business."""
    words = iter(sys.argv[1:])
    kept = [word for word in words if not word.startswith("--reports") or (word == "--reports" and not next(words, ""))]
    return " ".join(["bakeoff", *kept])


@contextlib.contextmanager
def faults() -> Iterator[None]:
    """Turn what a user can mend into one line and exit code 2; programming errors keep their traceback."""
    from bench.records import RecordsError

    try:
        yield
    except (RecordsError, ValueError) as error:
        raise Fault(str(error)) from None
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free space, or choose another folder" if full else "choose another one, or see to it"
        hint += "; what was measured is kept"
        raise Fault(f"cannot use{where} ({error.strerror}): {hint}") from None


if __name__ == "__main__":
    main()
