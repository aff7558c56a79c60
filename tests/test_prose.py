"""Prose: a text in parts that share nothing, floors beside other implementations, samples, and what a rate sees."""

from __future__ import annotations

import itertools
import lzma
import math
import subprocess
import sys
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from bench.claims import examine_prose
from bench.records import Measurement
from bench.tasks import manual
from bench.tasks.manual import OTHER, documents, parts
from bench.tasks.prose import Prose
from bench.tasks.sequences import Reverse
from bench.tasks.task import SPLITS, Batch, stream
from bench.training import train
from bench.trial import DEVELOPMENT, REPORT, TRAINING_FLOPS, Learn, Recipe
from models import ARCHITECTURES
from models.generation import generate

ROOT = Path(__file__).resolve().parent.parent
PROSE = Prose(length=32)


def value(rows: list[Measurement], metric: str, subject: str = "") -> float:
    (found,) = (row.value for row in rows if (row.metric, row.subject) == (metric, subject))
    return found


# The text


def test_no_paragraph_is_in_two_documents_and_no_document_in_two_parts() -> None:
    held = {
        split: {words for p in text.split("\n\n") if len(words := " ".join(p.split())) > 60}
        for split, text in parts().items()
    }
    assert set(held) == set(SPLITS)
    for one, other in itertools.combinations(SPLITS, 2):
        assert not held[one] & held[other]
    seen: set[str] = set()
    for text in documents().values():
        own = {" ".join(p.split()) for p in text.split("\n\n")}
        assert not own & seen
        seen |= own


def test_every_document_is_in_a_part_and_the_held_out_ones_are_large_enough() -> None:
    texts = parts()
    for text in documents().values():
        assert sum(text in part for part in texts.values()) == 1
    total = sum(map(len, texts.values()))
    assert total > 200_000
    for split in ("development", "test"):
        assert 0.08 < len(texts[split]) / total <= 0.101


@pytest.mark.parametrize("split", SPLITS)
def test_windows_are_passages_of_their_part_and_targets_come_one_later(split: str) -> None:
    batch = PROSE.draw(split, 20, stream(split, 3))
    known = set(PROSE.corpus.alphabet)
    text = "".join(c if c in known else OTHER for c in parts()[split])
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        assert PROSE.corpus.decode(torch.cat([inputs, targets[-1:]])) in text
        assert targets[:-1].equal(inputs[1:])
    assert batch.scored.all()
    assert batch.inputs.dtype == batch.targets.dtype == torch.int64


def test_the_alphabet_is_that_of_training_and_a_small_one_lets_more_go() -> None:
    small = Prose(length=32, symbols=10)
    train = [c for c in parts()["train"] if c.isascii()]
    assert Counter(dict(Counter(train).most_common(9))).keys() == set(small.corpus.alphabet)
    assert small.draw("train", 50, stream("train", 0)).inputs.max() == 9
    assert " " in small.corpus.alphabet
    assert small.corpus.decode(small.corpus.encode("e \N{SNOWMAN}Q")) == "e " + 2 * OTHER


def test_chance_is_the_entropy_of_a_character_of_the_training_text() -> None:
    counts = Counter(PROSE.corpus.tokens["train"].tolist())
    shares = [count / counts.total() for count in counts.values()]
    by_hand = -sum(share * math.log(share) for share in shares)
    assert PROSE.chance == pytest.approx(by_hand)
    assert (PROSE.score(by_hand), PROSE.score(0)) == (pytest.approx(0), 1)
    batch = PROSE.draw("train", 2000, stream("train", 4))
    logits = PROSE.unigram.log().clamp(min=-99).expand(2000, 32, -1)
    assert PROSE.metric(logits, batch) == pytest.approx(by_hand, abs=0.02)


def test_another_text_is_another_task_and_is_never_read_for_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Prose(length=32, digest="0123456789ab")
    one, another = (Learn(architecture=ARCHITECTURES["cnn-k3"], task=task) for task in (PROSE, other))
    assert one.id != another.id
    with pytest.raises(ValueError, match=r"is \w{12} and not 0123456789ab: a run goes on with the Python"):
        other.draw("train", 1, stream("train", 0))


def test_a_python_without_documentation_can_do_all_but_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual, "MODULE", "pydoc_data_that_is_not_there.topics")
    caches = (manual.digest, manual.documents)
    try:
        for cached in caches:
            cached.cache_clear()
        assert Prose().digest == ""
        with pytest.raises(ValueError, match="install its whole standard library"):
            documents()
    finally:
        monkeypatch.undo()
        for cached in caches:
            cached.cache_clear()


def test_planning_hashes_the_text_and_does_not_read_it() -> None:
    held = "bench.studies.CLAIMS.experiments"
    code = f"import bench.studies, sys; print(*{held}, sep=chr(10)); print('pydoc_data.topics' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert f"digest='{manual.digest()}'" in out
    assert out.endswith("False\n")


# Prose, examined


def test_floors_are_what_the_compressors_say_of_the_same_characters() -> None:
    rows = list(examine_prose.floors(PROSE))
    known = set(PROSE.corpus.alphabet)
    train, test = ("".join(c if c in known else "\x1a" for c in parts()[split]).encode() for split in ("train", "test"))
    assert value(rows, "zlib_bits_per_character") == pytest.approx(8 * len(zlib.compress(test, 9)) / len(test))
    strong = 9 | lzma.PRESET_EXTREME
    alone, both, before = (len(lzma.compress(text, preset=strong)) for text in (test, train + test, train))
    assert value(rows, "lzma_bits_per_character") == pytest.approx(8 * alone / len(test))
    after = "after training text"
    assert value(rows, "lzma_bits_per_character", after) == pytest.approx(8 * (both - before) / len(test))
    assert value(rows, "lzma_bits_per_character", after) < value(rows, "lzma_bits_per_character")
    assert value(rows, "zlib_bits_per_character", after) > 0


def test_the_unigram_floor_counts_by_hand() -> None:
    train, test = (PROSE.corpus.decode(PROSE.corpus.tokens[split]) for split in ("train", "test"))
    counts = Counter(train)
    nats = [-math.log((counts[c] + 1) / (len(train) + PROSE.symbols)) for c in test]
    assert examine_prose.unigram_loss(PROSE) == pytest.approx(sum(nats) / len(nats))
    assert value(list(examine_prose.floors(PROSE)), "unigram_loss_nats") == examine_prose.unigram_loss(PROSE)


def small(name: str = "transformer-sinusoidal") -> Any:
    return replace(ARCHITECTURES[name], core_parameters=10_000).build(PROSE.interface).eval()


@pytest.mark.parametrize("name", ["transformer-sinusoidal", "lstm-forget-bias", "cnn-k3"])
def test_a_model_writes_beyond_its_length_from_the_last_half_of_it(name: str) -> None:
    model, opening = small(name), torch.tensor([[5], [7]])
    text = examine_prose.written(model, opening, 50, torch.Generator().manual_seed(0))
    assert text.shape == (2, 50)
    generator = torch.Generator().manual_seed(0)
    first = generate(model, opening, 16, generator, 0.8)
    second = generate(model, first, 16, generator, 0.8)
    assert text[:, :32].equal(torch.cat([first, second], dim=1))


def test_samples_are_characters_of_the_alphabet_and_only_of_the_first_seed() -> None:
    trial = Learn(architecture=ARCHITECTURES["transformer-sinusoidal"], task=PROSE)
    rows = examine_prose.examine(small(), trial)
    for number in range(3):
        row = [r for r in rows if r.metric == "sample_token" and r.subject == f"sample {number}"]
        assert [r.step for r in row] == list(range(200))
        assert {chr(int(r.value)) for r in row} <= {*PROSE.corpus.alphabet, OTHER}
    for later in (replace(trial, seed=1), replace(trial, regime=TRAINING_FLOPS)):
        assert examine_prose.examine(small(), later) == list(examine_prose.floors(PROSE))
    with pytest.raises(ValueError, match="reverse is not prose"):
        examine_prose.examine(small(), replace(trial, task=Reverse(length=8)))


# What a rate is chosen by


@dataclass(frozen=True, kw_only=True)
class Watched(Prose):
    """Prose that remembers which parts were drawn from."""

    drawn: ClassVar[set[str]] = set()

    def draw(self, split: str, size: int, generator: torch.Generator) -> Batch:
        self.drawn.add(split)
        return super().draw(split, size, generator)


@pytest.mark.parametrize(("split", "last"), [(DEVELOPMENT, "development"), (REPORT, "test")])
def test_a_development_trial_never_sees_the_test_part(split: str, last: str) -> None:
    Watched.drawn.clear()
    recipe = Recipe(steps=1, batch_size=2, evaluation_sequences=2)
    architecture = replace(ARCHITECTURES["cnn-k3"], core_parameters=10_000)
    train(Learn(architecture=architecture, task=Watched(length=32), recipe=recipe, split=split))
    assert Watched.drawn == {"train", "development", last}
