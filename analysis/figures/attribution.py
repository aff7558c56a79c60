"""Where solved models say that they looked: one planted example a family, beside the average precision over all.

Only models that pass the admission gate are scored (see `rows.interpretability`). The example decides nothing: it shows
what an average precision is an average of.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.claims import INTERPRETABILITY, VOID_UNTRAINED
from analysis.clocks.wording import decimals, listed
from analysis.clocks.wording import interval as written
from analysis.document import Picture
from analysis.drawing import Mark, label, marks, short, style
from analysis.figures.examples import Example, examples, pick, stretched
from analysis.figures.parts import part
from analysis.material import Material
from analysis.rows.finding import Contender, absence
from analysis.rows.interpretability import INTRINSIC, POSTHOC, Models, choose, mean_scores, score, select
from analysis.stats import Interval, mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

NAME = "explanations"
TITLE = "Explanations: where solved models say that they looked"
PREFERRED = ("needle",)
WIDTH, MAPS, SCORES = 7.0, 3.1, 3.9
"""Inches: of the figure, its left and its right half."""
LINE, GAP = 0.26, 0.6
"""Height of a method in inches; room between the two groups of methods in lines."""
LETTERS, NOTE_LETTERS = 26, 118
MOST = 800
"""Models of all methods that are drawn one by one; of more, only their means are."""
MAPS_NOTE = (
    "Left: one sequence, the first, not a typical one, ▼ planted; each row from its least (white) to its most relevant "
    "position (black)."
)
SCORES_NOTE = (
    "Chance-normalised average precision: small, a model; large, their mean with its 95 % interval over seeds; hollow, "
    "the same on untrained weights (void if above its line). Bold: the method by which the family is judged."
)


@dataclass(frozen=True)
class Bar:
    """One method on one family's admitted models."""

    contender: Contender
    method: str
    scores: pd.DataFrame
    """One row per model, as `rows.interpretability.score` gives it."""
    chosen: bool
    """Whether the family is judged, or its post-hoc methods represented, by it."""

    @property
    def nap(self) -> Interval:
        """Mean over tasks and models; its interval over seeds, as the rule has it."""
        by_seed = self.scores.groupby("seed")["nap"].mean().to_numpy(dtype=float)
        mean = float(mean_scores(self.scores)["nap"])
        return mean_interval(by_seed, "logit").widened(mean) if by_seed.size > 1 else Interval(mean, -np.inf, np.inf)

    @property
    def control(self) -> float:
        """What the same method scores on untrained weights; NaN where nobody asked."""
        return float(mean_scores(self.scores)["untrained"])

    @property
    def is_intrinsic(self) -> bool:
        """Whether the forward pass itself holds the explanation."""
        return self.method.startswith(INTRINSIC)


def picture(material: Material) -> Picture | str:
    """Maps and scores of each column's best variant, or of the plain one where no best one passed the gate."""
    models = {c: select(material.run, c.architecture, material.headline) for c in material.contenders}
    planned = pd.concat([m.planned for m in models.values()]) if models else pd.DataFrame()
    if planned.empty or (planned["status"] != "ok").all():
        return absence(material.run, planned.drop_duplicates("id") if len(planned) else planned)
    shown = _shown(material, models)
    bars = [bar for contender in shown for bar in _bars(material, contender, models[contender])]
    if not bars:
        return "no model passed the admission gate, so no explanation was scored"
    known = {c.architecture: c for c in shown}
    maps = [e for e in pick([e for e in examples(material) if e.architecture in known], PREFERRED) if e.relevance]
    with style():
        figure = _drawn(bars, [(known[e.architecture], e) for e in maps])
    columns = dict.fromkeys(c.column for c in material.contenders)
    silent = [column for column in columns if column not in {c.column for c in shown}]
    return Picture(NAME, TITLE, _finding(bars, silent), figure, _data(bars, maps))


def _shown(material: Material, models: dict[Contender, Models]) -> list[Contender]:
    """The first variant of every column that has admitted models."""
    found: dict[str, Contender] = {}
    for contender in material.contenders:  # the best variant of a column comes before its plain one
        if contender.architecture and not models[contender].admitted.empty:
            found.setdefault(contender.column, contender)
    return list(found.values())


def _bars(material: Material, contender: Contender, models: Models) -> Iterator[Bar]:
    """Every method that was scored, intrinsic ones first."""
    admitted = part(material.run, models.admitted)
    names = sorted(set(admitted.of("explanation_nap")["subject"]))
    for kind in (INTRINSIC, POSTHOC):
        best = choose(material.run, models, kind)
        for method in (name for name in names if name.startswith(kind)):
            scores = score(admitted, models.admitted, method)
            if not scores.empty and np.isfinite(scores["nap"]).all():
                yield Bar(contender, method, scores, best is not None and best.method == method)


def _drawn(bars: Sequence[Bar], maps: Sequence[tuple[Contender, Example]]) -> Figure:
    from matplotlib.figure import Figure

    places, texts = _places(bars)
    lines = max(-min(places.values()) + 1, sum(len(e.relevance) + 2.2 for _, e in maps))
    figure = Figure(figsize=(WIDTH, 1.5 + LINE * lines), layout="constrained")
    known = marks([bar.contender.family for bar in bars])
    if maps:
        halves = figure.add_gridspec(1, 2, width_ratios=[MAPS, SCORES])
        _maps(figure.add_subfigure(halves[0]), maps, known)
    axes = (figure.add_subfigure(halves[1]) if maps else figure).add_subplot()
    _scores(axes, bars, places, texts, known)
    note = textwrap.wrap(f"{MAPS_NOTE} Right: {SCORES_NOTE}" if maps else SCORES_NOTE, NOTE_LETTERS)
    figure.supxlabel("\n".join(note), x=0.01, ha="left", fontsize=8, color="0.25")
    return figure


def _places(bars: Sequence[Bar]) -> tuple[dict[tuple[str, str], float], dict[float, str]]:
    """(column, method) -> height of its line; and what stands beside a line. Post-hoc methods share theirs."""
    own = [(bar.contender.column, bar.method) for bar in bars if bar.is_intrinsic]
    shared = sorted({bar.method for bar in bars if not bar.is_intrinsic})
    columns = list(dict.fromkeys(bar.contender.column for bar in bars))
    places = {key: -float(number) for number, key in enumerate(own)}
    texts = {-float(number): method for number, (_, method) in enumerate(own)}
    tall = 1.0 + 0.25 * (len(columns) - 1)
    for number, method in enumerate(shared):
        middle = -(len(own) + (GAP if own else 0.0) + (number + 0.5) * tall - 0.5)
        texts[middle] = method
        for position, column in enumerate(columns):
            shift = ((len(columns) - 1) / 2 - position) * 0.8 * tall / len(columns)
            places[column, method] = middle + shift
    return places, texts


def _scores(
    axes: Axes,
    bars: Sequence[Bar],
    places: dict[tuple[str, str], float],
    texts: dict[float, str],
    known: dict[str, Mark],
) -> None:
    for bar in bars:
        mark, y, nap = known[bar.contender.family], places[bar.contender.column, bar.method], bar.nap
        if sum(len(bar.scores) for bar in bars) <= MOST:
            axes.scatter(bar.scores["nap"], np.full(len(bar.scores), y), s=8, color=mark.colour, alpha=0.35, lw=0)
        if np.isfinite([nap.low, nap.high]).all():
            axes.plot([nap.low, nap.high], [y, y], color=mark.colour, lw=1.3)
        axes.plot([nap.point], [y], mark.marker, color=mark.colour, markersize=6.5 if bar.chosen else 4.5, zorder=3)
        if np.isfinite(bar.control):
            axes.plot([bar.control], [y], mark.marker, color=mark.colour, markerfacecolor="white", markersize=4.0)
    _limits(axes)
    axes.set_yticks(list(texts), [_short(method) for method in texts.values()])
    for tick, (y, method) in zip(axes.get_yticklabels(), texts.items(), strict=True):
        here = [b for b in bars if b.method == method and b.is_intrinsic and places[b.contender.column, method] == y]
        if here:
            tick.set(color=known[here[0].contender.family].colour, fontweight="bold" if here[0].chosen else "normal")
    bottom = min([*places.values(), *texts])
    axes.set_ylim(bottom - 0.7, 0.7)
    axes.set_xlim(min(-0.3, axes.get_xlim()[0]), 1.05)
    axes.grid(False, axis="y")
    axes.set_title("all models that pass the gate", fontsize=9, pad=24)
    axes.set_xlabel("nAP (0 chance, 1 perfect)")


def _limits(axes: Axes) -> None:
    """The thresholds of the rule, and what a random ranking gets; every other word higher, or they would meet."""
    lines = {0.0: ("chance", "-"), VOID_UNTRAINED: ("void", ":")}
    lines |= {at: (word, "--") for word, at in zip(INTERPRETABILITY.words, INTERPRETABILITY.thresholds, strict=False)}
    for number, at in enumerate(sorted(lines)):
        word, line = lines[at]
        axes.axvline(at, color="0.35", lw=0.9, linestyle=line, zorder=1)
        text = word + "\n" * (number % 2)
        axes.text(at, 1.0, text, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8)


def _maps(figure: SubFigure, maps: Sequence[tuple[Contender, Example]], known: dict[str, Mark]) -> None:
    grid = figure.subplots(len(maps), 1, sharex=True, squeeze=False, height_ratios=[len(e.relevance) for _, e in maps])
    for axes, (contender, example) in zip(grid[:, 0], maps, strict=True):
        rows = np.array([stretched(values) for values in example.relevance.values()])
        axes.imshow(rows, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="none")
        axes.set_yticks(range(len(rows)), [_short(method) for method in example.relevance])
        for position in example.positions:
            axes.plot([position], [-0.5], "v", color="black", markersize=5, clip_on=False)
            axes.axvspan(position - 0.5, position + 0.5, fill=False, edgecolor=known[contender.family].colour, lw=1.2)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(False)
        axes.set_title(short(contender.column), fontsize=9, color=known[contender.family].colour, pad=9)
    grid[-1, 0].locator_params(axis="x", integer=True)
    first = maps[0][1]
    grid[-1, 0].set_xlabel(f"position in one sequence of {label(first.task)}")


def _short(method: str) -> str:
    """A method without its kind, cut to what fits."""
    return short(method.removeprefix(INTRINSIC).removeprefix(POSTHOC), LETTERS)


def _finding(bars: Sequence[Bar], silent: Sequence[str]) -> str:
    """The method by which each family is judged, the best of those that all share, and who was not asked."""
    parts = []
    for intrinsic, said in (
        (True, "the intrinsic explanation by which a family is judged"),
        (False, "the best post-hoc one"),
    ):
        held = [bar for bar in bars if bar.chosen and bar.is_intrinsic == intrinsic]
        texts = [f"{decimals(b.nap.point)} ({b.contender.column}, {b.method.split('/', 1)[1]})" for b in held]
        parts += [f"{said} scores {listed(texts)}"] if texts else []
    parts = parts or [f"{len(bars)} explanations were scored and none was chosen"]
    none = f"; no model of {listed(silent)} passed" if silent else ""
    good = f"0 is chance and Good begins at {INTERPRETABILITY.thresholds[0]:g}"
    return f"On models that pass the gate {'; '.join(parts)}, where {good}{none}."


def _data(bars: Sequence[Bar], maps: Sequence[Example]) -> pd.DataFrame:
    ranked = {(e.architecture, f"{INTRINSIC}{method}"): e.ranked(v) for e in maps for method, v in e.relevance.items()}
    rows = [
        {
            "family": bar.contender.column,
            "architecture": bar.contender.architecture,
            "method": bar.method,
            "chosen": "yes" if bar.chosen else "no",
            "nAP (95 % interval)": written(bar.nap, decimals),
            "untrained": decimals(bar.control),
            "models": len(bar.scores),
            "example, from the top (* planted)": ranked.get((str(bar.contender.architecture), bar.method), "-"),
        }
        for bar in bars
    ]
    return pd.DataFrame(rows)
