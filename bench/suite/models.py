"""What a call costs: forward, forward and backward, the whole training step, and the peak memory of a step.

Every position is scored, as in language modelling, and each call has the same number of tokens at every length. The
batch is drawn once: data generation is no part of a call.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch

# Making an optimiser imports it, which takes a second: once in asv's forkserver, not once a cell.
import torch._dynamo
from torch import Tensor

from bench.tasks import TASKS
from bench.tasks.task import Batch, Task
from bench.training import make_optimiser, training_step
from bench.trial import Recipe
from models import ARCHITECTURES
from models.architecture import SequenceModel

TOKENS = 1024
LENGTHS = [64, 256, 1024]
MEMORY_TOKENS, MEMORY_LENGTH = 16_384, 512

# asv's forkserver forks from a process that has imported this file. Asked through NVML, torch does not start CUDA,
# which would not survive the fork.
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


@dataclass(frozen=True)
class _Case:
    model: SequenceModel
    task: Task
    batch: Batch
    optimiser: torch.optim.Optimizer


# asv runs `setup` again before every timed call, so what it returns is kept.
@functools.lru_cache(maxsize=1)
def _case(architecture: str, length: int, device: str, tokens: int) -> _Case:
    task = TASKS["markov"](length=length)
    model = ARCHITECTURES[architecture].build(task.interface, seed=0).to(device)
    batch = task.sample(max(1, tokens // length), torch.Generator().manual_seed(0)).to(device)
    return _Case(model, task, batch, make_optimiser(model, Recipe()))


class Call:
    """One call on a fixed batch, to an idle device. The results are for the tests; asv does not look at them."""

    params: Sequence[Sequence[str | int]] = (list(ARCHITECTURES), LENGTHS, DEVICES)
    param_names = ("architecture", "length", "device")
    version = "1"
    rounds = 4
    repeat = (5, 10, 2.0)

    def setup(self, architecture: str, length: int, device: str) -> None:
        """Build, or find, model and batch; on CUDA wait until they are there."""
        self.case = _case(architecture, length, device, TOKENS)
        _wait(device)

    def time_forward(self, architecture: str, length: int, device: str) -> Tensor:
        """One forward pass as in inference; logits (B, L, outputs)."""
        with torch.no_grad():
            logits = self.case.model(self.case.batch.inputs)
        _wait(device)
        return logits

    def time_forward_backward(self, architecture: str, length: int, device: str) -> Tensor:
        """Forward, loss and backward; the loss, a scalar."""
        case = self.case
        case.optimiser.zero_grad(set_to_none=False)
        loss = case.task.loss(case.model(case.batch.inputs), case.batch)
        loss.backward()
        _wait(device)
        return loss.detach()

    def time_training_step(self, architecture: str, length: int, device: str) -> Tensor:
        """Forward, loss, backward, clip and update; the loss before the update, a scalar."""
        loss = _step(self.case)
        _wait(device)
        return loss

    time_forward.pretty_name = "Forward pass"  # type: ignore[attr-defined]
    time_forward_backward.pretty_name = "Forward and backward pass"  # type: ignore[attr-defined]
    time_training_step.pretty_name = "Training step"  # type: ignore[attr-defined]


class HostMemory:
    """Peak resident memory of a process that makes one large training step; some 200 MB of it are torch itself."""

    params = (list(ARCHITECTURES),)
    param_names = ("architecture",)
    version = "1"

    def peakmem_step(self, architecture: str) -> None:
        """Bytes."""
        _large_step(architecture, "cpu")

    peakmem_step.pretty_name = "Peak memory of the process"  # type: ignore[attr-defined]


if "cuda" in DEVICES:

    class DeviceMemory:
        """Peak memory that one large training step allocates on the CUDA device."""

        params = (list(ARCHITECTURES),)
        param_names = ("architecture",)
        version = "1"
        unit = "bytes"

        def track_bytes(self, architecture: str) -> int:
            """Bytes, of the second step: the first one makes the optimiser's state and the libraries' workspaces."""
            _large_step(architecture, "cuda")
            torch.cuda.reset_peak_memory_stats()
            _large_step(architecture, "cuda")
            return torch.cuda.max_memory_allocated()

        track_bytes.pretty_name = "Peak memory on the CUDA device"  # type: ignore[attr-defined]


def _large_step(architecture: str, device: str) -> None:
    _step(_case(architecture, MEMORY_LENGTH, device, MEMORY_TOKENS))


def _step(case: _Case) -> Tensor:
    return training_step(case.model, case.task, case.batch, case.optimiser, Recipe().clip_norm)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)
