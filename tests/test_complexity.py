"""Laws of counts in n and of FLOPs in n and d: what was planted must come back, our models' closed forms as well."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from structures import LENGTHS, WIDTHS, Flops, add_counts, block, convolutional, recurrent
from synthetic import COLUMNS, STRANGER, Folder, architecture

from analysis import complexity, laws
from analysis.complexity import ATTENTION, KERNEL, LAYER, LINEAR, NETWORK, PROJECTIONS, QUADRATIC, covering_layers
from analysis.load import load
from models import ARCHITECTURES
from models.architecture import Architecture, Interface, Size
from models.cnn import covering_layers as covering_layers_of_cnn

PUBLISHED = Path(__file__).parent.parent / "reports" / "published" / "amd-epyc-2-cores"


def form(folder: Folder, path: Path, family: str) -> complexity.Form:
    points = complexity.points(load(folder.write(path)))
    found = complexity.fit(points[points["family"] == family])
    assert found is not None
    return found


class TestLaws:
    @pytest.mark.parametrize(
        ("count", "growth", "text"),
        [
            (lambda n: 33.0, "1", "constant 33"),
            (lambda n: 7.0 * n + 7, "n", "7 n + 7"),
            (lambda n: 1.5 * n - 1.5, "n", "1.5 n - 1.5"),
            (lambda n: 1.0 * n, "n", "n"),
            (lambda n: 5 * math.log2(n) - 9, "log n", "5 log₂ n - 9"),
            (lambda n: n**1.5, "n^1.50", "~ n^1.50"),
            (lambda n: 3 * n**1.02, "n", "~ n^1.02"),
        ],
    )
    def test_a_planted_law_comes_back(self, count: Callable[[int], float], growth: str, text: str) -> None:
        found = laws.fitted(pd.Series([count(n) for n in LENGTHS], LENGTHS))
        assert found is not None
        assert (found.growth, found.text) == (growth, text)
        assert found.misfit < 1e-9

    def test_the_better_of_power_and_logarithm_is_named_when_neither_is_exact(self) -> None:
        n = np.array(LENGTHS)
        noise = 1 + 0.01 * np.array([1, -1, 1, -1, 1])
        logarithm = laws.fitted(pd.Series((20 + 30 * np.log2(n)) * noise, LENGTHS))
        power = laws.fitted(pd.Series(4 * n**0.7 * noise, LENGTHS))
        assert logarithm is not None
        assert power is not None
        assert (logarithm.growth, logarithm.text) == ("log n", "~ log n")
        assert power.growth.startswith("n^0.")
        assert 0 < power.misfit < 0.03

    def test_two_lengths_make_no_law(self) -> None:
        assert laws.fitted(pd.Series([1.0, 2.0], [16, 32])) is None

    def test_of_several_sizes_the_one_that_the_row_judges_is_taken(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "lstm", recurrent, (32,), counts={"span_operations": lambda n: 7 * n + 7})
        add_counts(folder, "lstm", recurrent, (128, 256), (16, 64), counts={"span_operations": lambda n: 1.0})
        found = laws.series(load(folder.write(tmp_path)), "lstm", "span_operations", "kernel")
        assert found.to_dict() == {n: 7 * n + 7 for n in LENGTHS}


class TestCoefficients:
    @pytest.mark.parametrize(
        ("name", "flops", "terms"),
        [
            ("transformer-sinusoidal", block, {PROJECTIONS: 24, ATTENTION: 4}),
            ("lstm", recurrent, {PROJECTIONS: 16}),
            ("cnn-3", convolutional(3), {PROJECTIONS: 6}),
        ],
    )
    def test_recovered_a_layer(self, tmp_path: Path, name: str, flops: Flops, terms: dict[str, float]) -> None:
        folder = Folder()
        add_counts(folder, name, flops)
        found = form(folder, tmp_path, str(architecture(name)["family"]))
        assert found.terms == pytest.approx(terms)
        assert found.scope == LAYER
        assert found.misfit < 1e-9

    def test_two_kernels_tell_the_taps_from_a_coefficient(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "cnn-3", convolutional(3))
        add_counts(folder, "cnn-8", convolutional(8), config={"kernel_size": 8})
        assert form(folder, tmp_path, "cnn").terms == pytest.approx({KERNEL: 2})

    def test_one_width_tells_n_and_no_more(self, tmp_path: Path) -> None:
        for number, record_width in enumerate((True, False)):
            folder = Folder()
            add_counts(folder, "transformer-sinusoidal", block, (32,), record_width=record_width)
            found = form(folder, tmp_path / str(number), "transformer")
            assert found.terms == pytest.approx({LINEAR: 48 * 32**2, QUADRATIC: 8 * 32})
            assert found.scope == NETWORK
            assert not found.has_width

    def test_widths_that_change_with_the_length_alone_are_not_taken_for_varied(self, tmp_path: Path) -> None:
        folder = Folder()
        for n, d in zip(LENGTHS, (40, 36, 32, 30, 28), strict=True):
            add_counts(folder, "cnn-3", convolutional(3), (d,), (n,), size=25_000)
        assert not form(folder, tmp_path, "cnn").has_width

    def test_an_architecture_without_a_depth_is_fitted_as_a_whole(self, tmp_path: Path) -> None:
        folder = Folder((*COLUMNS, STRANGER))
        add_counts(folder, "mine:Net", lambda n, d: 50.0 * n * d * d)
        found = form(folder, tmp_path, "mine:Net")
        assert found.terms == pytest.approx({PROJECTIONS: 50})
        assert found.scope == NETWORK

    @pytest.mark.parametrize("odd", [{"depth": "two"}, {"depth": True}, {"depth": 0}, {"kernel_size": 1}, {}])
    def test_an_odd_configuration_is_fitted_as_a_whole(self, tmp_path: Path, odd: dict[str, Any]) -> None:
        folder = Folder()
        add_counts(folder, "lstm", recurrent, config=odd)
        found = form(folder, tmp_path, "lstm")
        assert (found.scope, found.terms) == (NETWORK, pytest.approx({PROJECTIONS: 32}))

    def test_a_term_below_the_residuals_is_left_out(self, tmp_path: Path) -> None:
        folder = Folder()
        add_counts(folder, "lstm", lambda n, d: recurrent(n, d) * (1 + 0.2 * (-1) ** (d // 32)))
        assert set(form(folder, tmp_path, "lstm").terms) == {PROJECTIONS}

    @pytest.mark.parametrize(
        ("names", "terms"),
        [
            (["transformer-sinusoidal"], {PROJECTIONS: 24, ATTENTION: 4}),
            (["lstm-chrono"], {PROJECTIONS: 16}),
            (["cnn-k3", "cnn-k8"], {KERNEL: 2, PROJECTIONS: 2}),
        ],
    )
    def test_our_own_models_at_their_textbook_shapes(
        self, tmp_path: Path, names: list[str], terms: dict[str, float]
    ) -> None:
        rows = []
        for name in names:
            own = ARCHITECTURES[name]
            kernel = getattr(own, "kernel_size", None)
            for n in LENGTHS:
                for d in WIDTHS:
                    layers = getattr(own, "depth", None) or covering_layers(kernel or 0, n)
                    rows.append((own.family, name, n, d, kernel, layers, 0, _closed_flops(own, n, d)))
        columns = ["family", "architecture", "n", "d", "k", "layers", "core_parameters", "flops"]
        found = complexity.fit(pd.DataFrame(rows, columns=columns).astype({"k": float}))
        assert found is not None
        assert found.terms == pytest.approx(terms)

    def test_layers_that_cover_a_length_are_those_of_the_models(self) -> None:
        for k in (2, 3, 5, 8):
            for n in range(2, 700):
                assert covering_layers(k, n) == covering_layers_of_cnn(k, n)

    def test_the_assumed_layers_of_a_cnn_are_those_that_its_paths_cross(self) -> None:
        run = load(PUBLISHED / "quick")
        crossed = laws.series(run, "cnn-k3", "path_weight_crossings")
        assert [covering_layers(3, n) * 2 for n in crossed.index] == crossed.tolist()


def _closed_flops(own: Architecture, n: int, d: int) -> int:
    interface = Interface(length=n, vocabulary=16, outputs=16)
    return own.closed_flops(Size(d, own.natural_inner(d, interface)), interface)  # type: ignore[attr-defined]
