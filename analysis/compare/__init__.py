"""Two runs side by side: what changed beyond doubt, and the evidence. CPU and GPU, before and after, plain and a
stranger's layer: whatever both runs have is compared, whatever one of them has is listed."""

from __future__ import annotations

from analysis.compare.changes import Change, changes
from analysis.compare.page import compare

__all__ = ["Change", "changes", "compare"]
