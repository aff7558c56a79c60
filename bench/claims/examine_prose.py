"""What stands beside a model of prose: compressors on the same test text, and what the model writes itself."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from bench.claims.asking import spelled
from bench.records import Measurement
from bench.tasks.prose import Prose
from bench.trial import CORE_PARAMETERS, Learn
from models.architecture import SequenceModel
from models.generation import generate

SAMPLES, WRITTEN, TEMPERATURE = 3, 200, 0.8
"""Samples, characters of each, and how much bolder than the model's own law they are drawn."""
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda text: zlib.compress(text, level=9),
    "lzma": lambda text: lzma.compress(text, preset=9 | lzma.PRESET_EXTREME),
}
AFTER_TRAINING = "after training text"


def examine(model: SequenceModel, trial: Learn) -> list[Measurement]:
    """The floors of the text, and samples of the first seed, which show what a loss means and decide nothing.

    Raises ValueError for a task that is not prose.
    """
    task = trial.task
    if not isinstance(task, Prose):
        raise ValueError(f"task {task.name} is not prose")
    shown = trial.seed == 0 and trial.regime == CORE_PARAMETERS
    return [*floors(task), *(samples(model, task, trial.device) if shown else ())]


@lru_cache(maxsize=2)
def floors(task: Prose) -> tuple[Measurement, ...]:
    """`unigram_loss_nats` and the bits per character of compressors, all of the test text.

    A compressor reads it alone, as models do window by window; "after training text" it has read that first, and only
    what the test text adds is counted.
    """
    train, test = (task.corpus.bytes(split) for split in ("train", "test"))
    rows = [Measurement("unigram_loss_nats", unigram_loss(task))]
    for name, compress in COMPRESSORS.items():
        added = len(compress(train + test)) - len(compress(train))
        for subject, size in (("", len(compress(test))), (AFTER_TRAINING, added)):
            rows.append(Measurement(f"{name}_bits_per_character", 8 * size / len(test), subject))
    return tuple(rows)


def unigram_loss(task: Prose) -> float:
    """Nats per character of the test text to whoever knows how often which is in the training text, each once more."""
    train, test = (task.corpus.tokens[split].bincount(minlength=task.symbols).double() for split in ("train", "test"))
    law = (train + 1) / (train + 1).sum()
    return -(test @ law.log()).item() / test.sum().item()


def samples(model: SequenceModel, task: Prose, device: str) -> list[Measurement]:
    """What follows a line break: `sample_token` by position, the Unicode code point of each character."""
    generator = torch.Generator(device).manual_seed(0)
    opening = task.corpus.encode("\n" * SAMPLES).view(SAMPLES, 1).to(device)
    texts = [task.corpus.decode(tokens) for tokens in written(model, opening, WRITTEN, generator)]
    points = [torch.tensor(list(map(ord, text))) for text in texts]
    return [row for k in range(SAMPLES) for row in spelled("sample_token", f"sample {k}", points[k])]


def written(model: SequenceModel, opening: Tensor, steps: int, generator: torch.Generator) -> Tensor:
    """Continue tokens (B, L0) by `steps` (B, steps), beyond the model's length if need be.

    Where it ends, the model begins anew with the last half of it: all families write under the same terms.
    """
    half, text = model.interface.length // 2, opening
    while (missing := steps + opening.shape[1] - text.shape[1]) > 0:
        prompt = text[:, -half:]
        more = generate(model, prompt, min(missing, half), generator, TEMPERATURE)
        text = torch.cat([text, more], dim=1)
    return text[:, opening.shape[1] :]
