"""What was published about each kind of layer, and why our layers differ from it where they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from analysis.complexity import Form
from analysis.laws import CONSTANT, LINEAR, LOGARITHM, Law
from analysis.rows.parallel import KERNELS

SOURCE = "Vaswani et al. 2017 (arXiv 1706.03762), Table 1"


@dataclass(frozen=True)
class Published:
    """A row of SOURCE: n length, d width, k taps of the kernel."""

    layer: str
    complexity: str
    sequential: str
    path: str


PUBLISHED = {
    "transformer": Published("Self-Attention", "O(n² d)", "O(1)", "O(1)"),
    "lstm": Published("Recurrent", "O(n d²)", "O(n)", "O(n)"),
    "cnn": Published("Convolutional", "O(k n d²)", "O(1)", "O(log_k n)"),
}
"""Family -> its published entries."""
GROWTH = {"O(1)": CONSTANT, "O(n)": LINEAR, "O(log_k n)": LOGARITHM, "O(n² d)": "n²", "O(n d²)": "n", "O(k n d²)": "n"}
"""Published entry -> how it grows with n."""


class Quantity(NamedTuple):
    """A column of the table that is a count against n."""

    title: str
    metric: str
    subject: str
    entry: str
    """Attribute of Published that it is compared with."""


SPAN = Quantity("Sequential operations", "span_operations", KERNELS, "sequential")
PATH = Quantity("Longest path, operations", "path_operations", "", "path")
CROSSINGS = Quantity("Longest path, weight crossings", "path_weight_crossings", "", "path")
QUANTITIES = (SPAN, PATH, CROSSINGS)

REASONS = {
    ("cnn", SPAN.metric, LOGARITHM): "One layer is O(1), but the last output sees all of the sequence only through "
    "about log₂ n layers of doubled dilation, which follow one another.",
    ("cnn", PATH.metric, LOGARITHM): "The base is 2 whatever the kernel, because the dilation doubles from layer to "
    "layer; a base of k belongs to dilations that grow by k.",
    ("cnn", CROSSINGS.metric, CONSTANT): "Residual connections let a path skip layers, and over these lengths as many "
    "wide kernels as the shortest needs reach every position.",
    ("lstm", CROSSINGS.metric, CONSTANT): "The cell state goes from step to step by products with gates and sums, "
    "never through a weight matrix (Hochreiter and Schmidhuber 1997), so a path crosses weights once a layer however "
    "long it is. The published entry holds for operations.",
}
"""(family, metric, measured growth) -> why it is so."""


class Layer(NamedTuple):
    """What is known of one family."""

    family: str
    title: str
    published: Published | None
    form: Form | None
    laws: Mapping[str, Mapping[str, Law]]
    """Metric -> architecture -> law."""
    scalar: Mapping[str, Law]
    """Architecture -> law of the span in scalar operations."""
