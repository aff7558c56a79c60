"""Digits: the split, the floors, batches by hand, and an examination of a model that knows every image."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from bench.claims.examine_digits import examine, judged_accuracy, likelihood_accuracy
from bench.records import Measurement, Record, from_line, to_line
from bench.tasks.digit_images import images, pixel_marginal
from bench.tasks.digits import Digits
from bench.tasks.task import SPLITS, stream
from bench.trial import Learn
from models import find

CNN = find("cnn-k3")
DIGEST_OF_TEST = "d8820285be2e"


class Recalls(nn.Module):
    """Knows the test images: sure of every pixel of an image under its own class, and of nothing under another.

    It draws the k-th image of a class for the k-th row that asks for the class.
    """

    interface = Digits(labelled=True).interface

    def __init__(self) -> None:
        super().__init__()
        self.levels, self.labels = images("test")

    def forward(self, inputs: Tensor) -> Tensor:
        known = (inputs[:, None, 1:] == self.levels[:, :-1]).all(2).int().argmax(1)
        own = (inputs[:, 0] - 18 == self.labels[known]).float()
        return nn.functional.one_hot(self.levels[known], 17) * 50.0 * own[:, None, None]

    def start(self, batch: int) -> tuple[Any, ...]:
        return (0, torch.zeros(batch, 64))

    def step(self, inputs: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        place, chosen = state
        if not place:
            turn = [(inputs[:row] == token).sum().item() for row, token in enumerate(inputs)]
            chosen = torch.stack(
                [self.levels[self.labels == token - 18][k] for token, k in zip(inputs, turn, strict=True)]
            )
        else:
            assert torch.equal(inputs, chosen[:, place - 1])
        return nn.functional.one_hot(chosen[:, place], 17) * 50.0, (place + 1, chosen)


def trial(labelled: bool) -> Learn:
    return Learn(architecture=CNN, task=Digits(labelled=labelled))


def found(rows: list[Measurement], metric: str, subject: str = "") -> list[float]:
    return [row.value for row in rows if row.metric == metric and row.subject == subject]


def test_the_splits_are_disjoint_complete_and_fixed() -> None:
    parts = [images(split) for split in SPLITS]
    assert [len(part.levels) for part in parts] == [1200, 200, 397]
    together = np.column_stack([torch.cat([p.levels for p in parts]), torch.cat([p.labels for p in parts])])
    everything = np.column_stack(load_digits(return_X_y=True)).astype(int)
    assert sorted(map(tuple, together)) == sorted(map(tuple, everything))
    assert len({row.tobytes() for row in together[:, :64]}) == len(together), "no image is there twice"
    digest = hashlib.sha256(parts[2].levels.numpy().astype(np.uint8).tobytes()).hexdigest()[:12]
    assert digest == DIGEST_OF_TEST, "published figures are of other test images"


def test_every_digit_is_in_every_split_about_as_often() -> None:
    for split in SPLITS:
        counts = images(split).labels.bincount(minlength=10)
        assert counts.min() > 0.6 * counts.sum() / 10


def test_the_floor_is_what_counting_gives() -> None:
    train, test = (images(split).levels.numpy() for split in ("train", "test"))
    nats = 0.0
    for pixel in range(64):
        for level in test[:, pixel]:
            nats -= np.log(((train[:, pixel] == level).sum() + 0.5) / (1200 + 17 / 2))
    assert pixel_marginal() == pytest.approx(nats / test.size, rel=1e-12)
    assert Digits().chance == pixel_marginal() == Digits(labelled=True).chance


def test_a_model_at_the_floor_scores_zero_and_one_that_knows_scores_one() -> None:
    task = Digits()
    batch = task.draw("test", 1000, stream("test", 0))
    train = images("train").levels
    shares = (nn.functional.one_hot(train, 17).double().sum(0) + 0.5) / (len(train) + 8.5)
    marginal = shares.log().expand(397, 64, 17)
    assert task.score(task.metric(marginal, batch)) == pytest.approx(0, abs=1e-12)
    assert task.score(task.metric(nn.functional.one_hot(batch.targets, 17) * 1000.0, batch)) == pytest.approx(1)


@pytest.mark.parametrize("labelled", [False, True])
def test_a_batch_by_hand(labelled: bool) -> None:
    levels = torch.arange(128).view(2, 64) % 17
    batch = Digits(labelled=labelled).batch(levels, torch.tensor([7, 0]))
    assert batch.inputs[:, 0].tolist() == ([25, 18] if labelled else [17, 17])
    assert batch.inputs[:, 1:].tolist() == [[t % 17 for t in range(63)], [t % 17 for t in range(64, 127)]]
    assert torch.equal(batch.targets, levels)
    assert batch.scored.all()
    assert not batch.relevant.any()
    interface = Digits(labelled=labelled).interface
    assert (interface.length, interface.vocabulary, interface.outputs) == (64, 28, 17)


def test_a_draw_holds_no_image_twice_and_stays_in_its_split() -> None:
    task = Digits(labelled=True)
    for split in SPLITS:
        whole = {tuple(row) for row in images(split).levels.tolist()}
        batch = task.draw(split, 5000, stream(split, 1))
        assert {tuple(row) for row in batch.targets.tolist()} == whole
        assert len(batch.targets) == len(whole)
    some = [task.draw("train", 32, stream("train", seed)) for seed in (0, 0, 1)]
    assert torch.equal(some[0].targets, some[1].targets)
    assert not torch.equal(some[0].targets, some[2].targets)
    pairs = zip(images("train").levels.tolist(), images("train").labels, strict=True)
    known = {tuple(row): int(label) for row, label in pairs}
    assert [known[tuple(row)] + 18 for row in some[2].targets.tolist()] == some[2].inputs[:, 0].tolist()


def test_likelihoods_of_a_model_that_knows_tell_the_class_and_wrong_labels_do_not() -> None:
    levels, labels = images("test")
    assert likelihood_accuracy(Recalls(), levels, labels, "cpu") == 1.0
    assert likelihood_accuracy(Recalls(), levels, (labels + 1) % 10, "cpu") == 0.0


def test_the_judge_knows_real_digits_as_another_classifier_does() -> None:
    levels, labels = images("test")
    neighbours = KNeighborsClassifier(3).fit(*(held.numpy() for held in images("train")))
    assert judged_accuracy(levels, labels) == pytest.approx(neighbours.score(levels, labels), abs=0.015)
    assert judged_accuracy(levels, labels) > 0.97
    assert judged_accuracy(levels, (labels + 3) % 10) < 0.02


def test_an_examination_of_a_model_that_draws_real_digits() -> None:
    rows = examine(Recalls(), trial(labelled=True))  # type: ignore[arg-type]
    assert found(rows, "likelihood_accuracy") == [1.0]
    assert found(rows, "judged_accuracy")[0] >= 0.97
    assert found(rows, "judge_accuracy")[0] >= 0.97
    levels, labels = images("test")
    for c in range(10):
        for k in range(2):
            assert found(rows, "sample_token", f"class {c} sample {k}") == levels[labels == c][k].tolist()
    assert [row.step for row in rows if row.subject == "class 3 sample 1"] == list(range(64))
    assert_can_be_recorded(rows)


def test_an_examination_of_an_untrained_model_is_bound_to_the_seed() -> None:
    model = CNN.build(Digits().interface)
    rows, again = (examine(model, trial(labelled=False)) for _ in range(2))
    assert rows == again
    assert found(rows, "marginal_loss_nats") == [pixel_marginal()]
    assert found(rows, "uniform_loss_nats") == pytest.approx([np.log(17)])
    assert all(len(found(rows, "sample_token", f"sample {k}")) == 64 for k in range(16))
    assert_can_be_recorded(rows)


def assert_can_be_recorded(rows: list[Measurement]) -> None:
    learned = trial(labelled=True)
    record = Record(id=learned.id, trial=learned.to_json(), status="ok", measurements=tuple(rows))
    assert from_line(to_line(record)).measurements == record.measurements


def test_another_length_or_a_label_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="length must be 64"):
        Digits(length=65)
    with pytest.raises(ValueError, match="labelled must be True or False"):
        Digits(labelled="yes")  # type: ignore[arg-type]
