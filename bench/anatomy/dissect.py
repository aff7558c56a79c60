"""One trained model, one sequence, one forward pass: everything that the page shows of an architecture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.anatomy import attention, convolution, recurrence
from bench.anatomy.flow import Attended, Call, Flow, watched
from bench.anatomy.lessons import Lesson, named
from bench.anatomy.small import RECIPE, Trained
from bench.tasks.task import Batch
from models.architecture import ENCODER_DECODER, SequenceModel, count_parameters
from models.attention import CrossAttention, SelfAttention
from models.cnn_core import Block, CNNCore

SEQUENCE, SOURCE, TARGET = "sequence", "source", "target"
"""What queries or keys stand for: the whole sequence, or a half of it."""


def dissected(name: str, trained: Trained, lesson: Lesson, batch: Batch) -> dict[str, Any]:
    """What was seen of one sequence, as plain data; `analysis.anatomy.record` says what each field is."""
    model = trained.model
    flow, logits = watched(model, batch.inputs)
    scored = batch.scored[0].nonzero().flatten()
    place = int(scored[len(scored) // 2])
    answer = logits[0, place].max()
    return {
        "name": name,
        "role": model.interface.role,
        "width": trained.size.width,
        "inner": trained.size.inner,
        "parameters": {part: count_parameters(module) for part, module in model.named_children()},
        "steps": RECIPE.steps,
        "score": trained.score,
        "sequence": _sequence(lesson, batch, logits.detach(), place),
        "modules": [_module(call) for call in flow.calls],
        "diagram": flow.diagram(),
        "influence": _influence(flow, answer),
        "inside": _inside(flow),
        "heads": _heads(model, flow),
        "worked_query": _worked_query(model, flow, batch, place),
        "cell": _cell(model, flow, batch, place),
        "taps": _taps(model, flow, answer),
    }


def _sequence(lesson: Lesson, batch: Batch, logits: Tensor, place: int) -> dict[str, Any]:
    everywhere, scored = torch.ones_like(batch.scored[0]), batch.scored[0]
    chances = logits[0].softmax(dim=-1)
    right = chances.gather(1, batch.targets[0].unsqueeze(1)).squeeze(1)
    return {
        "task": lesson.task.name,
        "source": lesson.task.interface.source,
        "inputs": named(lesson.symbols, batch.inputs[0], everywhere),
        "answers": named(lesson.symbols, batch.targets[0], scored),
        "predicted": named(lesson.symbols, logits[0].argmax(dim=-1), scored),
        "probability": (right * scored).tolist(),
        "planted": batch.relevant[0].nonzero().flatten().tolist(),
        "place": place,
    }


def _module(call: Call) -> dict[str, Any]:
    kind = type(call.module)
    return {
        "path": call.path,
        "module": kind.__module__,
        "name": kind.__qualname__,
        "inputs": [list(tensor.shape) for tensor in call.inputs],
        "output": list(call.outputs[0].shape) if call.outputs else [],
        "parameters": count_parameters(call.module),
    }


def _influence(flow: Flow, answer: Tensor) -> list[float]:
    """Norm of d answer / d embedding at each position."""
    embedded = next(call.outputs[0] for call in flow.calls if call.path == "embedding")
    (gradient,) = torch.autograd.grad(answer, embedded, retain_graph=True)
    return gradient[0].norm(dim=-1).tolist()


def _inside(flow: Flow) -> dict[str, Any] | None:
    """The first self-attention from inside; None where there is none."""
    calls = [call for call in flow.calls if type(call.module) is SelfAttention]
    return attention.written_out(calls[0]) if calls else None


def _heads(model: SequenceModel, flow: Flow) -> list[dict[str, Any]]:
    return [head | _sides(model, one) for one in flow.attended for head in attention.heads(one)]


def _sides(model: SequenceModel, attended: Attended) -> dict[str, str]:
    """What the queries and the keys of a call stand for."""
    if model.interface.role != ENCODER_DECODER:
        return {"queries": SEQUENCE, "keys": SEQUENCE}
    if isinstance(model.get_submodule(attended.path), CrossAttention):
        return {"queries": TARGET, "keys": SOURCE}
    side = TARGET if attended.options.get("is_causal") else SOURCE
    return {"queries": side, "keys": side}


def _worked_query(model: SequenceModel, flow: Flow, batch: Batch, place: int) -> dict[str, Any] | None:
    """Of the attention to the source in an encoder-decoder, else of any; None without attention."""
    both = model.interface.role == ENCODER_DECODER
    wanted = {"queries": TARGET, "keys": SOURCE} if both else {"queries": SEQUENCE, "keys": SEQUENCE}
    calls = [one for one in flow.attended if _sides(model, one) == wanted]
    planted = [int(position) for position in batch.relevant[0].nonzero()]
    if not calls:
        return None
    query = place - model.interface.source
    return attention.worked_query(calls, query, planted[0] if planted else None) | wanted


def _cell(model: SequenceModel, flow: Flow, batch: Batch, place: int) -> dict[str, Any] | None:
    """Of the last LSTM that reads the whole sequence, at the planted position, or at the answer's; None without one."""
    lstms = [call for call in flow.calls if isinstance(call.module, nn.LSTM) and not call.module.bidirectional]
    whole = [call for call in lstms if call.inputs[0].shape[1] == batch.inputs.shape[1]]
    planted = [int(position) for position in batch.relevant[0].nonzero()]
    return recurrence.worked_cell(whole[-1], (planted or [place])[0]) if whole else None


def _taps(model: SequenceModel, flow: Flow, answer: Tensor) -> dict[str, Any] | None:
    """Of a causal stack of convolutions; None of anything else."""
    if type(model.core) is not CNNCore:
        return None
    blocks = [call for call in flow.calls if isinstance(call.module, Block)]
    convolutions = [call for call in flow.calls if isinstance(call.module, nn.Conv1d)]
    return {
        "levels": convolution.levels(blocks, convolutions, answer),
        "worked": convolution.worked_output(convolutions[-1]),
    }
