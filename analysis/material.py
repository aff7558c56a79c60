"""What the parts of a report are made of: one run folder, loaded and judged once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.claims import VARIANTS
from analysis.load import Run
from analysis.regimes import Setting, settings
from analysis.rows.finding import Contender


@dataclass(frozen=True)
class Material:
    """A run with its verdicts."""

    folder: Path
    run: Run
    verdicts: Mapping[str, Any]
    """As in verdicts.json; empty where the study has no row of the table."""
    ledger: Mapping[str, Any] = field(default_factory=dict)
    """As in ledger.json; empty where the study has no claim about generative AI."""
    label: str = ""
    """What tells it from other runs of the same study and device; empty where nothing must."""

    @property
    def study(self) -> str:
        """Name of the study."""
        return str(self.run.plan["study"])

    @property
    def device(self) -> str:
        """What it ran on, as the plan says: cpu, cuda, cuda:0."""
        return str(self.run.plan["device"])

    @property
    def title(self) -> str:
        """Study, device and machine in words."""
        machine = self.run.machine
        where = machine.get("accelerator") or machine.get("processor") or ""
        named = f"study {self.study} on {self.device}{f' ({where})' if where else ''}"
        return f"{named}, {self.label}" if self.label else named

    @cached_property
    def headline(self) -> Setting:
        """The setting of the table: smallest budget, core parameters matched."""
        return settings(self.run)[0]

    @cached_property
    def contenders(self) -> list[Contender]:
        """Every column in both variants; a best variant that was never chosen has no architecture."""
        columns = self.run.plan["columns"]
        return [Contender(str(c["title"]), str(c["family"]), v, c[v]) for c in columns for v in VARIANTS]

    @cached_property
    def titles(self) -> dict[str, str]:
        """Architecture -> the name of its column, in the order of the columns, the best variants first."""
        ordered = sorted(self.contenders, key=lambda c: VARIANTS.index(c.variant))
        return {c.architecture: c.column for c in ordered if c.architecture}

    @cached_property
    def families(self) -> dict[str, str]:
        """Architecture -> its family, for every architecture in the plan; strangers are families of their own."""
        trials = self.run.trials[["architecture", "family"]].drop_duplicates("architecture")
        named = {str(a): str(f) for a, f in zip(trials["architecture"], trials["family"], strict=True) if a}
        return {c.architecture: c.family for c in self.contenders if c.architecture} | named
