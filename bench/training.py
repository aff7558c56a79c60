"""Learn trials: train one model on one task, to solved or to the step cap, and say what it cost.

Three streams never meet: the model learns on `train`, the loop watches `development`, and only sequences of `test`,
each used once, can call a task solved.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import nn

from bench.records import Measurement
from bench.supply import Supply
from bench.tasks.task import Batch, Task, stream
from bench.trial import DEVELOPMENT, INVERSE_SQUARE_ROOT, REPORT, Learn, Recipe
from models.architecture import SequenceModel, count_parameters

CONFIRMING, UNSOLVED, FINAL = 4, 2, 8
"""Test sequences, in multiples of those that development looks at: to call a task solved, which may be tried again
and must not be a lucky draw; for the score of a model that never looked solved; for the final loss of a source."""


@dataclass
class Trained:
    """A trained model and what was measured on the way."""

    model: SequenceModel
    measurements: list[Measurement] = field(default_factory=list)
    solved: bool = False
    diverged_at: int = 0
    """Step at which the loss was no longer finite; 0 when it always was."""

    def note(self, metric: str, value: float, step: int | None = None) -> None:
        """Add one measurement."""
        self.measurements.append(Measurement(metric, float(value), step=step))


def train(trial: Learn) -> Trained:
    """Run one learn trial. Bit-reproducible on the CPU with one thread."""
    task, recipe = trial.task, trial.recipe
    model = trial.architecture.build(task.interface, seed=trial.seed).to(trial.device)
    trained = Trained(model)
    trained.note("core_parameters", count_parameters(model.core))
    trained.note("total_parameters", count_parameters(model))
    generator = stream("train", trial.seed)
    pool = task.draw("train", max(1, trial.data_tokens // task.length), generator) if trial.data_tokens else None
    draw = Supply(task, recipe.batch_size, generator, trial.device, pool)
    watch = task.draw("development", recipe.evaluation_sequences, stream("development", trial.seed)).to(trial.device)
    if task.learned_for == "loss":
        _train_for_loss(trained, task, recipe, draw, watch, trial)
    else:
        _train_to_solved(trained, task, recipe, draw, watch, trial)
    return trained


def _train_to_solved(trained: Trained, task: Task, recipe: Recipe, draw: Supply, watch: Batch, trial: Learn) -> None:
    """Stop as soon as fresh test sequences confirm what the development sequences suggest."""
    test, test_score, best, cpu_seconds, step = stream("test", trial.seed), math.nan, -math.inf, 0.0, 0
    for step, seconds in training_steps(trained, task, recipe, draw):
        cpu_seconds += seconds
        if step % recipe.evaluate_every and step != recipe.steps:
            continue
        score = task.score(evaluate(trained.model, task, watch))
        trained.note("score", score, step)
        best = max(best, score)
        if score >= task.solved_at:
            fresh = _fresh(trial, test, CONFIRMING)
            test_score = task.score(evaluate(trained.model, task, fresh))
            if test_score >= task.solved_at:
                trained.solved = True
                trained.note("steps_to_solve", step)
                break
    if not trained.solved and not trained.diverged_at:
        test_score = task.score(evaluate(trained.model, task, _fresh(trial, test, UNSOLVED)))
    trained.note("solved", trained.solved)
    trained.note("steps", step)
    trained.note("best_score", best)
    trained.note("test_score", test_score)
    trained.note("training_cpu_seconds", cpu_seconds)
    if trial.split == DEVELOPMENT and task.measures == "claims":
        trained.note("development_loss_nats", _loss(trained.model, task, watch))


def _train_for_loss(trained: Trained, task: Task, recipe: Recipe, draw: Supply, watch: Batch, trial: Learn) -> None:
    """Use the whole budget, then go back to the weights with the best development loss and test those once."""
    best, best_step, cpu_seconds, step = math.inf, 0, 0.0, 0
    weights = copy.deepcopy(trained.model.state_dict())
    for step, seconds in training_steps(trained, task, recipe, draw):
        cpu_seconds += seconds
        if step % recipe.evaluate_every and step != recipe.steps:
            continue
        loss = evaluate(trained.model, task, watch)
        trained.note("development_loss_nats", loss, step)
        if loss < best:
            best, best_step, weights = loss, step, copy.deepcopy(trained.model.state_dict())
        elif recipe.patience and step - best_step >= recipe.patience * recipe.evaluate_every:
            break
    trained.model.load_state_dict(weights)
    test = _fresh(trial, stream("test", trial.seed), FINAL)
    loss = evaluate(trained.model, task, test)
    trained.note("test_loss_nats", loss)
    trained.note("excess_loss_nats", loss - task.perfect)
    trained.note("test_score", task.score(loss))
    trained.note("steps", step)
    trained.note("best_step", best_step)
    trained.note("training_cpu_seconds", cpu_seconds)
    if trial.split == REPORT and not trial.data_tokens:
        for position, nats in position_losses(trained.model, test).items():
            trained.note("position_loss_nats", nats, position)


def training_steps(trained: Trained, task: Task, recipe: Recipe, draw: Supply) -> Iterator[tuple[int, float]]:
    """Training steps as (step, its CPU seconds, data included); ends early when the loss is not finite."""
    optimiser = make_optimiser(trained.model, recipe)
    for step in range(1, recipe.steps + 1):
        start = time.process_time()
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        loss = training_step(trained.model, task, draw.batch(), optimiser, recipe.clip_norm, recipe.label_smoothing)
        yield step, time.process_time() - start
        # Looking at the loss waits for the device, so it is looked at only now and then.
        if step % recipe.evaluate_every == 0 and not math.isfinite(loss.item()):
            trained.diverged_at = step
            return


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate of a step, from 1: a linear warm-up, then constant or falling with the inverse square root of the step.

    The latter is the schedule of Vaswani et al. 2017, equation 3, whose D ** -0.5 is here free: the rate at its peak.
    """
    warmed = step / recipe.warmup_steps
    after = warmed**-0.5 if recipe.schedule == INVERSE_SQUARE_ROOT else 1.0
    return recipe.learning_rate * min(warmed, after)


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), the fused kernel, the same for every family.

    On the CPU all parameters become views of one vector, and their gradients too: a small model has dozens of tensors,
    and one call for each of them took a tenth of a training step. Make one optimiser a model, when it is on its device.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if all(p.device.type == "cpu" and p.dtype == torch.float32 for p in parameters):
        parameters = [_as_one_vector(parameters)]
    betas = (recipe.beta1, recipe.beta2)
    return torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, betas=betas, weight_decay=recipe.weight_decay, fused=True
    )


@torch.no_grad()
def _as_one_vector(parameters: list[nn.Parameter]) -> nn.Parameter:
    """One parameter that shares its memory, and its gradient's, with all the given ones."""
    vector = nn.Parameter(torch.cat([p.flatten() for p in parameters]))
    vector.grad = torch.zeros_like(vector)
    sizes = [p.numel() for p in parameters]
    for p, data, gradient in zip(parameters, vector.split(sizes), vector.grad.split(sizes), strict=True):
        p.data, p.grad = data.view_as(p), gradient.view_as(p)
    return vector


def training_step(
    model: nn.Module,
    task: Task,
    batch: Batch,
    optimiser: torch.optim.Optimizer,
    clip_norm: float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """One whole step: forward, loss, backward, clip, update. Returns the loss, still on its device."""
    loss = smoothed_loss(task, model(batch.inputs), batch, label_smoothing)
    clear_gradients(optimiser)
    loss.backward()
    update(optimiser, clip_norm)
    return loss.detach()


def smoothed_loss(task: Task, logits: torch.Tensor, batch: Batch, smoothing: float) -> torch.Tensor:
    """The task's loss, a share of every target spread over all classes (Szegedy et al. 2016, section 7).

    Raises ValueError for targets that are not classes.
    """
    loss = task.loss(logits, batch)
    if not smoothing:
        return loss
    if batch.targets.is_floating_point():
        raise ValueError("label smoothing spreads a target over classes, and these targets are values; set it to 0")
    return (1 - smoothing) * loss - smoothing * logits[batch.scored].log_softmax(-1).mean()


def clear_gradients(optimiser: torch.optim.Optimizer) -> None:
    """Forget the gradients. The model's own zero_grad would cut those of one vector loose from it, unseen."""
    first, *others = optimiser.param_groups[0]["params"]
    if others:
        optimiser.zero_grad()
    else:
        first.grad.zero_()


def update(optimiser: torch.optim.Optimizer, clip_norm: float) -> None:
    """Clip the gradient to a norm and make the optimiser's step."""
    first, *others = optimiser.param_groups[0]["params"]
    if others:
        nn.utils.clip_grad_norm_([first, *others], clip_norm)
    else:  # what torch's function does, without its way through lists, which takes longer than the work
        norm = torch.linalg.vector_norm(first.grad)
        first.grad.mul_((clip_norm / (norm + 1e-6)).clamp(max=1.0))
    optimiser.step()


@torch.no_grad()
def evaluate(model: nn.Module, task: Task, batch: Batch) -> float:
    """The task's metric on one batch."""
    return task.metric(model(batch.inputs), batch)


@torch.no_grad()
def _loss(model: nn.Module, task: Task, batch: Batch) -> float:
    """The training loss on one batch: it tells models apart that have no answer wholly right yet."""
    return task.loss(model(batch.inputs), batch).item()


@torch.no_grad()
def position_losses(model: nn.Module, batch: Batch) -> dict[int, float]:
    """Mean cross-entropy in nats at every scored position (Kaplan et al. 2020, section 3.2.1 and figure 7)."""
    losses = nn.functional.cross_entropy(model(batch.inputs).transpose(1, 2), batch.targets, reduction="none")
    means = (losses * batch.scored).sum(0) / batch.scored.sum(0)
    return {position: float(nats) for position, nats in enumerate(means) if not nats.isnan()}


def _fresh(trial: Learn, generator: torch.Generator, factor: int) -> Batch:
    """Sequences that nothing was chosen by. What chooses a learning rate must not see the test part of finite data."""
    part = "test" if trial.split == REPORT else "development"
    return trial.task.draw(part, factor * trial.recipe.evaluation_sequences, generator).to(trial.device)
