"""The ledger's pictures show what the records hold, and nothing where they hold nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from claimed import PLAIN, add_all, add_images, add_modelling, folder, learn, spelled
from matplotlib.figure import Figure

from analysis.document import Block, Code, Picture
from analysis.drawing import svg
from analysis.ledger import drawn_captions, drawn_digits, rules, shown_gains, shown_images, shown_texts
from analysis.ledger.drawn_curves import binned
from analysis.ledger.page import SHOWN
from analysis.load import Run, load
from bench.tasks import captioned as task


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load(add_all(folder()).write(tmp_path_factory.mktemp("claims")))


def pictures(blocks: Sequence[Block]) -> dict[str, Picture]:
    return {block.name: block for block in blocks if isinstance(block, Picture)}


def shown(picture: Picture) -> dict[str, Any]:
    """Curves and dots by the heights at which they lie."""
    assert isinstance(picture.figure, Figure)
    (axes,) = picture.figure.axes
    return {text.get_text(): tick for text, tick in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}


def test_every_claim_knows_what_it_shows() -> None:
    assert set(SHOWN) == set(rules.RULES)


def test_names_of_pictures_are_their_own(run: Run) -> None:
    names = [name for make in SHOWN.values() for name in pictures(make(run))]
    assert len(names) == len(set(names)) > 10


def test_the_words_of_captions_are_those_of_the_task() -> None:
    assert drawn_captions.WORDS == task.WORDS


def test_a_caption_says_which_words_are_none() -> None:
    assert drawn_captions.words([7, 10, 99]) == "seven thin ?"


def test_images_lie_where_they_were_drawn() -> None:
    first, second = np.full((8, 8), 3.0), np.full((8, 8), 9.0)
    tiled = drawn_digits.tiled([[first, None], [None, second]])
    assert tiled.shape == (17, 17)
    assert (tiled[:8, :8] == 3).all()
    assert (tiled[9:, 9:] == 9).all()
    assert tiled.sum() == 64 * (3 + 9), "paper everywhere else"


@pytest.mark.parametrize("steps", [range(63), [*range(63), 62], range(1, 65)])
def test_an_image_with_a_hole_is_no_image(steps: Sequence[int]) -> None:
    assert drawn_digits.image(pd.DataFrame({"step": list(steps), "value": 1.0})) is None


def test_pixels_are_in_the_order_of_their_steps() -> None:
    found = drawn_digits.image(pd.DataFrame({"step": range(63, -1, -1), "value": [0.0] * 63 + [16.0]}))
    assert found is not None
    assert found[0, 0] == 16
    assert found.sum() == 16


def test_sampled_digits_are_those_of_the_records(run: Run) -> None:
    (picture,) = pictures(shown_images.samples(run)).values()
    assert isinstance(picture.figure, Figure)
    drawn = [np.asarray(axes.images[0].get_array()) for axes in picture.figure.axes if axes.images]
    assert len(drawn) == 3
    second = np.array([(place + 1) % 17 for place in range(64)]).reshape(8, 8)
    assert (drawn[0][:8, 9:17] == second).all()
    assert picture.data["images"].tolist() == [16, 16, 16]


def test_samples_by_class_stand_under_their_class(run: Run) -> None:
    (picture,) = pictures(shown_images.by_class(run)).values()
    assert isinstance(picture.figure, Figure)
    drawn = np.asarray(picture.figure.axes[0].images[0].get_array())
    assert [drawn[0, 9 * digit] for digit in range(10)] == list(range(10))
    assert [text.get_text() for text in picture.figure.axes[0].texts] == list("0123456789")


def test_captions_are_told_right_from_wrong(run: Run) -> None:
    picture = pictures(shown_images.captioned(run))["claim-captions"]
    assert picture.data["the data"].tolist() == ["zero thin left", "one thin left"]
    assert picture.data["LSTM"].tolist() == ["zero thin left"] * 2
    assert isinstance(picture.figure, Figure)
    texts = [text.get_text() for text in picture.figure.texts]
    assert texts.count("= zero\nthin\nleft") == texts.count("x zero\nthin\nleft") == 3
    assert "Transformer 1, LSTM 1 and CNN 1" in picture.finding


def test_images_from_captions_stand_under_their_caption(run: Run) -> None:
    picture = pictures(shown_images.captioned(run))["claim-images-from-captions"]
    assert isinstance(picture.figure, Figure)
    assert [text.get_text() for text in picture.figure.axes[0].texts] == ["two\nthick\nleft"]
    assert (np.asarray(picture.figure.axes[0].images[0].get_array()) == 16).all()


def test_generated_prose_is_shown_as_it_is(run: Run) -> None:
    texts = [block.text for block in shown_texts.language(run) if isinstance(block, Code)]
    assert texts == [f"The <b>{family}</b> says:\n" for family in PLAIN]


def test_what_is_no_character_is_a_replacement_mark() -> None:
    held = pd.DataFrame({"step": range(4), "value": [65.0, 0xD800, 2e6, -1.0]})
    assert shown_texts._text(held) == "A\ufffd\ufffd\ufffd"


def test_components_are_ordered_by_what_they_are_worth(tmp_path: Path) -> None:
    made = folder()
    add_modelling(made, {"transformer-sinusoidal": (2.0, 2.01, 2.0), "transformer-no-norm": (2.1, 2.11, 2.1)})
    add_modelling(made, {"transformer-no-attention": (2.6, 2.61, 2.6), "transformer-one-head": (1.9, 1.91, 1.9)})
    (picture,) = pictures(shown_texts.components(load(made.write(tmp_path)))).values()
    assert picture.data["who"].tolist() == ["no-attention", "no-norm", "one-head"]
    assert picture.data["bits per character lost without it"].tolist() == pytest.approx([0.6, 0.1, -0.1])
    assert (
        picture.finding == "Costly beyond doubt: no-attention and no-norm. Better without it, beyond doubt: one-head."
    )


def test_exact_match_has_a_line_for_every_form(run: Run) -> None:
    (picture,) = pictures(shown_texts.forms(run)).values()
    names = [text for text in shown(picture) if not text.startswith("reverse")]
    assert names == ["transformer-2017", "lstm-forget-bias", "lstm-attention", "cnn-k3", "cnn-attention"]
    assert "3 of 5 forms reach 0.95" in picture.finding


def test_compressors_are_lines_beside_the_bits(run: Run) -> None:
    picture = pictures(shown_texts.language(run))["claim-bits"]
    assert isinstance(picture.figure, Figure)
    texts = {text.get_text() for text in picture.figure.axes[0].texts}
    assert {"zlib", "lzma", "unigram", "zlib, training text read"} <= texts
    assert picture.finding.startswith("Of the families the LSTM needs the fewest bits, fewer than unigram and zlib")


def test_positions_are_averaged_over_doubling_ranges() -> None:
    held = pd.DataFrame({"seed": 0, "x": range(8), "y": [10.0, 20, 1, 3, 5, 6, 7, 8]})
    found = binned(held)
    assert found["y"].tolist() == [10.0, 20.0, 2.0, 6.5]
    assert found["x"].tolist() == pytest.approx([1, 2, np.sqrt(12), np.sqrt(40)])


def test_curves_by_labels_and_by_attack_are_the_recorded_ones(run: Run) -> None:
    (attacks,) = pictures(shown_gains.under_attack(run)).values()
    data = attacks.data
    own = data[(data["curve"] == "LSTM, adversarial training") & (data["panel"].str.startswith("PGD"))]
    assert own["accuracy on test images"].tolist() == pytest.approx([0.95, 0.6, 0.6, 0.6])
    assert own["largest change of a pixel (of 1)"].tolist() == ["0", "0.05", "0.1", "0.2"]


def test_nothing_is_drawn_from_nothing(tmp_path: Path) -> None:
    made = folder()
    made.plan(learn(PLAIN["lstm"], "prose", 128, 0), [rules.LANGUAGE, *rules.RULES])
    empty = load(made.write(tmp_path))
    assert [block for make in SHOWN.values() for block in make(empty)] == []


def test_a_family_without_samples_has_no_grid(tmp_path: Path) -> None:
    made = folder()
    add_images(made, {"cnn": 2.0})
    trial = learn(PLAIN["lstm"], "digits", 64, 0, labelled=False)
    made.add(trial, spelled("sample_token", "sample 0", [1] * 10), [rules.IMAGES])
    (picture,) = pictures(shown_images.samples(load(made.write(tmp_path)))).values()
    assert picture.data["family"].tolist() == ["CNN, 2.00 bits per pixel"]


def test_the_same_records_give_the_same_pictures(run: Run) -> None:
    for make in (shown_texts.forms, shown_images.samples, shown_gains.under_attack):
        first, second = (next(iter(pictures(make(run)).values())).figure for _ in range(2))
        assert isinstance(first, Figure)
        assert isinstance(second, Figure)
        assert svg(first) == svg(second)
