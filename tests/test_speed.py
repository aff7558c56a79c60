"""asv's calls under pytest-benchmark: `make test` makes each once and checks the outcome, `make bench` times them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.suite.models import DEVICES, LENGTHS, TOKENS, Call
from models import ARCHITECTURES
from models.architecture import count_parameters

ROUNDS, WARM_UP_ROUNDS = 150, 5
CALL = Call()


def every_cell(test: Callable[..., None]) -> Callable[..., None]:
    for axis, values in (("device", DEVICES), ("length", LENGTHS), ("name", list(ARCHITECTURES))):
        test = pytest.mark.parametrize(axis, values)(test)
    return test


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def measure(
    benchmark: BenchmarkFixture, timed: Callable[[str, int, str], torch.Tensor], name: str, length: int, device: str
) -> torch.Tensor:
    """Time one of asv's calls, write down what it was, and return what it returned."""
    model = CALL.case.model
    benchmark.group = f"{timed.pretty_name}, length {length}, {device}"  # type: ignore[attr-defined]
    benchmark.extra_info.update(
        architecture=name,
        family=ARCHITECTURES[name].family,
        parameters=count_parameters(model),
        core_parameters=count_parameters(model.core),
        length=length,
        tokens=CALL.case.batch.inputs.numel(),
        device=device,
    )
    result = benchmark.pedantic(timed, args=(name, length, device), rounds=ROUNDS, warmup_rounds=WARM_UP_ROUNDS)
    if benchmark.stats is not None:
        benchmark.extra_info["tokens_per_second"] = TOKENS / benchmark.stats.stats.median
    return result


@every_cell
def test_forward(benchmark: BenchmarkFixture, name: str, length: int, device: str) -> None:
    CALL.setup(name, length, device)
    logits = measure(benchmark, CALL.time_forward, name, length, device)
    assert logits.shape == (TOKENS // length, length, CALL.case.task.interface.outputs)
    assert not logits.requires_grad, "as in inference"
    assert logits.isfinite().all()


@every_cell
def test_forward_backward(benchmark: BenchmarkFixture, name: str, length: int, device: str) -> None:
    CALL.setup(name, length, device)
    loss = measure(benchmark, CALL.time_forward_backward, name, length, device)
    gradients = [p.grad for p in CALL.case.model.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    torch.testing.assert_close(CALL.time_forward_backward(name, length, device), loss, msg="nothing is updated")
    torch.testing.assert_close([p.grad for p in CALL.case.model.parameters()], gradients, msg="nothing adds up")


@every_cell
def test_training_step(benchmark: BenchmarkFixture, name: str, length: int, device: str) -> None:
    CALL.setup(name, length, device)
    before = [p.detach().clone() for p in CALL.case.model.parameters()]
    loss = measure(benchmark, CALL.time_training_step, name, length, device)
    assert loss.isfinite()
    assert all(not torch.equal(a, b) for a, b in zip(before, CALL.case.model.parameters(), strict=True))
