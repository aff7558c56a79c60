"""Peers trials: our cores beside other libraries', and the machine's own limits, interleaved in one process.

What is timed of every contender is one call on a fixed batch: gradients cleared, forward, a fixed random cotangent
summed with the output, backward, into the input as well. Of ours a whole training step is timed too. Speeds are only
meant to be compared inside one trial, and so the machine's limits are measured in the very same rounds.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.contenders import CONTENDERS, build, group_of, natural_size, ours
from bench.contenders_libraries import Shape, trained_parameters
from bench.precision import in_precision, intra_op_threads
from bench.records import Measurement
from bench.tasks.task import Batch, Task
from bench.timing import Stopwatch, interleave, stopwatch
from bench.training import make_optimiser, training_step
from bench.trial import FORWARD_BACKWARD, STEP, Peers, Recipe
from models.cost import ClosedForm
from models.dense import POSITIONS

Call = Callable[[], object]
CALL = "call"
"""What a probe of the machine is timed for, where a contender has its passes."""
WARM_UP_CALLS = 2
PROBE, CUDA_PROBE = 1024, 8192
"""Rows and columns of the matrices that the machine's rate is measured with: enough work to reach it."""
COPIED_BYTES = 256 << 20
"""Size of what is copied: far beyond any cache."""
RECIPE = Recipe(learning_rate=1e-6)
"""Of the timed training steps: the rate leaves the weights where they are, and the arithmetic is that of any other."""


class Probe(NamedTuple):
    """A call that shows what the machine can do, and the work in it."""

    call: Call
    metric: str
    amount: float


def peers(trial: Peers, watch: Stopwatch | None = None) -> list[Measurement]:
    """Run one peers trial on one thread: raw samples of every contender that is installed, and of the probes.

    `watch` replaces the device's own stopwatch. Raises ValueError for a width that does not suit a contender.
    """
    with intra_op_threads(1):
        # the order in which they are built decides where they lie in memory, so it is drawn as well
        dice = random.Random(f"{trial.replicate}/{trial.width}/{trial.length}")
        rows, calls = _contenders(trial, dice.sample(list(CONTENDERS), len(CONTENDERS)))
        for subject, probe in _probes(trial).items():
            rows.append(Measurement(probe.metric, probe.amount, subject))
            calls[subject, CALL] = probe.call
        for call in calls.values():
            for _ in range(WARM_UP_CALLS):
                call()
        watch = watch or stopwatch(trial.device)
        for (subject, what), number, sample in interleave(calls, trial.samples, dice, watch):
            rows.append(Measurement(f"seconds_per_{what}", sample.seconds, subject, number))
            rows.append(Measurement(f"cpu_seconds_per_{what}", sample.cpu_seconds, subject, number))
    return rows


def _contenders(trial: Peers, subjects: list[str]) -> tuple[list[Measurement], dict[tuple[str, str], Call]]:
    """What is known of each before it runs, and the calls to time, by subject and pass."""
    rows: list[Measurement] = []
    calls: dict[tuple[str, str], Call] = {}
    shape, size = Shape(trial.width, trial.depth, trial.length), max(1, trial.tokens // trial.length)
    for subject in subjects:
        rows.append(Measurement("installed", float(CONTENDERS[subject].installed), subject))
        if not CONTENDERS[subject].installed:
            continue
        module = build(subject, shape)
        rows.append(Measurement("core_parameters", float(trained_parameters(module)), subject))
        rows.append(Measurement("tokens_per_call", float(size * trial.length), subject))
        is_ours = subject.endswith("/ours")
        flops = _closed_flops(subject, shape, size) if is_ours else counted_flops(module, shape, size)
        if flops:
            rows.append(Measurement("flops_per_call", float(3 * flops), subject))
        # the step has a copy of its own: an optimiser may lay parameters and gradients out as suits it
        another = _ready(copy.deepcopy(module), trial) if is_ours else module
        batch = _fixed_batch(_ready(module, trial), shape, size, trial.device)
        if is_ours:
            rows.append(Measurement("flops_per_step", float(3 * flops), subject))
            calls[subject, STEP] = _training_step(another, batch)
        calls[subject, FORWARD_BACKWARD] = _forward_backward(module, batch)
    return rows, calls


def _ready(module: nn.Module, trial: Peers) -> nn.Module:
    """The module on the trial's device and in its precision."""
    return in_precision(module.to(trial.device), trial.precision, torch.device(trial.device))


def _closed_flops(subject: str, shape: Shape, batch: int) -> int:
    """FLOPs of a forward pass of one of ours."""
    architecture = ours(group_of(subject), shape)
    assert isinstance(architecture, ClosedForm)
    return batch * architecture.closed_flops(natural_size(group_of(subject), shape), shape.interface)


def counted_flops(module: nn.Module, shape: Shape, batch: int) -> int:
    """FLOPs of a forward pass, counted on a copy on meta, where no kernel is hidden; 0 where it cannot run there.

    Fake tensors, since libraries that look at values know them, and leave the look out.
    """
    on_meta = copy.deepcopy(module).to("meta")
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), FlopCounterMode(display=False) as counter:
            on_meta(torch.zeros(batch, shape.length, shape.width, device="meta"))
    except RuntimeError:  # a kernel without a meta form, or a branch on a value after all
        return 0
    return counter.get_total_flops()


@torch.no_grad()
def _fixed_batch(module: nn.Module, shape: Shape, size: int, device: str) -> Batch:
    """Embeddings (B, L, D) that take a gradient, and the cotangent (B, L, out) of the module's output."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(size, shape.length, shape.width, generator=generator).to(device)
    cotangent = torch.randn(module(inputs).shape, generator=generator).to(device)
    everywhere = torch.ones(size, shape.length, dtype=torch.bool, device=device)
    return Batch(inputs.requires_grad_(), cotangent, everywhere, ~everywhere)


class Projected(Task):
    """The task whose loss is the sum of output times cotangent: nothing but the module's own work."""

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """A scalar."""
        return (logits * batch.targets).sum()


def _forward_backward(module: nn.Module, batch: Batch) -> Call:
    task = Projected(length=batch.inputs.shape[1])

    def call() -> None:
        module.zero_grad(set_to_none=True)
        batch.inputs.grad = None
        task.loss(module(batch.inputs), batch).backward()

    return call


def _training_step(module: nn.Module, batch: Batch) -> Call:
    """As in a learn trial, clipping and optimiser included."""
    task, optimiser = Projected(length=batch.inputs.shape[1]), make_optimiser(module, RECIPE)

    def call() -> None:
        batch.inputs.grad = None
        training_step(module, task, batch, optimiser, RECIPE.clip_norm)

    return call


def _probes(trial: Peers) -> dict[str, Probe]:
    """The machine's rate of multiplication, two ways, and its memory's bandwidth."""
    generator = torch.Generator().manual_seed(0)
    rows, kind = probe_rows(trial.device), torch.bfloat16 if trial.precision == "bf16" else torch.float32
    left, right = (torch.randn(rows, rows, generator=generator).to(trial.device, kind) for _ in range(2))
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device=trial.device)
    target = torch.ones_like(source)
    flops = 2.0 * rows**3
    return {
        "machine/matmul": Probe(lambda: torch.mm(left, right), "flops_per_call", flops),
        "machine/convolution": Probe(lambda: product_by_convolution(left, right), "flops_per_call", flops),
        "machine/copy": Probe(lambda: target.copy_(source), "bytes_per_call", 2.0 * COPIED_BYTES),
    }


def probe_rows(device: str) -> int:
    """Rows and columns of the probing matrices on a device."""
    return CUDA_PROBE if device.startswith("cuda") else PROBE


def product_by_convolution(x: Tensor, weight: Tensor) -> Tensor:
    """x (P, D) times weight (C, D) transposed -> (P, C): the one-tap convolution of models.dense, on every machine."""
    rows = x.view(-1, 1, POSITIONS, x.shape[-1]).permute(0, 3, 1, 2)
    return F.conv2d(rows, weight[:, :, None, None]).permute(0, 2, 3, 1).reshape(len(x), -1)
