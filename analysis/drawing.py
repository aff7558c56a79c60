"""The look that all figures share, and how one is written: the same figure gives the same bytes.

matplotlib and seaborn are imported when something is drawn, so that a report without figures starts quickly.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.lookup import Codes
from analysis.stats import Array
from analysis.wording import cut, printable
from bench.records import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HASH_SALT = "bakeoff"
LETTERS = 22
"""Of a name in a figure, unless there is more room, or less."""
DOTS_PER_INCH = 150
"""Of a PNG."""


class Mark(NamedTuple):
    """How one family looks everywhere, also to who cannot tell colours apart."""

    colour: str
    marker: str
    line: str


FAMILIES = {
    "transformer": Mark("#0173b2", "o", "-"),
    "lstm": Mark("#de8f05", "s", "--"),
    "cnn": Mark("#029e73", "^", "-."),
}
"""Blue, orange and green of seaborn's palette "colorblind"."""
OTHERS = (
    Mark("#d55e00", "D", ":"),
    Mark("#cc78bc", "v", ":"),
    Mark("#ca9161", "P", ":"),
    Mark("#949494", "X", ":"),
)
"""For families of strangers, in the order in which they are named."""


def marks(families: list[str]) -> dict[str, Mark]:
    """A mark for every family: the fixed ones, then those of strangers, round and round."""
    strangers = [family for family in dict.fromkeys(families) if family not in FAMILIES]
    return FAMILIES | {family: OTHERS[i % len(OTHERS)] for i, family in enumerate(strangers)}


def label(text: str) -> str:
    """A name from a record as a figure may show it: two dollar signs would make a formula of what lies between."""
    return printable(text).replace("$", r"\$")


def short(text: str, letters: int = LETTERS) -> str:
    """A name from a record as a figure may show it, cut to a length."""
    return label(cut(text, letters))


def evenly(values: Array, most: int) -> Codes:
    """Places of the values, or of so many at even ranks, the extremes among them: more marks would hide each other."""
    if values.size <= most:
        return np.arange(values.size)
    return np.argsort(values, kind="stable")[np.linspace(0, values.size - 1, most).round().astype(int)]


@contextmanager
def style() -> Iterator[None]:
    """Settings under which a figure must be drawn and saved."""
    import matplotlib as mpl
    import seaborn as sns

    with (
        sns.axes_style("whitegrid"),
        sns.color_palette("colorblind"),
        mpl.rc_context(
            {
                "svg.hashsalt": HASH_SALT,
                "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same letters on every machine
                "font.size": 9.0,
                "axes.titlesize": 10.0,
                "axes.labelsize": 9.0,
                "xtick.labelsize": 8.0,
                "ytick.labelsize": 8.0,
                "legend.fontsize": 7.5,
                "axes.titley": 1.0,  # nothing stands between: looking for it takes a fifth of a drawing
            }
        ),
    ):
        yield


class Drawn(NamedTuple):
    """A figure that needs no more drawing."""

    svg: str
    png: bytes = b""
    """Empty where nobody asked for it."""


def drawn(figure: Figure | Drawn, with_png: bool = True) -> Drawn:
    """A figure as SVG and PNG; its layout is found once, as saving as SVG would, and then stands still."""
    if isinstance(figure, Drawn):
        return figure
    with style():
        _lay_out(figure)
        return Drawn(svg(figure), png(figure) if with_png else b"")


def _lay_out(figure: Figure) -> None:
    """Place everything, and leave no engine: with one, matplotlib draws whatever it saves twice."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if engine := figure.get_layout_engine():
        FigureCanvasSVG(figure)
        figure.dpi = FigureCanvasSVG.fixed_dpi
        engine.execute(figure)
        figure.set_layout_engine(None)


def svg(figure: Figure) -> str:
    """A figure as SVG without a date and with names of its parts that do not change between runs."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": HASH_SALT}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def png(figure: Figure) -> bytes:
    """A figure as PNG, without the name of the program that wrote it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return out.getvalue()


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as SVG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, svg(figure))
    return path
