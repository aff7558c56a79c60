"""A document with a block of every kind, and one whose every text tries to break out of the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.document import (
    Block,
    Bullets,
    Code,
    Document,
    Download,
    Entry,
    Fold,
    Line,
    Paragraph,
    Picture,
    Section,
    Table,
    Tone,
    anchor,
)
from analysis.drawing import FAMILIES, style

COLUMNS = ("Transformer", "LSTM", "CNN")
VERDICTS: dict[str, tuple[tuple[str, str, Tone], ...]] = {
    "Parallel processing": (
        ("Yes -> Yes", "1.31 [1.17, 1.45] exact", "agrees"),
        ("No -> No", "0.02 [0.01, 0.04] exact", "agrees"),
        ("Yes -> Yes", "0.81 [0.79, 0.84] exact", "agrees"),
    ),
    "Long-range dependencies": (
        ("Excellent -> Excellent", "0.92 [0.67, 0.92] 3 seeds", "undecided"),
        ("Limited -> Moderate", "0.67 [0.44, 0.75] 3 seeds", "undecided"),
        ("Moderate -> Limited", "0.22 [0.14, 0.39] 3 seeds", "disagrees"),
    ),
    "Training speed": (
        ("Fast -> Moderate", "0.50 [0.49, 0.52] 5 procs", "disagrees"),
        ("Slow -> Fast", "1.00 [1.00, 1.00] 5 procs", "disagrees"),
        ("claimed: Fast", "", "not run"),
    ),
}
SIGNS = {"agrees": "=", "disagrees": "x", "undecided": "?", "not run": "-"}
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'--><svg/onload=alert(3)>{{ 7 * 7 }}",
    "[click](javascript:alert(4)) `x` | **bold** <b>",
    "</details></style></script><h1>",
    "\x1b[31m\u202eevil\u2066\x00",
    "1. $x^2$ # _a_ ~~b~~",
    "\ud800 half a pair",
)


def curves(name: str = "lag", size: tuple[float, float] = (6.5, 3.2)) -> Picture:
    """Three families over a grid: lines, markers, an area, a hatch and a title with signs of markup."""
    lags = 2.0 ** np.arange(2, 9)
    rows = []
    with style():
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for number, (family, mark) in enumerate(FAMILIES.items()):
            solved = 1 / (1 + (lags / 10 / (number + 1)) ** 2)
            axes.plot(lags, solved, color=mark.colour, marker=mark.marker, linestyle=mark.line, label=family)
            axes.fill_between(lags, solved * 0.8, solved * 1.1, color=mark.colour, alpha=0.15)
            rows += [{"family": family, "lag": int(g), "solved": s} for g, s in zip(lags, solved, strict=True)]
        axes.set_xscale("log", base=2)
        axes.axhspan(0.0, 0.4, facecolor="none", edgecolor="#999999", hatch="//", linewidth=0)
        axes.set_title("Solved share <& lag>")
        axes.set_xlabel("lag [tokens]")
        axes.legend()
    finding = "The transformer loses half its cells at a lag of 10, the CNN at 30."
    return Picture(name, "Solved share against lag", finding, figure, pd.DataFrame(rows))


def heat(name: str = "attention") -> Picture:
    """An image inside the figure."""
    with style():
        figure = Figure(figsize=(3.4, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.imshow(np.tri(16) / np.arange(1, 17)[:, None], cmap="viridis")
        axes.grid(visible=False)
        axes.set_xlabel("key [position]")
        axes.set_ylabel("query [position]")
    return Picture(name, "Attention of one head", "The head looks back at the planted position.", figure)


def small(text: str) -> Picture:
    """As little as a figure can be; the text is everywhere but in it."""
    figure = Figure(figsize=(2, 1))
    figure.text(0.5, 0.5, "small")
    return Picture("a b", text, text, figure, pd.DataFrame({text: [text]}))


def verdicts() -> Table:
    """The table of the first screen; each entry leads to its fold."""
    rows: list[tuple[str | Entry, ...]] = []
    for feature, cells in VERDICTS.items():
        entries = [
            Entry(
                (
                    Line(words),
                    *([Line(figure)] if figure else []),
                    Line(f"{SIGNS[tone]} {tone}", tone),
                    Line("plain: the same", "dim"),
                ),
                anchor("cell", feature, column),
            )
            for column, (words, figure, tone) in zip(COLUMNS, cells, strict=True)
        ]
        rows.append((feature, *entries))
    return Table("Claimed -> measured, figure [95 % interval], verdict", ("Feature", *COLUMNS), tuple(rows))


def _cells() -> list[Block]:
    folds: list[Block] = []
    for feature, cells in VERDICTS.items():
        for column, (words, figure, tone) in zip(COLUMNS, cells, strict=True):
            inside: Sequence[Block] = (
                Paragraph("May be Moderate: the interval reaches below the threshold of 0.80."),
                Table(
                    "Every seed",
                    ("Task", "Lag", "Seed", "Score", "Solved"),
                    tuple(("copy", str(lag), str(seed), f"0.{lag}{seed}", "yes") for lag in (8, 64) for seed in (0, 1)),
                ),
                Code("bakeoff run quick --only 'Long-range dependencies' \\\n  --column lstm --seed 0"),
            )
            summary = f"{feature}, {column}: {words} {figure} {SIGNS[tone]} {tone}"
            folds.append(Fold(summary, anchor("cell", feature, column), inside, tone))
    return folds


def sample() -> Document:
    """Every kind of block, as a report would use them."""
    return Document(
        "How far does the interview table hold?",
        (
            Paragraph("On two cores of an AMD EPYC, 3 of 9 claims hold, 3 do not, and 2 are undecided.", lead=True),
            Paragraph("The largest miss is training speed: the LSTM, said to be slow, is the fastest.", lead=True),
            verdicts(),
            Paragraph("Study quick, device cpu, rules version 1, 25,000 core parameters, three seeds."),
            Section("Evidence", "evidence", _cells()),
            Section(
                "Figures",
                "figures",
                (
                    curves(),
                    Section("Attention", "attention", (heat(), Section("One head", "one-head", (curves("again"),)))),
                ),
            ),
            Section(
                "Provenance",
                "provenance",
                (
                    Bullets(("torch 2.13, one thread", "commit 51ffae2, nothing changed")),
                    Download("measurements.csv", "text/csv", b"metric,value\nloss,0.5\n" * 90, "All measurements"),
                    Code("@misc{bakeoff,\n  title = {Bakeoff}\n}"),
                ),
            ),
        ),
    )


def spoken(*texts: str) -> Document:
    """Each text in turn wherever a block takes one."""
    blocks: list[Block] = []
    for text in texts:
        entry = Entry((Line(text, "agrees"), Line(text)), text)
        inside: tuple[Block, ...] = (
            Paragraph(text, lead=True),
            Paragraph(text),
            Bullets((text,)),
            Code(f"{text}\n```\n{text}"),
            Table(text, (text, text), ((text, entry),)),
            small(text),
            Download(text, "text/plain", b"content", text),
        )
        blocks.append(Section(text, text, (Fold(text, text, inside, "agrees"),)))
    return Document(texts[0], blocks)
