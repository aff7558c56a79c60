"""Peak bytes of constructions whose peak is known, and the growth that tells fused attention from written-out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bench.clocks import Workload
from bench.memory import peak_bytes
from bench.trial import Clock
from models.architecture import Architecture
from models.lstm import LSTM
from models.transformer import Transformer

N = 1000
ONE = 4 * N
"""Bytes of a float32 tensor of N numbers."""


def chain(x: Tensor) -> Tensor:
    for _ in range(10):
        x = x + 1
    return x


def both_alive(x: Tensor) -> Tensor:
    first, second = x + 1, x + 2
    return first + second


def freed_before(x: Tensor) -> Tensor:
    first = x + 1
    del first
    second = x + 2
    del second
    return x + 3


def in_place(x: Tensor) -> Tensor:
    y = x + 1
    for _ in range(10):
        y.add_(1).mul_(2)
    return y


def kept_by_a_view(x: Tensor) -> Tensor:
    tail = (x + 1)[-1:]
    return tail + (x + 2)[-1:]


def grown(x: Tensor) -> Tensor:
    out = torch.empty(0)
    torch.cat((x, x, x), out=out)
    return out.resize_(5 * N)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (chain, 2 * ONE),
        (both_alive, 3 * ONE),
        (freed_before, ONE),
        (in_place, ONE),
        (kept_by_a_view, 2 * ONE + 4),
        (grown, 5 * ONE),
        (lambda x: x.mul_(1).view(10, -1).t()[2:].detach(), 0),
        (lambda x: x.view(50, 20) @ x.view(20, 50), 4 * 50 * 50),
        (lambda x: (x.double() + 1).float(), 2 * 2 * ONE),
        (lambda x: [x + k for k in range(7)], 7 * ONE),
        (lambda x: [chain(x) for _ in range(50)], 51 * ONE),
        (lambda x: x.tensor_split(4), 0),
        (lambda x: torch.zeros(9 * N).sum(), 9 * ONE + 4),
    ],
)
def test_peaks_in_closed_form(call: Callable[[Tensor], object], expected: int) -> None:
    x = torch.ones(N)
    assert peak_bytes(lambda: call(x), "cpu") == expected


def test_a_backward_pass_holds_what_was_kept_and_two_gradients_at_a_time() -> None:
    """exp keeps its result: after ten of them ten are held, and the way back frees one for each gradient it makes."""
    x = torch.zeros(N, requires_grad=True)

    def there_and_back() -> None:
        y: Tensor = x
        for _ in range(10):
            y = y.mul(0.1).exp()
        torch.autograd.grad(y, x, torch.ones(N))

    assert peak_bytes(there_and_back, "cpu") in (12 * ONE, 13 * ONE)


def test_what_stays_from_the_first_call_is_not_part_of_the_peak() -> None:
    kept: dict[str, Tensor] = {}

    def call() -> None:
        if not kept:
            kept["state"] = torch.zeros(100 * N)
        kept["state"].add_(1)
        chain(kept["state"][:N])

    assert peak_bytes(call, "cpu") == 2 * ONE


def test_the_mode_ends_with_the_call_even_when_the_call_fails() -> None:
    calls = iter([None, ValueError("out of sorts")])

    def call() -> None:
        if error := next(calls):
            raise error

    with pytest.raises(ValueError, match="out of sorts"):
        peak_bytes(call, "cpu")
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None


def test_a_sparse_tensor_is_let_through() -> None:
    """Its numbers go unseen; the dense matrices on both sides of it do not."""
    assert peak_bytes(lambda: torch.eye(100).to_sparse().to_dense(), "cpu") >= 4 * 100 * 100


def test_on_cuda_the_allocator_is_asked_about_the_second_call(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    class Allocator:
        live, peak = 1_000, 99_999

        def reset(self, device: str) -> None:
            self.peak = self.live
            log.append(f"reset {device}")

        def call(self) -> None:
            log.append("call")
            self.live += 500 if len(log) == 1 else 0  # what the first call leaves behind
            self.peak = max(self.peak, self.live + 70)

    allocator = Allocator()
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: allocator.live)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: allocator.peak)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", allocator.reset)
    assert peak_bytes(allocator.call, "cuda:0") == 70
    assert log == ["call", "reset cuda:0", "call"]


def step_peaks(architecture: Architecture, lengths: tuple[int, ...]) -> list[int]:
    """Of whole training steps on one sequence."""
    trials = [Clock(architectures=(), length=n, tokens=n) for n in lengths]
    return [peak_bytes(Workload.of(architecture, trial, 0).step, "cpu") for trial in trials]


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary"])
def test_attention_is_quadratic_in_memory_only_when_written_out(positions: str) -> None:
    lengths = (256, 512, 768)
    bend = {}
    for fused in (True, False):
        low, middle, high = step_peaks(Transformer(positions=positions, fused=fused, core_parameters=10_000), lengths)
        bend[fused] = high - 2 * middle + low
        assert high > middle > low
    quadratic = 2 * 256**2  # second difference of the square
    assert abs(bend[True]) < 0.01 * quadratic * 4
    assert bend[False] >= 2 * quadratic * 4, "the weights of two layers are kept for the way back"


def test_a_recurrence_grows_in_proportion() -> None:
    for fused in (True, False):
        low, middle, high = step_peaks(LSTM(fused=fused, core_parameters=10_000), (64, 128, 192))
        assert high - middle == pytest.approx(middle - low, rel=0.1)


def test_a_step_holds_what_it_keeps_and_little_more_but_not_what_was_there() -> None:
    one = Workload.of(Transformer(core_parameters=10_000), Clock(architectures=(), length=64, tokens=1024), 0)
    peak, kept = peak_bytes(one.step, "cpu"), one.saved_bytes()
    logits = 4 * 1024 * 32
    assert kept + logits < peak < kept + 4 * logits


def test_saved_bytes_of_a_whole_model_are_those_of_core_and_read_out() -> None:
    class Core(nn.Module):
        out_width = 8

        def forward(self, x: Tensor) -> Tensor:
            return x.exp()

    trial = Clock(architectures=(), length=16, tokens=64)
    one = Workload.of(Transformer(core_parameters=10_000), trial, 0)
    one.model.core, one.model.readout = Core(), nn.Linear(8, 32)
    one.model.embedding = nn.Embedding(32, 8)
    assert one.saved_bytes() == 4 * 16 * 8 * 4, "the exponential, which both exp and the read-out keep, once"
