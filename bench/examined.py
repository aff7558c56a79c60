"""What a model that was trained for a claim is asked beyond its loss: samples, likelihoods, captions.

Training ends where the loss is tested; this follows, on the trained model, for reported seeds.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.claims import examine_captions, examine_digits, examine_prose, examine_sequences
from bench.records import Measurement
from bench.tasks.captioned import Captioned
from bench.tasks.digits import Digits
from bench.tasks.prose import Prose
from bench.tasks.sequences import Reverse, Sort
from bench.tasks.task import Task
from bench.training import Trained
from bench.trial import REPORT, Learn
from models.architecture import SequenceModel

Examination = Callable[[SequenceModel, Learn], list[Measurement]]

EXAMINED: dict[type[Task], Examination] = {
    Reverse: examine_sequences.examine,
    Sort: examine_sequences.examine,
    Prose: examine_prose.examine,
    Digits: examine_digits.examine,
    Captioned: examine_captions.examine,
}
"""Task -> what follows its training."""


def examine(trained: Trained, trial: Learn) -> Trained:
    """Add what the examination of the trial's task measures; nothing for a development seed or a diverged model."""
    ask = EXAMINED.get(type(trial.task))
    if ask is not None and trial.split == REPORT and not trained.diverged_at:
        trained.model.eval()
        trained.measurements += ask(trained.model, trial)
    return trained
