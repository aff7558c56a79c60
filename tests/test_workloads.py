"""The calls that a clock times: that they compute what a training step computes, whatever it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.clocks import EveryPosition, Workload
from bench.tasks.task import Task
from bench.training import make_optimiser, training_step
from bench.trial import Clock, Recipe
from models import ARCHITECTURES, BACKENDS


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def small(precision: str = "fp32") -> Clock:
    return Clock(architectures=(), length=8, tokens=16, precision=precision)


def test_the_loss_is_that_of_every_task_with_all_positions_scored() -> None:
    task = EveryPosition(length=8)
    batch = task.sample(4, torch.Generator().manual_seed(0))
    logits = torch.randn(4, 8, 32, generator=torch.Generator().manual_seed(1))
    assert bool(batch.scored.all())
    torch.testing.assert_close(task.loss(logits, batch), Task.loss(task, logits, batch))


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_step_trains_and_both_passes_leave_gradients_but_no_trace_in_the_weights(name: str) -> None:
    architecture = replace(ARCHITECTURES[name], core_parameters=10_000)
    one = Workload.of(architecture, small(), 0)
    before = [p.detach().clone() for p in one.model.parameters()]
    other = architecture.build(one.task.interface, seed=0)
    expected = torch.autograd.grad(one.task.loss(other(one.batch.inputs), one.batch), list(other.parameters()))
    for _ in range(3):
        one.forward()
        one.forward_backward()
    torch.testing.assert_close([p.grad for p in one.model.parameters()], list(expected))
    assert all(torch.equal(a, b) for a, b in zip(before, one.model.parameters(), strict=True))
    assert not one.forward().requires_grad
    one.step()
    training_step(other, one.task, one.batch, make_optimiser(other, Recipe()), Recipe().clip_norm)
    torch.testing.assert_close(list(one.model.parameters()), list(other.parameters()))
    assert all(not torch.equal(a, b) for a, b in zip(before, one.model.parameters(), strict=True))


@pytest.mark.parametrize("name", [*ARCHITECTURES, *BACKENDS])
def test_bf16_computes_the_same_to_two_decimals(name: str) -> None:
    architecture = replace({**ARCHITECTURES, **BACKENDS}[name], core_parameters=10_000)
    losses = {p: Workload.of(architecture, small(p), 0).forward_backward() for p in ("fp32", "bf16")}
    assert losses["fp32"] != losses["bf16"]
    assert losses["bf16"].item() == pytest.approx(losses["fp32"].item(), rel=0.02)
