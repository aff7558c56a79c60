"""The anatomy page: every number is on it, drawn whole, the same every time, and nobody's text becomes code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from anatomised import hurry, written
from click.testing import CliRunner
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from opened import figure, text, walk
from sample_document import ATTACKS
from test_imports import ROOT, WITHOUT_TORCH

import bakeoff
from analysis import html, markdown, publish
from analysis.anatomy import attention, page, reading
from analysis.anatomy.layout import layout, title
from analysis.anatomy.numbers import number
from analysis.anatomy.record import Anatomy, Record
from analysis.document import Block, Entry, Picture, Table
from analysis.drawing import drawn, style
from bench.records import RecordsError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("anatomy")).parent


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    return reading.read(folder)


@pytest.fixture(scope="module")
def blocks(record: Record) -> list[Block]:
    return list(walk(page.document(record).blocks))


@pytest.fixture(scope="module")
def figures(blocks: list[Block]) -> dict[str, Figure]:
    return {block.name: figure(block) for block in blocks if isinstance(block, Picture)}


def words(figure: Figure) -> str:
    return " ".join(found.get_text() for axes in figure.axes for found in axes.texts)


def by_name(record: Record, name: str) -> Anatomy:
    return next(anatomy for anatomy in record.architectures if anatomy.name == name)


def printed(row: tuple[str | Entry, ...]) -> list[float]:
    return [float(entry.replace("~", "")) for entry in row if isinstance(entry, str)]


def test_one_head_can_be_followed_on_the_page(record: Record, blocks: list[Block]) -> None:
    """From the numbers as printed: products, scaled, exponentials, their sum, weights, and the mixture."""
    worked = by_name(record, "transformer-sinusoidal").worked_query
    query, keys, values = [block for block in blocks if isinstance(block, Table)][2:5]
    q = np.array(printed(query.rows[0][1:]))
    k = np.array([[float(entry.replace("~", "")) for entry in row[1:9]] for row in keys.rows])  # type: ignore[union-attr]
    scores = k @ q / np.sqrt(len(q))
    weights = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose([printed(row[-1:])[0] for row in keys.rows], weights, atol=2e-3)
    v = np.array([[float(entry.replace("~", "")) for entry in row[2:]] for row in values.rows])  # type: ignore[union-attr]
    np.testing.assert_allclose(v[-1], weights @ v[:12], atol=5e-3)
    assert worked is not None
    np.testing.assert_allclose(v[-1], worked.recorded, atol=5e-4)


def test_a_hidden_key_does_not_count(record: Record) -> None:
    one, change = by_name(record, "transformer-sinusoidal"), msgspec.structs.replace
    assert one.worked_query is not None
    hidden = change(one.worked_query, visible=[True] * 2 + [False] * 10, scores=[1.0] * 12)
    tables = [block for block in attention.blocks(change(one, worked_query=hidden)) if isinstance(block, Table)]
    assert tables[1].caption.endswith("sum to 5.437"), "2 e"
    assert [row[-3:-1] for row in tables[1].rows[1:3]] == [("yes", "2.718"), ("no", "0")]


def test_the_cell_is_drawn_with_its_own_numbers(record: Record, figures: dict[str, Figure]) -> None:
    cell = by_name(record, "lstm-forget-bias").cell
    assert cell is not None
    said = words(figures["cell-lstm-forget-bias"])
    i, f, g, _ = cell.gates[cell.step]
    expected = [*cell.gates[cell.step], cell.cell[cell.step], cell.cell[cell.step + 1], cell.hidden[cell.step + 1]]
    assert all(number(value) in said for value in [*expected, f * cell.cell[cell.step], i * g])


def test_every_box_and_every_shape_is_drawn(record: Record, figures: dict[str, Figure]) -> None:
    for anatomy in record.architectures:
        said = words(figures[f"diagram-{anatomy.name}"])
        assert said.count("(1, ") == len(anatomy.diagram.arrows)
        for box in anatomy.diagram.boxes:
            assert box.parameters is None or f"{box.label} " in said
    assert words(figures["diagram-transformer-2017"]).count("CrossAttention") == 1
    assert "mask" in words(figures["inside-transformer-sinusoidal"])
    assert "mask" not in words(figures["inside-transformer-2017"])


def test_no_two_boxes_of_a_diagram_touch(record: Record) -> None:
    for anatomy in record.architectures:
        places = layout(anatomy.diagram).places
        for count, one in enumerate(places, start=1):
            for other in places[count:]:
                apart = one.bottom < other.top or other.bottom < one.top
                assert apart or one.right < other.left or other.right < one.left


def test_all_letters_are_inside_the_figures_and_inside_their_boxes(record: Record, figures: dict[str, Figure]) -> None:
    for drawing in figures.values():
        with style():
            renderer = FigureCanvasAgg(drawing).get_renderer()
            drawing.draw(renderer)
            for found in (found for axes in drawing.axes for found in axes.texts):
                extent = found.get_window_extent(renderer)
                assert extent.x0 >= -1, found.get_text()
                assert extent.x1 <= drawing.bbox.x1 + 1, found.get_text()
    diagram, drawing = by_name(record, "transformer-2017").diagram, figures["diagram-transformer-2017"]
    widths = {found.get_text(): found.get_window_extent().width / drawing.dpi for found in drawing.axes[0].texts}
    for box, place in zip(diagram.boxes, layout(diagram).places, strict=True):
        assert widths[title(box)] < place.width


def test_the_mask_is_hatched_and_the_tree_has_every_tap(record: Record, figures: dict[str, Figure]) -> None:
    heads = figures["attention-transformer-2017"]
    hatched = [sum(bool(patch.get_hatch()) for patch in axes.patches) for axes in heads.axes[:6]]
    assert hatched == [0, 0, 5, 0, 5, 0], "the first five queries of a decoder's own attention have a future"
    taps = by_name(record, "cnn-k3").taps
    assert taps is not None
    tree = figures["receptive-field-cnn-k3"].axes[0]
    assert len(tree.lines) == 3 * (1 + 3 + 7), "three taps of each output that counts"
    assert taps.levels[0].positions[0] == -3


def test_the_receptive_field_and_the_sources_are_said(record: Record, blocks: list[Block]) -> None:
    said = text(blocks)
    assert "dilations 1, 2 and 4 and 3 taps: the last output sees 15 positions, 3 of them padding" in said
    assert "models/attention.py" in said
    assert "Vaswani et al. 2017, section 3.2.2" in said
    cell = by_name(record, "lstm-forget-bias").cell
    assert cell is not None
    assert f"unit {cell.unit} of layer {cell.layer}" in said


def test_the_same_file_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        record = reading.read(folder)
        del record.architectures[:-1]  # drawing takes longest
        publish.write(page.document(record), tmp_path / name, "anatomy.html", "anatomy.md")
    held = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(held) == 2 + 2 * 3
    assert all((tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes() for path in held)


def test_hostile_names_are_text(record: Record) -> None:
    one, change = by_name(record, "lstm-forget-bias"), msgspec.structs.replace
    modules = [change(one.modules[0], name=attack, path=attack, module=attack) for attack in ATTACKS]
    sequence = change(one.sequence, inputs=[*ATTACKS, *ATTACKS[:4]], task=ATTACKS[0])
    boxes = [change(box, label=attack) for box, attack in zip(one.diagram.boxes, ATTACKS, strict=False)]
    diagram = change(one.diagram, boxes=boxes)
    hostile = change(one, name="/".join(ATTACKS), modules=modules, sequence=sequence, diagram=diagram)
    document = page.document(change(record, architectures=[hostile], torch=ATTACKS[1]))
    shown = html.render(document)
    assert shown.count("<script>") == 1, "our own"
    assert "<img" not in shown
    assert "<svg/" not in shown
    assert "\u202e" not in shown + markdown.render(document)
    for picture in walk(document.blocks):
        if isinstance(picture, Picture):
            assert all(letter.isalnum() or letter == "-" for letter in picture.name)
            assert drawn(picture.figure, with_png=False).svg


def lose(data: dict) -> None:
    del data["positions"]


def add(data: dict) -> None:
    data["architectures"][0]["surprise"] = 1


def age(data: dict) -> None:
    data["schema"] = 2


def shorten(data: dict) -> None:
    data["architectures"][0]["influence"].pop()


def misdirect(data: dict) -> None:
    data["architectures"][0]["diagram"]["arrows"][0]["target"] = 99


def swell(data: dict) -> None:
    data["architectures"][1]["heads"][0]["weights"][0].append(0.5)


def empty(data: dict) -> None:
    data["architectures"] = []


@pytest.mark.parametrize("damage", [lose, add, age, shorten, misdirect, swell, empty])
def test_a_file_of_another_kind_is_refused(folder: Path, tmp_path: Path, damage: Callable[[dict], None]) -> None:
    data = msgspec.json.decode((folder / reading.FILE).read_bytes())
    damage(data)
    (tmp_path / reading.FILE).write_bytes(msgspec.json.encode(data))
    with pytest.raises(RecordsError, match=r"anatomy\.json is no anatomy .*run `bakeoff anatomy` again"):
        reading.read(tmp_path)


def test_a_missing_or_torn_file_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="is missing"):
        reading.read(tmp_path)
    (tmp_path / reading.FILE).write_bytes((folder / reading.FILE).read_bytes()[:-9])
    with pytest.raises(RecordsError, match="is no anatomy"):
        reading.read(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0"), (1.0, "1"), (-0.5, "-0.5"), (0.03125, "0.0312"), (-1.2041, "-1.204"), (12.4, "12.4"), (-2e-5, "~0"),
     (123456.0, "123,456"), (0.99999, "1")],
)  # fmt: skip
def test_numbers_are_written_without_exponents(value: float, said: str) -> None:
    assert number(value) == said


def test_the_page_needs_no_torch() -> None:
    command = WITHOUT_TORCH + "import analysis.anatomy.page, analysis.anatomy.reading"
    subprocess.run([sys.executable, "-c", command], check=True, cwd=ROOT)


def test_the_command_writes_the_page_and_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    wrong = runner.invoke(bakeoff.main, ["anatomy", "--architecture", "cnn-k33"], catch_exceptions=False)
    assert wrong.exit_code == 2
    assert wrong.output.splitlines()[-1].startswith("bakeoff: unknown architecture 'cnn-k33': did you mean")
    assert not (tmp_path / "reports").exists()
    right = runner.invoke(bakeoff.main, ["anatomy", "--architecture", "strangers:WINDOW"], catch_exceptions=False)
    assert right.exit_code == 0, right.output
    assert (tmp_path / "reports" / "anatomy" / "anatomy.html").exists()
    assert right.output.splitlines()[-1].startswith("page in reports/anatomy: anatomy.json, anatomy.html, anatomy.md")
    assert "Examples:" in runner.invoke(bakeoff.main, ["anatomy", "--help"]).output
