"""Fine-tuning: what it starts from, which labels it sees, and that only the weights below the read-out differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench import transfer
from bench.experiments import perform
from bench.records import Record, to_line
from bench.tasks.classified import FOLLOWING, Classified, DigitClass, following
from bench.tasks.digits import Digits
from bench.tasks.needle import Needle
from bench.tasks.task import Batch, stream
from bench.tasks.topics import Topics
from bench.training import evaluate, train
from bench.transfer import below_readout, best_tuned, fine_tune, starting_model
from bench.trial import DEVELOPMENT, Recipe, Transfer
from models import ARCHITECTURES
from models.architecture import SequenceModel

SMALL = replace(ARCHITECTURES["cnn-k3"], core_parameters=5_000)
QUICK = Recipe(learning_rate=3e-3, steps=10, batch_size=8, warmup_steps=2, evaluate_every=5, evaluation_sequences=16)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def trial(**changes: object) -> Transfer:
    fields: dict[str, object] = {
        "architecture": SMALL,
        "task": Digits(),
        "recipe": QUICK,
        "tuning": replace(QUICK, steps=3),
        "tuning_rates": (1e-3, 3e-3),
        "labels": (10, 30),
    }
    return Transfer(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_task_that_nothing_follows_is_refused_in_one_line() -> None:
    record = perform(trial(task=Needle(length=16)))
    assert record.status == "failed"
    assert "pre-train on one of digits, prose, topics" in record.reason
    assert [task.name for task in FOLLOWING] == ["digits", "prose", "topics"]


def test_pretrained_weights_are_what_fine_tuning_starts_from_and_the_readout_is_new() -> None:
    ours = trial()
    task = following(ours.task)
    pretrained = train(ours).model
    weights = below_readout(pretrained)
    started = starting_model(ours, task, weights).state_dict()
    scratch = starting_model(ours, task, {}).state_dict()
    fresh = SMALL.build(task.interface, seed=ours.seed).state_dict()
    assert {name.split(".")[0] for name in weights} == {"embedding", "core"}
    for name, held in started.items():
        if name.startswith("readout."):
            assert torch.equal(held, fresh[name])
        else:
            assert torch.equal(held, pretrained.state_dict()[name])
        assert torch.equal(scratch[name], fresh[name])
    assert not torch.equal(started["embedding.weight"], scratch["embedding.weight"])


def test_fine_tuning_moves_every_weight_and_leaves_the_pretrained_ones_alone() -> None:
    ours = trial()
    task = following(ours.task)
    weights = below_readout(train(ours).model)
    kept = {name: held.clone() for name, held in weights.items()}
    pool = task.labelled(10, stream("train", 0))
    tuned = fine_tune(ours, task, pool, weights, 1e-2).state_dict()
    assert all(torch.equal(weights[name], kept[name]) for name in weights)
    moved = {name.split(".")[0] for name in tuned if name in kept and not torch.equal(tuned[name], kept[name])}
    assert moved == {"embedding", "core"}


def test_fine_tuning_sees_its_pool_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = trial(tuning=replace(QUICK, steps=20))
    task, seen = following(ours.task), []
    loss = DigitClass.loss

    def spy(self: DigitClass, logits: Tensor, batch: Batch) -> Tensor:
        seen.append(batch.inputs)
        return loss(self, logits, batch)

    monkeypatch.setattr(DigitClass, "loss", spy)
    pool = task.labelled(10, stream("train", 0))
    fine_tune(ours, task, pool, {}, 1e-3)
    rows = {row.tobytes() for row in torch.cat(seen).numpy()}
    assert rows == {row.tobytes() for row in pool.inputs.numpy()}


def test_the_rate_is_the_best_on_development_and_both_starts_have_as_many_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = trial(tuning=replace(QUICK, steps=40), tuning_rates=(1e-7, 1e-2))
    task = following(ours.task)
    pool = task.labelled(300, stream("train", 0))
    assert best_tuned(ours, task, pool, {})[1] == 1e-2
    hopeless = replace(ours, tuning=replace(QUICK, steps=1), tuning_rates=(1e-9, 1e-8))
    assert best_tuned(hopeless, task, pool, {})[1] == 1e-9  # a tie
    tried: list[tuple[bool, float]] = []

    def spy(
        trial: Transfer, task: Classified, pool: Batch, weights: Mapping[str, Tensor], rate: float
    ) -> SequenceModel:
        tried.append((bool(weights), rate))
        return fine_tune(trial, task, pool, weights, rate)

    monkeypatch.setattr(transfer, "fine_tune", spy)
    transfer.transfer(trial())
    assert sorted(tried) == sorted((start, rate) for start in (False, True) for rate in (1e-3, 3e-3) for _ in range(2))


def test_a_trial_records_both_starts_for_every_number_of_labels() -> None:
    record = perform(trial())
    assert record.status == "ok", record.reason
    found = {(m.subject, m.step): m.value for m in record.measurements if m.metric == "finetuned_accuracy"}
    assert set(found) == {(start, k) for start in ("pretrained", "scratch") for k in (10, 30)}
    assert all(0 <= accuracy <= 1 for accuracy in found.values())
    assert record.value("pretraining_loss_nats") == record.value("test_loss_nats")
    rates = {m.value for m in record.measurements if m.metric == "finetuning_learning_rate"}
    assert rates <= {1e-3, 3e-3}


def test_a_development_seed_only_pretrains() -> None:
    record = perform(trial(split=DEVELOPMENT))
    assert record.status == "ok", record.reason
    assert record.value("test_score") is not None
    assert not any("finetun" in m.metric for m in record.measurements)


def test_same_trial_same_bits() -> None:
    def bits() -> str:
        kept = tuple(m for m in transfer.transfer(ours).measurements if "seconds" not in m.metric)
        return to_line(Record(ours.id, ours.to_json(), "ok", kept))

    ours = trial(labels=(10,))
    assert bits() == bits()


def test_masked_words_and_next_sentences_are_learned_and_told_beside_the_best() -> None:
    recipe = Recipe(learning_rate=1e-2, steps=150, evaluate_every=50, evaluation_sequences=64)
    encoder = replace(SMALL, core_parameters=10_000)
    record = perform(trial(architecture=encoder, task=Topics(), recipe=recipe, labels=(10,), tuning_rates=(3e-3,)))
    assert record.status == "ok", record.reason
    found = {m.metric: m.value for m in record.measurements}
    assert found["masked_floor"] + 0.1 < found["masked_accuracy"] < found["masked_ceiling"] + 0.02
    assert 0.8 < found["next_sentence_accuracy"] <= found["next_sentence_ceiling"] + 0.02


def test_weights_that_know_the_classes_already_are_found_to_help() -> None:
    ours = trial(task=Topics(), tuning=Recipe(steps=150, batch_size=16, warmup_steps=10))
    task = following(ours.task)
    taught = below_readout(fine_tune(ours, task, task.labelled(300, stream("train", 1)), {}, 1e-2))
    pool, test = task.labelled(10, stream("train", 0)), task.whole("test")
    brief = replace(ours, tuning=replace(ours.tuning, steps=40))
    knowing, scratch = (evaluate(fine_tune(brief, task, pool, held, 1e-3), task, test) for held in (taught, {}))
    assert knowing > scratch + 0.2
