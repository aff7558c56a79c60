"""Statistics that hold up: aggregates over tasks and seeds, paired comparisons of a declared family, three outcomes."""

from __future__ import annotations

from analysis.document import Block
from analysis.material import Material
from analysis.statistics import section


def blocks(material: Material) -> list[Block]:
    """The report's section on statistics; where a run lacks what it takes, it says so."""
    return section.blocks(material)
