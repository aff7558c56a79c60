"""What the records of a run say beside their measurements: machines, load, times. Standard library and msgspec only."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

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
        held: dict[str, tuple[str, float, str, float]] = {}
        last, text = None, ""
        path = folder / records.TRIALS
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    if (found := _beside(line)) and found.id not in held:
                        machine = dict(mapping(found.machine))
                        load = _number(machine.pop("load_1min", None))
                        if machine != last:  # nearly all records are of one machine
                            last, text = machine, json.dumps(machine, sort_keys=True)
                        held[found.id] = str(found.finished or ""), load, text, _number(found.cpu_seconds)
        rows = sorted(held.values(), key=lambda row: row[0])
        machines = [(json.loads(text), number) for text, number in Counter(text for _, _, text, _ in rows).items()]
        cpu = sum(seconds for *_, seconds in rows if not math.isnan(seconds))
        return cls(machines, [load for _, load, _, _ in rows], [finished for finished, *_ in rows], cpu)

    def every(self, name: str) -> list[Any]:
        """A field of the machine, once for every different machine that has it."""
        return [m[name] for m, _ in self.machines if m.get(name) is not None and m[name] != ""]

    def names(self) -> set[str]:
        """Fields that some machine has."""
        return {str(name) for machine, _ in self.machines for name in machine}


class _Beside(msgspec.Struct, gc=False):
    """A record without its measurements, which are most of a line and are skipped."""

    id: str
    machine: Any = None
    cpu_seconds: Any = None
    finished: Any = None


def _beside(line: bytes) -> _Beside | None:
    """Nothing for a line that is no record: loading has said what there is to say about it."""
    try:
        return msgspec.json.decode(line, type=_Beside)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it has fields, or none."""
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
