"""One experiment on the claims: who learns what, with which budget, and what it speaks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.tasks.task import Task
from bench.trial import CORE_PARAMETERS, Learn, Recipe
from models import FAMILIES

PLAIN = tuple(family.plain for family in FAMILIES.values())
"""A contender of each family."""
RATES = (2e-3, 6e-3)
"""Learning rates that every contender of an experiment is tried with."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Every contender gets the same recipe, and the learning rate that did best for it on a development seed."""

    claims: tuple[str, ...]
    """Rows of the ledger."""
    task: Task
    contenders: tuple[str, ...]
    """Names of architectures, of models.ARCHITECTURES or models.RELATIVES."""
    recipe: Recipe = field(default_factory=Recipe)
    """The learning rate in it is replaced by the chosen one."""
    kind: type[Learn] = Learn
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the kind of trial."""
    core_parameters: int = 100_000
    learning_rates: tuple[float, ...] = RATES
    development_share: float = 0.25
    """Share of the steps that a development trial gets."""
    seeds: int = 0
    """Report seeds; 0 is the study's."""
    regimes: tuple[str, ...] = (CORE_PARAMETERS,)

    @property
    def label(self) -> str:
        """What it is called where its learning rates are listed."""
        return f"{self.claims[0]}: {self.task.name} {self.task.length}, {self.task.interface.role}"
