"""Decode trials on a fake machine: what is generated, what is timed, and who is left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest
import torch
from strangers import LOOP
from test_timing import FakeMachine
from torch import Tensor, nn

from bench import decoding
from bench.decoding import Decoder, decode
from bench.experiments import perform
from bench.records import Measurement
from bench.trial import Decode
from models import ARCHITECTURES, BACKENDS
from models.architecture import Architecture, Interface, Size
from models.generation import generate

MACHINE = FakeMachine()


class CounterState(NamedTuple):
    """A position that is counted in place, and the tokens seen so far with room for all."""

    position: Tensor
    seen: tuple[Tensor, int]


@dataclass(frozen=True, kw_only=True)
class InPlace(Architecture):
    """A stranger who writes everything into the state that it is handed; two seconds of MACHINE a step, one stolen."""

    name: str = "in-place"
    core_parameters: int = 2_000

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return InPlaceCore(size, interface.length)


class InPlaceCore(nn.Module):
    """An input and the mean of all inputs so far, through two layers."""

    def __init__(self, size: Size, length: int) -> None:
        super().__init__()
        self.out_width, self.length = size.width, length
        self.expand, self.contract = nn.Linear(size.width, size.inner), nn.Linear(size.inner, size.width)

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError("only steps are asked for here")

    def start(self, batch: int) -> CounterState:
        return CounterState(torch.zeros(1, dtype=torch.long), (torch.zeros(self.length, batch, self.out_width), 0))

    def step(self, x: Tensor, state: CounterState) -> tuple[Tensor, CounterState]:
        MACHINE.work(2.0, stolen=1.0)
        assert int(state.position) < self.length, "the room is used up"
        state.seen[0][int(state.position)] = x
        state.position.add_(1)
        mean = state.seen[0].sum(0) / state.position
        return self.contract(torch.tanh(self.expand(x + mean))), state


STRANGER = InPlace()


@pytest.fixture(autouse=True)
def afresh() -> None:
    torch.set_num_threads(1)
    MACHINE.__init__()  # type: ignore[misc]


def small(*architectures: Architecture, **fields: int) -> Decode:
    plain = {"context": 9, "tokens": 4, "samples": 3}
    return Decode(architectures=architectures, **{**plain, **fields})  # type: ignore[arg-type]


def values(rows: list[Measurement], metric: str, subject: str) -> list[float]:
    return [r.value for r in rows if (r.metric, r.subject) == (metric, subject)]


def everyone() -> dict[str, Architecture]:
    shipped = {**ARCHITECTURES, **BACKENDS}
    return {"in-place": STRANGER, **{name: replace(a, core_parameters=10_000) for name, a in shipped.items()}}


@pytest.mark.parametrize("name", list(everyone()))
def test_every_sample_generates_what_greedy_generation_gives(name: str) -> None:
    trial = small(context=20, tokens=12)
    model = everyone()[name].build(Interface(length=32, vocabulary=32, outputs=32), seed=3)
    noise = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data.add_(0.5 * torch.randn(parameter.shape, generator=noise))
    prompt = torch.randint(32, (20, 1), generator=torch.Generator().manual_seed(0)).T
    expected = generate(model, prompt, 13)[0]
    assert len(expected.unique()) > 1, "a model that repeats itself would hide a mistake"
    decoder = Decoder(model, trial)
    for _ in range(3):
        decoder.rewind()
        assert torch.equal(decoder.first, expected[:1])
        assert torch.equal(decoder.generate(), expected[1:])


def test_seconds_are_those_of_the_generated_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = decoding._copied

    def dear(state: object) -> object:
        MACHINE.work(100.0)
        return copied(state)

    monkeypatch.setattr(decoding, "_copied", dear)
    rows = decode(small(STRANGER, context=30, tokens=5), MACHINE.stopwatch())
    assert values(rows, "cpu_seconds_per_token", "in-place") == [2.0] * 3
    assert values(rows, "seconds_per_token", "in-place") == [3.0] * 3
    assert Counter(r.metric for r in rows) == {"seconds_per_token": 3, "cpu_seconds_per_token": 3, "state_bytes": 1}
    assert {r.step for r in rows if r.metric == "seconds_per_token"} == {0, 1, 2}


def test_the_state_has_room_for_context_and_tokens() -> None:
    rows = decode(small(*everyone().values()))
    assert values(rows, "state_bytes", "in-place")[0] == 8 + 4 * 13 * width("in-place", 13)
    cache = 2 * 2 * 13 * width("transformer-rotary", 13)  # keys and values, two layers
    assert values(rows, "state_bytes", "transformer-rotary") == [4 * cache]
    assert values(rows, "state_bytes", "lstm-chrono") == [4 * 2 * 2 * width("lstm-chrono", 13)]
    assert values(rows, "state_bytes", "cnn-k3") == [4 * 2 * 7 * width("cnn-k3", 13)]  # dilations 1, 2, 4 and two taps


def width(name: str, length: int) -> int:
    """Of what leaves the core."""
    return everyone()[name].build(Interface(length=length, vocabulary=32, outputs=32)).readout.in_features


def test_architectures_take_turns_in_changing_order() -> None:
    names = ("in-place", "other", "third")
    rows = decode(small(*(replace(STRANGER, name=n) for n in names), samples=20), MACHINE.stopwatch())
    turns = [(r.step, r.subject) for r in rows if r.metric == "seconds_per_token"]
    rounds = [tuple(name for step, name in turns if step == k) for k in range(20)]
    assert all(sorted(r) == sorted(names) for r in rounds)
    assert len(set(rounds)) > 3


def test_each_process_builds_in_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = InPlace.build

    def watched(self: InPlace, interface: Interface, seed: int = 0) -> nn.Module:
        built.append(self.name)
        return build(self, interface, seed)

    monkeypatch.setattr(InPlace, "build", watched)
    orders = set()
    for replicate in range(8):
        built.clear()
        decode(small(*(replace(STRANGER, name=n) for n in "abc"), samples=1, replicate=replicate), MACHINE.stopwatch())
        orders.add(tuple(built))
    assert {tuple(sorted(order)) for order in orders} == {("a", "b", "c")}
    assert len(orders) > 2


def test_who_cannot_step_is_left_out_and_nobody_at_all_is_an_error() -> None:
    loop = replace(LOOP, name="loop", core_parameters=10_000)
    rows = decode(small(loop, STRANGER), MACHINE.stopwatch())
    assert {r.subject for r in rows} == {"in-place"}
    with pytest.raises(ValueError, match=r"no core of loop goes position by position; give one .*start\(batch\)"):
        decode(small(loop))
    record = perform(small(loop))
    assert (record.status, record.measurements) == ("failed", ())
    assert "goes position by position" in record.reason


@pytest.mark.parametrize("fields", [{"context": 0}, {"tokens": 0}])
def test_something_must_be_read_and_something_written(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="context and tokens must be at least 1"):
        decode(small(STRANGER, **fields))


def test_a_decode_trial_of_what_we_ship_goes_through() -> None:
    names = ("transformer-sinusoidal", "lstm-forget-bias", "cnn-k8")
    record = perform(small(*(everyone()[n] for n in names), samples=2))
    assert record.status == "ok", record.reason
    for name in names:
        assert min(values(list(record.measurements), "seconds_per_token", name)) > 0
        assert record.value("state_bytes", name)
