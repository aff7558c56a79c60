"""What sequences, language and its modelling look like: exact match by form, bits, generated prose, components."""

from __future__ import annotations

import math

import pandas as pd

from analysis.clocks.wording import listed
from analysis.document import Block, Code, Paragraph, Picture
from analysis.ledger import drawn_curves, losses, modelling, sequences, trained
from analysis.ledger.drawn_curves import Curve, Look
from analysis.ledger.drawn_seeds import Line, data, drawn, line
from analysis.ledger.found import columns
from analysis.ledger.rules import LANGUAGE, RULES, SEQUENCES, TRANSFORMER
from analysis.ledger.trained import BITS
from analysis.load import Run
from analysis.wording import printable

POSITION_LOSS, TOKEN = "position_loss_nats", "sample_token"
LONGEST = 400
"""Characters of a sample that are shown."""
CODES = 0x110000
"""Unicode's code points."""
PART = "transformer-"
"""What names of ablations begin with."""


def forms(run: Run) -> list[Block]:
    """Exact match of every form, task by task, the deciding one first."""
    planned = trained.select(run, SEQUENCES)
    lines: list[Line] = []
    for _, own in planned.groupby(["task", "length", "role"], sort=False):
        first = own.iloc[0]
        where = f"{first['task']}, {first['length'] // 2} symbols, {first['role']}"
        for name, form in own.groupby("architecture", sort=False):
            lines.append(line(str(name), str(form["family"].iloc[0]), sequences.exact(run, form), where))
    if not any(one.values for one in lines):
        return []
    axis, rule = "exact match", RULES[SEQUENCES]
    whole = [one.name for one in lines if one.interval and one.interval.point >= rule.threshold]
    said = f"{len(whole)} of {len(lines)} forms reach {rule.threshold:g} on the mean: {listed(dict.fromkeys(whole))}."
    figure = drawn(lines, axis, rule.threshold, ends=(0, 1))
    return [Picture("claim-exact-match", "Exact match by form", _sentence(said, whole), figure, data(lines, axis))]


def language(run: Run) -> list[Block]:
    """Bits per character by seed beside the compressors, loss by position, and prose that was generated."""
    return [*_bits(run), *_positions(run), *_prose(run)]


def components(run: Run) -> list[Block]:
    """What each component of the Transformer is worth."""
    parts = modelling.worth(run)
    lines = [line(name.removeprefix(PART), TRANSFORMER, values) for name, values in parts.items()]
    if not any(one.values for one in lines):
        return []
    axis = "bits per character lost without it"
    known = [one for one in lines if one.interval]
    costly = [one.name for one in known if one.interval and one.interval.low > 0]
    idle = [one.name for one in known if one.interval and one.interval.high < 0]
    said = f"Costly beyond doubt: {listed(costly)}." if costly else "No component is costly beyond doubt."
    said += f" Better without it, beyond doubt: {listed(idle)}." if idle else ""
    figure = drawn(
        lines, axis, 0.0, said="Each model lacks one component, or all heads but one, at equal core parameters."
    )
    return [Picture("claim-components", "What each component is worth", said, figure, data(lines, axis))]


def _bits(run: Run) -> list[Block]:
    lines, references = [], {}
    for column in columns(run):
        planned = trained.of_family(run, LANGUAGE, column.family, column.plain)
        bits = trained.by_seed(run, planned, losses.LOSS) * BITS
        if len(planned):
            lines.append(line(column.title, column.family, bits))
        for name, metric, subject, factor in (
            ("unigram", losses.UNIGRAM, "", BITS),
            ("zlib", losses.ZLIB, "", 1.0),
            ("lzma", losses.LZMA, "", 1.0),
            ("zlib, training text read", losses.ZLIB, losses.PRIMED, 1.0),
            ("lzma, training text read", losses.LZMA, losses.PRIMED, 1.0),
        ):
            values = trained.by_seed(run, planned, metric, subject)
            if len(values):
                references[name] = float(values.mean()) * factor
    known = [one for one in lines if one.interval]
    if not known:
        return []
    axis = "bits per character of the test text"
    best = min(known, key=lambda one: one.interval.point if one.interval else math.inf)
    beaten = [name for name, value in references.items() if best.interval and best.interval.point < value]
    said = f"Of the families the {best.name} needs the fewest bits" + (
        f", fewer than {listed(beaten)}" if beaten else ""
    )
    said += f"; {listed(left)} needs fewer." if (left := [name for name in references if name not in beaten]) else "."
    figure = drawn(lines, axis, references=references)
    numbers = data(lines, axis)
    others = pd.DataFrame([{"who": name, axis: value} for name, value in references.items()])
    title = "Bits per character, and what compressors need"
    return [Picture("claim-bits", title, printable(said), figure, pd.concat([numbers, others], ignore_index=True))]


def _positions(run: Run) -> list[Block]:
    curves = []
    for column in columns(run):
        planned = trained.of_family(run, LANGUAGE, column.family, column.plain)
        held = trained.stepped(run, planned, POSITION_LOSS)
        points = pd.DataFrame({"seed": held["seed"], "x": held["step"], "y": held["value"] * BITS})
        if len(points):
            curves.append(Curve(column.title, column.family, drawn_curves.binned(points)))
    if not curves:
        return []
    across, up = "characters read", "bits per character"
    ends = {c.name: c.held.groupby("x")["y"].mean() for c in curves}
    told = [f"{name} from {found.iloc[0]:.2f} to {found.iloc[-1]:.2f}" for name, found in ends.items()]
    figure = drawn_curves.drawn(curves, Look(across, up, logarithmic=True, said="Means over doubling ranges."))
    said = printable(f"Bits from the first characters of a window to its last ones: {listed(told)}.")
    frame = drawn_curves.data(curves, across, up)
    return [Picture("claim-bits-by-position", "Bits by position", said, figure, frame)]


def _prose(run: Run) -> list[Block]:
    """The first sample of each family as text."""
    blocks: list[Block] = []
    for column in columns(run):
        planned = trained.of_family(run, LANGUAGE, column.family, column.plain)
        held = trained.stepped(run, planned, TOKEN)
        if held.empty:
            continue
        own = held[(held["trial"] == held["trial"].iloc[0]) & (held["subject"] == held["subject"].iloc[0])]
        bits = trained.by_seed(run, planned, losses.LOSS) * BITS
        seed = held["seed"].iloc[0]
        known = f", {bits[seed]:.2f} bits per character" if seed in bits.index else ""
        blocks.append(Paragraph(printable(f"Written by the {column.title}, seed {seed}{known}:")))
        blocks.append(Code(_text(own)))
    return blocks


def _text(held: pd.DataFrame) -> str:
    """The characters of a sample in order; what is no character, or half of one, is a replacement mark."""
    codes = held.sort_values("step")["value"].head(LONGEST)
    points = [int(code) if 0 <= code < CODES and not 0xD800 <= code < 0xE000 else 0xFFFD for code in codes]
    return "".join(map(chr, points))


def _sentence(said: str, whole: list[str]) -> str:
    return printable(said if whole else "No form reaches the threshold on the mean.")
