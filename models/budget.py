"""From a budget of core parameters to a size, by building cores on the meta device and counting."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache

import torch
from torch import nn

from models.architecture import Architecture, Interface, Size, count_parameters

GOOD_ENOUGH = 0.001
TOLERANCE = 0.005
WIDEST = 1 << 16

Count = Callable[[int, int], int]


@cache
def solve(architecture: Architecture, interface: Interface) -> Size:
    """The size whose core comes within 0.5 % of `architecture.core_parameters`, as near the natural shape as it can.

    The width is bisected at the natural second knob; around that width, nearest first, the second knob is bisected,
    until a count is within 0.1 %. Nothing but `architecture.core` must be there, so it serves every architecture.
    Raises ValueError if no size comes within 0.5 %, naming the nearest count that can be reached.
    """
    if architecture.core_parameters < 1:
        asked = f"core_parameters must be at least 1, got {architecture.core_parameters}"
        raise ValueError(f"architecture {architecture.name!r}: {asked}")
    built = _counter(architecture, interface)
    if closed := getattr(architecture, "closed_parameters", None):
        count = cache(lambda width, inner: closed(Size(width, inner), interface))
        # Who overrides core and inherits the closed form is counted by building after all.
        with suppress(ValueError):
            size = _search(architecture, interface, count)
            if built(*size) == count(*size):
                return size
    return _search(architecture, interface, built)


def _search(architecture: Architecture, interface: Interface, count: Count) -> Size:
    target = architecture.core_parameters
    centre = _natural_width(architecture, interface, count)
    reach = max(4, centre // 5)
    widths = [w for w in range(max(1, centre - reach), centre + reach + 1) if architecture.is_valid_width(w)]
    best = Size(centre, architecture.natural_inner(centre, interface))
    for width in sorted(widths, key=lambda w: abs(w - centre)):
        inner = _nearest_inner(count, width, architecture.natural_inner(width, interface), target)
        best = min(best, Size(width, inner), key=lambda size: abs(count(*size) - target))
        if abs(count(*best) - target) <= GOOD_ENOUGH * target:
            break
    if abs(count(*best) - target) > TOLERANCE * target:
        raise ValueError(
            f"architecture {architecture.name!r} cannot meet {target} core parameters within {TOLERANCE:.1%}: "
            f"the nearest it reaches is {count(*best)} (width {best.width}, inner {best.inner}); set core_parameters "
            "to that, or give the architecture a finer second knob"
        )
    return best


def _counter(architecture: Architecture, interface: Interface) -> Count:
    """count(width, inner) -> core parameters, each size built once."""

    @cache
    def count(width: int, inner: int) -> int:
        size = Size(width, inner)
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                core = architecture.core(size, interface)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(
                f"architecture {architecture.name!r}: its core could not be built on the meta device at {size} "
                f"({reason}); make is_valid_width refuse such widths, or mend core()"
            ) from error
        if not isinstance(core, nn.Module) or not isinstance(getattr(core, "out_width", None), int):
            raise ValueError(
                f"architecture {architecture.name!r}: core() must return a torch.nn.Module with an integer out_width"
            )
        return count_parameters(core)

    return count


def _natural_width(architecture: Architecture, interface: Interface, count: Count) -> int:
    """The valid width whose natural shape comes nearest to the budget."""
    target = architecture.core_parameters

    def natural(width: int) -> int:
        return count(width, architecture.natural_inner(width, interface))

    low = high = _valid_from(architecture, 1)
    while natural(high) < target:
        low, high = high, _valid_from(architecture, 2 * high)
    while (middle := _valid_from(architecture, (low + high) // 2)) not in (low, high):
        low, high = (middle, high) if natural(middle) < target else (low, middle)
    return min(low, high, key=lambda width: abs(natural(width) - target))


def _valid_from(architecture: Architecture, width: int) -> int:
    for candidate in range(width, WIDEST):
        if architecture.is_valid_width(candidate):
            return candidate
    raise ValueError(
        f"architecture {architecture.name!r} has no valid width from {width} to {WIDEST} that meets "
        f"{architecture.core_parameters} core parameters; its core must grow with the width"
    )


def _nearest_inner(count: Count, width: int, natural: int, target: int) -> int:
    """The second knob, within a factor of eight of its natural value, that comes nearest to the budget."""
    if count(width, natural) < target:
        low, high = natural, 8 * natural
    else:
        low, high = max(1, natural // 8), natural
    if count(width, low) == count(width, high):
        return natural
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(width, middle) < target else (low, middle)
    return min(low, high, key=lambda inner: abs(count(width, inner) - target))
