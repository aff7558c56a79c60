"""How figures of the clock study are written: three significant digits, units, intervals, censored lengths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from analysis.clocks import crossings
from analysis.clocks.crossings import Crossing
from analysis.stats import Interval

SIGNIFICANT = 3
UNKNOWN = "?"
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def number(value: float) -> str:
    """1,230; 12.3; 0.123: three significant digits, never an exponent."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    digits = SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits) + 0.0:,.{max(digits, 0)}f}"


def decimals(value: float) -> str:
    """Two decimals, for exponents and shares."""
    return f"{round(value, 2) + 0.0:.2f}" if math.isfinite(value) else UNKNOWN


def size(value: float) -> str:
    """Bytes in the unit (of 1,000) that fits: `1.50 MB`."""
    unit, name = next((pair for pair in UNITS if value >= pair[0]), UNITS[-1])
    return f"{number(value / unit)} {name}"


def interval(found: Interval, write: Callable[[float], str] = number, factor: float = 1.0) -> str:
    """`12.3 [11.9, 12.8]`; `12.3 [?]` where one replicate alone says nothing about the error."""
    point, low, high = (value * factor for value in found)
    ends = f"{write(low)}, {write(high)}" if math.isfinite(low) and math.isfinite(high) else UNKNOWN
    return f"{write(point)} [{ends}]"


def length(value: float, shortest: int, longest: int) -> str:
    """A length inside the measured range, or on which side of it."""
    if math.isnan(value):
        return UNKNOWN
    if value < shortest:
        return f"below {shortest:,}"
    return f"beyond {longest:,}" if value > longest else f"{value:,.0f}"


def length_interval(found: Interval, shortest: int, longest: int) -> str:
    """`520 [480, 560]`, each end censored at the range; one text where all three are beyond the same end."""
    point, low, high = (length(value, shortest, longest) for value in found)
    return point if point == low == high else f"{point} [{low}, {high}]"


def crossing(found: Crossing, names: Sequence[str]) -> str:
    """One crossing in words; `names` are those of the first and the second."""
    before, after = names[found.short_leader], names[found.long_leader]
    span = f"from {found.shortest:,} to {found.longest:,}"
    if found.kind == crossings.OPEN:
        return f"not told apart {span}"
    places = listed(length_interval(point, found.shortest, found.longest) for point in found.points)
    if found.kind == crossings.ONE:
        return f"{after} overtakes {before} at {places}"
    if found.kind == crossings.SEVERAL:
        return f"several, at {places}: {before} is faster at {found.shortest:,}, {after} at {found.longest:,}"
    beyond, below = f"beyond {found.longest:,}", f"below {found.shortest:,}"
    outside = {crossings.BEYOND: beyond, crossings.BELOW: below, crossings.OUTSIDE: f"{below} or {beyond}"}
    where = f"; {outside[found.kind]}, if anywhere" if found.kind in outside else ""
    if found.replicates == 1:
        return f"none: {before} is faster {span}, by one replicate"
    unsure = f", not told apart at {listed(f'{n:,}' for n in found.unsure)}" if found.unsure else ""
    return f"none: {before} is faster {span}{unsure}{where}"


def listed(texts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    held = list(texts)
    return " and ".join(filter(None, (", ".join(held[:-1]), *held[-1:])))


def counted(numbers: Iterable[int], noun: str) -> str:
    """`3 replicates`, `2 to 3 replicates`, `1 replicate`."""
    held = sorted(set(numbers))
    if not held:
        return f"no {noun}"
    span = f"{held[0]:,}" if len(held) == 1 else f"{held[0]:,} to {held[-1]:,}"
    return f"{span} {noun}{'s' * (held[-1] != 1)}"
