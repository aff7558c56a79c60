"""The ledger as blocks of a report: three sentences, the table, and every claim behind a fold with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from analysis.cells.commands import FOLDER
from analysis.document import Block, Bullets, Code, Entry, Fold, Line, Paragraph, Picture, Table, Tone, anchor
from analysis.ledger import drawn_seeds, shown_gains, shown_images, shown_texts, table, words
from analysis.ledger.drawn_seeds import data, drawn
from analysis.ledger.rules import (
    ADVERSARIAL,
    ATTENTION,
    CONDITIONAL,
    IMAGES,
    LANGUAGE,
    MODELLING,
    MULTIMODAL,
    PARALLELISATION,
    PRETRAINING,
    SEQUENCES,
)
from analysis.ledger.words import Claim, capital
from analysis.load import Run
from analysis.material import Material
from analysis.page import CHOSEN
from analysis.stats import Interval
from analysis.wording import printable

TITLE = words.TITLE
QUESTION = (
    "Ten things are said to have come to generative AI with transformers. Which of them does a measurement bear out, "
    "and which are true of any network of the same size?"
)
PREFIX = "claim"
SHOWN: Mapping[str, Callable[[Run], list[Block]]] = {
    SEQUENCES: shown_texts.forms,
    LANGUAGE: shown_texts.language,
    IMAGES: shown_images.samples,
    CONDITIONAL: shown_images.by_class,
    MODELLING: shown_texts.components,
    PARALLELISATION: lambda run: [],
    ATTENTION: shown_gains.by_attention,
    PRETRAINING: shown_gains.by_labels,
    MULTIMODAL: shown_images.captioned,
    ADVERSARIAL: shown_gains.under_attack,
}
"""Claim -> its pictures and texts."""
TONES: Mapping[str, Tone] = {
    "agrees": "agrees",
    "disagrees": "disagrees",
    "undecided": "undecided",
    "not run": "not run",
}


def blocks(material: Material, prefix: str = PREFIX) -> list[Block]:
    """Three sentences and the table, each claim a link to its fold; nothing for a run without claims."""
    ledger = material.ledger
    if not ledger:
        return []
    titles = words.titles(ledger)
    rows = tuple(_row(claim, titles, _place(prefix, claim)) for claim in ledger["claims"])
    header = ("Claim", *map(printable, titles), "Floor", "Seeds", "Verdict")
    return [
        Paragraph(" ".join(words.lead(ledger)), lead=True),
        Table(TITLE, header, rows),
        Paragraph(printable(f"{words.LEGEND} Rules version {ledger['rules']} of {ledger['dated']}.")),
    ]


def unopened(material: Material, prefix: str = PREFIX) -> list[Callable[[], list[Block]]]:
    """The folds of the claims as calls that make them, each by itself."""
    ledger = material.ledger
    rates = [partial(_rates, ledger["selection"], prefix)] if ledger and ledger["selection"] else []
    return [*(partial(_fold, material, claim, prefix) for claim in ledger.get("claims", ())), *rates]


def _row(claim: Claim, titles: Sequence[str], place: str) -> tuple[str | Entry, ...]:
    own = {f["column"]: f for f in claim["families"]}
    first, *others = words.verdict_lines(claim)
    verdict = Entry((Line(first, TONES[claim["verdict"]]), *(Line(text, "dim") for text in others)))
    name = Entry(
        (Line(f"{claim['number']}. {capital(claim['claim'])}"), Line(f"{claim['unit']} {claim['bound']}", "dim")), place
    )
    return (name, *(_cell(claim, own[title]) for title in titles), claim["floor"] or "-", words.seeds(claim), verdict)


def _cell(claim: Claim, family: words.Family) -> Entry:
    first, *others = words.family_lines(claim, family)
    tone: Tone = "not run" if family["figure"] is None else ""
    return Entry((Line(printable(first), tone), *(Line(printable(text), "dim") for text in others)))


def _fold(material: Material, claim: Claim, prefix: str) -> list[Block]:
    """Rule, evidence, pictures, what failed, and the command."""
    inside: list[Block] = [
        Paragraph(f"Claimed: {claim['said']} Measured: {claim['unit']}. The rule: {claim['rule']}."),
        *_seeds(claim),
        Bullets(tuple(words.reasons(claim))),
        *SHOWN[str(claim["claim"])](material.run),
    ]
    lost = table.failed(claim)
    inside += [Paragraph("What failed or was not run:"), Bullets(tuple(lost))] if lost else []
    inside += [Paragraph(f"To measure it again, in a folder of its own, {FOLDER}/:"), Code(str(claim["repeat"]))]
    return [Fold(words.summary(claim), _place(prefix, claim), inside, TONES[claim["verdict"]])]


def _rates(chosen: Sequence[Mapping[str, Any]], prefix: str) -> list[Block]:
    """The learning rate of every contender, and how well it did on the development seed."""
    rows = tuple(
        (
            printable(str(c["row"])),
            printable(str(c["architecture"])),
            f"{c['learning_rate']:g}" + (" (edge)" if c.get("edge") else ""),
            f"{c['merit']:.3g}",
        )
        for c in chosen
    )
    header = ("Experiment", "Architecture", "Learning rate", "Merit")
    return [Fold(CHOSEN, anchor(prefix, "rates"), [Table(CHOSEN, header, rows)], "dim")]


def _seeds(claim: Claim) -> list[Block]:
    """The figure of every family, seed by seed, and the threshold."""
    lines = [
        drawn_seeds.Line(str(f["column"]), str(f["family"]), tuple(f["values"]), _interval(f))
        for f in claim["families"]
        if f["figure"] is not None or not f["missing"].startswith("not planned")
    ]
    if not any(one.values for one in lines):
        return []
    unit = str(claim["unit"])
    figure = drawn(lines, unit, claim["threshold"])
    said = f"{capital(claim['verdict'])}: {claim['bound']} is asked for."
    name = f"{PREFIX}-{claim['number']}-{anchor(claim['claim'])}"
    return [Picture(name, f"{capital(claim['claim'])}, by family and seed", said, figure, data(lines, unit))]


def _interval(family: words.Family) -> Interval | None:
    if family["figure"] is None:
        return None
    low, high = (float("nan") if family[end] is None else family[end] for end in ("low", "high"))
    return Interval(family["figure"], low, high)


def _place(prefix: str, claim: Claim) -> str:
    return anchor(prefix, claim["claim"])
