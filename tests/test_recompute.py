"""docs/recompute.md against the published records: its counts, its steps taken literally, its word, its Python.

The steps are programmed here from the document's own words, with fractions and the csv module, and nothing of analysis:
only the file of measurements and the page's cell come from there. `python -m tests.test_recompute` writes the numbers.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.claims import RULES
from analysis.load import load
from analysis.measurements import pieces

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "recompute.md"
FOLDER = ROOT / "reports" / "published" / "amd-epyc-2-cores" / "quick"
PLACE = {"row": "Long-range dependencies", "column": "CNN", "variant": "plain"}
MARKERS = ("<!-- numbers: made by `python -m tests.test_recompute` -->\n", "<!-- end of numbers -->\n")
BANDS = (("Excellent", Fraction(8, 10)), ("Moderate", Fraction(4, 10)), ("Limited", Fraction(0)))
HEADER = "| task | lag | length | trainings | solved | counts | weight |"

Row = tuple[str, int, int, int, int]
"""Task, lag, length, trainings, solved."""


def on_the_page() -> dict[str, Any]:
    """The cell, as the page states it."""
    cells = json.loads((FOLDER / "verdicts.json").read_text())["cells"]
    (found,) = [cell for cell in cells if all(cell[key] == value for key, value in PLACE.items())]
    return dict(found)


def counted(text: str, cell: Mapping[str, Any]) -> list[Row]:
    """The section on the data: counts by task, lag and length from the text of measurements.csv."""
    lines = [
        line
        for line in csv.DictReader(io.StringIO(text))
        if line["split"] == "report"
        and line["architecture"] == cell["architecture"]
        and line["core_parameters"] == str(cell["core_parameters"])
        and line["task"] in cell["tasks"]
    ]
    trainings: dict[tuple[str, int, int], dict[str, bool]] = {}
    for line in lines:
        if line["status"] != "not run":
            place = (line["task"], int(line["lag"]), int(line["length"]))
            own = trainings.setdefault(place, {})
            solved = line["status"] == "ok" and line["metric"] == "solved" and float(line["value"]) == 1
            own[line["id"]] = own.get(line["id"], False) or solved
    return [(*place, len(own), sum(own.values())) for place, own in sorted(trainings.items())]


def weights(rows: Sequence[Row]) -> list[float | Fraction]:
    """The section on weights. Exact where a task has one or two lags, or lags that double."""
    tasks = {row[0] for row in rows}
    found: list[float | Fraction] = []
    for task, lag, *_ in rows:
        lags = sorted(row[1] for row in rows if row[0] == task)
        assert len(set(lags)) == len(lags), "the document does not say how lengths share a lag"
        found.append(Fraction(1, len(tasks)) * stretch(lags, lag))
    return found


def stretch(lags: Sequence[int], lag: int) -> float | Fraction:
    """Share of the log2 axis that is nearest to a lag; beyond the ends the axis goes on as far as before them."""
    if len(lags) <= 2 or all(2 * a == b for a, b in pairwise(lags)):
        return Fraction(1, len(lags))
    x = [math.log2(value) for value in lags]
    x = [2 * x[0] - x[1], *x, 2 * x[-1] - x[-2]]
    at = lags.index(lag) + 1
    middle = [(a + b) / 2 for a, b in pairwise(x)]
    return (middle[at] - middle[at - 1]) / (middle[-1] - middle[0])


def figure(rows: Sequence[Row]) -> float | Fraction:
    """The section on the word."""
    return sum(weight for row, weight in zip(rows, weights(rows), strict=True) if 2 * row[4] > row[3])


def word(share: float | Fraction, factor: Fraction = Fraction(1)) -> str:
    return next(name for name, at in BANDS if share >= at * factor)


def left_out(rows: Sequence[Row]) -> dict[str, float | Fraction]:
    tasks = sorted({row[0] for row in rows})
    return {task: figure([row for row in rows if row[0] != task]) for task in tasks}


def verdict(rows: Sequence[Row], low: float, high: float, claimed: str) -> str:
    """The section on the verdict, where every planned training was run."""
    own = word(figure(rows))
    reached = {word(figure(rows), Fraction(tenths, 10)) for tenths in (9, 11)}
    reached |= {word(share) for share in left_out(rows).values()} | {word(low), word(high)}
    return "undecided" if reached != {own} else "agrees" if own == claimed else "disagrees"


def simulated(rows: Sequence[Row]) -> str:
    """The interval as a few lines of Python."""
    solved, trainings = ([row[at] for row in rows] for at in (4, 3))
    return f"""import numpy as np

solved, trainings = np.array({solved}), np.array({trainings})
weights = np.array([{", ".join(str(weight).replace("/", " / ") for weight in weights(rows))}])
chance = np.random.default_rng(20261122).beta(solved + 0.5, trainings - solved + 0.5, size=(4000, len(solved)))
low, high = np.percentile((chance > 0.5) @ weights, [2.5, 97.5])
point = weights[solved > trainings / 2].sum()
print(f"{{point:.2f}} [{{min(low, point):.2f}}, {{max(high, point):.2f}}]")
"""


def numbers(rows: Sequence[Row], cell: Mapping[str, Any]) -> str:
    """What stands between the markers."""
    shares = weights(rows)
    table = [
        f"| {' | '.join(map(str, row))} | {'yes' if 2 * row[4] > row[3] else 'no'} | {weight} |"
        for row, weight in zip(rows, shares, strict=True)
    ]
    counting = [str(weight) for row, weight in zip(rows, shares, strict=True) if 2 * row[4] > row[3]]
    total = figure(rows)
    without = [f"without {task} {float(share):.2f} ({word(share)})" for task, share in left_out(rows).items()]
    moved = [f"{f'{at * tenths / 10:g}'}" for tenths in (9, 11) for at in (0.8, 0.4)]
    return f"""
The page names the architecture `{cell["architecture"]}` with {cell["core_parameters"]} core parameters and the tasks
{", ".join(cell["tasks"])}. It says: claimed {cell["claimed"]}, measured **{cell["measured"]}**, figure
{cell["figure"]:.2f} [{cell["low"]:.2f}, {cell["high"]:.2f}], **{cell["verdict"]}**.

{HEADER}
|---|---|---|---|---|---|---|
{chr(10).join(table)}

Figure: {" + ".join(counting) or "0"} = {total} = {float(total):.2f}. Word: **{word(total)}**.

Thresholds a tenth lower are {moved[0]} and {moved[1]}: {word(total, Fraction(9, 10))}; a tenth higher {moved[2]} and \
{moved[3]}: {word(total, Fraction(11, 10))}. One task left out: {", ".join(without)}.
Ends of the interval: {word(cell["low"])} and {word(cell["high"])}. \
Verdict: **{verdict(rows, cell["low"], cell["high"], cell["claimed"])}**.

The interval:

```python
{simulated(rows)}```
"""


def written() -> str:
    """The numbers that the document holds."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text[text.index(MARKERS[0]) + len(MARKERS[0]) : text.index(MARKERS[1])]


def in_the_document() -> list[Row]:
    lines = re.findall(r"^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (?:yes|no) \|", written(), re.MULTILINE)
    return [(task, *map(int, counts)) for task, *counts in lines]  # type: ignore[misc]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return counted("".join(pieces(load(FOLDER))), on_the_page())


def test_the_counts_are_those_of_the_published_measurements(rows: list[Row]) -> None:
    assert in_the_document() == rows
    assert written() == numbers(rows, on_the_page()), "run `python -m tests.test_recompute`"


def test_the_documents_steps_give_the_pages_word_figure_and_verdict() -> None:
    cell, own = on_the_page(), in_the_document()
    assert float(figure(own)) == pytest.approx(cell["figure"], abs=1e-6)
    assert word(figure(own)) == cell["measured"]
    assert verdict(own, cell["low"], cell["high"], cell["claimed"]) == cell["verdict"]
    assert sum(weights(own)) == pytest.approx(1)


def test_the_documents_lines_of_python_give_the_pages_interval(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", written(), re.DOTALL)
    exec(compile(code, str(DOCUMENT), "exec"), {})
    cell = on_the_page()
    assert capsys.readouterr().out.strip() == f"{cell['figure']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]"


def test_the_document_quotes_the_rule_and_its_bands() -> None:
    rule = RULES[PLACE["row"]]
    assert f"> {rule.statement}\n" in DOCUMENT.read_text(encoding="utf-8")
    assert [(name, float(at)) for name, at in BANDS][:-1] == list(zip(rule.words, rule.thresholds, strict=False))
    assert not any(rule.strict)


def test_weights_of_three_lags_are_the_lengths_of_their_stretches() -> None:
    """Lags 1, 4 and 8 lie at 0, 2 and 3: stretches from -1 to 1, 1 to 2.5 and 2.5 to 3.5."""
    found = [stretch([1, 4, 8], lag) for lag in (1, 4, 8)]
    assert found == pytest.approx([2 / 4.5, 1.5 / 4.5, 1 / 4.5])


def test_one_more_solved_training_would_be_noticed(rows: list[Row]) -> None:
    """The word would not change with one training, the counts and the numbers would."""
    at = next(number for number, row in enumerate(rows) if row[4] < row[3])
    other = [(*row[:4], row[4] + (number == at)) for number, row in enumerate(rows)]
    assert numbers(other, on_the_page()) != written()
    assert np.isclose(float(sum(weights(other))), 1)


def rewrite() -> None:
    """Put the numbers of the published records into the document."""
    cell, text = on_the_page(), DOCUMENT.read_text(encoding="utf-8")
    before, after = text.index(MARKERS[0]) + len(MARKERS[0]), text.index(MARKERS[1])
    fresh = numbers(counted("".join(pieces(load(FOLDER))), cell), cell)
    DOCUMENT.write_text(text[:before] + fresh + text[after:], encoding="utf-8")


if __name__ == "__main__":
    rewrite()
