"""Where a run's numbers come from: code, machine, load, seeds, what failed, how to cite it, and the raw values.

What a record does not hold is said to be not recorded; where records differ, the range or every value is given.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.claims import RULES_VERSION
from analysis.clocks import samples
from analysis.document import Block, Bullets, Code, Download, Paragraph, Table, anchor
from analysis.latex import escaped
from analysis.load import NOT_RUN, Run
from analysis.material import Material
from analysis.measurements import pieces
from analysis.recorded import Records, mapping
from analysis.wording import printable

UNKNOWN = "not recorded"
PAGE_LIMIT = 1_000_000
"""Bytes of compressed measurements that a page carries; more would burst its 3 MB."""
ROWS_LIMIT = 300_000
"""Measurements beyond which it is not even tried: one takes about eleven bytes."""
BAND = 0.95
"""Quantile of the distances between two copies of one architecture."""
HARDWARE = ("system", "processor", "cores", "memory_gib", "accelerator", "fingerprint")
VERSIONS = ("python", "torch", "numpy")
TOLD = {*HARDWARE, *VERSIONS, "threads", "environment", "commit", "dirty"}
"""Fields of a machine that have a line of their own; a device may add others."""


def blocks(material: Material) -> list[Block]:
    """A table of facts, the trials that ended without a result, and a citation."""
    found = Records.read(material.folder)
    title = f"Provenance of study {material.study} on {material.device}"
    return [
        Table(title, ("fact", "value"), tuple(facts(material, found).items())),
        *_failures(material.run),
        Paragraph("To cite this run:"),
        Code(citation(material, found)),
    ]


def facts(material: Material, found: Records) -> dict[str, str]:
    """Name of a fact -> its text, in the order of the table."""
    plan = material.run.plan
    return {
        "study": _told(plan.get("study")),
        "command": _told(plan.get("command")),
        "device": _told(plan.get("device")),
        "commit": _commits(found),
        **{name: _values(found.every(name)) for name in (*VERSIONS, "system", "processor", "cores")},
        "memory (GiB)": _values(found.every("memory_gib")),
        "accelerator": _values(found.every("accelerator")) if material.device != "cpu" else "none",
        "machine's fingerprint": _values(found.every("fingerprint")),
        "threads of a worker": _values(found.every("threads")),
        "allocator and threads": _values([_settings(e) for e in found.every("environment")]),
        **{printable(name).replace("_", " "): _values(found.every(name)) for name in sorted(found.names() - TOLD)},
        "load (1 minute)": _load(found),
        "A/A band": _band(material.run),
        "report seeds": _seeds(material.run, "report"),
        "development seeds": _seeds(material.run, "development"),
        "trials": _trials(material.run),
        "first to last record": _duration(found),
        "CPU-seconds": f"{found.cpu_seconds:,.0f}" if found.cpu_seconds else UNKNOWN,
        "version of the rules": RULES_VERSION,
    }


def citation(material: Material, found: Records) -> str:
    """A BibTeX entry of type software; the year is that of the newest record."""
    plan = material.run.plan
    year = found.finished[-1][:4] if found.finished and found.finished[-1][:4].isdigit() else ""
    machine = _values(found.every("accelerator") or found.every("processor"))
    note = f"Study {plan['study']} on device {plan['device']} ({machine}), commit {_commits(found)}, "
    fields = {
        "title": "Bakeoff",
        "version": software_version(),
        "year": year,
        "note": escaped(note + f"rules version {RULES_VERSION}"),
    }
    body = "".join(f",\n  {name} = {{{text}}}" for name, text in fields.items() if text)
    return f"@software{{{anchor('bakeoff', plan['study'], plan['device'], year)}{body}\n}}"


def software_version() -> str:
    """Version of the checkout that this code lies in, or of the installed package; empty if neither tells."""
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    try:
        if project.exists():
            return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
        return version("bakeoff")
    except (KeyError, PackageNotFoundError):
        return ""


def measurements(material: Material, text: str | None = None) -> Download | Paragraph:
    """All values as compressed CSV (`text`, if it is at hand); too large a file is only named."""
    from analysis.report import MEASUREMENTS  # the report is made of provenance, too

    number = len(material.run.values)
    packed = b""
    if number <= ROWS_LIMIT:
        packed = gzip.compress(("".join(pieces(material.run)) if text is None else text).encode(), mtime=0)
    if not packed or len(packed) >= PAGE_LIMIT:
        where = f"{MEASUREMENTS} in the folder of study {material.study} on {material.device}"
        return Paragraph(printable(f"All {number:,} measurements are too much for this page: see {where}."))
    name = f"{anchor(material.study, material.device)}-{MEASUREMENTS}.gz"
    label = printable(f"All {number:,} measurements of {material.study} on {material.device} as CSV")
    return Download(name, "application/gzip", packed, label)


def twins(run: Run) -> pd.DataFrame:
    """Ratio of a copy's time to its twin's in one trial: columns pass, size, threads, ratio; what a run cannot tell."""
    parts = [samples.medians(run, samples.usable(run, row, "clock")) for row in ("speed", samples.GRID)]
    found = pd.concat(parts, ignore_index=True).drop_duplicates(["trial", "pass", "subject"])
    first = {index: names[0] for index, names in run.trials["contenders"].items() if names}
    own = found[found["subject"] == found["trial"].map(first)]
    copy = found[found["subject"] == samples.TWIN]
    pairs = copy.merge(own[["trial", "pass", "seconds"]], on=["trial", "pass"], suffixes=("", "_own"))
    return pairs.assign(ratio=pairs["seconds"] / pairs["seconds_own"])[["pass", "size", "threads", "ratio"]]


def distance(ratios: pd.Series) -> float:
    """How far two copies are apart as a factor of at least 1, in all but 1 - BAND of the trials; NaN without any."""
    return float(np.exp(np.log(ratios).abs().quantile(BAND)))


def _band(run: Run) -> str:
    found = twins(run)
    if found.empty:
        return "no A/A pair was clocked"
    apart = f"{distance(found['ratio']) - 1:.1%} in {BAND:.0%} of {len(found)} pairs"
    return f"two copies of one architecture within {apart}"


def _commits(found: Records) -> str:
    """Every commit with the number of its records, and how many of them had uncommitted changes."""
    counts: Counter[str] = Counter()
    dirty: Counter[str] = Counter()
    silent = set()
    for machine, number in found.machines:
        commit = _told(machine.get("commit"))
        counts[commit] += number
        dirty[commit] += number if machine.get("dirty") else 0
        silent |= set() if "dirty" in machine else {commit}
    texts = []
    for commit, number in sorted(counts.items()):
        changed = ", whether with uncommitted changes is not recorded" if commit in silent else ", clean"
        changed = f", {dirty[commit]} with uncommitted changes" if dirty[commit] else changed
        texts.append(f"{commit} ({number:,} records{changed * (commit != UNKNOWN)})")
    return "; ".join(texts) or UNKNOWN


def _load(found: Records) -> str:
    loads = [value for value in found.loads if value >= 0]
    if not loads:
        return UNKNOWN
    ends = f"{loads[0]:.1f} with the first record, {loads[-1]:.1f} with the last"
    return f"{ends}, {min(loads):.1f} to {max(loads):.1f} overall"


def _seeds(run: Run, split: str) -> str:
    seeds = sorted(int(seed) for seed in run.select(split=split)["seed"].dropna().unique())
    if not seeds:
        return "none planned"
    whole = len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def _trials(run: Run) -> str:
    planned = run.trials[run.trials["planned"]]
    counts = Counter(planned["status"])
    named = [f"{counts.pop(status, 0)} {status}" for status in ("ok", "diverged", "failed", NOT_RUN)]
    extra = len(run.trials) - len(planned)
    beyond = [f"{extra} recorded that the plan no longer names"] if extra else []
    return ", ".join([f"{len(planned)} planned", *named, *(f"{n} {s}" for s, n in sorted(counts.items())), *beyond])


def _failures(run: Run) -> list[Block]:
    """One line for every status and reason; nothing if all went well."""
    short = run.trials[run.trials["planned"] & (run.trials["status"] != "ok")]
    why = short["reason"].where(short["status"] != NOT_RUN, run.why_not_run())
    counts = Counter(zip(short["status"], why.astype(str), strict=True))
    lines = [printable(f"{n} {status}: {reason or UNKNOWN}") for (status, reason), n in sorted(counts.items())]
    return [Paragraph("Trials without a result:"), Bullets(tuple(lines))] if lines else []


def _duration(found: Records) -> str:
    try:
        times = [datetime.fromisoformat(text) for text in found.finished if text]
        seconds = round((max(times) - min(times)).total_seconds())
    except (ValueError, TypeError):  # not a time, or some with a zone and some without; no record at all
        return UNKNOWN
    ends = f"{min(times).isoformat(' ', 'seconds')} to {max(times).isoformat(' ', 'seconds')}"
    return f"{seconds // 3600} h {seconds // 60 % 60} min {seconds % 60} s ({ends})"


def _settings(environment: object) -> str:
    return ", ".join(f"{name}={value or 'unset'}" for name, value in sorted(mapping(environment).items()))


def _values(values: Iterable[object]) -> str:
    """The one value; numbers that differ as a range, other values one after the other."""
    distinct = {json.dumps(value, sort_keys=True, default=str): value for value in values}
    held = [distinct[key] for key in sorted(distinct)]
    if len(held) > 1 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in held):
        return f"{min(held):g} to {max(held):g}"  # type: ignore[type-var]
    return "; ".join(_told(value) for value in held) or UNKNOWN


def _told(value: object) -> str:
    return UNKNOWN if value is None or value == "" else printable(str(value))
