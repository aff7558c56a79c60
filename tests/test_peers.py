"""Peers trials on a fake machine: who is timed, how often, and what is said of each; nothing looks at real time."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from test_timing import FakeMachine
from torch import Tensor, nn

from bench import peers as module
from bench.contenders import CONTENDERS, Contender, build, natural_size, ours
from bench.contenders_libraries import Shape
from bench.peers import counted_flops, peers, product_by_convolution
from bench.records import Measurement
from bench.trial import Peers
from models.cost import ClosedForm

TRIAL = Peers(width=64, length=16, depth=1, tokens=40, samples=3)
SHAPE = Shape(TRIAL.width, TRIAL.depth, TRIAL.length)
PROBES = {"machine/matmul", "machine/convolution", "machine/copy"}
OURS = {"transformer/ours", "lstm/ours", "cnn/ours"}
MISSING = "no_such_package"
ALWAYS = [name for name, contender in CONTENDERS.items() if contender.package == "torch"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what torch alone can build, the rest made absent, and little to copy."""
    torch.set_num_threads(1)
    monkeypatch.setattr(module, "COPIED_BYTES", 4096)
    for name in set(CONTENDERS) - set(ALWAYS):
        monkeypatch.setitem(CONTENDERS, name, replace(CONTENDERS[name], package=MISSING))


def flat(part: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in part.parameters()])


def values(rows: list[Measurement]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.subject][row.metric].append(row.value)
    return found


def test_everything_the_contract_names_is_there_and_nothing_else() -> None:
    rows = peers(TRIAL, FakeMachine().stopwatch())
    found = values(rows)
    assert set(found) == set(CONTENDERS) | PROBES
    facts = {"installed", "core_parameters", "tokens_per_call", "flops_per_call"}
    passes = {"seconds_per_forward_backward", "cpu_seconds_per_forward_backward"}
    steps = {"flops_per_step", "seconds_per_step", "cpu_seconds_per_step"}
    for subject in ALWAYS:
        assert set(found[subject]) == facts | passes | (steps if subject in OURS else set())
        assert found[subject]["installed"] == [1.0]
        assert found[subject]["tokens_per_call"] == [32.0], "two sequences of 16 fit into 40 tokens"
    for subject in PROBES:
        work = "bytes_per_call" if subject == "machine/copy" else "flops_per_call"
        assert set(found[subject]) == {"seconds_per_call", "cpu_seconds_per_call", work}
    for row in rows:
        assert (row.step is not None) == ("seconds" in row.metric)
    rounds = Counter((row.subject, row.metric, row.step) for row in rows if "seconds" in row.metric)
    assert set(rounds.values()) == {1}
    assert {step for _, _, step in rounds} == {0, 1, 2}


def test_what_is_not_installed_says_so_and_no_more() -> None:
    found = values(peers(TRIAL, FakeMachine().stopwatch()))
    for subject in set(CONTENDERS) - set(ALWAYS):
        assert dict(found[subject]) == {"installed": [0.0]}


def test_work_is_three_forward_passes_of_the_batch() -> None:
    found = values(peers(TRIAL, FakeMachine().stopwatch()))
    for group in ("transformer", "lstm", "cnn"):
        architecture, size = ours(group, SHAPE), natural_size(group, SHAPE)
        assert isinstance(architecture, ClosedForm)
        expected = 3.0 * 2 * architecture.closed_flops(size, SHAPE.interface)
        for subject in (name for name in ALWAYS if name.startswith(group)):
            assert found[subject]["flops_per_call"] == [expected]
        assert found[f"{group}/ours"]["flops_per_step"] == [expected]
        assert found[f"{group}/ours"]["core_parameters"] == [architecture.closed_parameters(size, SHAPE.interface)]
    assert found["machine/matmul"]["flops_per_call"] == [2.0 * 1024**3]
    assert found["machine/convolution"]["flops_per_call"] == [2.0 * 1024**3]
    assert found["machine/copy"]["bytes_per_call"] == [2.0 * 4096], "read and written"


class Tolled(nn.Module):
    """Takes a second of the fake machine forward and two backward, and keeps a diary."""

    def __init__(self, machine: FakeMachine, diary: list[str], name: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.machine, self.diary, self.name = machine, diary, name

    def __deepcopy__(self, memo: object) -> Tolled:
        return Tolled(self.machine, self.diary, self.name)

    def forward(self, x: Tensor) -> Tensor:
        assert x.grad is None, "the gradient of the last call is gone"
        assert self.weight.grad is None or self.name in OURS, "nothing piles up in a weight either"
        if torch.is_grad_enabled():
            assert x.requires_grad
            self.machine.work(1.0)
            self.diary.append(self.name)
        out = x * self.weight
        if out.requires_grad:
            out.register_hook(lambda _: self.machine.work(2.0))
        return out


def tolled(machine: FakeMachine, diary: list[str], name: str) -> Callable[[Shape, int], nn.Module]:
    return lambda shape, parameters: Tolled(machine, diary, name)


def test_a_call_is_timed_forward_and_backward_after_two_untimed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FakeMachine()
    diary: list[str] = []
    names = ("transformer/ours", "transformer/first", "transformer/second")
    monkeypatch.setattr(module, "counted_flops", lambda *_: 0)
    monkeypatch.setattr(
        "bench.contenders.CONTENDERS", table := {n: Contender(tolled(machine, diary, n)) for n in names}
    )
    monkeypatch.setattr(module, "CONTENDERS", table)
    found = values(peers(replace(TRIAL, samples=40), machine.stopwatch()))
    for name in names:
        assert found[name]["cpu_seconds_per_forward_backward"] == [3.0] * 40, "forward and backward"
    assert found["transformer/ours"]["seconds_per_step"] == [3.0] * 40
    assert found["machine/matmul"]["seconds_per_call"] == [0.0] * 40, "nothing of ours runs meanwhile"
    assert "flops_per_call" not in found["transformer/first"], "what cannot be counted is left out"
    times = Counter(diary)
    assert times == {"transformer/ours": 2 * 42, "transformer/first": 42, "transformer/second": 42}
    timed = [name for name in diary[2 * 4 :] if name != "transformer/ours"]
    leads = Counter(timed[::2])
    assert min(leads.values()) > 8, "neither peer always goes first"


def test_a_step_moves_the_weights_and_hardly_and_a_pass_does_not() -> None:
    original = build("transformer/ours", SHAPE)
    batch = module._fixed_batch(original, SHAPE, 2, "cpu")
    passed, stepped = copy.deepcopy(original), copy.deepcopy(original)
    for call in (module._forward_backward(passed, batch), module._training_step(stepped, batch)):
        for _ in range(3):
            call()
    assert torch.equal(flat(passed), flat(original))
    assert 0 < (flat(stepped) - flat(original)).abs().max() < 1e-4
    for part in (*passed.parameters(), *stepped.parameters(), batch.inputs):
        assert part.grad is not None
        assert part.grad.abs().max() > 0


def test_a_pass_is_the_gradient_of_output_times_cotangent() -> None:
    linear = nn.Linear(SHAPE.width, 5)
    batch = module._fixed_batch(linear, SHAPE, 2, "cpu")
    call = module._forward_backward(linear, batch)
    call()
    call()
    assert batch.targets.shape == (2, SHAPE.length, 5)
    torch.testing.assert_close(batch.inputs.grad, batch.targets @ linear.weight)
    torch.testing.assert_close(linear.bias.grad, batch.targets.sum(dim=(0, 1)))


def test_another_replicate_builds_and_asks_in_another_order() -> None:
    def order(trial: Peers) -> list[str]:
        return [row.subject for row in peers(trial, FakeMachine().stopwatch()) if row.metric == "installed"]

    assert order(TRIAL) == order(TRIAL)
    assert order(TRIAL) != order(replace(TRIAL, replicate=1))


def test_one_thread_while_it_runs_and_as_before_after() -> None:
    seen = []
    torch.set_num_threads(2)
    try:
        watch = replace(FakeMachine().stopwatch(), wait=lambda: seen.append(torch.get_num_threads()))
        peers(TRIAL, watch)
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_both_ways_to_multiply_give_one_product() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(64, 48, generator=generator), torch.randn(80, 48, generator=generator)
    torch.testing.assert_close(product_by_convolution(x, weight), x @ weight.t(), rtol=1e-4, atol=1e-4)


def test_what_runs_nowhere_but_on_values_is_not_counted() -> None:
    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x.transpose(1, 2) if x.sum().item() > 0 else x

    assert counted_flops(Looks(), Shape(8, 1, 8), 2) == 0
    assert counted_flops(nn.Linear(8, 4), Shape(8, 1, 16), 2) == 2 * 2 * 16 * 8 * 4


def test_a_width_without_heads_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        peers(replace(TRIAL, width=100), FakeMachine().stopwatch())
