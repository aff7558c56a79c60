"""Captioned: attributes of drawn strokes, batches by hand, floors, and an examination of a model that knows all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.claims.examine_captions import (
    SHOWN_CAPTIONS,
    caption_floor,
    examine,
    image_losses,
    retrieval_accuracy,
)
from bench.records import Measurement, Record, from_line, to_line
from bench.tasks.captioned import CAPTION_FIRST, IMAGE_FIRST, WORDS, Captioned, captions, describe, sequences
from bench.tasks.digit_images import images, ink, lean
from bench.tasks.task import stream
from bench.trial import Learn
from models import find

TASK = Captioned()
TRIAL = Learn(architecture=find("cnn-k3"), task=TASK)
KNOWN = images("test").levels
SURE = 50.0


class Recalls(nn.Module):
    """Knows the test images and their captions. An image surprises it after a caption that is not its own.

    Step by step it writes the caption of the image that it reads, and draws the first image of a caption.
    """

    interface = TASK.interface

    def forward(self, inputs: Tensor) -> Tensor:
        captioned = inputs[:, 0] == CAPTION_FIRST
        read = torch.where(captioned[:, None], inputs[:, 4:], inputs[:, 1:64])
        at = (read[:, None] == KNOWN[:, :-1]).all(2).int().argmax(1)
        true = sequences(KNOWN[at], captions("test")[at], ~captioned)
        right = torch.where(captioned, (inputs[:, 1:4] == true.inputs[:, 1:4]).all(1), torch.ones_like(captioned))
        sure = nn.functional.one_hot(true.targets, 31) * SURE * right[:, None, None]
        sure[~captioned, :64] = 0  # before its caption an image is news
        return sure

    def start(self, batch: int) -> tuple[Any, ...]:
        return (torch.zeros(batch, 0, dtype=torch.int64),)

    def step(self, inputs: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        read = torch.cat([state[0], inputs[:, None]], dim=1)
        answers = [self._next(row.tolist()) for row in read]
        return nn.functional.one_hot(torch.tensor(answers), 31) * SURE, (read,)

    def _next(self, read: list[int]) -> int:
        if len(read) < (65 if read[0] == IMAGE_FIRST else 4):
            return 0
        if read[0] == IMAGE_FIRST:
            at = (torch.tensor(read[1:65]) == KNOWN).all(1).int().argmax()
            return 17 + int(captions("test")[at][len(read) - 65])
        at = (captions("test") + 17 == torch.tensor(read[1:4])).all(1).int().argmax()
        return int(KNOWN[at][len(read) - 4])


class Shrugs(nn.Module):
    """Finds every token as likely as every other."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.zeros(*inputs.shape, 31)


def drawn(*rows: str) -> Tensor:
    """An image from eight rows of eight characters: # is ink."""
    return torch.tensor([[16 if mark == "#" else 0 for mark in "".join(rows)]])


UPRIGHT = drawn(*["...##..."] * 8)
RIGHT = drawn(*["." * (7 - row) + "#" + "." * row for row in range(8)])
LEFT = drawn(*["." * row + "#" + "." * (7 - row) for row in range(8)])
BARELY_RIGHT = drawn(*["....#..."] * 4, *["...#...."] * 4)


def found(rows: list[Measurement], metric: str, subject: str = "") -> list[float]:
    return [row.value for row in rows if row.metric == metric and row.subject == subject]


def test_lean_is_the_shear_of_strokes_drawn_by_hand() -> None:
    slopes = lean(torch.cat([UPRIGHT, RIGHT, LEFT]))
    assert slopes.tolist() == pytest.approx([0, 1, -1])
    rows = np.arange(7, -1, -1)
    assert lean(BARELY_RIGHT).item() == pytest.approx(np.polyfit(rows, [4] * 4 + [3] * 4, 1)[0])
    assert lean(RIGHT // 2) == pytest.approx(1), "how dark the ink is does not matter"
    with pytest.raises(ValueError, match="two rows"):
        lean(drawn("########", *["........"] * 7))


def test_ink_is_the_mean_level() -> None:
    assert ink(torch.cat([UPRIGHT, RIGHT, drawn(*["#" * 8] * 8)])).tolist() == [4, 2, 16]


def test_captions_say_the_digit_and_halve_the_training_images_by_each_attribute() -> None:
    words = captions("train")
    assert torch.equal(words[:, 0], images("train").labels)
    for place, (low, high) in ((1, (10, 11)), (2, (12, 13))):
        counts = words[:, place].bincount(minlength=14)
        assert counts[low] + counts[high] == 1200
        assert abs(counts[low] - counts[high]) <= 50, "ink has ties at its median"
    heavy, right = drawn(*["#" * 8] * 8), RIGHT
    said = describe(torch.cat([heavy, right]), torch.tensor([8, 1]))
    assert [WORDS[w] for w in said[0]][:2] == ["eight", "thick"]
    assert [WORDS[w] for w in said[1]] == ["one", "thin", "right"]


def test_thick_and_right_are_told_by_numbers_of_the_image_itself() -> None:
    levels, words = images("test").levels.double().numpy(), captions("test").numpy()
    weights = images("train").levels.double().sum(1)
    assert ((levels.sum(1) > weights.median().item()) == (words[:, 1] == 11)).all()
    slopes = []
    for image in levels.reshape(-1, 8, 8):
        row, column = (axis.ravel() for axis in np.mgrid[:8, :8])
        slopes.append(np.polyfit(-row, column, 1, w=np.sqrt(image.ravel()))[0])  # weighted least squares
    told_apart = np.array(slopes)[:, None] > np.sort(slopes)[None]
    assert lean(images("test").levels).numpy() == pytest.approx(np.array(slopes), abs=1e-9)
    assert told_apart.sum(1)[words[:, 2] == 13].min() > told_apart.sum(1)[words[:, 2] == 12].max()


def test_a_batch_by_hand_in_either_order() -> None:
    levels = torch.arange(128).view(2, 64) % 17
    words = torch.tensor([[7, 10, 13], [0, 11, 12]])
    batch = sequences(levels, words, torch.tensor([True, False]))
    first, second = levels.tolist()
    assert batch.targets.tolist() == [[*first, 24, 27, 30], [17, 28, 29, *second]]
    assert batch.inputs.tolist() == [[31, *first, 24, 27], [32, 17, 28, 29, *second[:-1]]]
    assert batch.scored.all()
    assert not batch.relevant.any()
    assert (TASK.interface.length, TASK.interface.vocabulary, TASK.interface.outputs) == (67, 33, 31)


def test_a_draw_has_both_orders_and_no_image_twice() -> None:
    batch = TASK.draw("train", 32, stream("train", 0))
    assert batch.inputs[:, 0].tolist() == [31] * 16 + [32] * 16
    test = TASK.draw("test", 1000, stream("test", 0))
    pixels = torch.cat([test.targets[:198, :64], test.targets[198:, 3:]])
    assert sorted(pixels.tolist()) == sorted(KNOWN.tolist())


def test_a_word_weighs_as_much_as_eight_pixels_in_training_and_as_one_in_the_metric() -> None:
    batch = TASK.draw("train", 8, stream("train", 0))
    logits = torch.randn(8, 67, 31, generator=stream("test", 0)).double()
    nats = -logits.log_softmax(-1).gather(2, batch.targets[..., None]).squeeze(2)
    weights = torch.where(batch.targets < 17, 1.0, 8.0).double()
    assert TASK.loss(logits, batch).item() == pytest.approx(((nats * weights).sum() / weights.sum()).item())
    assert TASK.metric(logits, batch) == pytest.approx(nats.mean().item())


def test_the_floor_is_what_counting_gives() -> None:
    (train, asked), nats = ((images(s).levels.numpy(), captions(s).numpy()) for s in ("train", "test")), 0.0
    for known, new, kinds in ((train[0], asked[0], 17), (train[1], asked[1], 14)):
        for place in range(known.shape[1]):
            for value in new[:, place]:
                nats -= np.log(((known[:, place] == value).sum() + 0.5) / (1200 + kinds / 2))
    assert TASK.chance == pytest.approx(nats / (397 * 67), rel=1e-12)
    most, _ = Counter(map(tuple, train[1].tolist())).most_common(1)[0]
    share = np.mean([tuple(row) == most for row in asked[1].tolist()])
    assert caption_floor(captions("train"), captions("test")) == pytest.approx(share)


def test_a_model_that_knows_all_retrieves_all_and_only_a_wrong_caption_misleads_it() -> None:
    losses = image_losses(Recalls(), KNOWN, captions("test"), "cpu")
    assert losses["with caption"] == pytest.approx(0, abs=1e-9)
    assert losses["without caption"] == losses["wrong caption"] == pytest.approx(np.log(31))
    assert retrieval_accuracy(Recalls(), KNOWN[:100], captions("test")[:100], "cpu") == 1.0


def test_a_model_that_knows_nothing_retrieves_a_tenth() -> None:
    losses = image_losses(Shrugs(), KNOWN, captions("test"), "cpu")
    assert list(losses.values()) == pytest.approx([np.log(31)] * 3)
    assert retrieval_accuracy(Shrugs(), KNOWN, captions("test"), "cpu") == pytest.approx(0.1, abs=0.05)


def test_an_examination_of_a_model_that_knows_all() -> None:
    rows = examine(Recalls(), TRIAL)  # type: ignore[arg-type]
    assert found(rows, "caption_exact_match") == found(rows, "retrieval_accuracy") == [1.0]
    assert found(rows, "caption_floor")[0] < 0.2
    for k in range(6):
        assert found(rows, "example_pixel", f"image {k}") == KNOWN[k].tolist()
        assert found(rows, "sample_word", f"image {k}") == captions("test")[k].tolist()
        assert found(rows, "example_word", f"image {k}") == captions("test")[k].tolist()
    for said in SHOWN_CAPTIONS:
        numbers = torch.tensor([WORDS.index(word) for word in said.split()])
        at = (captions("test") == numbers).all(1).int().argmax()
        for k in range(2):
            assert found(rows, "sample_token", f"caption {said} sample {k}") == KNOWN[at].tolist()
    record = Record(id=TRIAL.id, trial=TRIAL.to_json(), status="ok", measurements=tuple(rows))
    assert from_line(to_line(record)).measurements == record.measurements


def test_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="length must be 67"):
        Captioned(length=64)
