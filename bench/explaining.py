"""Explain trials: does an explanation find the positions that were planted?

A solved model is asked which input positions decided its answer at the last position: by what its forward pass
itself holds (intrinsic), and by methods that work on any differentiable model (post hoc, from Captum). Both are
scored against the planted positions by average precision, normalised so that a random ranking gets 0. The model is
admitted only if causal intervention shows that it really uses the planted positions (`intervention_ap`), and the same
methods on the untrained model say how much of a score is in the input alone (Adebayo et al. 2018).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from captum.attr import FeatureAblation, InputXGradient, IntegratedGradients
from torch import Tensor

from bench.examples import example
from bench.reach import gradient_reach, half_length
from bench.records import Measurement
from bench.tasks.task import Batch, Task, stream
from bench.training import Trained, train
from bench.trial import DEVELOPMENT, REPORT, Explain
from models.architecture import SequenceModel

ITEMS = {REPORT: 48, DEVELOPMENT: 24}
"""Sequences that a model is asked about; choosing a method takes many models, so each is asked less."""
CONTROLS = 16
"""Of those, the ones that the untrained model is asked about: its scores are compared with a coarse limit."""
RESAMPLES = 4
BINS = (1, 2, 4, 8)
"""How many top-ranked positions are removed or kept, as in ERASER's area over the perturbation curve (DeYoung 2020)."""
INTEGRATION_STEPS = 16


def explain(trial: Explain) -> Trained:
    """Train as a learn trial does, then score every explanation of the model if it solved its task."""
    trained = train(trial)
    if not trained.solved:
        return trained
    task, generator = trial.task, stream("test", -1 - trial.seed)
    items = ITEMS[trial.split]
    batch = _answered(trained.model, task, task.sample(8 * items, generator), items, trial.device)
    answer = Answer(trained.model, task, batch, trial.device)
    control = None
    if trial.split == REPORT:  # it decides nothing that is chosen on development seeds
        untrained = trial.architecture.build(task.interface, seed=trial.seed).to(trial.device)
        control = Answer(untrained, task, Batch(*(part[:CONTROLS] for part in batch)), trial.device)
    trained.measurements += score_explanations(answer, control, generator)
    embeddings = trained.model.embedding(answer.inputs).detach()
    reach = gradient_reach(trained.model.core, embeddings, generator)
    trained.note("gradient_half_length_positions", half_length(reach))
    if trial.split == REPORT:
        trained.measurements += [Measurement("gradient_reach", float(v), "trained", at) for at, v in enumerate(reach)]
        if trial.seed == 0:
            trained.measurements += example(trained.model, batch.inputs[:1], batch.relevant[0], trial.device)
    return trained


def score_explanations(answer: Answer, control: Answer | None, generator: torch.Generator) -> list[Measurement]:
    """All measurements of one solved model; `control`, if any, is untrained and answers the first of the sequences."""
    planted = answer.batch.relevant
    rows = [Measurement("intervention_ap", average_precision(intervention(answer, generator), planted))]
    chance = chance_precision(planted)
    untrained = {name: scores for name, scores, _ in explanations(control)} if control else {}
    for name, scores, milliseconds in explanations(answer):
        rows.append(Measurement("explanation_nap", _normalised(scores, planted, chance), name))
        if name in untrained:
            asked = planted[: len(untrained[name])]
            nap = _normalised(untrained[name], asked, chance_precision(asked))
            rows.append(Measurement("untrained_nap", nap, name))
        rows.append(Measurement("milliseconds", milliseconds, name))
        if name.startswith("intrinsic/"):
            rows += _faithfulness(answer, scores, name, generator)
    noise = torch.rand(planted.shape, generator=generator)
    return rows + _faithfulness(answer, noise, "random", generator)


class Answer:
    """A model's answer to a batch: the probability of the class it chose, or its number for regression."""

    def __init__(self, model: SequenceModel, task: Task, batch: Batch, device: str = "cpu") -> None:
        # The batch stays on the CPU, where the generators that redraw it are.
        self.model, self.task, self.batch, self.device = model.eval(), task, batch, device
        self.inputs = batch.inputs.to(device)
        with torch.no_grad():
            self.chosen = self.model(self.inputs)[:, -1].argmax(-1)

    def redraw(self, generator: torch.Generator) -> Tensor:
        """Inputs with every content redrawn and every role kept, on the model's device."""
        return self.task.resample(self.batch, generator).to(self.device)

    def from_embeddings(self, embeddings: Tensor) -> Tensor:
        """(N, L, D) -> (N,): N is a multiple of B, the batch repeated as a whole."""
        return self._pick(self.model.from_embeddings(embeddings)[:, -1], probabilities=False)

    @torch.no_grad()
    def value(self, inputs: Tensor) -> Tensor:
        """(N, L[, F]) -> (N,): probability of the chosen class, or the number."""
        return self._pick(self.model(inputs)[:, -1], probabilities=True)

    def _pick(self, last: Tensor, probabilities: bool) -> Tensor:
        if last.shape[-1] == 1:
            return last[:, 0]
        if probabilities:
            last = last.softmax(-1)
        chosen = self.chosen.repeat(len(last) // len(self.chosen))
        return last.gather(1, chosen[:, None])[:, 0]


def explanations(answer: Answer) -> Iterator[tuple[str, Tensor, float]]:
    """Every explanation of a model: (name, relevance (B, L), milliseconds for the batch)."""
    start = time.process_time()
    intrinsic = answer.model.intrinsic(answer.inputs)
    # They come out of one pass together, so each is charged for the whole pass.
    milliseconds = (time.process_time() - start) * 1000
    for name, scores in intrinsic.items():
        yield f"intrinsic/{name}", scores.detach(), milliseconds
    embeddings = answer.model.embedding(answer.inputs).detach()
    for name, method in POST_HOC.items():
        start = time.process_time()
        scores = method(answer, embeddings)
        milliseconds = (time.process_time() - start) * 1000
        yield f"posthoc/{name}", scores.detach(), milliseconds


def _gradient_norm(answer: Answer, embeddings: Tensor) -> Tensor:
    leaf = embeddings.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(answer.from_embeddings(leaf).sum(), leaf)
    return gradient.norm(dim=-1)


def _input_x_gradient(answer: Answer, embeddings: Tensor) -> Tensor:
    leaf = embeddings.clone().requires_grad_()
    return InputXGradient(answer.from_embeddings).attribute(leaf).sum(-1).abs()


def _integrated(baseline: Callable[[Tensor], Tensor]) -> Callable[[Answer, Tensor], Tensor]:
    def method(answer: Answer, embeddings: Tensor) -> Tensor:
        attribute = IntegratedGradients(answer.from_embeddings, multiply_by_inputs=True).attribute
        return attribute(embeddings, baselines=baseline(embeddings), n_steps=INTEGRATION_STEPS).sum(-1).abs()

    return method


def _occlusion(answer: Answer, embeddings: Tensor) -> Tensor:
    positions = torch.arange(embeddings.shape[1], device=embeddings.device)[None, :, None].expand_as(embeddings[:1])
    with torch.no_grad():
        scores = FeatureAblation(answer.from_embeddings).attribute(
            embeddings, baselines=_mean_embedding(embeddings), feature_mask=positions
        )
    return scores[..., 0].abs()


def _mean_embedding(embeddings: Tensor) -> Tensor:
    return embeddings.mean(dim=(0, 1), keepdim=True).expand_as(embeddings)


POST_HOC: dict[str, Callable[[Answer, Tensor], Tensor]] = {
    "gradient-norm": _gradient_norm,
    "input-x-gradient": _input_x_gradient,
    "integrated-gradients-zero": _integrated(torch.zeros_like),
    "integrated-gradients-mean": _integrated(_mean_embedding),
    "occlusion": _occlusion,
}


def intervention(answer: Answer, generator: torch.Generator) -> Tensor:
    """Mean change of the answer (B, L) when one position's content is redrawn and its role kept."""
    before = answer.value(answer.inputs)
    change = torch.zeros(answer.batch.relevant.shape, device=answer.device)
    for _ in range(RESAMPLES):
        other = answer.redraw(generator)
        for position in range(change.shape[1]):
            inputs = answer.inputs.clone()
            inputs[:, position] = other[:, position]
            change[:, position] += (answer.value(inputs) - before).abs()
    return change / RESAMPLES


def average_precision(scores: Tensor, planted: Tensor) -> float:
    """Mean over sequences of the average precision of `scores` (B, L) for the planted positions (B, L).

    Precision at a planted position counts everything that is ranked as high, ties included, as scikit-learn does; there
    it is a loop over sequences, here all are compared at once.
    """
    ranking, truth = scores.cpu().double().nan_to_num(), planted.cpu()
    as_high = ranking[:, None, :] >= ranking[:, :, None]  # (B, position, other)
    precision = (as_high & truth[:, None, :]).sum(-1) / as_high.sum(-1).double()
    return float(((precision * truth).sum(-1) / truth.sum(-1)).mean())


def chance_precision(planted: Tensor) -> float:
    """Expected average precision of a uniformly random ranking of n positions, k of them planted, in closed form.

    The item at rank i is planted with probability k/n; given that, it has (k-1)(i-1)/(n-1) planted ones before it on
    average. Summing precision over ranks gives H_n/n + (k-1)/(n-1) (1 - H_n/n).
    """
    n = planted.shape[1]
    first = sum(1 / i for i in range(1, n + 1)) / n
    counts = planted.sum(1).double()
    return float((first + (counts - 1) / (n - 1) * (1 - first)).mean())


def _normalised(scores: Tensor, planted: Tensor, chance: float) -> float:
    return (average_precision(scores, planted) - chance) / (1 - chance)


def _faithfulness(answer: Answer, scores: Tensor, name: str, generator: torch.Generator) -> list[Measurement]:
    """Comprehensiveness (answer lost when the top positions are redrawn) and sufficiency (lost when only they stay)."""
    before = answer.value(answer.inputs)
    rank = scores.to(answer.device).argsort(dim=1, descending=True).argsort(dim=1)
    lost = {"comprehensiveness": 0.0, "sufficiency": 0.0}
    for top in BINS:
        inside = rank < top
        for metric, redrawn in (("comprehensiveness", inside), ("sufficiency", ~inside)):
            mask = redrawn if answer.inputs.dim() == 2 else redrawn[..., None]
            after = answer.value(torch.where(mask, answer.redraw(generator), answer.inputs))
            lost[metric] += (after - before).abs().mean().item() / len(BINS)
    return [Measurement(metric, value, name) for metric, value in lost.items()]


def _answered(model: SequenceModel, task: Task, batch: Batch, items: int, device: str) -> Batch:
    """The first `items` sequences that the model answers right: an explanation of an error has no planted truth."""
    with torch.no_grad():
        last = model(batch.inputs.to(device))[:, -1].cpu()
    target = batch.targets[:, -1]
    right = (last[:, 0] - target).abs() < 0.1 if last.shape[-1] == 1 else last.argmax(-1) == target
    return Batch(*(part[right][:items] for part in batch))
