"""What can be run: kinds of trial, each a frozen dataclass whose canonical JSON is its identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

from bench.records import trial_id
from bench.tasks.task import Task
from models.architecture import Architecture, later

DEVELOPMENT, REPORT = "development", "report"
CORE_PARAMETERS, TRAINING_FLOPS, TRAINING_TIME = "core parameters", "training FLOPs", "training time"
REGIMES = (CORE_PARAMETERS, TRAINING_FLOPS, TRAINING_TIME)
CONSTANT, INVERSE_SQUARE_ROOT = "constant", "inverse-square-root"
SCHEDULES = (CONSTANT, INVERSE_SQUARE_ROOT)
"""What the learning rate does after the warm-up: stay, or fall (Vaswani et al. 2017, section 5.3)."""
FORWARD, FORWARD_BACKWARD, STEP = "forward", "forward_backward", "step"
PASSES = (FORWARD, FORWARD_BACKWARD, STEP)
"""What a clock times: one pass without gradients, both passes, the whole training step."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained: the same for every family but for the learning rate, which each family chooses.

    AdamW with linear warm-up, then a constant rate unless `schedule` says otherwise, and clipped gradients. `steps`
    is a cap, never a time.
    """

    learning_rate: float = 3e-3
    steps: int = 600
    batch_size: int = 32
    warmup_steps: int = 50
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98
    clip_norm: float = 1.0
    evaluate_every: int = 25
    evaluation_sequences: int = 128
    """Development sequences that are looked at every `evaluate_every` steps; tests are larger (bench.training)."""
    patience: int = 0
    """Evaluations without a better development loss before a trial that trains for loss stops; 0 is never."""
    schedule: str = later(CONSTANT)
    """One of SCHEDULES; `learning_rate` is what the warm-up ends at."""
    label_smoothing: float = later(0.0)
    """Share of every target that is spread over all classes in training (Vaswani et al. 2017, section 5.4)."""

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One experiment on one configuration. The seed is part of the identity; the machine belongs to the record."""

    kind: ClassVar[str] = ""

    device: str = "cpu"

    def to_json(self) -> dict[str, Any]:
        """Plain data, nested by field; what `id` hashes and what a record carries."""
        return {"kind": self.kind} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @cached_property
    def id(self) -> str:
        """First 12 hex digits of the hash of `to_json`."""
        return trial_id(self.to_json())

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True, kw_only=True)
class Learn(Trial):
    """Train one model on one task, to solved or to the step cap."""

    kind: ClassVar[str] = "learn"

    architecture: Architecture
    task: Task
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    split: str = REPORT
    """`development` trials choose learning rates, variants and methods; only `report` trials are reported."""
    data_tokens: int = 0
    """Size of the training pool in tokens; 0 draws fresh data at every step."""
    regime: str = CORE_PARAMETERS

    def __str__(self) -> str:
        return f"{self.kind} {self.architecture.name} {self.task.name} {self.task.length}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Explain(Learn):
    """A `Learn` trial whose solved model is then asked for explanations: accuracy and explanation from one model."""

    kind: ClassVar[str] = "explain"


@dataclass(frozen=True, kw_only=True)
class Transfer(Learn):
    """A `Learn` trial whose model is then fine-tuned with few labels, and the same from scratch."""

    kind: ClassVar[str] = "transfer"

    labels: tuple[int, ...] = (10, 30, 100, 300)
    """Labelled sequences, of which there are ever more."""
    tuning: Recipe = field(default_factory=lambda: Recipe(steps=100, batch_size=16, warmup_steps=10))
    """How it is fine-tuned; its learning rate is replaced by each of `tuning_rates`."""
    tuning_rates: tuple[float, ...] = (1e-3, 4e-3)


@dataclass(frozen=True, kw_only=True)
class Attack(Learn):
    """Train one model as usual and one on adversarial examples, up to one clean accuracy; then attack both."""

    kind: ClassVar[str] = "attack"

    clean_accuracy: float = 0.95
    """Of the development sequences as they are: where both trainings stop."""
    training_epsilon: float = 0.1
    """Largest change of any input by which training sequences are made adversarial."""
    epsilons: tuple[float, ...] = (0.05, 0.1, 0.2)
    """Largest changes of the attacks."""


@dataclass(frozen=True, kw_only=True)
class Trace(Trial):
    """Span, work, path, reach, FLOPs and bytes of one architecture at one length: exact, no seed decides anything."""

    kind: ClassVar[str] = "trace"

    architecture: Architecture
    length: int

    def __str__(self) -> str:
        return f"{self.kind} {self.architecture.name} {self.length}"


@dataclass(frozen=True, kw_only=True)
class Timed(Trial):
    """A trial that reads clocks: it has the machine to itself, and only ratios inside one trial are compared."""

    samples: int = 15
    replicate: int = 0


@dataclass(frozen=True, kw_only=True)
class Clock(Timed):
    """Calls of all architectures, interleaved in one process: whole training steps, or parts of them as well."""

    kind: ClassVar[str] = "clock"

    architectures: tuple[Architecture, ...]
    length: int
    tokens: int = 1024
    """Tokens in a batch: batch size times length; not above the length, it is one sequence."""
    passes: tuple[str, ...] = ("step",)
    """What is timed, of PASSES."""
    threads: int = 1
    precision: str = "fp32"
    """"fp32", or "bf16" for autocast to bfloat16."""
    memory: bool = False
    """Whether peak bytes and the bytes kept for backward are measured too, outside the timed calls."""

    def __str__(self) -> str:
        shape = f"{max(1, self.tokens // self.length)} x {self.length}"
        return f"{self.kind} {len(self.architectures)} architectures {shape}, replicate {self.replicate}"


@dataclass(frozen=True, kw_only=True)
class Decode(Timed):
    """Generation of all architectures, interleaved: `tokens` tokens, one after the other, after `context` others."""

    kind: ClassVar[str] = "decode"

    architectures: tuple[Architecture, ...]
    context: int
    tokens: int = 16

    def __str__(self) -> str:
        return f"{self.kind} {len(self.architectures)} architectures {self.context}, replicate {self.replicate}"


@dataclass(frozen=True, kw_only=True)
class Peers(Timed):
    """Our mixers beside those of other libraries, of one width and depth, and the machine's own limits, interleaved."""

    kind: ClassVar[str] = "peers"

    width: int
    length: int
    depth: int = 4
    tokens: int = 1024
    precision: str = "fp32"
    """As of a clock; the machine's own rate is measured in it too."""

    def __str__(self) -> str:
        return f"{self.kind} width {self.width}, length {self.length}, replicate {self.replicate}"


@dataclass(frozen=True, kw_only=True)
class Overhead(Timed):
    """A learn trial beside a bare loop that does the same steps: what the harness costs."""

    kind: ClassVar[str] = "overhead"

    architecture: Architecture
    task: Task
    recipe: Recipe = field(default_factory=Recipe)

    def __str__(self) -> str:
        return f"{self.kind} {self.architecture.name} {self.task.name} {self.task.length}, replicate {self.replicate}"


def _plain(value: object) -> object:
    if isinstance(value, Architecture):
        # Only a stranger's code is part of its identity; ours has the commit in the record.
        return {name: field for name, field in _fields(value).items() if name != "source" or field}
    if isinstance(value, Task):
        return {"name": value.name} | _fields(value)
    if isinstance(value, Recipe):
        return _fields(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping) or callable(value):
        raise TypeError(f"{value!r} cannot be part of a trial: its identity would not be stable")
    return value


def _fields(value: Architecture | Task | Recipe) -> dict[str, Any]:
    """Every field but those that came later (models.architecture.later) and are at their default: ids stay what
    they were before there were such fields.
    """
    unchanged = {f.name for f in fields(value) if f.metadata.get("later") and getattr(value, f.name) == f.default}
    return {name: held for name, held in asdict(value).items() if name not in unchanged}
