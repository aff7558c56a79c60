"""Topics: BERT's masking, the pairs, and best guesses that equal an enumeration of everything that can be."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from bench.tasks.task import SPLITS, Batch, stream
from bench.tasks.topics import Topics
from models.architecture import ENCODER_ONLY

TASK = Topics()
SMALL = Topics(length=9, words=3, topics=3, exponent=1.0, source_seed=4)
MASK = 3


def drawn(task: Topics = TASK, size: int = 4000) -> Batch:
    return task.sample(size, stream("train", 0))


def test_marks_are_where_they_belong_and_the_rest_are_words() -> None:
    batch = drawn()
    marks = (batch.inputs > TASK.words).nonzero()[:, 1].unique().tolist()
    assert marks == [0, 13, 26]
    assert (batch.inputs[:, 0] == 65).all()
    assert (batch.inputs[:, [13, 26]] == 66).all()
    assert not batch.scored[:, [13, 26]].any()
    assert batch.scored[:, 0].all()
    assert not batch.relevant.any()


def test_words_are_chosen_and_shown_as_in_bert() -> None:
    batch = drawn()
    chosen = batch.scored[:, TASK.word_positions]
    shown, said = batch.inputs[:, TASK.word_positions], batch.targets[:, TASK.word_positions]
    assert torch.equal(shown[~chosen], said[~chosen])
    n = chosen.numel()
    assert abs(chosen.sum() / n - 0.15) < 4 * math.sqrt(0.15 * 0.85 / n)
    masked, kept = shown[chosen] == TASK.words, shown[chosen] == said[chosen]
    n = int(chosen.sum())
    assert abs(masked.sum() / n - 0.8) < 4 * math.sqrt(0.16 / n)
    # A swapped word is the same one by chance, once in 64 times.
    assert abs(kept.sum() / n - (0.1 + 0.1 / 64)) < 4 * math.sqrt(0.09 / n)
    swapped = shown[chosen][~masked & ~kept]
    assert abs(swapped.double().mean() - 31.5) < 1.5  # of any rank, while the language prefers few


def test_half_of_the_pairs_have_one_topic_and_sentences_have_their_topics_words() -> None:
    batch = drawn(size=8000)
    same = batch.targets[:, 0] == TASK.words + 1
    assert abs(same.double().mean() - 0.5) < 4 * 0.5 / math.sqrt(8000)
    said = batch.targets[:, TASK.word_positions].view(-1, 2, 12)
    heard = TASK.laws.log().T[said].sum(2).argmax(-1)  # likeliest topic of each sentence
    assert abs((heard[:, 0] == heard[:, 1]).double() - same.double()).mean() < 0.02
    counts = heard[:, 0].bincount(minlength=8)
    assert (counts - 1000).abs().max() < 5 * math.sqrt(8000 / 8)
    apart = (heard[~same, 1] - heard[~same, 0]) % 8
    assert (apart.bincount(minlength=8)[1:] - apart.numel() / 7).abs().max() < 5 * math.sqrt(4000 / 7)


def test_laws_are_zipf_in_an_order_of_their_own() -> None:
    expected = torch.arange(1, 65, dtype=torch.float64) ** -1.5
    for law in TASK.laws:
        torch.testing.assert_close(law.sort(descending=True).values, expected / expected.sum())
    assert len({tuple(law.argsort().tolist()) for law in TASK.laws}) == 8


def channel(asked: bool) -> list[list[float]]:
    """P(shown | said) in SMALL, where it is known that a word is asked for, or not known."""
    table = [[0.1 / 3 + 0.1 * (said == shown) for shown in range(3)] + [0.8] for said in range(3)]
    if asked:
        return table
    return [[0.15 * p + 0.85 * (said == shown) for shown, p in enumerate(row)] for said, row in enumerate(table)]


def enumerated(shown: list[int], asked: int | None) -> dict[tuple[bool, int], float]:
    """(same topic, word at the place asked for) -> probability given what is shown, by going through all that can be:
    every pair of topics and every pair of sentences."""
    found: dict[tuple[bool, int], float] = {}
    laws, known, unknown = SMALL.laws.tolist(), channel(True), channel(False)
    for a, b in itertools.product(range(3), repeat=2):
        for said in itertools.product(range(3), repeat=6):
            p = (1 / 2 if a == b else 1 / 4) / 3
            for place, (word, sign) in enumerate(zip(said, shown, strict=True)):
                p *= laws[a if place < 3 else b][word] * (known if place == asked else unknown)[word][sign]
            answer = (a == b, said[asked or 0])
            found[answer] = found.get(answer, 0.0) + p
    total = sum(found.values())
    return {answer: p / total for answer, p in found.items()}


def test_the_best_guesses_are_those_of_an_enumeration() -> None:
    batch = drawn(SMALL, 40)
    best = SMALL.best(batch)
    words = iter(best.words)
    visible = 0
    for row, same in enumerate(best.same):
        shown = batch.inputs[row, SMALL.word_positions].tolist()
        pair = enumerated(shown, None)
        assert same.item() == pytest.approx(sum(p for (alike, _), p in pair.items() if alike), abs=1e-12)
        for place in batch.scored[row, SMALL.word_positions].nonzero().flatten().tolist():
            found = enumerated(shown, place)
            expected = [sum(p for (_, word), p in found.items() if word == w) for w in range(3)]
            assert next(words).tolist() == pytest.approx(expected, abs=1e-12)
            visible += shown[place] != MASK
    assert next(words, None) is None
    assert visible >= 2  # words that are asked for in plain sight were among them


def test_the_ceiling_is_what_the_best_guesses_earn() -> None:
    batch = drawn(size=6000)
    best = TASK.best(batch)
    said = batch.targets[:, 1:][batch.scored[:, 1:]]
    hits = (best.words.argmax(1) == said).double()
    assert abs(hits.mean() - best.words.amax(1).mean()) < 4 * hits.std() / len(hits) ** 0.5
    assert TASK.floor_accuracy + 0.2 < hits.mean() < 0.6
    loss = -best.words.gather(1, said[:, None]).log().mean()
    same = batch.targets[:, 0] == TASK.words + 1
    loss = loss - torch.where(same, best.same, 1 - best.same).log().mean()
    assert abs(loss - TASK.perfect) < 0.05


def test_the_floor_is_what_a_reader_of_single_words_earns() -> None:
    batch = drawn(size=6000)
    asked = batch.scored[:, TASK.word_positions]
    shown, said = (part[:, TASK.word_positions][asked] for part in (batch.inputs, batch.targets))
    alone = TASK.laws.mean(0)
    laws = alone.repeat(len(shown), 1)
    seen = shown < TASK.words
    laws[seen] *= 0.1 / 64
    laws[seen, shown[seen]] += 0.1 * alone[shown[seen]]
    laws /= laws.sum(1, keepdim=True)
    hits = (laws.argmax(1) == said).double()
    assert abs(hits.mean() - TASK.floor_accuracy) < 4 * hits.std() / len(hits) ** 0.5
    losses = -laws.gather(1, said[:, None]).log()
    assert abs(losses.mean() + math.log(2) - TASK.chance) < 4 * losses.std() / len(losses) ** 0.5
    assert TASK.perfect < TASK.chance - 0.5


def test_loss_is_berts_and_score_runs_from_chance_to_perfect() -> None:
    batch = drawn(size=50)
    logits = torch.randn(50, 27, 66, generator=stream("test", 0))
    logs = logits.log_softmax(-1)
    words = [-logs[b, t, batch.targets[b, t]] for b, t in batch.scored.nonzero().tolist() if t]
    pairs = [-logs[b, 0, batch.targets[b, 0]] for b in range(50)]
    assert TASK.metric(logits, batch) == pytest.approx(float(sum(words) / len(words) + sum(pairs) / 50), rel=1e-5)
    assert (TASK.score(TASK.chance), TASK.score(TASK.perfect)) == (0, 1)
    sure = torch.nn.functional.one_hot(batch.targets, 66).float()
    assert TASK.accuracies(sure, batch) == (1, 1)
    assert TASK.accuracies(sure.roll(1, dims=-1), batch) == (0, 0)


def test_a_pair_without_a_word_asked_for_has_a_loss() -> None:
    batch = drawn(size=1)
    scored = torch.zeros_like(batch.scored)
    scored[:, 0] = True
    assert TASK.loss(torch.zeros(1, 27, 66), batch._replace(scored=scored)).item() == pytest.approx(math.log(66))


def test_contract() -> None:
    assert TASK.interface.role == ENCODER_ONLY
    again = drawn(size=16)
    assert all(torch.equal(a, b) for a, b in zip(again, drawn(size=16), strict=True))
    seen = [{row.tobytes() for row in TASK.sample(500, stream(split, 0)).inputs.numpy()} for split in SPLITS]
    assert len(set.union(*seen)) == 1500


@pytest.mark.parametrize(
    "fields", [{"length": 26}, {"words": 1}, {"topics": 1}, {"exponent": 0.0}, {"source_seed": -1}], ids=str
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="task topics: "):
        Topics(**fields)  # type: ignore[arg-type]
