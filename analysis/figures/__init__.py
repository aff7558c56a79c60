"""The figures of a report, in the order in which they are shown: name -> what draws it.

Each takes a Material and returns a Picture, or a sentence that says why there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.document import Picture
from analysis.figures import (
    attention,
    attribution,
    excess,
    forest,
    frontier,
    learning,
    positions,
    profiles,
    reach,
    solved,
    span,
    survival,
    timed,
)
from analysis.material import Material

Draw = Callable[[Material], Picture | str]

PICTURES: dict[str, Draw] = {
    solved.NAME: solved.picture,
    learning.NAME: learning.picture,
    survival.NAME: survival.picture,
    frontier.NAME: frontier.picture,
    profiles.NAME: profiles.picture,
    forest.NAME: forest.picture,
    span.NAME: span.picture,
    reach.NAME: reach.picture,
    excess.NAME: excess.picture,
    positions.NAME: positions.picture,
    attribution.NAME: attribution.picture,
    attention.NAME: attention.picture,
    "step-time": timed.step_time,
    "memory": timed.memory,
    "generation": timed.generation,
    "backends": timed.backends,
    "peers": timed.peers,
    "roofline": timed.roofline,
}
