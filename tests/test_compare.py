"""Times of two runs: what is equal names nothing, what was planted is named and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from resampled import again, clocks
from side_by_side import material
from synthetic_clocks import LAWS, clocked

from analysis.compare import changes
from analysis.compare.changes import compared
from analysis.load import Run, load

PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores" / "quick"
PAIRS = 8
"""Simulated pairs of runs in a test; two hundred, by hand, gave no false alarm and missed nothing."""


@pytest.fixture(scope="module")
def measured() -> Run:
    return clocks(load(PUBLISHED))


@pytest.fixture(scope="module")
def names(measured: Run) -> list[str]:
    return list(dict.fromkeys(name for names in measured.trials["contenders"] for name in names))


def test_equal_runs_on_a_drifting_noisy_machine_name_nothing(measured: Run) -> None:
    dice = np.random.default_rng(1)
    for _ in range(PAIRS):
        assert changes(material(again(measured, dice)), material(again(measured, dice))) == []


def test_a_planted_slowdown_is_named_and_nothing_else(measured: Run, names: list[str]) -> None:
    dice = np.random.default_rng(2)
    for number in range(PAIRS):
        victim = names[number % len(names)]
        found = changes(material(again(measured, dice)), material(again(measured, dice, victim)))
        assert {change.subject for change in found} == {victim}
        assert {change.what for change in found} == {"training step", "generated token"}
        assert all(1.1 < change.effect < 1.3 for change in found)
        assert all(change.low < change.effect < change.high for change in found)


def test_what_became_faster_is_named_as_faster(measured: Run, names: list[str]) -> None:
    dice = np.random.default_rng(3)
    found = changes(material(again(measured, dice)), material(again(measured, dice, names[2], factor=1 / 1.3)))
    assert {change.subject for change in found} == {names[2]}
    assert all(change.effect < 0.85 for change in found)


def test_two_of_six_that_are_slower_do_not_make_the_others_faster(measured: Run, names: list[str]) -> None:
    dice = np.random.default_rng(4)
    after = again(again(measured, dice, names[0], drift=0.1), dice, names[1], layout=0, drift=0)
    found = changes(material(again(measured, dice, drift=0.1)), material(after))
    assert {change.subject for change in found} == {names[0], names[1]}


def test_the_yardstick_is_the_median_of_those_that_did_not_change(measured: Run, names: list[str]) -> None:
    """Factors around 1 and two of 1.3: what the four share is 1, what all six share would be more."""
    factors = dict(zip(names, (1.3, 1.3, 0.98, 0.99, 1 / 0.99, 1.02), strict=True))
    factor = (
        measured.values["subject"].map(factors).fillna(1.0).where(measured.values["metric"].str.contains("s_per_"), 1)
    )
    run = replace(measured, values=measured.values.assign(value=measured.values["value"] * factor))
    found = compared(material(measured), material(run))
    assert {c.subject: round(c.effect, 6) for c in found.timings.made} == {n: round(f, 6) for n, f in factors.items()}


def test_slower_beyond_doubt_is_not_yet_slower_by_the_least_effect(measured: Run, names: list[str]) -> None:
    """By 5 %, known to within a hundredth: more than nothing, but not surely more than the least effect."""
    dice = np.random.default_rng(7)
    for _ in range(3):
        quiet = again(measured, dice, layout=0, drift=0), again(measured, dice, names[0], 1.05, layout=0, drift=0)
        found = compared(*map(material, quiet))
        assert found.changes == ()
        (step,) = [c for c in found.made if (c.subject, c.what, c.place) == (names[0], "training step", "")]
        assert step.low > 1.02, "slower beyond doubt"


def test_noise_common_to_a_process_does_not_hide_a_slowdown(measured: Run, names: list[str]) -> None:
    """Each process 1.5 times as fast or slow as the next: within it, all architectures share that."""
    dice = np.random.default_rng(8)
    a = again(measured, dice, drift=0, process=0.4)
    b = again(measured, dice, names[1], drift=0, process=0.4)
    found = compared(material(a), replace(material(b), run=replace(b, machine={"fingerprint": "no drift"})))
    assert {change.subject for change in found.changes} == {names[1]}


def test_a_slowdown_at_one_length_is_named_with_that_length(measured: Run, names: list[str]) -> None:
    dice = np.random.default_rng(5)
    after = again(measured, dice, names[3], factor=1.6, at=1024, drift=0.1)
    found = changes(material(again(measured, dice, drift=0.1)), material(after))
    assert {change.subject for change in found} == {names[3]}
    assert {place.split()[-1] for change in found for place in change.places} == {"1024"}


def test_without_doubt_or_below_the_least_effect_nothing_is_named(measured: Run, names: list[str]) -> None:
    """The same processes once more, one architecture 4 % slower: no noise at all, and yet below 5 %."""
    for factor, expected in ((1.04, set()), (1.3, {names[0]})):
        slow = measured.values["subject"].isin([names[0], "A/A"]) & measured.values["metric"].str.contains("seconds_")
        values = measured.values.assign(value=measured.values["value"] * np.where(slow, factor, 1.0))
        found = changes(material(measured), material(replace(measured, values=values)))
        assert {change.subject for change in found} == expected


def test_half_of_a_large_drift_is_not_named_on_one_machine_but_between_two(measured: Run, names: list[str]) -> None:
    """Everything takes 1.6 times as long and one architecture 1.9 times: a relative 1.19, below sqrt(1.6) = 1.26."""
    is_time = measured.values["metric"].str.contains("seconds_per_")
    slow = np.where(measured.values["subject"] == names[4], 1.9, 1.6)
    run = replace(measured, values=measured.values.assign(value=measured.values["value"].where(~is_time, slow)))
    run = replace(run, values=run.values.assign(value=run.values["value"] * measured.values["value"].where(is_time, 1)))
    assert changes(material(measured), material(run)) == []
    elsewhere = replace(run, machine={**run.machine, "fingerprint": "another"})
    assert {change.subject for change in changes(material(measured), material(elsewhere))} == {names[4]}


def test_the_order_of_the_runs_turns_every_ratio_round(measured: Run, names: list[str]) -> None:
    dice = np.random.default_rng(6)
    a, b = material(again(measured, dice)), material(again(measured, dice, names[5]))
    there, back = (sorted((c.subject, c.what, c.effect) for c in changes(*pair)) for pair in ((a, b), (b, a)))
    assert [entry[:2] for entry in there] == [entry[:2] for entry in back]
    assert [entry[2] for entry in there] == pytest.approx([1 / entry[2] for entry in back])


def test_the_drift_that_is_taken_out_is_that_of_the_machine(measured: Run) -> None:
    is_time = measured.values["metric"].str.contains("seconds_per_")
    values = measured.values.assign(value=measured.values["value"] * np.where(is_time, 1.25, 1.0))
    found = compared(material(measured), material(replace(measured, values=values)))
    assert found.timings.drift == pytest.approx(1.25)
    assert [c.effect for c in found.timings.made] == pytest.approx([1.0] * len(found.timings.made))


def test_a_grid_with_three_replicates_names_a_planted_architecture(tmp_path: Path) -> None:
    laws = {**LAWS, "attention": lambda n: 1.2 * LAWS["attention"](n)}
    a = clocked(tmp_path / "a", noise=0.02, seed=1)
    b = clocked(tmp_path / "b", noise=0.02, seed=2, laws=laws)
    assert {change.subject for change in changes(material(a), material(b))} == {"attention"}
    assert changes(material(a), material(clocked(tmp_path / "c", noise=0.02, seed=3))) == []


def test_one_process_is_no_evidence(tmp_path: Path) -> None:
    laws = {**LAWS, "attention": lambda n: 3 * LAWS["attention"](n)}
    runs = [clocked(tmp_path / str(n), replicates=1, seed=n, laws=law) for n, law in enumerate((LAWS, laws))]
    found = compared(*map(material, runs))
    assert [change for change in found.changes if change.what == "training step"] == []
    assert all(c.p is not None and math.isnan(c.p) for c in found.timings.made)
