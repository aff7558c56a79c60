"""Figures of scaling: excess loss with the row's own fits, and loss by position, against what was planted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import add_scaling
from structures import built, drawn, figure, read
from synthetic import BEST, Folder, learn, values

from analysis.claims import EXCESS_FLOOR
from analysis.document import Picture
from analysis.figures import excess, positions
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge

PUBLISHED = Path(__file__).parent.parent / "reports" / "published" / "amd-epyc-2-cores"


class TestExcess:
    def test_exponents_are_the_planted_ones(self, tmp_path: Path) -> None:
        folder = Folder()
        for name, data, parameters in zip(BEST, (0.6, 0.5, 0.4), (0.3, 0.2, 0.1), strict=True):
            add_scaling(folder, name, data, parameters, noise=0.0)
        picture = drawn(excess.picture(built(folder, tmp_path)))
        found = picture.data.groupby(["axis", "column"])["exponent"].first()
        assert found["training tokens"].to_dict() == pytest.approx({"Transformer": -0.6, "LSTM": -0.5, "CNN": -0.4})
        assert found["core parameters"].to_dict() == pytest.approx({"Transformer": -0.3, "LSTM": -0.2, "CNN": -0.1})
        steepest = picture.finding.index("Transformer")
        assert steepest < picture.finding.index("LSTM") < picture.finding.index("CNN")

    def test_exponents_are_those_that_the_row_notes(self) -> None:
        run = load(PUBLISHED / "quick")
        verdicts = judge(run)
        picture = drawn(excess.picture(Material(PUBLISHED / "quick", run, verdicts)))
        for cell in verdicts["cells"]:
            if cell["row"] == "Scalability" and cell["variant"] == "best":
                own = picture.data[picture.data["architecture"] == cell["architecture"]].groupby("axis")["exponent"]
                for axis, exponent in own.first().items():
                    noted = f"against {'data' if axis == 'training tokens' else 'parameters'} {-exponent:.2f} "
                    assert any(noted in note for note in cell["notes"])

    def test_the_line_goes_where_the_fit_does(self, tmp_path: Path) -> None:
        folder = Folder()
        add_scaling(folder, "lstm-chrono", 0.5, 0.25, noise=0.0, seeds=1)
        axes, _ = figure(excess.picture(built(folder, tmp_path))).axes
        (line,) = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
        assert line.get_ydata() == pytest.approx([1.4, 1.4 * 16**-0.5])

    def test_the_floor_is_drawn_where_points_were_raised_to_it(self, tmp_path: Path) -> None:
        folder, high = Folder(), Folder()
        add_scaling(folder, "lstm-chrono", 4.0, 0.2)
        add_scaling(high, "lstm-chrono", 0.3, 0.2)
        data, parameters = figure(excess.picture(built(folder, tmp_path / "low"))).axes
        assert [f"floor {EXCESS_FLOOR:g}" in " ".join(_texts(axes)) for axes in (data, parameters)] == [True, False]
        assert not any("floor" in " ".join(_texts(axes)) for axes in _axes(excess.picture(built(high, tmp_path))))

    def test_two_points_give_an_exponent_of_unknown_error(self, tmp_path: Path) -> None:
        folder = Folder()
        for size in (10_000, 40_000):
            trial = learn("lstm-chrono", "markov", 64, 0, core_parameters=size)
            folder.add(trial, values(excess_loss_nats=size**-0.5), rows=["scalability"])
        picture = drawn(excess.picture(built(folder, tmp_path)))
        assert "-0.50 [?] (LSTM best)" in picture.finding
        assert "not measured" in _texts(figure(picture).axes[0])


class TestPositions:
    def test_means_over_the_seeds_of_the_largest_model(self, tmp_path: Path) -> None:
        folder = Folder()
        read(folder, "lstm-chrono", 0, {1: 3.0, 2: 2.0, 3: 1.5}, 50_000)
        read(folder, "lstm-chrono", 1, {1: 5.0, 2: 3.0, 3: 2.5}, 50_000)
        read(folder, "lstm-chrono", 0, {1: 9.0, 2: 9.0, 3: 9.0}, 25_000)
        picture = drawn(positions.picture(built(folder, tmp_path)))
        own: Any = picture.data.set_index("tokens read")
        assert own["loss"].to_dict() == {2: 4.0, 4: 2.0}
        assert own.loc[2, ["low", "high", "core parameters", "seeds"]].tolist() == [3.0, 5.0, 50_000, 2]
        assert own["best possible mean"].tolist() == pytest.approx([1.0, 1.0])
        assert "on markov from 4.00 to 2.00 (LSTM), where 1.00 is the best possible mean" in picture.finding
        assert "50k core parameters" in figure(picture).axes[0].get_title(loc="left")

    def test_smoothing_keeps_the_mean_of_a_power_law_on_the_law(self, tmp_path: Path) -> None:
        folder = Folder()
        read(folder, "lstm-chrono", 0, {i: 1 + (i + 1) ** -0.5 for i in range(512)})
        read(folder, "transformer-rotary", 0, dict.fromkeys(range(512), 2.0))
        axes = figure(positions.picture(built(folder, tmp_path))).axes[0]
        curves = {line.get_linestyle(): line for line in axes.get_lines() if line.get_marker() in ("s", "o")}
        x, y = (np.asarray(v, dtype=float) for v in curves["--"].get_data())
        assert len(x) < 25
        assert y == pytest.approx(1 + x**-0.5, rel=0.01)
        assert np.all(np.asarray(curves["-"].get_ydata()) == 2.0)

    def test_records_of_before_the_metric_say_so(self) -> None:
        found = positions.picture(Material(PUBLISHED / "peers", load(PUBLISHED / "peers"), {}))
        assert found == "not planned in study peers"


def _axes(picture: Picture | str) -> Iterator[Any]:
    yield from figure(picture).axes


def _texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]
