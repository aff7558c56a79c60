"""What the records of a run say beside their measurements: machines, load, times. Standard library and numpy only."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import records


@dataclass(frozen=True)
class Records:
    """What the records say about themselves, without their measurements."""

    machines: Sequence[tuple[Mapping[str, Any], int]]
    """Every different machine, without its load, and the number of its records."""
    loads: Sequence[float]
    """In the order of finishing, NaN where not known."""
    finished: Sequence[str]
    """Ascending."""
    cpu_seconds: float

    @classmethod
    def read(cls, folder: Path) -> Records:
        """The records of a folder that was loaded, and so found sound, before."""
        path = folder / records.TRIALS
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
        held = {str(found.get("id")): found for line in reversed(lines) if (found := _beside(line))}
        rows = sorted(held.values(), key=lambda row: str(row.get("finished") or ""))
        counts: Counter[str] = Counter()
        loads = []
        for row in rows:
            machine = dict(mapping(row.get("machine")))
            loads.append(_number(machine.pop("load_1min", None)))
            counts[json.dumps(machine, sort_keys=True)] += 1
        cpu = float(np.nansum([_number(row.get("cpu_seconds")) for row in rows]))
        machines = [(json.loads(text), number) for text, number in counts.items()]
        return cls(machines, loads, [str(row.get("finished") or "") for row in rows], cpu)

    def every(self, name: str) -> list[Any]:
        """A field of the machine, once for every different machine that has it."""
        return [m[name] for m, _ in self.machines if m.get(name) is not None and m[name] != ""]

    def names(self) -> set[str]:
        """Fields that some machine has."""
        return {str(name) for machine, _ in self.machines for name in machine}


def _beside(line: str) -> dict[str, Any]:
    """A record without its measurements, which are most of a line and stay unread where they come before the machine.

    Empty for a line that is none: loading has said what there is to say about it.
    """
    start = line.rfind('"machine":')
    if line.startswith('{"id":"') and start > 0:
        found = _object("{" + line[start:])
        if "cpu_seconds" in found and "finished" in found:
            return {"id": line.split('"', 4)[3], **found}
    return _object(line)


def _object(text: str) -> dict[str, Any]:
    """A JSON object; an empty one for any other text."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it has fields, or none."""
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
