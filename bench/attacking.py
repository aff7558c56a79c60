"""Attack trials: how well does a model stand up to adversarial examples, and how much does training on them help?

"Adversarial" is read as robustness: inputs that are changed by at most epsilon in every number, so that the model errs
(Szegedy et al. 2014; Goodfellow et al. 2015). Generative adversarial networks, where one model learns from another's
verdicts, are not meant. Each family trains one model on sequences as they are, and one on sequences that are made
adversarial against it at every step (Madry et al. 2018, equation 2.1). Both stop at the same accuracy on clean
development sequences, so that neither looks robust, or frail, for having been trained longer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from captum.robust import FGSM, PGD
from torch import Tensor

from bench.records import Measurement
from bench.supply import Supply
from bench.tasks.task import Batch, Task, stream
from bench.training import FINAL, Trained, evaluate, training_steps
from bench.trial import REPORT, Attack
from models.architecture import SequenceModel

CLEAN, ADVERSARIAL = "clean training", "adversarial training"
LEAST, MOST = 0.0, 1.0
"""What an input can be at all; an adversarial one too."""
TRAINING_STEPS, ATTACK_STEPS = 3, 10
REACH = 2.5
"""All steps of PGD together, in epsilons: enough to cross the box from any random point (Madry et al. 2018, section
5, where 100 steps of 2.5 epsilon / 100 are taken)."""
NO_THRESHOLD = 0.0
"""Captum leaves numbers alone whose gradient is below 1e-6, and so would spare a model that is sure of itself."""


def noise(model: SequenceModel, task: Task, batch: Batch, epsilon: float) -> Tensor:
    """Every number up or down by epsilon, by chance: as large as an attack, and aimed at nothing. (B, L, F)."""
    signs = torch.randint_like(batch.inputs, 2) * 2 - 1
    return (batch.inputs + epsilon * signs).clamp(LEAST, MOST)


def fgsm(model: SequenceModel, task: Task, batch: Batch, epsilon: float) -> Tensor:
    """Every number up or down by epsilon, as the sign of the loss's gradient says, (B, L, F).

    Goodfellow et al. 2015, section 4.
    """
    attack = FGSM(model, _loss(task), lower_bound=LEAST, upper_bound=MOST)
    attack.zero_thresh = NO_THRESHOLD
    with _quiet():
        return attack.perturb(batch.inputs, epsilon=epsilon, target=batch).detach()


def pgd(model: SequenceModel, task: Task, batch: Batch, epsilon: float, steps: int = ATTACK_STEPS) -> Tensor:
    """Smaller steps of `fgsm` from a random point, held within epsilon, (B, L, F) (Madry et al. 2018, section 2.1).

    The random point comes from torch's global generator, the only one that captum draws from.
    """
    attack = PGD(model, _loss(task), lower_bound=LEAST, upper_bound=MOST)
    attack.fgsm.zero_thresh = NO_THRESHOLD
    stride = REACH * epsilon / steps
    with _quiet():
        return attack.perturb(
            batch.inputs, radius=epsilon, step_size=stride, step_num=steps, target=batch, random_start=True
        )


ATTACKS: dict[str, Callable[[SequenceModel, Task, Batch, float], Tensor]] = {"noise": noise, "fgsm": fgsm, "pgd": pgd}


class Hardening(Supply):
    """Training batches that are made adversarial against the model as it is when they are asked for."""

    def __init__(self, supply: Supply, model: SequenceModel, epsilon: float) -> None:
        super().__init__(supply.task, supply.size, supply.generator, supply.device, supply.pool)
        self.model, self.epsilon = model, epsilon

    def batch(self) -> Batch:
        """The next `size` sequences, on the device."""
        batch = super().batch()
        return batch._replace(inputs=pgd(self.model, self.task, batch, self.epsilon, TRAINING_STEPS))


def attack(trial: Attack) -> Trained:
    """Train both ways; on a report seed, attack both models. What is returned holds the adversarially trained one.

    Raises ValueError for a task whose inputs are not numbers.
    """
    task = trial.task
    if not task.interface.features:
        raise ValueError(f"an attack changes real-valued inputs, and task {task.name} reads tokens")
    test = task.draw("test", FINAL * trial.recipe.evaluation_sequences, stream("test", trial.seed)).to(trial.device)
    measured: list[Measurement] = []
    ways = {training: learn(trial, training) for training in (CLEAN, ADVERSARIAL)}
    for training, trained in ways.items():
        measured += trained.measurements
        if trial.split == REPORT and not trained.diverged_at:
            measured += attacked(trained.model, trial, test, training)
    solved = all(trained.solved for trained in ways.values())
    trained = Trained(ways[ADVERSARIAL].model, measured, solved, max(way.diverged_at for way in ways.values()))
    # A learning rate must serve both ways, so it is the slower of them that it is chosen by.
    trained.note("solved", solved)
    trained.note("best_score", min(task.score(m.value) for m in measured if m.metric == "development_accuracy"))
    if solved:
        trained.note("steps_to_solve", max(m.value for m in measured if m.metric == "steps"))
    return trained


def learn(trial: Attack, training: str) -> Trained:
    """Train one of the two ways, until the clean development sequences are answered well enough or to the step cap."""
    task, recipe, generator = trial.task, trial.recipe, stream("train", trial.seed)
    trained = Trained(trial.architecture.build(task.interface, seed=trial.seed).to(trial.device))
    supply = Supply(task, recipe.batch_size, generator, trial.device)
    if training == ADVERSARIAL:
        supply = Hardening(supply, trained.model, trial.training_epsilon)
    watch = task.draw("development", recipe.evaluation_sequences, stream("development", trial.seed)).to(trial.device)
    accuracy, cpu_seconds, step = 0.0, 0.0, 0
    with _seeded(generator, trial.device):
        for step, seconds in training_steps(trained, task, recipe, supply):
            cpu_seconds += seconds
            if step % recipe.evaluate_every and step != recipe.steps:
                continue
            accuracy = evaluate(trained.model, task, watch)
            if accuracy >= trial.clean_accuracy:
                trained.solved = True
                break
    rows = {"development_accuracy": accuracy, "steps": step, "training_cpu_seconds": cpu_seconds}
    trained.measurements = [Measurement(metric, float(value), training) for metric, value in rows.items()]
    return trained


def attacked(model: SequenceModel, trial: Attack, test: Batch, training: str) -> list[Measurement]:
    """Accuracy on the test sequences as they are, and under every attack; the step is epsilon in thousandths."""
    task = trial.task
    rows = [Measurement("accuracy", evaluate(model, task, test), f"{training}, none", 0)]
    for name, perturb in ATTACKS.items():
        for epsilon in trial.epsilons:
            # Every model gets the same noise, and starts from the same random points.
            with _seeded(stream("test", trial.seed), trial.device):
                changed = test._replace(inputs=perturb(model, task, test, epsilon))
            accuracy = evaluate(model, task, changed)
            rows.append(Measurement("accuracy", accuracy, f"{training}, {name}", round(1000 * epsilon)))
    return rows


def _loss(task: Task) -> Callable[[Tensor, Batch], Tensor]:
    return lambda logits, batch: task.loss(logits, batch).unsqueeze(0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Captum warns, at every step, that it takes gradients of inputs, which it was asked for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Input Tensor 0 did not already require gradients")
        yield


@contextmanager
def _seeded(generator: torch.Generator, device: str) -> Iterator[None]:
    """Seed torch's global generator as this one was, and put it back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        torch.manual_seed(generator.initial_seed())
        yield
