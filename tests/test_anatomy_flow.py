"""Anatomy: the boxes and arrows of a forward pass, the shapes of its modules, and the small models that make it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from anatomised import seen, taken_apart, written
from strangers import Recurrence
from torch import nn

from bench.anatomy import attention, flow, lessons, small
from models import find
from models.architecture import Architecture, Interface, SequenceModel, Size, count_parameters

DECODER, BOTH, LSTM, CNN = "transformer-sinusoidal", "transformer-2017", "lstm-forget-bias", "cnn-k3"


def labels(diagram: dict[str, Any], *numbers: int) -> list[str]:
    return [diagram["boxes"][number]["label"] for number in numbers]


def entering(diagram: dict[str, Any], number: int) -> list[int]:
    return [arrow["source"] for arrow in diagram["arrows"] if arrow["target"] == number]


@pytest.mark.parametrize("name", [DECODER, BOTH, "transformer-rotary"])
def test_written_out_a_module_gives_the_same(name: str) -> None:
    inside = seen(name)["inside"]
    called = [box["label"] for box in inside["diagram"]["boxes"]]
    assert inside["difference"] < 1e-5
    assert ("masked_fill" in called) == (name != BOTH), "the encoder of 2017 comes first, and sees everything"
    assert [label for label in called if label in ("matmul", "softmax")] == ["matmul", "softmax", "matmul"]
    assert called.count("Rotation") == (2 if "rotary" in name else 0)


@pytest.mark.parametrize("name", [DECODER, BOTH, LSTM, CNN])
def test_every_module_is_listed_with_its_own_shapes_and_parameters(name: str) -> None:
    model, _, found = taken_apart(name)
    for module in found["modules"]:
        own = model.model.get_submodule(module["path"])
        assert (module["name"], module["parameters"]) == (type(own).__qualname__, count_parameters(own))
        if isinstance(own, nn.Linear):
            assert (module["inputs"][0][-1], module["output"][-1]) == (own.in_features, own.out_features)
        if isinstance(own, nn.LayerNorm):
            assert module["inputs"][0] == module["output"]
    listed = {module["path"] for module in found["modules"]}
    leaves = {path for path, module in model.model.named_modules() if not list(module.children()) and path}
    assert leaves <= listed
    assert found["modules"][0]["output"] == [1, lessons.LENGTH, model.model.interface.outputs]
    assert found["width"] == 8


@pytest.mark.parametrize(
    ("name", "residual"), [(DECODER, True), (BOTH, True), ("transformer-no-residual", False), (CNN, True)]
)
def test_residual_connections_are_drawn_where_there_are_some(name: str, residual: bool) -> None:
    diagram = seen(name)["diagram"]
    sums = [n for n, box in enumerate(diagram["boxes"]) if box["label"] == "add" and not box["tables"]]
    assert bool(sums) == residual
    for number in sums:
        branch = max(entering(diagram, number))
        assert len(entering(diagram, number)) == 2
        assert labels(diagram, branch)[0] in ("SelfAttention", "CrossAttention", "Dense")


def test_the_norm_stands_where_the_architecture_puts_it() -> None:
    for name, before in ((DECODER, "LayerNorm"), (BOTH, "add")):
        diagram = seen(name)["diagram"]
        first = next(n for n, box in enumerate(diagram["boxes"]) if box["label"] == "SelfAttention")
        assert labels(diagram, *entering(diagram, first)) == [before]
    assert "LayerNorm" not in [box["label"] for box in seen("transformer-no-norm")["diagram"]["boxes"]]
    assert "Identity" not in [box["label"] for box in seen("transformer-no-norm")["diagram"]["boxes"]]


def test_the_decoder_gets_keys_and_values_from_the_end_of_the_encoder() -> None:
    diagram = seen(BOTH)["diagram"]
    paths = [box["path"] for box in diagram["boxes"]]
    key_value, cross = (paths.index(f"core.decoder.blocks.0.cross{end}") for end in (".key_value", ""))
    assert [paths[n] for n in entering(diagram, key_value)] == ["core.encoder.norm"]
    handed = next(a for a in diagram["arrows"] if (a["source"], a["target"]) == (key_value, cross))
    assert handed["shapes"] == [[1, 1, 6, 8]] * 2, "keys and values: batch, heads, source, head width"
    tables = [box["tables"] for box in diagram["boxes"] if box["tables"]]
    assert tables == [["core.encoder.positions"], ["core.decoder.positions"]]


def test_arrows_lead_from_what_was_made_to_what_took_it() -> None:
    for name in (DECODER, BOTH, LSTM, CNN, "min-gru", "linear-attention"):
        diagram = seen(name)["diagram"]
        assert all(arrow["source"] < arrow["target"] for arrow in diagram["arrows"])
        assert {arrow["target"] for arrow in diagram["arrows"]} == set(range(1, len(diagram["boxes"])))
        assert diagram["boxes"][-1]["path"] == "readout"


@pytest.mark.parametrize("scan", [True, False])
def test_a_loop_is_one_box(scan: bool) -> None:
    lesson = lessons.induction()
    model, _ = small.smallest(Recurrence(name="r", family="r", scan=scan), lesson.task.interface, seed=0)
    watch, logits = flow.watched(model, lessons.followed(lesson.task, 0).inputs)
    assert [box.label for box in watch.boxes] == ["inputs", "Embedding", "RecurrenceCore", "Linear"]
    assert logits.shape == (1, lessons.LENGTH, 4)


@dataclass(frozen=True, kw_only=True)
class Dozens(Architecture):
    """Can be built at widths that are multiples of `step` alone."""

    step: int = 12

    def core(self, size: Size, interface: Interface) -> nn.Module:
        if size.width % self.step:
            raise RuntimeError(f"{size.width} is no multiple of {self.step}")
        core = nn.Linear(size.width, size.width)
        core.out_width = size.width  # type: ignore[assignment]
        return core


def test_the_smallest_model_is_the_first_that_can_be_built() -> None:
    interface = lessons.induction().task.interface
    model, size = small.smallest(Dozens(name="d", family="d"), interface, seed=0)
    assert size == Size(12, 12)
    assert isinstance(model, SequenceModel)
    with pytest.raises(ValueError, match=r"no model of any width from 8 to 64 .*8 is no multiple of 100"):
        small.smallest(replace(Dozens(name="d", family="d"), step=100), interface, seed=0)


def test_the_same_seed_writes_the_same_file_and_leaves_torch_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    first = written(tmp_path / "a", CNN, LSTM)
    assert torch.rand(1) == expected, "the global stream is nobody's"
    assert torch.get_num_threads() == threads
    assert first.read_bytes() == written(tmp_path / "b", CNN, LSTM).read_bytes()


def test_an_unknown_name_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown architecture 'lstn-forget-bias'.*lstm-forget-bias"):
        written(tmp_path / "x", CNN, "lstn-forget-bias")
    assert not (tmp_path / "x").exists()


def test_long_enough_training_teaches_what_the_page_shows() -> None:
    """The lesson is learned, and attention looks where the answer stands."""
    lesson = lessons.induction()
    model = small.trained(find(DECODER), lesson.task, 0, lambda line: None)
    assert model.score > 0.95
    watch, _ = flow.watched(model.model, lessons.followed(lesson.task, 0).inputs)
    assert attention.worked_query(watch.attended, lessons.LENGTH - 1, lessons.PLANTED)["weights"][lessons.PLANTED] > 0.5
