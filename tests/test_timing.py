"""The clock's protocol, on fake clocks: no test here looks at real time."""

from __future__ import annotations

import random
from collections import Counter

import torch

from bench.timing import AA, Sample, Stopwatch, clock, interleave
from bench.trial import Clock
from models import ARCHITECTURES


class FakeMachine:
    """A machine whose time passes only when told to."""

    def __init__(self) -> None:
        self.now, self.cpu, self.switches, self.waits = 0.0, 0.0, 0, 0

    def work(self, cpu: float, stolen: float = 0.0) -> None:
        self.now += cpu + stolen
        self.cpu += cpu
        self.switches += stolen > 0

    def wait(self) -> None:
        self.waits += 1

    def stopwatch(self) -> Stopwatch:
        return Stopwatch(lambda: self.now, lambda: self.cpu, lambda: self.switches, self.wait)


def test_a_sample_tells_wall_from_cpu_and_counts_switches() -> None:
    machine = FakeMachine()
    assert machine.stopwatch().time(lambda: machine.work(2.0, stolen=1.0)) == Sample(3.0, 2.0, 1)
    assert machine.waits == 2, "the device is idle before and after"


def test_every_contender_once_a_round_in_changing_order() -> None:
    machine = FakeMachine()
    calls = {name: lambda: machine.work(1.0) for name in "abcd"}
    seen = list(interleave(calls, 50, random.Random(0), machine.stopwatch()))
    rounds = [[name for name, number, _ in seen if number == k] for k in range(50)]
    assert all(sorted(r) == list("abcd") for r in rounds)
    first = Counter(r[0] for r in rounds)
    assert len(first) == 4
    assert max(first.values()) < 30, "no contender always starts"


def test_a_drift_of_the_machine_falls_on_all_alike() -> None:
    machine, speed = FakeMachine(), iter([1.0 + k / 100 for k in range(10_000)])
    calls = {name: lambda: machine.work(next(speed)) for name in ("one", "other")}
    samples: dict[str, list[float]] = {"one": [], "other": []}
    for name, _, sample in interleave(calls, 400, random.Random(1), machine.stopwatch()):
        samples[name].append(sample.seconds)
    ratio = sum(samples["one"]) / sum(samples["other"])
    assert abs(ratio - 1) < 0.01, "in blocks, the later one would look half as fast again"


def test_a_clock_trial_keeps_raw_samples_of_all_and_of_the_twin() -> None:
    torch.set_num_threads(1)
    names = ("transformer-rotary", "lstm-chrono", "cnn-k8")
    trial = Clock(architectures=tuple(ARCHITECTURES[n] for n in names), length=16, tokens=32, samples=3)
    rows = clock(trial)
    assert {r.subject for r in rows} == {*names, AA}
    for subject in (*names, AA):
        mine = [r for r in rows if r.subject == subject]
        assert [r.value for r in mine if r.metric == "tokens_per_step"] == [32.0]
        for metric in ("seconds_per_step", "cpu_seconds_per_step"):
            values = [r for r in mine if r.metric == metric]
            assert sorted(r.step for r in values) == [0, 1, 2]
            assert all(r.value > 0 for r in values)
