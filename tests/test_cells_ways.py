"""What is said below an opened cell holds: the command is one that the front door takes, the ways to flip it do."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bakeoff
from analysis.cells import flips, solved
from analysis.cells.case import Case
from analysis.cells.commands import ONLY, command
from analysis.claims import LONG_RANGE, OURS, PARALLEL, RULES, SCALABILITY, SPEED
from analysis.rows.finding import Contender, Estimate, Finding
from analysis.rows.long_range import Cell, share, weights
from analysis.stats import Interval

EVERY = RULES | OURS


def stub(row: str, family: str = "lstm", typed: str = "", device: str = "cpu", **cell: Any) -> Case:
    """A case as far as commands and flips look."""
    contender = Contender("LSTM" if family == "lstm" else family, family, "best", family)
    held = SimpleNamespace(study="quick", device=device, verdicts={"command": typed}, contenders=[contender])
    full = {"claimed": None, "measured": None, "seeds": 3, "reason": "", **cell}
    return Case(held, EVERY[row], contender, full)  # type: ignore[arg-type]


TYPED = "bakeoff run quick --seeds 5 --architecture a.b:C --architecture=d:E --workers 2 --device cuda:1 --fresh"


@pytest.mark.parametrize("row", EVERY)
@pytest.mark.parametrize("typed", ["", TYPED])
def test_the_front_door_takes_the_command(row: str, typed: str) -> None:
    device = "cuda:1" if typed else "cpu"
    words = shlex.split(command(stub(row, typed=typed, device=device)))
    context = bakeoff.run.make_context("run", words[2:])
    assert words[:2] == ["bakeoff", "run"]
    assert context.params["study"] == "quick"
    assert context.params["only"] == (ONLY[row],)
    assert set(context.params["only"]) <= set(bakeoff.ROWS)
    assert context.params["device"] == device
    assert context.params["reports"] == Path("again")
    assert context.params["seeds"] == (5 if typed else None)
    assert context.params["architectures"] == (("a.b:C", "d:E") if typed else ())
    compares = row in (SCALABILITY.row, SPEED.row, "Generation latency")
    assert context.params["column"] == (() if compares else ("lstm",))


def test_a_strangers_column_goes_by_its_name() -> None:
    words = shlex.split(command(stub(PARALLEL.row, "pkg.module:Net", "bakeoff run quick --architecture 'torn")))
    assert words[5:] == ["--column", "pkg.module:Net", "--architecture", "'torn", "--reports", "again"]


@pytest.mark.parametrize("row", EVERY)
def test_steps_are_as_long_as_they_say(row: str) -> None:
    """A figure just past a step has another word, in the step's direction; just short of the nearest it has its own."""
    rule, generator = EVERY[row], np.random.default_rng(0)
    for figure in (*generator.uniform(-0.2, 1.3, 40), *rule.thresholds):
        for cap in range(3):
            now = rule.word(figure, cap)
            found = flips.steps(rule, Estimate(float(figure), {1.0: cap}))
            for step in found:
                sign = 1 if step.up else -1
                assert rule.word(figure + sign * (step.distance + 1e-6), cap) == step.word != now
            nearest = {up: min((s.distance for s in found if s.up == up), default=9.0) for up in (True, False)}
            for up, distance in nearest.items():
                if distance > 2e-6:
                    assert rule.word(figure + (1 if up else -1) * (distance - 1e-6), cap) == now


def with_finding(case: Case, finding: Finding) -> Case:
    case.__dict__["finding"] = finding  # what a cached property remembers
    return case


def test_repetitions_that_would_decide_are_those_of_the_square_root() -> None:
    """0.7, 0.1 below a threshold that its interval passes by twice that: the half-width must halve, so 4 times 5."""
    finding = Finding(estimate=Estimate(0.7), interval=Interval(0.7, 0.65, 0.9), seeds=5)
    case = with_finding(stub(LONG_RANGE.row, claimed="Limited"), finding)
    said = " ".join(flips.sentences(case))
    assert "For Excellent the figure would have to reach 0.8, 0.1 from 0.7: 0.5 half-widths of the interval" in said
    assert "For Limited, the claimed word, the figure would have to fall below 0.4, 0.3 from 0.7: 6 half-widths" in said
    assert "The interval reaches into Excellent." in said
    assert "about 20 seeds instead of 5" in said
    assert "reaches into Limited" not in said
    assert "within a tenth" not in said


def test_a_figure_on_its_threshold_is_not_decided_by_repeating() -> None:
    finding = Finding(estimate=Estimate(0.8), interval=Interval(0.8, 0.7, 0.9), seeds=5)
    said = " ".join(flips.sentences(with_finding(stub(SPEED.row), finding)))
    assert "the figure lies on the threshold itself: repeating cannot decide it" in said
    assert "within a tenth of the threshold 0.8" in said
    assert "would have to leave 0.72 to 0.88" in said


def test_a_cap_is_named_where_no_figure_helps() -> None:
    finding = Finding(
        estimate=Estimate(0.95, dict.fromkeys((0.9, 1.0, 1.1), 2)), interval=Interval(0.95, 0.9, 1.0), seeds=3
    )
    said = flips.sentences(with_finding(stub(SCALABILITY.row), finding))
    assert said == ["The rule's second condition allows Low at best, whatever the figure: see below."]


def test_the_fewest_cells_are_the_fewest() -> None:
    """Against every subset: none smaller changes the word, and the chosen one does."""
    generator = np.random.default_rng(1)
    case, rule = stub(LONG_RANGE.row), LONG_RANGE
    for _ in range(30):
        lags = [("a", 8), ("a", 16), ("a", 64), ("b", 32), ("c", 16), ("c", 32)]
        held = [Cell(task, lag, 3, 3, 3, int(generator.integers(0, 4))) for task, lag in lags]
        heavy = weights(held)
        for up in (True, False):
            sign = 1 if up else -1
            free = [i for i, cell in enumerate(held) if (2 * cell.solved > 3) != up]

            def word(
                chosen: Sequence[int], held: list[Cell] = held, heavy: list[float] = heavy, sign: int = sign
            ) -> str:
                return rule.word(share(held) + sign * sum(heavy[i] for i in chosen))

            turning = [c for n in range(1, 7) for c in itertools.combinations(free, n) if word(c) != word(())]
            found = solved.fewest(case, held, up)
            assert (found is None) == (not turning)
            if found:
                chosen = tuple(next(i for i, c in enumerate(held) if c is own) for own in found[1])
                assert len(chosen) == min(map(len, turning))
                assert word(chosen) == found[0] != word(())
