"""The clock's protocol, on fake clocks: no test here looks at real time."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from bench.machine import describe
from bench.timing import Sample, Stopwatch, interleave, stopwatch


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


def test_preparation_comes_right_before_each_call_and_costs_no_time() -> None:
    machine, log = FakeMachine(), []

    def prepare(name: tuple[str, int]) -> None:
        machine.work(7.0)
        log.append(("prepare", name))

    def call(name: tuple[str, int]) -> None:
        machine.work(1.0)
        log.append(("call", name))

    calls = {key: lambda key=key: call(key) for key in (("a", 1), ("b", 2))}
    seen = list(interleave(calls, 3, random.Random(0), machine.stopwatch(), prepare))
    assert {sample.seconds for _, _, sample in seen} == {1.0}
    assert log == [(what, name) for name, _, _ in seen for what in ("prepare", "call")]


class FakeEvent:
    """A moment on the device, in milliseconds."""

    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda, self.at = cuda, 0.0

    def record(self, stream: str) -> None:
        self.cuda.log.append(f"record on {stream}")
        self.at = self.cuda.machine.now

    def synchronize(self) -> None:
        self.cuda.log.append("event")

    def elapsed_time(self, end: FakeEvent) -> float:
        return 1000 * (end.at - self.at)


class FakeCuda:
    """What torch.cuda offers to a stopwatch and to a record, on a machine whose time passes only when told to."""

    def __init__(self, machine: FakeMachine) -> None:
        self.machine = machine
        self.log: list[str] = []

    def properties(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(L2_cache_size=1024, clock_rate=1_980_000, memory_clock_rate=2_619_000)

    def event(self, enable_timing: bool) -> FakeEvent:
        assert enable_timing
        return FakeEvent(self)

    def synchronize(self, device: str) -> None:
        self.log.append("device")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_properties", self.properties)
        monkeypatch.setattr(torch.cuda, "Event", self.event)
        monkeypatch.setattr(torch.cuda, "synchronize", self.synchronize)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Fake")


def test_on_cuda_the_cache_is_overwritten_and_the_device_tells_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, flushed, empty = FakeMachine(), [], torch.empty
    cuda = FakeCuda(machine)
    cuda.install(monkeypatch)

    def on_the_host(*shape: int, dtype: torch.dtype, device: str) -> torch.Tensor:
        assert device == "cuda:1"
        flushed.append(empty(*shape, dtype=dtype).fill_(1))
        return flushed[-1]

    monkeypatch.setattr(torch, "empty", on_the_host)
    sample = stopwatch("cuda:1").time(lambda: machine.work(2.0))
    assert sample.seconds == 2.0
    assert cuda.log == ["device", "record on stream of cuda:1", "record on stream of cuda:1", "event"]
    assert [(f.numel(), int(f.sum())) for f in flushed] == [(2048, 0)], "twice the cache, written before the call"


def test_a_cuda_record_tells_clocks_and_numerics_but_the_fingerprint_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeCuda(FakeMachine()).install(monkeypatch)

    def without_nvml(device: str) -> int:
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "clock_rate", without_nvml)
    monkeypatch.setattr(torch.cuda, "power_draw", without_nvml)
    bare = describe("cuda:0")
    assert (bare["sm_clock_max_mhz"], bare["memory_clock_max_mhz"]) == (1980.0, 2619.0)
    assert bare["float32_matmul_precision"] == torch.get_float32_matmul_precision()
    assert {"cudnn_benchmark", "cudnn_deterministic", "tf32_matmul", "tf32_cudnn"} <= set(bare)
    monkeypatch.setattr(torch.cuda, "clock_rate", lambda device: 1755)
    monkeypatch.setattr(torch.cuda, "power_draw", lambda device: 310_500)
    whole = describe("cuda:0")
    assert (whole["sm_clock_mhz"], whole["power_watts"]) == (1755.0, 310.5)
    assert not {"sm_clock_mhz", "power_watts"} & set(bare)
    assert whole["fingerprint"] == bare["fingerprint"], "a passing clock makes no other machine"
    assert not any("clock" in key for key in describe("cpu"))
