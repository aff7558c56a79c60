"""What follows pre-training: the same inputs, splits that do not meet, labels that are counted, spread and nested."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.tasks import manual
from bench.tasks.classified import Classified, DigitClass, following
from bench.tasks.digit_images import images
from bench.tasks.digits import START, Digits
from bench.tasks.prose import Prose
from bench.tasks.task import SPLITS, Task, stream
from bench.tasks.topics import Topics

SOURCES: list[Task] = [Digits(), Prose(length=64), Topics()]
FOLLOWERS = [following(source) for source in SOURCES]


def every() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("task", FOLLOWERS, ids=lambda task: task.name)


@every()
def test_a_follower_reads_what_its_source_reads(task: Classified) -> None:
    ours, theirs = task.interface, task.source.interface
    assert replace(ours, outputs=theirs.outputs) == theirs
    assert ours.outputs == task.classes
    for split in SPLITS:
        inputs, classes = task.examples(split)
        assert inputs.shape == (len(classes), task.source.length)
        assert (inputs.min() >= 0) & (inputs.max() < ours.vocabulary)
        assert sorted(classes.unique().tolist()) == list(range(task.classes))


@every()
def test_no_sequence_is_in_two_splits(task: Classified) -> None:
    seen = [{row.tobytes() for row in task.examples(split).inputs.numpy()} for split in SPLITS]
    assert len(set.union(*seen)) >= 0.995 * sum(map(len, seen))  # one stretch of a table's rule is like another


@every()
def test_labels_are_exactly_so_many_spread_evenly_and_nested(task: Classified) -> None:
    batches = {size: task.labelled(size, stream("train", 3)) for size in (10, 30, 100, 300)}
    inputs, classes = task.examples("train")
    known = {row.tobytes(): int(label) for row, label in zip(inputs.numpy(), classes, strict=True)}
    for size, batch in batches.items():
        labels = batch.targets[:, -1]
        assert len(batch.inputs) == size
        assert len({row.tobytes() for row in batch.inputs.numpy()}) == size
        assert all(known[row.tobytes()] == label for row, label in zip(batch.inputs.numpy(), labels, strict=True))
        counts = labels.bincount(minlength=task.classes)
        assert counts.max() - counts.min() <= 1
        assert torch.equal(batch.inputs, batches[300].inputs[:size])
    assert not torch.equal(batches[10].inputs, task.labelled(10, stream("train", 4)).inputs)
    with pytest.raises(ValueError, match="ask for fewer"):
        task.labelled(100_000, stream("train", 0))


def test_digits_keep_their_class_and_the_class_is_not_read() -> None:
    inputs, classes = DigitClass(length=64, source=Digits()).examples("test")
    assert (inputs[:, 0] == START).all()
    assert torch.equal(inputs[:, 1:], images("test").levels[:, :-1])
    assert torch.equal(classes, images("test").labels)
    with pytest.raises(ValueError, match="must be unlabelled"):
        following(Digits(labelled=True))


def test_passages_are_from_four_documents_that_pretraining_never_saw() -> None:
    source = Prose(length=64)
    task = following(source)
    read, texts, decode = manual.parts()["train"], list(manual.documents().values()), source.corpus.decode
    for split in SPLITS:
        inputs, classes = task.examples(split)
        passages = [decode(row) for row in inputs]
        # A rule of dashes or a line of an example may be anywhere.
        assert sum(passage in read for passage in passages) < 0.05 * len(passages)
        homes = [{i for i, text in enumerate(texts) if p in text} for p in passages if manual.OTHER not in p]
        ours = [int(label) for label, p in zip(classes, passages, strict=True) if manual.OTHER not in p]
        common = [set.intersection(*(h for h, k in zip(homes, ours, strict=True) if k == label)) for label in range(4)]
        assert len(set.union(*common)) == 4


def test_passages_of_a_split_do_not_overlap_those_of_another() -> None:
    source = Prose(length=64)
    ends = {split: [source.corpus.decode(row) for row in following(source).examples(split).inputs] for split in SPLITS}
    text = max((t for t in manual.documents().values() if t not in manual.parts()["train"]), key=len)
    taken = torch.zeros(len(text), dtype=torch.int64)
    for number, passages in enumerate(ends.values()):
        covered = torch.zeros(len(text), dtype=torch.bool)
        for passage in passages:
            if text.count(passage) == 1:
                covered[text.index(passage) : text.index(passage) + 64] = True
        taken += covered * 10**number
    assert set(taken.unique().tolist()) <= {0, 1, 10, 100}
    assert (taken > 0).sum() > 0.5 * len(text)


def test_topics_are_unmasked_and_the_first_sentence_has_the_class() -> None:
    source = Topics()
    inputs, classes = following(source).examples("test")
    words = inputs[:, source.word_positions].view(-1, 2, source.sentence)
    assert words.max() < source.words
    heard = source.laws.log().T[words].sum(2).argmax(-1)
    assert (heard[:, 0] == classes).double().mean() > 0.95
    assert (heard[:, 1] == classes).double().mean() < 0.05


@every()
def test_answers_are_read_where_everything_was_seen(task: Classified) -> None:
    batch = task.whole("development")
    logits = torch.randn(*batch.inputs.shape, task.classes, generator=stream("test", 0))
    answers = logits[:, -1] if isinstance(task, DigitClass) else logits.mean(1)
    labels = task.examples("development").classes
    expected = torch.nn.functional.cross_entropy(answers, labels)
    assert task.loss(logits, batch).item() == pytest.approx(expected.item())
    assert task.metric(logits, batch) == pytest.approx((answers.argmax(1) == labels).double().mean().item())
