"""What images look like: samples, samples by class, captions and images from captions."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from analysis.clocks.wording import listed
from analysis.document import Block, Picture
from analysis.ledger import captions, drawn_captions, losses, trained
from analysis.ledger.drawn_captions import Captioned
from analysis.ledger.drawn_digits import Grid, Image, drawn, frame, image
from analysis.ledger.drawn_seeds import Line, data, line
from analysis.ledger.drawn_seeds import drawn as drawn_dots
from analysis.ledger.found import Column, columns
from analysis.ledger.rules import CONDITIONAL, IMAGES, MULTIMODAL
from analysis.ledger.trained import BITS
from analysis.load import Run
from analysis.wording import printable

TOKEN, PIXEL, OWN_WORD, WORD = "sample_token", "example_pixel", "example_word", "sample_word"
SAMPLE = re.compile(r"sample (\d+)")
OF_CLASS = re.compile(r"class (\d) sample (\d+)")
OF_CAPTION = re.compile(r"caption (.{1,40}) sample (\d+)")
CLASSES, ACROSS, MOST = 10, 4, 16
"""Classes of digits; images in a row of a family's grid, and in the grid."""


def samples(run: Run) -> list[Block]:
    """A grid of sampled images for each family, of the first seed that kept any."""
    grids = []
    for column in columns(run):
        found = [one for _, one in _images(run, IMAGES, column, SAMPLE)][:MOST]
        if found:
            bits = _bits(run, IMAGES, column)
            grids.append(Grid(f"{column.title}{bits}", column.family, _rows(found, ACROSS)))
    if not grids:
        return []
    said = f"Images that models drew pixel by pixel, without being told which digit: {listed(g.title for g in grids)}."
    return [Picture("claim-samples", "Digits that models drew", printable(said), drawn(grids), frame(grids))]


def by_class(run: Run) -> list[Block]:
    """Samples by class: a column for each digit asked for, rows of one family below each other."""
    grids = []
    for column in columns(run):
        found = _images(run, CONDITIONAL, column, OF_CLASS)
        places = {(int(match[2]), int(match[1])): one for match, one in found}
        if places:
            down = sorted({row for row, _ in places})
            rows = [[places.get((row, digit)) for digit in range(CLASSES)] for row in down]
            grids.append(Grid(f"{column.title}{_bits(run, CONDITIONAL, column)}", column.family, rows))
    if not grids:
        return []
    figure = drawn(grids, [str(digit) for digit in range(CLASSES)], across=1)
    said = f"Asked for 0 to 9, from left to right: {listed(grid.title for grid in grids)}."
    return [Picture("claim-samples-by-class", "Digits as asked for", printable(said), figure, frame(grids))]


def captioned(run: Run) -> list[Block]:
    """Test images with the captions that models wrote, images drawn from captions, and bits with and without."""
    return [*_written(run), *_from_captions(run), *_caption_bits(run)]


def _written(run: Run) -> list[Block]:
    held = {c.title: _first(run, MULTIMODAL, c, (PIXEL, OWN_WORD, WORD)) for c in columns(run)}
    shown = {title: found for title, found in held.items() if len(found)}
    if not shown:
        return []
    first = next(iter(shown.values()))
    found = []
    for subject in dict.fromkeys(first.loc[first["metric"] == PIXEL, "subject"]):
        pixels = image(_of(first, PIXEL, subject))
        written = {title: _words(_of(own, WORD, subject)) for title, own in shown.items()}
        if pixels is not None:
            known = {title: words for title, words in written.items() if words}
            found.append(Captioned(pixels, _words(_of(first, OWN_WORD, subject)), known))
    if not found:
        return []
    families = {c.title: c.family for c in columns(run) if c.title in shown}
    right = [f"{t} {sum(one.written.get(t) == one.own for one in found)}" for t in families]
    said = f"Of {len(found)} test images shown, captions without any error: {listed(right)}."
    numbers = drawn_captions.frame(found, families)
    figure = drawn_captions.drawn(found, families)
    return [Picture("claim-captions", "Captions that models wrote", printable(said), figure, numbers)]


def _from_captions(run: Run) -> list[Block]:
    grids: list[Grid] = []
    headings: list[str] = []
    for column in columns(run):
        found = _images(run, MULTIMODAL, column, OF_CAPTION)
        places = {(int(match[2]), match[1]): one for match, one in found}
        if places:
            headings = headings or list(dict.fromkeys(caption for _, caption in places))
            rows = [[places.get((row, caption)) for caption in headings] for row in sorted({r for r, _ in places})]
            grids.append(Grid(column.title, column.family, rows))
    if not grids:
        return []
    above = [heading.replace(" ", "\n") for heading in headings]
    said = f"Images that models drew from a caption: {listed(headings)}."
    figure = drawn(grids, above)
    return [Picture("claim-images-from-captions", "Images from captions", printable(said), figure, frame(grids))]


def _caption_bits(run: Run) -> list[Block]:
    lines: list[Line] = []
    for column in columns(run):
        planned = trained.of_family(run, MULTIMODAL, column.family, column.plain)
        for subject in (captions.WITH, captions.WITHOUT, captions.WRONG):
            values = trained.by_seed(run, planned, captions.IMAGE, subject) * BITS
            if len(values):
                lines.append(line(subject, column.family, values, column.title))
    if not lines:
        return []
    axis = "bits per pixel of test images"
    title = "What a caption is worth to who predicts the image"
    means = {(one.group, one.name): one.interval.point for one in lines if one.interval}
    told = [
        f"{group} {means[group, captions.WITHOUT] - means[group, captions.WITH]:+.3f}"
        for group in dict.fromkeys(one.group for one in lines)
        if {(group, captions.WITH), (group, captions.WITHOUT)} <= set(means)
    ]
    said = f"Bits per pixel that the right caption saves against none: {listed(told) or 'not measured'}."
    return [Picture("claim-caption-bits", title, printable(said), drawn_dots(lines, axis), data(lines, axis))]


def _images(run: Run, claim: str, column: Column, pattern: re.Pattern[str]) -> list[tuple[re.Match[str], Image]]:
    """Sampled images of the first seed that kept any, with what their subject says, in its order."""
    held = _first(run, claim, column, (TOKEN,))
    found = []
    for subject, own in held.groupby("subject", sort=False) if len(held) else ():
        match, one = pattern.fullmatch(str(subject)), image(own)
        if match and one is not None:
            found.append((match, one))
    return found


def _first(run: Run, claim: str, column: Column, metrics: Sequence[str]) -> pd.DataFrame:
    """Values with a step, with their metric, of the first seed that has any."""
    planned = trained.of_family(run, claim, column.family, column.plain)
    held = pd.concat([trained.stepped(run, planned, metric).assign(metric=metric) for metric in metrics])
    return held[held["seed"] == held["seed"].min()]


def _of(held: pd.DataFrame, metric: str, subject: str) -> pd.DataFrame:
    return held[(held["metric"] == metric) & (held["subject"] == subject)].sort_values("step")


def _words(held: pd.DataFrame) -> tuple[int, ...]:
    return tuple(int(value) for value in held["value"])


def _rows(found: Sequence[Image], across: int) -> list[Sequence[Image | None]]:
    return [found[start : start + across] for start in range(0, len(found), across)]


def _bits(run: Run, claim: str, column: Column) -> str:
    planned = trained.of_family(run, claim, column.family, column.plain)
    loss = trained.by_seed(run, planned, losses.LOSS)
    return f", {loss.mean() * BITS:.2f} bits per pixel" if len(loss) else ""
