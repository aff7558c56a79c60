"""The figures of a report, in the order in which they are shown: name -> what draws it.

Each takes a Material and returns a Picture, or a sentence that says why there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.document import Picture
from analysis.material import Material

Draw = Callable[[Material], Picture | str]
