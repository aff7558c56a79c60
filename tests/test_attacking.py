"""Attacks: against closed forms on linear models, and inside their bounds; training on them is what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.attacking import ADVERSARIAL, ATTACKS, CLEAN, Hardening, attack, fgsm, learn, noise, pgd
from bench.experiments import perform
from bench.records import Record, to_line
from bench.supply import Supply
from bench.tasks.digit_rows import DigitRows
from bench.tasks.needle import Needle
from bench.tasks.task import Batch, stream
from bench.training import evaluate
from bench.trial import DEVELOPMENT, Attack, Recipe
from models import ARCHITECTURES

TASK = DigitRows()
EPSILON = 0.1
FAST = Recipe(learning_rate=1e-2, steps=60, evaluate_every=10, evaluation_sequences=50)


class Linear(nn.Module):
    """One linear layer on the whole image; its answers count at the last row."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)
        with torch.no_grad():
            self.layer.weight.copy_(scale * torch.randn(10, 64, generator=stream("test", 1)))
            self.layer.bias.zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, 8, 8) -> (B, 8, 10)."""
        return self.layer(inputs.flatten(1))[:, None].expand(-1, 8, -1)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def images(size: int = 64) -> Batch:
    return TASK.draw("test", size, stream("test", 0))


def trial(**changes: object) -> Attack:
    small = replace(ARCHITECTURES["cnn-k3"], core_parameters=5_000)
    fields: dict[str, object] = {"architecture": small, "task": TASK, "recipe": FAST, "clean_accuracy": 0.6}
    return Attack(**{**fields, **changes})  # type: ignore[arg-type]


def test_images_are_rows_of_pixels_from_paper_to_ink() -> None:
    batch = TASK.draw("test", 1000, stream("test", 0))
    assert batch.inputs.shape == (397, 8, 8)
    assert (batch.inputs.min(), batch.inputs.max()) == (0, 1)
    assert (batch.inputs * 16 % 1 == 0).all()
    assert batch.scored.sum() == 397
    assert batch.scored[:, -1].all()
    assert batch.targets[:, -1].unique().tolist() == list(range(10))
    with pytest.raises(ValueError, match="length must be 8"):
        DigitRows(length=16)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_fgsm_on_a_linear_model_is_the_closed_form(scale: float) -> None:
    """The gradient of cross-entropy is W^T (p - y), however small it is for a model that is sure of itself."""
    model, batch = Linear(scale).double(), images()
    batch = batch._replace(inputs=batch.inputs.double())
    labels = torch.nn.functional.one_hot(batch.targets[:, -1], 10)
    gradient = (model(batch.inputs)[:, -1].softmax(-1) - labels) @ model.layer.weight
    expected = (batch.inputs + EPSILON * gradient.sign().view(-1, 8, 8)).clamp(0, 1)
    found = fgsm(model, TASK, batch, EPSILON)  # type: ignore[arg-type]
    clear = (gradient.abs() > 1e-100).view(-1, 8, 8)
    assert clear.double().mean() > 0.5
    assert (gradient.abs() < 1e-6).any() == (scale > 1)
    torch.testing.assert_close(found[clear].detach(), expected[clear].detach())


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_leaves_its_box(name: str) -> None:
    model, batch = Linear(), images()
    torch.manual_seed(0)
    for epsilon in (0.05, 0.3):
        changed = ATTACKS[name](model, TASK, batch, epsilon)  # type: ignore[arg-type]
        change = (changed - batch.inputs).abs()
        assert change.max().item() == pytest.approx(epsilon, abs=1e-6)
        assert changed.min() >= 0
        assert changed.max() <= 1
        assert not changed.requires_grad
    assert not batch.inputs.requires_grad


def test_noise_is_as_large_as_an_attack_wherever_there_is_room() -> None:
    batch = images()
    torch.manual_seed(0)
    changed = noise(Linear(), TASK, batch, EPSILON)  # type: ignore[arg-type]
    room = (batch.inputs > EPSILON) & (batch.inputs < 1 - EPSILON)
    change = (changed - batch.inputs)[room]
    torch.testing.assert_close(change.abs(), torch.full_like(change, EPSILON))
    assert abs((change > 0).double().mean() - 0.5) < 4 * 0.5 / len(change) ** 0.5


def test_on_a_convex_loss_pgd_is_at_least_as_bad_as_fgsm_and_both_beat_noise() -> None:
    model, batch = Linear(0.3), images(200)
    torch.manual_seed(0)
    losses = {}
    for name, perturb in ATTACKS.items():
        changed = perturb(model, TASK, batch, EPSILON)  # type: ignore[arg-type]
        losses[name] = TASK.loss(model(changed), batch).item()
    assert losses["pgd"] >= losses["fgsm"] - 1e-5
    assert losses["fgsm"] > losses["noise"] + 0.1


def test_pgd_finds_the_exact_optimum_of_two_classes() -> None:
    """With two classes the loss is monotone in one linear form, whose largest value in the box is known."""

    class Two(Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            logits = super().forward(inputs)
            return torch.cat([logits[..., :2], torch.full_like(logits[..., 2:], -1e4)], -1)

    model, batch = Two(), images()
    batch = batch._replace(targets=batch.targets % 2)
    torch.manual_seed(0)
    found = pgd(model, TASK, batch, EPSILON)  # type: ignore[arg-type]
    away = (model.layer.weight[1] - model.layer.weight[0]) * (1 - 2 * batch.targets[:, -1:])
    expected = (batch.inputs + EPSILON * away.sign().view(-1, 8, 8)).clamp(0, 1)
    torch.testing.assert_close(found, expected.detach())


def test_training_batches_are_made_adversarial_against_the_model_as_it_is() -> None:
    model = Linear(0.3)
    clean, hard = (Supply(TASK, 32, stream("train", 0), "cpu") for _ in range(2))
    torch.manual_seed(0)
    before = clean.batch()
    after = Hardening(hard, model, EPSILON).batch()  # type: ignore[arg-type]
    assert torch.equal(before.targets, after.targets)
    assert 0 < (after.inputs - before.inputs).abs().max() <= EPSILON + 1e-6
    assert TASK.loss(model(after.inputs), after) > TASK.loss(model(before.inputs), before) + 0.1
    assert all(p.grad is None for p in model.parameters())


def test_a_trial_records_both_trainings_under_every_attack() -> None:
    record = perform(trial())
    assert record.status == "ok", record.reason
    found = {(m.subject, m.step) for m in record.measurements if m.metric == "accuracy"}
    expected = {(f"{way}, none", 0) for way in (CLEAN, ADVERSARIAL)}
    expected |= {(f"{way}, {a}", e) for way in (CLEAN, ADVERSARIAL) for a in ATTACKS for e in (50, 100, 200)}
    assert found == expected
    by_way = {(m.metric, m.subject): m.value for m in record.measurements}
    for way in (CLEAN, ADVERSARIAL):
        assert by_way["development_accuracy", way] >= 0.6
        assert 0 < by_way["steps", way] <= 60
        assert by_way["training_cpu_seconds", way] > 0
    assert by_way["steps_to_solve", ""] == max(by_way["steps", way] for way in (CLEAN, ADVERSARIAL))
    assert record.value("solved") == 1


def test_the_two_ways_differ_in_the_adversary_alone() -> None:
    ours = trial(recipe=replace(FAST, steps=10), clean_accuracy=1.0)
    clean, hard = (learn(ours, way).model.state_dict() for way in (CLEAN, ADVERSARIAL))
    still = learn(replace(ours, training_epsilon=0.0), ADVERSARIAL).model.state_dict()
    assert all(torch.equal(clean[name], still[name]) for name in clean)
    assert not all(torch.equal(clean[name], hard[name]) for name in clean)


def test_training_stops_at_the_clean_accuracy_or_says_that_it_did_not() -> None:
    assert not learn(trial(clean_accuracy=1.1), CLEAN).solved
    trained = learn(trial(), CLEAN)
    watch = TASK.draw("development", 50, stream("development", 0))
    assert trained.solved
    assert evaluate(trained.model, TASK, watch) >= 0.6


def test_same_trial_same_bits_and_torchs_generator_is_left_alone() -> None:
    def bits() -> str:
        kept = tuple(m for m in attack(ours).measurements if "seconds" not in m.metric)
        return to_line(Record(ours.id, ours.to_json(), "ok", kept))

    ours = trial(recipe=replace(FAST, steps=20), clean_accuracy=0.3)
    before = torch.get_rng_state()
    first = bits()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert bits() == first


def test_a_development_seed_is_not_attacked_and_tokens_cannot_be() -> None:
    record = perform(trial(split=DEVELOPMENT))
    assert record.status == "ok"
    assert {"best_score", "solved"} <= {m.metric for m in record.measurements}
    assert "accuracy" not in {m.metric for m in record.measurements}
    record = perform(trial(task=Needle(length=16)))
    assert (record.status, "reads tokens" in record.reason) == ("failed", True)
