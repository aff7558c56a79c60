"""A cell's fold is enough: its figure is worked out again from the tables that a reader sees, by other code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import cells, wording
from analysis.cells.overview import places
from analysis.claims import GENERATION, INTERPRETABILITY, LONG_RANGE, PARALLEL, SCALABILITY, SPEED, STATE_TRACKING
from analysis.document import Block, Fold, Section, Table
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge

QUICK = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores" / "quick"
DIGITS = 2e-6
"""The figure is given to 6 decimals, the tables to 7 significant digits."""

Tables = Mapping[str, pd.DataFrame]
"""First words of a caption -> the table as texts."""


@pytest.fixture(scope="module")
def material() -> Material:
    run = load(QUICK)
    return Material(QUICK, run, judge(run))


@pytest.fixture(scope="module")
def blocks(material: Material) -> dict[tuple[str, str, str], Sequence[Block]]:
    """(row, column, variant) -> evidence; a plain variant without a part of its own is where the best one is."""
    found = {}
    named = {name: key for key, name in places(material).items()}
    for fold in cells.folds(material):
        assert isinstance(fold, Fold)
        for variant, evidence in variants(fold):
            found[(*named[fold.anchor], variant)] = evidence
    return found


@pytest.fixture(scope="module")
def opened(blocks: Mapping[tuple[str, str, str], Sequence[Block]]) -> dict[tuple[str, str, str], Tables]:
    return {key: tables(evidence) for key, evidence in blocks.items()}


def variants(fold: Fold) -> Iterator[tuple[str, Sequence[Block]]]:
    parts = [block for block in fold.blocks if isinstance(block, Section)]
    if not parts:
        yield "best", fold.blocks
        yield "plain", fold.blocks
    for part in parts:
        yield part.title.partition(":")[0].lower(), part.blocks


def tables(blocks: Sequence[Block]) -> Tables:
    found = {}
    for block in blocks:
        if isinstance(block, Table):
            rows = [[entry for entry in row if isinstance(entry, str)] for row in block.rows]
            if all(len(row) == len(block.header) for row in rows):
                found[block.caption.partition(",")[0].partition(":")[0]] = pd.DataFrame(rows, columns=block.header)
    return found


def numbers(column: pd.Series) -> np.ndarray:
    return column.str.replace(",", "").astype(float).to_numpy()


def share(tables: Tables) -> float:
    """Tasks alike; within one, a lag has half the way in log2 to each neighbour, an end twice that to its only one."""
    held = tables["The cells"].assign(
        lag=lambda t: numbers(t["Lag"]),
        solves=lambda t: numbers(t["Seeds that solved it"]) > numbers(t["Seeds recorded"]) / 2,
    )
    shares = []
    for _, own in held.groupby("Task"):
        x = np.log2(np.sort(own["lag"].to_numpy()))
        edges = (
            np.concatenate([[1.5 * x[0] - x[1] / 2], (x[1:] + x[:-1]) / 2, [1.5 * x[-1] - x[-2] / 2]])
            if len(x) > 1
            else [0, 1]
        )
        shares.append(np.average(own.sort_values("lag")["solves"], weights=np.diff(edges)))
    return float(np.mean(shares))


def mean_nap(tables: Tables) -> float:
    models = tables["Every model"]
    admitted = models[models["Admitted"] == "yes"]
    return float(np.mean([numbers(own["nAP"]).mean() for _, own in admitted.groupby("Task")]))


def mean_ratio(tables: Tables) -> float:
    held = tables["Every process"]
    own = next(name for name in map(str, held) if name.startswith("Tokens/s of ") and name != "Tokens/s of it")
    return float(min(1.0, np.exp(np.mean(np.log(numbers(held[own]) / numbers(held["Tokens/s of it"]))))))


def exponent(tables: Tables) -> float:
    held = tables["Every trace"]
    work, span = numbers(held["Work (operations)"]), numbers(held["Span (operations)"])
    return float(np.polyfit(np.log(numbers(held["n"])), np.log(work / span), 1)[0])


FIGURES = {
    PARALLEL.row: exponent,
    LONG_RANGE.row: share,
    STATE_TRACKING.row: share,
    INTERPRETABILITY.row: mean_nap,
    SPEED.row: mean_ratio,
    GENERATION.row: mean_ratio,
}


@pytest.mark.parametrize("row", FIGURES)
def test_the_figure_follows_from_the_table(row: str, material: Material, opened: Mapping[Any, Tables]) -> None:
    found = {key: cell for key, cell in wording.index(material.verdicts).items() if key[0] == row}
    assert len(found) == 6
    for key, cell in found.items():
        assert FIGURES[row](opened[key]) == pytest.approx(cell["figure"], abs=DIGITS), key


def falling(tables: Tables, axis: str) -> float:
    """Exponent along an axis: the sources' geometric mean."""
    held = tables["Every training behind the exponents"]
    held = held[held["Against"] == axis]
    found = [
        -np.polyfit(np.log(numbers(own["Size"])), np.log(np.maximum(numbers(own["Excess loss (nats)"]), 1e-3)), 1)[0]
        for _, own in held.groupby("Source")
    ]
    return float(np.prod(np.maximum(found, 0)) ** (1 / len(found)))


@pytest.mark.parametrize("variant", ["best", "plain"])
def test_scalability_follows_from_the_tables_of_its_row(
    variant: str, material: Material, opened: Mapping[Any, Tables]
) -> None:
    titles = wording.titles(material.verdicts)
    found = {t: [falling(opened[SCALABILITY.row, t, variant], axis) for axis in ("data", "parameters")] for t in titles}
    best = np.max(list(found.values()), axis=0)
    for title, own in found.items():
        figure = wording.index(material.verdicts)[SCALABILITY.row, title, variant]["figure"]
        assert float(np.min(np.array(own) / best)) == pytest.approx(figure, rel=1e-5)


def test_counts_of_cells_follow_from_the_trainings_listed(material: Material, opened: Mapping[Any, Tables]) -> None:
    checked = 0
    for (row, _, _), held in opened.items():
        if row not in (LONG_RANGE.row, STATE_TRACKING.row):
            continue
        trainings = held["Every training behind them"]
        solved = (trainings["Solved"] == "yes").groupby([trainings["Task"], trainings["Lag"]]).agg(["sum", "size"])
        for _, cell in held["The cells"].iterrows():
            counts = [int(cell["Seeds that solved it"]), int(cell["Seeds recorded"])]
            assert solved.loc[(cell["Task"], cell["Lag"])].tolist() == counts
            checked += 1
    assert checked > 50


def test_sensitivity_names_the_words_that_the_verdict_names(
    material: Material, blocks: Mapping[tuple[str, str, str], Sequence[Block]]
) -> None:
    assert len(blocks) == 42
    for key, evidence in blocks.items():
        cell = wording.index(material.verdicts)[key]
        (tried,) = [b for b in evidence if isinstance(b, Table) and b.caption.startswith("Sensitivity")]
        words = {entry[2].lines[0].text for entry in tried.rows if not isinstance(entry[2], str)}
        alternatives = set((cell["alternative"] or "").split(" or ")) - {""}
        assert words - {cell["measured"]} <= alternatives, key
        assert not alternatives or words - {cell["measured"]}, key
        by_task = {str(r[0]).removeprefix("without "): r for r in tried.rows if str(r[0]).startswith("without ")}
        for task, left in cell["sensitivity"]["left out"].items():
            assert float(str(by_task[task][1])) == pytest.approx(left["figure"], rel=1e-3, abs=1e-6)
