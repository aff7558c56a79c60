"""The table of tasks."""

from __future__ import annotations

import difflib
import pkgutil

from bench.tasks.adding import Adding
from bench.tasks.captioned import Captioned
from bench.tasks.copy import Copy
from bench.tasks.digit_rows import DigitRows
from bench.tasks.digits import Digits
from bench.tasks.flipflop import FlipFlop
from bench.tasks.induction import Induction
from bench.tasks.latch import Latch
from bench.tasks.markov import Markov
from bench.tasks.markov_context import InContextMarkov
from bench.tasks.mqar import MQAR
from bench.tasks.needle import Needle
from bench.tasks.parity import Parity
from bench.tasks.prose import Prose
from bench.tasks.sequences import Reverse, Sort
from bench.tasks.task import Task
from bench.tasks.topics import Topics

TASKS: dict[str, type[Task]] = {
    "needle": Needle,
    "latch": Latch,
    "copy": Copy,
    "adding": Adding,
    "mqar": MQAR,
    "induction": Induction,
    "flip-flop": FlipFlop,
    "parity": Parity,
    "markov": Markov,
    "in-context-markov": InContextMarkov,
}

CLAIM_TASKS: dict[str, type[Task]] = {
    "reverse": Reverse,
    "sort": Sort,
    "prose": Prose,
    "digits": Digits,
    "captioned": Captioned,
    "digit-rows": DigitRows,
    "topics": Topics,
}
"""What the claims about generative AI are tried on; not in the interview table."""


def find(name: str) -> type[Task]:
    """The task of a name in the table, or of a stranger's `package.module:Name`. Raises ValueError if there is none."""
    ours = TASKS | CLAIM_TASKS
    if name in ours:
        return ours[name]
    if ":" not in name:
        close = difflib.get_close_matches(name, ours) or ours
        raise ValueError(f"unknown task {name!r}; did you mean {', '.join(close)}? Your own is package.module:Name")
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:  # a stranger's module may fail in any way
        raise ValueError(f"task {name!r} cannot be imported ({type(error).__name__}: {error})") from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ValueError(f"task {name!r} must be a subclass of bench.tasks.task.Task")
    return found
