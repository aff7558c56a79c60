"""Transfer trials: does learning without labels help to learn from few labels?

A model is pre-trained on the trial's task. Then it is fine-tuned, all its weights under a read-out that is new, on ever
more labelled sequences, and so is a model of the same architecture from scratch: they differ in the weights below the
read-out and in nothing else. Each of the two takes, for every number of labels, the learning rate that did best on the
development sequences, of as many tries as the other.

Next tokens before labels: Radford et al. 2018 (GPT); masked words and next sentences: Devlin et al. 2019 (BERT).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from bench.records import Measurement
from bench.supply import Supply
from bench.tasks.classified import Classified, following
from bench.tasks.task import Batch, stream
from bench.tasks.topics import Topics
from bench.training import FINAL, Trained, evaluate, train, training_steps
from bench.trial import REPORT, Transfer
from models.architecture import SequenceModel

PRETRAINED, SCRATCH = "pretrained", "scratch"


def transfer(trial: Transfer) -> Trained:
    """Pre-train as a learn trial does; on a report seed, fine-tune too. ValueError if no classes follow the task."""
    task = following(trial.task)
    trained = train(trial)
    if trained.diverged_at or trial.split != REPORT:
        return trained
    trained.note("pretraining_loss_nats", next(m.value for m in trained.measurements if m.metric == "test_loss_nats"))
    if isinstance(trial.task, Topics):
        trained.measurements += _masked(trained.model, trial.task, trial)
    starts = {PRETRAINED: below_readout(trained.model), SCRATCH: {}}
    test = task.whole("test").to(trial.device)
    labelled = task.labelled(max(trial.labels), stream("train", trial.seed))
    for labels in trial.labels:
        pool = Batch(*(part[:labels] for part in labelled))
        for start, weights in starts.items():
            model, rate = best_tuned(trial, task, pool, weights)
            trained.measurements += [
                Measurement("finetuned_accuracy", evaluate(model, task, test), start, labels),
                Measurement("finetuning_learning_rate", rate, start, labels),
            ]
    return trained


def below_readout(model: SequenceModel) -> dict[str, Tensor]:
    """The weights that fine-tuning starts from: of the embedding and the core."""
    return {name: held for name, held in model.state_dict().items() if not name.startswith("readout.")}


def best_tuned(
    trial: Transfer, task: Classified, pool: Batch, weights: Mapping[str, Tensor]
) -> tuple[SequenceModel, float]:
    """The model that does best on the development sequences, and its learning rate; ties go to the smaller rate."""
    development = task.whole("development").to(trial.device)
    tried = []
    for rate in sorted(trial.tuning_rates):
        model = fine_tune(trial, task, pool, weights, rate)
        tried.append((evaluate(model, task, development), -rate, model))
    _, rate, model = max(tried, key=lambda found: found[:2])
    return model, -rate


def fine_tune(
    trial: Transfer, task: Classified, pool: Batch, weights: Mapping[str, Tensor], rate: float
) -> SequenceModel:
    """Train on a pool of labelled sequences, from these weights, or from scratch where there are none."""
    model = starting_model(trial, task, weights)
    recipe = replace(trial.tuning, learning_rate=rate)
    supply = Supply(task, recipe.batch_size, stream("train", trial.seed), trial.device, pool)
    for _ in training_steps(Trained(model), task, recipe, supply):
        pass
    return model


def starting_model(trial: Transfer, task: Classified, weights: Mapping[str, Tensor]) -> SequenceModel:
    """The trial's architecture with a read-out for the classes, the same new one whatever the weights below it."""
    model = trial.architecture.build(task.interface, seed=trial.seed).to(trial.device)
    model.load_state_dict({**model.state_dict(), **weights})
    return model


@torch.no_grad()
def _masked(model: SequenceModel, task: Topics, trial: Transfer) -> list[Measurement]:
    """How often masked words and next sentences are guessed right, beside the best that can be."""
    batch = task.sample(FINAL * trial.recipe.evaluation_sequences, stream("test", -1 - trial.seed))
    logits = model(batch.inputs.to(trial.device)).cpu()
    words, pairs = task.accuracies(logits, batch)
    best = task.best(batch)
    return [
        Measurement("masked_accuracy", words),
        Measurement("masked_ceiling", best.words.amax(1).mean().item()),
        Measurement("masked_floor", task.floor_accuracy),
        Measurement("next_sentence_accuracy", pairs),
        Measurement("next_sentence_ceiling", torch.maximum(best.same, 1 - best.same).mean().item()),
    ]
