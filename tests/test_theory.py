"""The theory table: what it says of planted laws, beside the published entries, and of records as they come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from structures import add_counts, block, built, convolutional, recurrent
from synthetic import COLUMNS, STRANGER, Folder

from analysis import complexity
from analysis.document import Block, Bullets, Entry, Paragraph, Table
from analysis.load import load
from analysis.material import Material
from analysis.theory import blocks

PUBLISHED = Path(__file__).parent.parent / "reports" / "published" / "amd-epyc-2-cores"


def said(found: Sequence[Block]) -> str:
    """All texts of the blocks."""
    parts: list[str] = []
    for part in found:
        if isinstance(part, Paragraph):
            parts.append(part.text)
        elif isinstance(part, Bullets):
            parts += part.items
        elif isinstance(part, Table):
            for row in part.rows:
                parts += [" | ".join(line.text for line in c.lines) if isinstance(c, Entry) else c for c in row]
    return "\n".join(parts)


def row(found: Sequence[Block], title: str) -> list[list[str]]:
    """Lines of every entry in the first table's row of a layer."""
    (table, *_) = [part for part in found if isinstance(part, Table)]
    entries = [[line.text for line in c.lines] if isinstance(c, Entry) else [c] for r in table.rows for c in r]
    width = len(table.header)
    rows = [entries[i : i + width] for i in range(0, len(entries), width)]
    (own,) = [r for r in rows if r[0][0] == title]
    return own


class TestCrossover:
    @pytest.mark.parametrize(
        ("cheap", "steep", "other", "at"),
        [(8.0, 4.0, 16.0, 2.0), (24.0, 4.0, 16.0, 0.0), (8.0, 0.0, 16.0, None), (16.0, 0.0, 16.0, None)],
    )
    def test_where_a_parabola_passes_a_line(self, cheap: float, steep: float, other: float, at: float | None) -> None:
        assert complexity.crossing(cheap, steep, other) == at

    def test_whole_blocks_never_cost_less_and_bare_attention_does_up_to_twice_the_width(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "transformer-sinusoidal", block)
        add_counts(folder, "lstm", recurrent)
        text = said(blocks(built(folder, tmp_path)))
        assert "costs more FLOPs than an LSTM layer at every n" in text
        assert "without its feed-forward layers (16 n d² by design) it does so from n = 2 d" in text
        assert "the 4 n² d alone, which the sentence speaks of, passes 16 n d² at n = 4 d" in text
        assert "cost more than the attention between positions up to n = 6 d" in text
        assert "as long as n is smaller than d" in text

    def test_attention_alone_passes_at_a_length(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "transformer-sinusoidal", lambda n, d: 2 * (8.0 * n * d * d + 4 * n * n * d))
        add_counts(folder, "lstm", recurrent)
        assert "a whole block passes an LSTM layer at n = 2 d" in said(blocks(built(folder, tmp_path)))

    def test_one_width_compares_models_of_one_size(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "transformer-sinusoidal", lambda n, d: 1000.0 * n + 10 * n * n, (32,))
        add_counts(folder, "lstm", lambda n, d: 2000.0 * n, (32,))
        text = said(blocks(built(folder, tmp_path)))
        assert "passes the LSTM's FLOPs at n = 100, and twice as many from n = 300 on" in text
        assert "The width d was not varied for Transformer and LSTM" in text


class TestTable:
    @pytest.fixture
    def found(self, tmp_path: Path) -> list[Block]:
        folder = Folder((*COLUMNS, STRANGER))
        counts = {
            "transformer-sinusoidal": (lambda n: 30.0, lambda n: 10.0, lambda n: 2.0),
            "lstm": (lambda n: 7.0 * n + 7, lambda n: 2.0 * n + 9, lambda n: 2.0),
            "cnn-3": (lambda n: 5 * math.log2(n) + 1, lambda n: 5 * math.log2(n) + 1, lambda n: 2 * math.log2(n)),
            "mine:Net": (lambda n: n**1.5, lambda n: 3.0 * n, lambda n: 1.0),
        }
        metrics = ("span_operations", "path_operations", "path_weight_crossings")
        flops = {"transformer-sinusoidal": block, "lstm": recurrent, "cnn-3": convolutional(3), "mine:Net": recurrent}
        for name, planted in counts.items():
            add_counts(folder, name, flops[name], counts=dict(zip(metrics, planted, strict=True)))
        return blocks(built(folder, tmp_path))

    def test_every_measured_law_stands_beside_its_published_entry(self, found: list[Block]) -> None:
        assert row(found, "LSTM")[1:] == [
            ["published: O(n d²) a layer", "16 n d², a layer", "= grows as published"],
            ["published: O(n)", "7 n + 7", "7 n + 7, scalar operations", "= grows as published"],
            ["published: O(n)", "2 n + 9", "= grows as published"],
            ["published: O(n)", "constant 2", "x grows otherwise"],
        ]
        assert row(found, "Transformer")[1][1] == "24 n d² + 4 n² d, a layer"
        assert row(found, "CNN")[2][-1] == "x grows otherwise"
        assert row(found, "CNN")[3][-1] == "= grows as published"

    def test_a_difference_is_told_with_its_reason(self, found: list[Block]) -> None:
        text = said(found)
        assert "LSTM, longest path, weight crossings: constant 2; the published entry is O(n). The cell state" in text
        assert "CNN, sequential operations: 5 log₂ n + 1; the published entry is O(1). One layer is O(1)" in text
        assert "the coefficient is 2 k" in text
        assert "No reason is known" not in text

    def test_a_stranger_is_counted_and_compared_with_nothing(self, found: list[Block]) -> None:
        own = row(found, "mine:Net")
        assert own[1] == ["32 n d², the whole network"]
        assert own[2] == ["~ n^1.50", "~ n^1.50, scalar operations"]

    def test_an_unforeseen_difference_is_owned_up_to(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "transformer-sinusoidal", block, counts={"span_operations": lambda n: 2.0 * n})
        text = said(blocks(built(folder, tmp_path)))
        assert "Transformer, sequential operations: 2 n; the published entry is O(1). No reason is known." in text

    def test_layers_and_width_that_change_together_are_not_compared(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "cnn-3", lambda n, d: 50_000.0 * n, (32,), record_width=False)
        assert row(blocks(built(folder, tmp_path)), "CNN")[1][-1].startswith("? not comparable")


class TestRecordsAsTheyCome:
    def test_without_traces_a_sentence_says_so(self, tmp_path: Path) -> None:
        (only,) = blocks(built(Folder(), tmp_path))
        assert isinstance(only, Paragraph)
        assert "not planned in study planted" in only.text

    def test_failed_traces_are_left_out(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "lstm", recurrent)
        add_counts(folder, "cnn-3", convolutional(3), status="failed", reason="out of luck")
        found = blocks(built(folder, tmp_path))
        assert row(found, "LSTM")[1][1] == "16 n d², a layer"
        assert "CNN" not in said(found)

    def test_two_lengths_and_missing_values_make_no_law(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "lstm", lambda n, d: math.nan)
        add_counts(folder, "transformer-sinusoidal", block, (32,), (16, 32))
        found = blocks(built(folder, tmp_path))
        assert row(found, "LSTM")[1] == ["published: O(n d²) a layer", "- too few lengths traced"]
        assert row(found, "Transformer")[1][-1] == "- too few lengths traced"

    def test_published_records_give_the_laws_that_are_known(self) -> None:
        folder = PUBLISHED / "quick"
        found = blocks(Material(folder, load(folder), {}))
        assert row(found, "LSTM")[2][1] == "7 n + 7"
        assert row(found, "LSTM")[3][1] == "2 n + 9"
        assert "2 log₂ n (cnn-k3)" in row(found, "CNN")[4]
        assert row(found, "Transformer")[4][1] == "constant 2"
