"""One offline page of the history: every benchmark over commits, intervals drawn, regressions marked and listed."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from jinja2 import Environment
from matplotlib.figure import Figure

from analysis.history import FACTOR
from bench.records import write_atomically

PAGE = "history.html"
MARKS = {"regression": ("v", "#b2182b"), "improvement": ("^", "#2166ac")}
TEMPLATE = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bakeoff: history</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #bbb; }
figure { margin: 2rem 0; } svg { max-width: 100%; height: auto; background: #fff; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
</style></head><body>
<h1>Speed, memory and accuracy over commits</h1>
<p>{{ commits }} commits on {{ machines }}. A mark says that a value moved by more than {{ factor }} &times; and that
its 99 % interval does not overlap the one before. Tracked figures have no interval.</p>
<h2>Regressions and improvements</h2>
{% if changes %}<table><tr><th>commit</th><th>what</th><th>benchmark</th><th>case</th><th>ratio</th></tr>
{% for row in changes %}<tr><td>{{ row.commit }}</td><td>{{ row.change }}</td><td>{{ row.title }}</td>
<td>{{ row.case }}</td><td>{{ "%.2f"|format(row.ratio) }}</td></tr>{% endfor %}</table>
{% else %}<p>None.</p>{% endif %}
{% for title, alt, svg in figures %}<figure role="img" aria-label="{{ alt }}"><figcaption>{{ title }}</figcaption>
{{ svg|safe }}</figure>{% endfor %}
</body></html>
""")


def write_history(marked: pd.DataFrame, folder: Path, factor: float = FACTOR) -> Path:
    """Write the page for a frame of `analysis.history.changes`; the same frame gives the same bytes."""
    figures = []
    for (title, unit), group in marked.groupby(["title", "unit"], sort=True):
        count = int((group["change"] == "regression").sum())
        alt = f"{title} over {group['commit'].nunique()} commits, {count} regressions"
        figures.append((f"{title} ({unit})", alt, _svg(group, f"{title} [{unit}]")))
    page = TEMPLATE.render(
        commits=marked["commit"].nunique(),
        machines=", ".join(sorted(marked["machine"].unique())),
        factor=factor,
        changes=list(marked[marked["change"] != ""].itertuples()),
        figures=figures,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / PAGE, page)
    return folder / PAGE


def _svg(group: pd.DataFrame, label: str) -> str:
    """One benchmark: a line per case over commits, with its interval as a bar and its marks."""
    with mpl.rc_context({"svg.hashsalt": label, "font.size": 9}):
        figure = Figure(figsize=(9, 4), layout="constrained")
        axes = figure.add_subplot()
        order = list(group.sort_values("date")["commit"].drop_duplicates())
        cases = list(group["case"].drop_duplicates())
        for colour, case in zip(sns.color_palette("colorblind", len(cases)), cases, strict=True):
            own = group[group["case"] == case]
            x = [order.index(commit) for commit in own["commit"]]
            # An infinite end means too few samples for an interval: none is drawn, and nothing is marked either.
            spans = (own["value"] - own["low"], own["high"] - own["value"])
            errors = [span.clip(lower=0).replace(np.inf, 0.0) for span in spans]
            axes.errorbar(x, own["value"], yerr=errors, color=colour, label=case or "all", marker=".", capsize=2)
            for change, (marker, mark_colour) in MARKS.items():
                hit = own[own["change"] == change]
                where = [order.index(commit) for commit in hit["commit"]]
                axes.scatter(where, hit["value"], marker=marker, s=90, color=mark_colour, zorder=3)
        axes.set_xticks(range(len(order)), order, rotation=45, ha="right")
        axes.set_ylabel(label)
        axes.set_yscale("log" if (group["value"] > 0).all() else "linear")
        axes.legend(fontsize=6, ncols=1 + len(cases) // 12, loc="center left", bbox_to_anchor=(1, 0.5))
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
