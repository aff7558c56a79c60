"""One trial in, one record out, whatever goes wrong. This is what runs inside a worker process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import torch

from bench.attacking import attack
from bench.clocks import clock
from bench.decoding import decode
from bench.examined import examine
from bench.explaining import explain
from bench.machine import describe
from bench.overhead import overhead
from bench.peers import peers
from bench.precision import full_single_precision
from bench.reach import gradient_reach, half_length, saved_bytes
from bench.records import Measurement, Record
from bench.tracing import shortest_paths, trace
from bench.training import Trained, train
from bench.transfer import transfer
from bench.trial import Attack, Clock, Decode, Explain, Learn, Overhead, Peers, Trace, Transfer, Trial
from models.architecture import Interface
from models.budget import solve
from models.cost import forward_flops

LONGEST_PATHS = 64
"""Paths between all pairs of positions cost the square of the length in memory; longer traces leave them out."""

Outcome = tuple[str, str, list[Measurement]]
"""Status, reason and measurements."""


def perform(trial: Trial) -> Record:
    """Run one trial. Never raises for the trial's own faults: they become the record's status and reason."""
    wall, cpu = time.perf_counter(), time.process_time()
    status, reason, measurements = _attempt(trial)
    return Record(
        id=trial.id,
        trial=trial.to_json(),
        status=status,
        reason=reason,
        measurements=tuple(measurements),
        machine=describe(trial.device),
        wall_seconds=round(time.perf_counter() - wall, 4),
        cpu_seconds=round(time.process_time() - cpu, 4),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _attempt(trial: Trial) -> Outcome:
    if trial.device.startswith("cuda"):
        full_single_precision()
    try:
        return EXPERIMENTS[type(trial)](trial)
    except (MemoryError, torch.OutOfMemoryError) as error:
        if trial.device.startswith("cuda"):
            torch.cuda.empty_cache()  # the process lives on, and the device may have another one waiting
        return "out of memory", _one_line(error), []
    except RuntimeError as error:
        # The CPU allocator reports exhaustion as a plain RuntimeError.
        status = "out of memory" if "not enough memory" in str(error) else "failed"
        return status, _one_line(error), []
    except Exception as error:
        return "failed", _one_line(error), []


def _one_line(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return " ".join(f"{type(error).__name__}: {error} ({place})".split())[:500]


def _learned(trained: Trained) -> Outcome:
    if trained.diverged_at:
        return "diverged", f"loss not finite at step {trained.diverged_at}", trained.measurements
    return "ok", "", trained.measurements


def _trace(trial: Trace) -> Outcome:
    """Trace the core as it is shipped, at its true width; the shell around it is the same for all."""
    interface = Interface(length=trial.length, vocabulary=16, outputs=16)
    size = solve(trial.architecture, interface)
    model = trial.architecture.build(interface)
    generator = torch.Generator().manual_seed(0)
    example = torch.randn(1, trial.length, size.width, generator=generator)
    rows = [Measurement("width_channels", float(size.width))]
    for cost_model in ("kernel", "pram"):
        traced = trace(model.core, example, cost_model)
        rows.append(Measurement("span_operations", float(traced.span), cost_model))
        rows.append(Measurement("work_operations", float(traced.work), cost_model))
    if trial.length <= LONGEST_PATHS:
        rows += _paths(model.core, example)
    rows.append(Measurement("flops_forward", float(forward_flops(trial.architecture, size, interface))))
    rows.append(Measurement("saved_bytes", float(saved_bytes(model.core, example))))
    reach = gradient_reach(model.core, torch.randn(8, trial.length, size.width, generator=generator), generator)
    rows.append(Measurement("gradient_half_length_positions", half_length(reach)))
    rows += [Measurement("gradient_reach", float(value), step=distance) for distance, value in enumerate(reach)]
    return "ok", "", rows


def _paths(core: torch.nn.Module, example: torch.Tensor) -> list[Measurement]:
    """Longest of the shortest paths between positions, in operations and in weight crossings; pairs reached."""
    rows = []
    for cost_model, metric in (("kernel", "path_operations"), ("weights", "path_weight_crossings")):
        paths = shortest_paths(core, example, cost_model)
        rows.append(Measurement(metric, float(paths[paths.isfinite()].max())))
    length = example.shape[1]
    reached = paths.isfinite().sum().item() / (length * (length + 1) / 2)
    return [*rows, Measurement("structural_reach", reached)]


EXPERIMENTS: dict[type[Trial], Callable[[Any], Outcome]] = {
    Learn: lambda trial: _learned(examine(train(trial), trial)),
    Explain: lambda trial: _learned(explain(trial)),
    Transfer: lambda trial: _learned(transfer(trial)),
    Attack: lambda trial: _learned(attack(trial)),
    Trace: _trace,
    Clock: lambda trial: ("ok", "", clock(trial)),
    Decode: lambda trial: ("ok", "", decode(trial)),
    Peers: lambda trial: ("ok", "", peers(trial)),
    Overhead: lambda trial: ("ok", "", overhead(trial)),
}
