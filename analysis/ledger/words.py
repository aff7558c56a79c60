"""What the ledger says, in plain text: shared by terminal, Markdown and page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.clocks.wording import listed
from analysis.ledger.rules import NOT_PARTICULAR, NOT_RUN, PARALLELISATION
from analysis.wording import SIGNS, printable

Claim = Mapping[str, Any]
"""A claim of ledger.json."""
Family = Mapping[str, Any]
"""One of its families."""

TITLE = "Ten claims about generative AI"
LEGEND = (
    "Figure [95 %] and word of each family by the claim's rule: holds or fails with its whole interval, or open; the "
    "Transformer's word decides the claim, where no comparison does. "
    + " ".join(f"{SIGNS[verdict]} {verdict}" for verdict in ("agrees", "disagrees", "undecided", "not run"))
)


def heading(ledger: Mapping[str, Any]) -> str:
    """Study, device, rules, and whether the run was cut short."""
    machine = ledger["machine"]
    where = machine.get("accelerator") or machine.get("processor") or machine.get("fingerprint") or ""
    cut = f"; not complete: {ledger['stopped']}" if ledger["stopped"] else ""
    on = f" ({where})" if where else ""
    rules = f"rules of the claims version {ledger['rules']} of {ledger['dated']}"
    return printable(f"{TITLE}: study {ledger['study']}, device {ledger['device']}{on}, {rules}{cut}")


def titles(ledger: Mapping[str, Any]) -> list[str]:
    """Columns from left to right."""
    return [str(column["title"]) for column in ledger["columns"]]


def figure(claim: Claim, family: Mapping[str, Any], digits: int | None = None) -> str:
    """`0.98 [0.95, 0.99]`; empty where there is none."""
    if family["figure"] is None:
        return ""
    places = claim["digits"] if digits is None else digits
    point, low, high = (_number(family[end], places) for end in ("figure", "low", "high"))
    return f"{point} [{low}, {high}]"


def family_lines(claim: Claim, family: Family) -> list[str]:
    """The place of one family in the table: figure, second figure, word."""
    word = str(family["word"])
    if word == NOT_RUN:
        return [NOT_RUN]
    also = [f"{_short(claim)} {figure(claim, family['also'])}"] if family["also"] else []
    return [figure(claim, family), *also, word]


def seeds(claim: Claim) -> str:
    """`3`, `2 to 3 of 3`: how many seeds the figures rest on."""
    held = [f for f in claim["families"] if f["figure"] is not None]
    counts, planned = [f["seeds"] for f in held], max((f["planned"] for f in held), default=0)
    if not counts:
        return "-"
    low, high = min(counts), max(counts)
    span = f"{low}" if low == high else f"{low} to {high}"
    unit = (" process" + "es" * (high != 1)) if claim["claim"] == PARALLELISATION else ""
    return span + (f" of {planned}" if low < planned else "") + unit


def verdict_lines(claim: Claim) -> list[str]:
    """Sign and verdict, and what qualifies it."""
    comparison = claim["comparison"]
    lines = [f"{SIGNS[claim['verdict']]} {claim['verdict']}", str(claim["remark"])]
    if comparison and comparison["figure"] is not None:
        lines.append(f"{claim['compared']}: {figure(claim, comparison)}")
    lines += [f"flips: {flip}" for flip in claim["flips"]]
    return [printable(line) for line in lines if line]


def summary(claim: Claim) -> str:
    """One claim in one line."""
    told = [f"{f['column']} {figure(claim, f) or NOT_RUN}" for f in claim["families"]]
    remark = f", {claim['remark']}" if claim["remark"] else ""
    return printable(f"{claim['number']}. {capital(claim['claim'])}: {claim['verdict']}{remark}; {', '.join(told)}")


def reasons(claim: Claim) -> list[str]:
    """Every family in words: figure, seeds, what else was measured, why it is open or not run; then the comparison."""
    lines = [f"{f['column']}: {_reason(claim, f)}" for f in claim["families"]]
    comparison = claim["comparison"]
    if comparison:
        said = figure(claim, comparison) or NOT_RUN
        why = "; ".join(filter(None, (*comparison["doubts"], comparison["missing"])))
        lines.append(f"{claim['compared']}: {said}, {comparison['word']}" + (f" ({why})" if why else ""))
    for other in claim["regimes"]:
        told = ", ".join(f"{f['column']} {figure(claim, f) or NOT_RUN}" for f in other["families"])
        lines.append(f"at equal {other['regime']}: {other['verdict']}; {told}")
    return [printable(line) for line in lines]


def _reason(claim: Claim, family: Family) -> str:
    if family["figure"] is None:
        return f"{NOT_RUN}: {family['missing']}"
    few = f" of {family['planned']} planned" if family["seeds"] < family["planned"] else ""
    parts = [
        f"{', '.join(family_lines(claim, family))}",
        f"{family['seeds']}{few} values ({', '.join(family['forms'])})",
    ]
    return "; ".join([*parts, *(f"open: {doubt}" for doubt in family["doubts"]), *family["notes"]])


def lead(ledger: Mapping[str, Any]) -> list[str]:
    """Three sentences: how many claims came to what, which ones, and what that holds for."""
    claims = ledger["claims"]
    return [printable(text) for text in (_counted(ledger, claims), _named(claims), _limits(claims))]


def _counted(ledger: Mapping[str, Any], claims: Sequence[Claim]) -> str:
    said = {"agrees": "agree", "disagrees": "disagree", "undecided": "undecided", "not run": "not run"}
    counts = {verdict: sum(c["verdict"] == verdict for c in claims) for verdict in said}
    agreeing = [c for c in claims if c["remark"] == NOT_PARTICULAR]
    parts = [f"{count} {_verb(verdict, count)}" for verdict, count in counts.items() if count]
    of_all = f", {len(agreeing)} of which hold for every family" if agreeing else ""
    parts[0] += of_all if counts["agrees"] else ""
    return f"Of {len(claims)} claims made of transformers, {listed(parts)} (study {ledger['study']})."


def _verb(verdict: str, count: int) -> str:
    one, many = {
        "agrees": ("agrees with what was measured", "agree with what was measured"),
        "disagrees": ("disagrees", "disagree"),
        "undecided": ("is undecided", "are undecided"),
        "not run": ("was not run", "were not run"),
    }[verdict]
    return one if count == 1 else many


def _named(claims: Sequence[Claim]) -> str:
    alone = [c for c in claims if c["verdict"] == "agrees" and not c["remark"]]
    held = {
        "true of transformers more than of the others": [c for c in alone if c["comparative"]],
        "passed by the Transformer alone": [c for c in alone if not c["comparative"]],
        "true, and not particular to transformers": [c for c in claims if c["remark"] == NOT_PARTICULAR],
        "contradicted": [c for c in claims if c["verdict"] == "disagrees"],
        "undecided": [c for c in claims if c["verdict"] == "undecided"],
    }
    partly = [c for c in claims if c["verdict"] == "agrees" and c["remark"] and c["remark"] != NOT_PARTICULAR]
    told = [f"{name}: {listed([str(c['claim']) for c in own])}" for name, own in held.items() if own]
    told += [f"{c['claim']}: {c['remark']}" for c in partly]
    return f"{capital('; '.join(told))}." if told else "None of them was measured."


def _limits(claims: Sequence[Claim]) -> str:
    counts = [f["seeds"] for c in claims for f in c["families"] if f["figure"] is not None]
    if not counts:
        return "Nothing follows from that."
    span = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return (
        "That holds for small models of equal size, small data that need no download, short budgets, few learning "
        f"rates tried, and {span} repetitions of each training, and for no more."
    )


def _short(claim: Claim) -> str:
    """The second figure's unit, cut to what fits into a table."""
    return str(claim["also"]).partition(" saved")[0]


def _number(value: float | None, digits: int) -> str:
    return "?" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
