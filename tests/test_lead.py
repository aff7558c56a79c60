"""The first sentences of a report follow from the verdicts, and are silent where there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planted import planted

from analysis import lead
from analysis.document import Paragraph
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = planted(tmp_path_factory.mktemp("run"))
    run = load(folder)
    return Material(folder, run, judge(run))


def told(material: Material, **changed: dict[tuple[str, str], str]) -> str:
    """The sentences once the verdicts of best cells are what we say."""
    cells = [dict(cell) for cell in material.verdicts["cells"]]
    for cell in cells:
        cell["verdict"] = changed.get("verdicts", {}).get((cell["row"], cell["column"]), cell["verdict"])
    verdicts: dict[str, Any] = {**material.verdicts, "cells": cells}
    (block,) = lead.blocks(replace(material, verdicts=verdicts))
    assert isinstance(block, Paragraph)
    assert block.lead
    return block.text


def every(material: Material, verdict: str) -> dict[tuple[str, str], str]:
    return {(c["row"], c["column"]): verdict for c in material.verdicts["cells"]}


def test_the_counts_are_those_of_the_claimed_best_cells(material: Material) -> None:
    claimed = [c for c in material.verdicts["cells"] if c["variant"] == "best" and c["claimed"]]
    assert f"Of the table's {len(claimed)} cells" in told(material)
    text = told(material, verdicts=every(material, "undecided") | {("Training speed", "LSTM"): "agrees"})
    assert f"1 agrees with what was measured and {len(claimed) - 1} are undecided" in text


def test_what_disagrees_is_named_with_both_words(material: Material) -> None:
    text = told(material, verdicts=every(material, "agrees") | {("Training speed", "LSTM"): "disagrees"})
    cell = next(c for c in material.verdicts["cells"] if (c["row"], c["column"]) == ("Training speed", "LSTM"))
    assert f"Contradicted: Training speed of LSTM, claimed Slow, measured {cell['measured']}" in text
    assert text.count(", claimed ") == 1


def test_without_a_contradiction_the_words_borne_out_are_named_and_many_are_cut_short(material: Material) -> None:
    text = told(material, verdicts=every(material, "agrees"))
    assert "Borne out: Parallel processing of Transformer" in text
    assert f"{len([c for c in material.verdicts['cells'] if c['variant'] == 'best']) - lead.MOST} more" in text
    assert "No word of it is borne out or contradicted" in told(material, verdicts=every(material, "undecided"))


def test_a_run_without_a_table_tells_nothing(material: Material) -> None:
    assert lead.blocks(replace(material, verdicts={})) == []
