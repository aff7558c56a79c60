"""What attention, pre-training and adversarial training gain, as pictures."""

from __future__ import annotations

import pandas as pd

from analysis.clocks.wording import listed
from analysis.document import Block, Picture
from analysis.ledger import adversarial, attention, drawn_curves, pretraining, trained
from analysis.ledger.adversarial import CLEAN, NONE, TRAINED
from analysis.ledger.drawn_curves import Curve, Look
from analysis.ledger.drawn_seeds import data, drawn, line
from analysis.ledger.found import columns
from analysis.ledger.rules import ADVERSARIAL, ATTENTION, RULES
from analysis.load import Run
from analysis.wording import printable

ATTACKS = {"noise": "noise, random signs", "fgsm": "FGSM, one step", "pgd": "PGD, ten steps"}
THOUSANDTH = 1000


def by_attention(run: Run) -> list[Block]:
    """Score gained by attention, task by task."""
    lines = []
    for column in columns(run):
        for task, values in attention.gains(run, column.family).items():
            lines.append(line(task, column.family, values, column.title))
    if not any(one.values for one in lines):
        return []
    axis = "score with attention minus score without"
    helped = [f"{one.group} on {one.name}" for one in lines if one.interval and one.interval.low > 0]
    said = f"Attention helps beyond doubt: {listed(helped)}." if helped else "Nowhere does it help beyond doubt."
    figure = drawn(lines, axis, RULES[ATTENTION].threshold, ends=(-0.1, 1.0))
    return [Picture("claim-attention", "What attention gains", printable(said), figure, data(lines, axis))]


def by_labels(run: Run) -> list[Block]:
    """Accuracy against the number of labels, pre-trained and from scratch, a panel for each source."""
    curves = []
    for column in columns(run):
        for source in pretraining.sources(run, column.family):
            held = pretraining.accuracies(run, column.family, column.plain, source)
            for subject in (pretraining.PRETRAINED, pretraining.SCRATCH):
                own = held[held["subject"] == subject]
                points = pd.DataFrame({"seed": own["seed"], "x": own["step"], "y": own["value"]})
                if len(points):
                    name = f"{column.title}, {subject}"
                    curves.append(Curve(name, column.family, points, subject == pretraining.PRETRAINED, source))
    if not curves:
        return []
    across, up = "labels", "accuracy on test data"
    figure = drawn_curves.drawn(curves, Look(across, up, logarithmic=True, said="Dotted: from scratch."))
    said = f"Pre-trained against from scratch, mean gain by source: {listed(_gains(run)) or 'not measured'}."
    numbers = drawn_curves.data(curves, across, up)
    return [Picture("claim-labels", "Accuracy by number of labels", printable(said), figure, numbers)]


def under_attack(run: Run) -> list[Block]:
    """Accuracy against the size of the perturbation, a panel for each attack."""
    curves = []
    for column in columns(run):
        planned = trained.of_family(run, ADVERSARIAL, column.family, column.plain)
        held = trained.stepped(run, planned, adversarial.ACCURACY)
        for attack, panel in ATTACKS.items():
            for training in (CLEAN, TRAINED):
                wanted = [adversarial.subject(training, NONE), adversarial.subject(training, attack)]
                own = held[held["subject"].isin(wanted)].drop_duplicates(["seed", "step"], keep="last")
                points = pd.DataFrame({"seed": own["seed"], "x": own["step"] / THOUSANDTH, "y": own["value"]})
                if len(points):
                    name = f"{column.title}, {training} training"
                    curves.append(Curve(name, column.family, points, training == TRAINED, panel))
    if not curves:
        return []
    across, up = "largest change of a pixel (of 1)", "accuracy on test images"
    figure = drawn_curves.drawn(curves, Look(across, up, ends=(0, 1), level=0.1, said="Dashed: guessing."))
    said = f"Accuracy under PGD at 0.1, gained by adversarial training: {listed(_robust(run)) or 'not measured'}."
    numbers = drawn_curves.data(curves, across, up, lambda x: f"{x:g}")
    return [Picture("claim-perturbation", "Accuracy against perturbation", printable(said), figure, numbers)]


def _gains(run: Run) -> list[str]:
    told = []
    for column in columns(run):
        for source in pretraining.sources(run, column.family):
            gained = pretraining.gain(pretraining.accuracies(run, column.family, column.plain, source))
            told += [f"{column.title} on {source} {gained.mean():+.2f}"] if len(gained) else []
    return told


def _robust(run: Run) -> list[str]:
    found = {column.title: adversarial.gain(run, column) for column in columns(run)}
    return [f"{title} {gained.mean():+.2f}" for title, gained in found.items() if len(gained)]
