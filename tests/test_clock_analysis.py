"""The clock study: medians, growth, ratios, memory and generation come back as they were planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import Folder
from synthetic_clocks import COLUMNS, LAWS, LENGTHS, Clocked, add_decodes, clocked, whole

from analysis import clocks
from analysis.clocks import compared, growth, wording
from analysis.clocks.across import across, pick
from analysis.clocks.measured import figures, measure
from analysis.clocks.samples import CONSTANT, SINGLE, STEP
from analysis.load import Run, load
from analysis.stats import Interval, t_interval

WHOLE = {"pass": STEP, "threads": 1, "precision": "fp32"}


def frames_of(run: Run) -> dict[str, pd.DataFrame]:
    return figures(measure(run))


# Medians


def test_one_thread_is_read_in_cpu_seconds_and_others_in_wall_seconds(tmp_path: Path) -> None:
    folder = Folder(columns=COLUMNS)
    grid = Clocked(disturbed=2.0, lengths=(64,), replicates=1)
    grid.add(folder)
    grid.add(folder, threads=2, memory=False)
    found = measure(load(folder.write(tmp_path))).times
    own = pick(found, subject="recurrent", layout=SINGLE, **{"pass": STEP}).set_index("threads")
    law = LAWS["recurrent"](64)
    assert own.at[1, "seconds"] == pytest.approx(law)
    assert own.at[2, "seconds"] == pytest.approx(2.0 * law * (0.25 + 0.75 / 2))
    assert own.at[1, "disturbed"] == 1.0
    assert np.isnan(own.at[2, "disturbed"])
    assert own.at[1, "tokens_per_second"] == pytest.approx(64 / law)


def test_on_cuda_wall_seconds_count(tmp_path: Path) -> None:
    run = clocked(tmp_path, device="cuda", disturbed=3.0, lengths=(64,), replicates=1)
    own = pick(measure(run).times, subject="recurrent", layout=SINGLE, **WHOLE)
    assert own["seconds"].to_list() == [pytest.approx(3.0 * LAWS["recurrent"](64))]


def test_a_single_sequence_of_the_constant_length_is_in_both_layouts_and_a_longer_one_is_not(tmp_path: Path) -> None:
    found = measure(clocked(tmp_path, lengths=(1024, 4096, 8192), replicates=1)).times
    lengths = {layout: sorted(own["length"].unique()) for layout, own in found.groupby("layout")}
    assert lengths == {CONSTANT: [1024, 4096], SINGLE: [1024, 4096, 8192]}


def test_trials_of_another_machine_are_set_aside(tmp_path: Path) -> None:
    folder = Folder(columns=COLUMNS)
    Clocked(lengths=(64,), machine={"fingerprint": "elsewhere"}).add(folder)
    Clocked(lengths=(128,)).add(folder)
    run = load(folder.write(tmp_path))
    assert set(measure(run).times["length"]) == {128}
    assert any("6 trials of another machine" in line for line in clocks.summary(run))


def test_the_interval_of_many_groups_is_that_of_each(tmp_path: Path) -> None:
    values = np.random.default_rng(0).lognormal(size=(4, 3))
    frame = pd.DataFrame({"group": np.repeat(list("abcd"), 3), "value": values.ravel()}).iloc[:-2]
    found = across(frame, ["group"], "value")
    for position in range(3):
        assert tuple(found.loc[position, ["point", "low", "high"]]) == pytest.approx(
            t_interval(values[position], "log")
        )
    assert (found.at[3, "low"], found.at[3, "high"], found.at[3, "replicates"]) == (0.0, np.inf, 1)


# Growth


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_exact(tmp_path: Path, exponent: float) -> None:
    run = clocked(tmp_path, laws={"attention": lambda n: 1e-4 * n**exponent, "recurrent": lambda n: 1e-3})
    found = pick(frames_of(run)["exponents"], subject="attention", **WHOLE)
    assert found["point"].to_numpy() == pytest.approx(exponent)  # per sequence: the same in both layouts
    assert (found["high"] - found["low"]).to_numpy() == pytest.approx(0, abs=1e-9)
    assert found.groupby("layout")["tail"].sum().to_list() == [1, 1]


def test_a_planted_quadratic_is_recovered(tmp_path: Path) -> None:
    found = pick(frames_of(clocked(tmp_path))["fits"], subject="attention", layout=SINGLE, **WHOLE)
    assert found[["a", "b", "c"]].to_numpy()[0] == pytest.approx([1e-3, 1e-5, 2e-8], rel=1e-6)
    assert found["overtakes"].iloc[0] == pytest.approx(500.0)
    assert found["misfit"].iloc[0] == pytest.approx(0, abs=1e-6)


def test_intervals_of_coefficients_and_of_their_length_cover_what_was_planted() -> None:
    dice, lengths = np.random.default_rng(3), np.array(LENGTHS, dtype=float)
    truth = np.array([LAWS["attention"](n) for n in LENGTHS])
    hits = np.zeros(4)
    for _ in range(200):
        found = growth.fit(lengths, truth * np.exp(dice.normal(0, 0.03, (3, lengths.size))))
        for place, (name, value) in enumerate({"a": 1e-3, "b": 1e-5, "c": 2e-8, "overtakes": 500.0}.items()):
            hits[place] += found[f"{name}_low"] <= value <= found[f"{name}_high"]
    assert (hits >= 180).all(), hits


def test_without_a_quadratic_term_it_overtakes_beyond_every_length() -> None:
    lengths = np.array(LENGTHS, dtype=float)
    found = growth.fit(lengths, np.array([[1e-3 + 2e-5 * n for n in LENGTHS]] * 3))
    length = Interval(found["overtakes"], found["overtakes_low"], found["overtakes_high"])
    assert wording.length_interval(length, 64, 4096) == "beyond 4,096"
    assert found["c"] == pytest.approx(0, abs=1e-15)


def test_a_pure_quadratic_overtakes_below_every_length() -> None:
    found = growth.fit(np.array(LENGTHS, dtype=float), np.array([[1e-9 * n * n for n in LENGTHS]] * 3))
    assert found["overtakes"] == pytest.approx(0, abs=1e-3)


def test_too_few_lengths_have_exponents_and_no_fit(tmp_path: Path) -> None:
    found = frames_of(clocked(tmp_path, lengths=(64, 128, 256)))
    assert found["fits"].empty
    assert len(pick(found["exponents"], subject="attention", layout=SINGLE, **WHOLE)) == 2


# Ratios


@pytest.mark.parametrize("serial", [0.0, 0.25, 1.0])
def test_karp_and_flatt_find_the_planted_serial_fraction(tmp_path: Path, serial: float) -> None:
    folder = Folder(columns=COLUMNS)
    grid = Clocked(serial=serial, lengths=(64, 512), noise=0.0)
    grid.add(folder)
    grid.add(folder, threads=4, memory=False)
    found = frames_of(load(folder.write(tmp_path)))["cores"]
    assert len(found)
    assert found["point"].to_numpy() == pytest.approx(1 / (serial + (1 - serial) / 4))
    assert found[["serial", "serial_low", "serial_high"]].to_numpy() == pytest.approx(serial, abs=1e-9)


def test_the_interval_of_the_serial_fraction_holds_it(tmp_path: Path) -> None:
    found = frames_of(load(whole(tmp_path, noise=0.02)))["cores"]
    assert ((found["serial_low"] < found["serial"]) & (found["serial"] < found["serial_high"])).all()
    assert ((found["serial_low"] < 0.25) & (found["serial_high"] > 0.25)).mean() > 0.85


def test_single_sequence_efficiency_is_the_ratio_of_rates(tmp_path: Path) -> None:
    """A step that costs the same whatever its batch: one sequence is as slow as all of them."""
    grid = Clocked(lengths=(64, 1024), replicates=2)
    folder = Folder(columns=COLUMNS)
    for trial in grid.trials():
        measured = [
            replace(m, value=0.01 * (1 if "seconds" in m.metric else m.value / 0.01)) for m in grid.measured(trial)
        ]
        folder.add(trial, measured, rows=["clock grid"])
    found = pick(frames_of(load(folder.write(tmp_path)))["single_sequence"], **WHOLE).set_index(["subject", "length"])
    assert found.at[("attention", 64), "point"] == pytest.approx(64 / 4096)
    assert found.at[("attention", 1024), "point"] == pytest.approx(1024 / 4096)


def test_a_kernel_is_known_by_its_fields_even_at_another_size() -> None:
    base = {"name": "a", "family": "f", "core_parameters": 1, "positions": "s", "fused": True, "dense": "direct"}
    known = {
        "a": base,
        "rotary": base | {"name": "rotary", "positions": "r"},
        "slow": base | {"name": "slow", "fused": False, "core_parameters": 9},
        "blas": base | {"name": "blas", "dense": "blas"},
        "deeper": base | {"name": "deeper", "depth": 3},
        "x:A": {"name": "x:A", "family": "x:A", "core_parameters": 1},
        "x:B": {"name": "x:B", "family": "x:B", "core_parameters": 1},
    }
    assert compared.kernels(known) == {"slow": "a", "blas": "a"}


def test_kernels_are_factors_inside_a_trial_and_change_the_word(tmp_path: Path) -> None:
    laws = {
        "attention": lambda n: 1e-5 * n,
        "recurrent": lambda n: 1.1e-5 * n,
        "convolution": lambda n: 1e-5 * n,
        "attention-written-out": lambda n: 4e-5 * n,
    }
    found = frames_of(clocked(tmp_path, laws=laws, lengths=(64, 256), noise=0.02))
    times = pick(found["kernel_times"], **WHOLE)
    assert times["point"].to_numpy() == pytest.approx(4.0, rel=0.1)
    assert (times["low"] < times["point"]).all()
    words = pick(found["words"], layout=CONSTANT, **WHOLE).set_index(["kernel", "family"])["word"]
    assert words[compared.DEFAULT, "transformer"] == "Fast"
    assert words["attention-written-out", "transformer"] == "Slow"
    assert words["attention-written-out", "lstm"] == "Fast"
    bytes_ = pick(found["kernel_bytes"], metric="saved_bytes", layout=SINGLE).set_index("length")["ratio"]
    assert bytes_.to_dict() == {64: 64.0, 256: 256.0}


def test_half_precision_is_compared_with_full(tmp_path: Path) -> None:
    found = frames_of(load(whole(tmp_path, noise=0.0)))
    assert set(found["precision"]["precision"]) == {"bf16"}
    assert found["precision"]["point"].to_numpy() == pytest.approx(0.5)


# Memory and generation


def test_memory_has_the_exponents_that_were_planted(tmp_path: Path) -> None:
    found = frames_of(clocked(tmp_path))["memory_exponents"]
    tails = pick(found, metric="saved_bytes", tail=True).set_index(["layout", "subject"])["point"]
    assert tails[SINGLE, "attention"] == pytest.approx(1.0)
    assert tails[SINGLE, "attention-written-out"] == pytest.approx(2.0)
    assert tails[CONSTANT, "attention"] == pytest.approx(0.0)


def test_generation_has_its_law_its_exponents_and_its_crossovers(tmp_path: Path) -> None:
    folder = Folder(columns=COLUMNS)
    add_decodes(folder, contexts=(64, 192, 256, 1024, 4096))
    found = frames_of(load(folder.write(tmp_path)))
    laws = found["generation_fits"].set_index("subject")
    assert laws.loc["attention", ["a", "b"]].to_list() == pytest.approx([3e-4, 3e-7])
    assert laws.at["recurrent", "b"] == pytest.approx(0, abs=1e-12)
    states = pick(found["state_exponents"], tail=True).set_index("subject")["point"]
    assert states.to_dict() == {"attention": pytest.approx(1.0), "recurrent": 0.0, "convolution": 0.0}
    pairs = found["generation_crossovers"].set_index(["first", "second"])["crossing"]
    assert pairs["transformer", "cnn"].points[0].point == pytest.approx(200, rel=0.05)
