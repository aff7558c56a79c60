"""Clock trials on a fake machine: what is timed, at which precision, on how many threads, and what is said about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from tolled import MACHINE, SEEN, Tolled
from torch import Tensor
from torch.nn import functional as F

from bench.clocks import AA, EveryPosition, Workload, clock
from bench.experiments import perform
from bench.records import Measurement
from bench.trial import PASSES, Clock
from models import ARCHITECTURES, BACKENDS
from models.architecture import Architecture, Interface
from models.budget import solve
from models.cost import counted_flops

SLOW, QUICK = Tolled(name="slow"), Tolled(name="quick", there=0.5, back=1.0)


@pytest.fixture(autouse=True)
def afresh() -> None:
    torch.set_num_threads(1)
    SEEN.clear()
    MACHINE.__init__()  # type: ignore[misc]


def small(**fields: object) -> Clock:
    plain = {"architectures": (SLOW, QUICK), "length": 8, "tokens": 16, "samples": 3}
    return Clock(**{**plain, **fields})  # type: ignore[arg-type]


def timed(trial: Clock) -> list[Measurement]:
    return clock(trial, MACHINE.stopwatch())


def by_subject(rows: Iterable[Measurement], metric: str) -> dict[str, list[float]]:
    found = defaultdict(list)
    for row in rows:
        if row.metric == metric:
            found[row.subject].append(row.value)
    return dict(found)


# What is measured


def test_each_pass_takes_what_it_takes_on_each_clock() -> None:
    rows = timed(small(passes=PASSES))
    costs = {"slow": (1.0, 4.0), "quick": (0.5, 1.0), AA: (1.0, 4.0)}
    for p, parts in (("forward", 1), ("forward_backward", 2), ("step", 2)):
        cpu = {name: sum(c[:parts]) for name, c in costs.items()}
        assert by_subject(rows, f"cpu_seconds_per_{p}") == {name: [c] * 3 for name, c in cpu.items()}
        assert by_subject(rows, f"seconds_per_{p}") == {name: [1.5 * c] * 3 for name, c in cpu.items()}
        assert by_subject(rows, f"involuntary_switches_per_{p}") == {name: [float(parts)] * 3 for name in costs}


@pytest.mark.parametrize("passes", [("step",), ("forward", "step"), PASSES])
def test_every_sample_is_there_raw_and_nothing_else(passes: tuple[str, ...]) -> None:
    rows = timed(small(passes=passes))
    for subject in ("slow", "quick", AA):
        found = Counter((r.metric, r.step) for r in rows if r.subject == subject)
        each = ("seconds", "cpu_seconds", "involuntary_switches")
        expected: list[tuple[str, int | None]] = [(f"{m}_per_{p}", k) for m in each for p in passes for k in range(3)]
        assert found == Counter([*expected, ("tokens_per_step", None), ("flops_per_step", None)])


def test_all_calls_take_turns_in_an_order_of_each_round() -> None:
    rows = timed(small(passes=PASSES, samples=12))
    turns = [(r.step or 0, r.subject, r.metric) for r in rows if r.metric.startswith("seconds_per_")]
    rounds = [[turn[1:] for turn in turns if turn[0] == k] for k in range(12)]
    assert [step for step, *_ in turns] == sorted(step for step, *_ in turns)
    assert all(len(set(r)) == len(r) == 9 for r in rounds)
    assert len({tuple(r) for r in rounds}) == 12, "the same order in two rounds of nine has a chance of one in 300 000"


@pytest.mark.parametrize(("tokens", "shape"), [(64, (8, 8)), (60, (7, 8)), (8, (1, 8)), (3, (1, 8))])
def test_tokens_make_the_batch_and_a_single_sequence_is_the_least(tokens: int, shape: tuple[int, int]) -> None:
    rows = timed(small(tokens=tokens))
    assert {s["shape"] for s in SEEN if "shape" in s} == {shape}
    assert by_subject(rows, "tokens_per_step") == {n: [float(shape[0] * shape[1])] for n in ("slow", "quick", AA)}


def test_flops_are_three_forward_passes_of_the_whole_batch() -> None:
    architectures = tuple(replace(a, core_parameters=10_000) for a in (*ARCHITECTURES.values(), *BACKENDS.values()))
    trial = small(architectures=architectures, length=16, tokens=32, samples=1)
    found = by_subject(clock(trial), "flops_per_step")
    interface = Interface(length=16, vocabulary=32, outputs=32)
    for architecture in architectures:
        with torch.device("meta"):
            model = architecture.build(interface)
        assert found[architecture.name] == [3 * counted_flops(model, interface, batch=2)]
    assert found[AA] == found[architectures[0].name]


def test_who_cannot_be_counted_is_timed_all_the_same() -> None:
    rows = timed(small(architectures=(SLOW, replace(QUICK, on_meta=False))))
    assert set(by_subject(rows, "flops_per_step")) == {"slow", AA}
    assert set(by_subject(rows, "seconds_per_step")) == {"slow", "quick", AA}


def test_memory_is_measured_when_asked_for_and_outside_the_clocks() -> None:
    trial = small(length=16, tokens=64, passes=("forward", "step"))
    without, rows = timed(trial), timed(replace(trial, memory=True))
    assert not {"peak_bytes", "saved_bytes"} & {r.metric for r in without}
    plain = [r for r in rows if r.metric not in ("peak_bytes", "saved_bytes")]
    assert plain == without
    width, inner = solve(SLOW, EveryPosition(length=16).interface)
    # what enters each product and the GELU; the core's output enters the read-out
    kept = 4 * 64 * (width + inner + inner + width)
    assert by_subject(rows, "saved_bytes") == {name: [kept] for name in ("slow", "quick", AA)}
    peaks = by_subject(rows, "peak_bytes")
    assert peaks["slow"] == peaks["quick"] == peaks[AA]
    assert kept < peaks["slow"][0] < 3 * kept


# How it is measured


@pytest.mark.parametrize(("length", "warm_up"), [(8, 3), (2048, 3), (2080, 1)])
def test_warm_up_goes_by_shape(length: int, warm_up: int) -> None:
    timed(small(length=length, tokens=length, samples=2, passes=("forward", "step")))
    forwards = Counter(s["name"] for s in SEEN if s["name"] != "backward")
    assert forwards == {"slow": 2 * 2 * (warm_up + 2), "quick": 2 * (warm_up + 2)}, "slow and its copy, two passes"


def test_the_forward_pass_alone_keeps_no_graph() -> None:
    timed(small(passes=("forward",)))
    assert {s["graph"] for s in SEEN} == {False}
    SEEN.clear()
    timed(small(passes=("forward_backward",)))
    assert {s["graph"] for s in SEEN if "graph" in s} == {True}


def test_threads_are_set_and_given_back_even_after_a_failure() -> None:
    timed(small(threads=2))
    assert {s["threads"] for s in SEEN if "threads" in s} == {2}
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="broken"):
        timed(small(threads=2, architectures=(replace(SLOW, breaks=True),)))
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_is_around_the_forward_pass_and_not_the_backward(precision: str, dtype: torch.dtype) -> None:
    timed(small(precision=precision, passes=PASSES, memory=True))
    forwards = [s for s in SEEN if s["name"] != "backward"]
    assert {(s["autocast"], s["dtype"]) for s in forwards} == {(precision == "bf16", dtype)}
    assert {s["autocast"] for s in SEEN if s["name"] == "backward"} == {False}


def test_the_loss_is_taken_at_the_same_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, cross_entropy = [], F.cross_entropy

    def watched(logits: Tensor, targets: Tensor) -> Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return cross_entropy(logits, targets)

    monkeypatch.setattr(F, "cross_entropy", watched)
    for precision in ("fp32", "bf16"):
        timed(small(precision=precision))
    half = len(seen) // 2
    assert seen == [False] * half + [True] * half


def test_the_twin_is_another_build_and_each_process_builds_in_an_order_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[tuple[str, int]] = []
    make = Workload.of

    def watched(architecture: Architecture, trial: Clock, seed: int) -> Workload:
        built.append((architecture.name, seed))
        return make(architecture, trial, seed)

    monkeypatch.setattr(Workload, "of", watched)
    orders = set()
    for replicate in range(8):
        built.clear()
        timed(small(replicate=replicate, samples=1))
        assert sorted(built) == [("quick", 0), ("slow", 0), ("slow", 1)]
        orders.add(tuple(built))
    assert len(orders) > 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"passes": ("step", "backward")}, "unknown pass 'backward'; a clock times forward, forward_backward, step"),
        ({"precision": "fp16"}, "precision must be one of fp32, bf16, got 'fp16'"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
    ],
)
def test_what_is_no_clock_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        timed(small(**fields))
    assert perform(small(**fields)).status == "failed"


def test_a_clock_trial_of_what_we_ship_goes_through() -> None:
    names = ("transformer-rotary", "lstm-chrono", "cnn-k8")
    trial = Clock(architectures=tuple(ARCHITECTURES[n] for n in names), length=16, tokens=32, samples=3)
    record = perform(trial)
    assert record.status == "ok", record.reason
    for metric in ("seconds_per_step", "cpu_seconds_per_step"):
        found = by_subject(record.measurements, metric)
        assert set(found) == {*names, AA}
        assert all(len(values) == 3 and min(values) > 0 for values in found.values())
