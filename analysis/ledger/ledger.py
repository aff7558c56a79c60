"""Run -> the ledger of the ten claims, as plain JSON values: a word for every family, a verdict for every claim."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.cells.commands import FOLDER, carried
from analysis.claims import FAMILIES, REGIME
from analysis.clocks.wording import listed
from analysis.ledger import (
    adversarial,
    attention,
    captions,
    conditional,
    losses,
    modelling,
    parallelisation,
    pretraining,
    sequences,
    trained,
)
from analysis.ledger.found import Column, Found, columns
from analysis.ledger.rules import (
    ADVERSARIAL,
    ATTENTION,
    CONDITIONAL,
    DATE,
    HOLDS,
    IMAGES,
    LANGUAGE,
    MODELLING,
    MULTIMODAL,
    NOT_PARTICULAR,
    NOT_RUN,
    OPEN,
    PARALLELISATION,
    PRETRAINING,
    RULES,
    SEQUENCES,
    TRANSFORMER,
    VERDICTS,
    VERSION,
    Rule,
    Word,
    side,
)
from analysis.load import Run
from analysis.stats import Interval

DIGITS = 6
FIND: Mapping[str, Callable[[Run, Column], Found]] = {
    SEQUENCES: sequences.find,
    LANGUAGE: losses.language,
    IMAGES: losses.images,
    CONDITIONAL: conditional.find,
    MODELLING: modelling.find,
    PARALLELISATION: parallelisation.find,
    ATTENTION: attention.find,
    PRETRAINING: pretraining.find,
    MULTIMODAL: captions.find,
    ADVERSARIAL: adversarial.find,
}
COMPARE: Mapping[str, Callable[[Run], Found]] = {ADVERSARIAL: adversarial.compare}
"""Claims whose verdict is that of a comparison of families."""


def judge(run: Run) -> dict[str, Any]:
    """The whole ledger.json of a run; empty where no trial speaks for a claim."""
    claims = judge_ledger(run)
    if not claims:
        return {}
    return {
        "rules": VERSION,
        "dated": DATE,
        "study": run.plan["study"],
        "device": run.plan["device"],
        "command": run.plan.get("command", ""),
        "stopped": run.plan.get("stopped", ""),
        "machine": dict(run.machine),
        "columns": [{"title": c.title, "family": c.family} for c in columns(run)],
        "selection": [dict(choice) for choice in run.plan.get("selection", ())],
        "claims": claims,
    }


def judge_ledger(run: Run) -> list[dict[str, Any]]:
    """The ten claims in order; [] for a run that plans nothing for any of them."""
    if not any(claim in rows for rows in run.trials["rows"] for claim in RULES):
        return []
    return [_judged(run, rule) for rule in RULES.values()]


def _judged(run: Run, rule: Rule) -> dict[str, Any]:
    families = [_family(rule, c, FIND[rule.claim](run, c)) for c in columns(run)]
    comparison = _comparison(COMPARE[rule.claim](run)) if rule.claim in COMPARE else None
    verdict = VERDICTS[comparison["word"] if comparison else _word(families, TRANSFORMER)]
    elsewhere = _elsewhere(run, rule) if rule.claim == MODELLING else []
    planned = run.select(row=rule.claim)
    return {
        "number": rule.number,
        "claim": rule.claim,
        "said": rule.said,
        "rule": rule.statement,
        "unit": rule.unit,
        "also": rule.also,
        "compared": rule.compared,
        "bound": rule.bound,
        "threshold": rule.threshold,
        "digits": rule.digits,
        "verdict": verdict,
        "comparative": rule.comparative,
        "remark": "" if rule.comparative else _remark(verdict, families),
        "floor": next((f["floor"] for f in families if f["floor"]), rule.floor),
        "families": families,
        "comparison": comparison,
        "regimes": elsewhere,
        "flips": _flips(verdict, elsewhere),
        "failed": trained.failures(run, planned),
        "trials": len(planned),
        "repeat": _command(run, rule),
    }


def _family(rule: Rule, column: Column, found: Found) -> dict[str, Any]:
    word: Word = NOT_RUN
    if found.interval is not None:
        word = OPEN if found.doubts else rule.word(found.interval, found.also)
    return {
        "column": column.title,
        "family": column.family,
        "word": word,
        **_ends(found.interval),
        "also": _ends(found.also) if found.also else None,
        "seeds": len(found.values),
        "planned": found.planned,
        "values": [_rounded(value) for value in found.values],
        "forms": list(found.forms),
        "floor": found.floor,
        "missing": found.missing,
        "doubts": list(found.doubts),
        "notes": list(found.notes),
    }


def _comparison(found: Found) -> dict[str, Any]:
    """How the Transformer compares with the best other family: above 0 is what is claimed."""
    word: Word = NOT_RUN
    if found.interval is not None:
        word = OPEN if found.doubts else side(found.interval, 0.0, strict=True)
    return {"word": word, **_ends(found.interval), "missing": found.missing, "doubts": list(found.doubts)}


def _word(families: Sequence[Mapping[str, Any]], family: str) -> str:
    return next((str(f["word"]) for f in families if f["family"] == family), NOT_RUN)


def _remark(verdict: str, families: Sequence[Mapping[str, Any]]) -> str:
    """Of a claim that agrees: which other families pass the same rule, and of which that is not known."""
    others = [f for f in families if f["family"] in FAMILIES and f["family"] != TRANSFORMER]
    passing = [str(f["column"]) for f in others if f["word"] == HOLDS]
    unsure = [str(f["column"]) for f in others if f["word"] in (OPEN, NOT_RUN)]
    if verdict != VERDICTS[HOLDS]:
        return ""
    if others and len(passing) == len(others):
        return NOT_PARTICULAR
    parts = [f"true of the {listed(passing)} as well"] if passing else []
    return "; ".join(parts + ([f"not known of the {listed(unsure)}"] if unsure else []))


def _elsewhere(run: Run, rule: Rule) -> list[dict[str, Any]]:
    """The same claim under what else was matched."""
    found = []
    for regime in modelling.regimes(run):
        families = [_family(rule, c, modelling.find(run, c, regime)) for c in columns(run)]
        found.append({"regime": regime, "verdict": VERDICTS[_word(families, TRANSFORMER)], "families": families})
    return found


def _flips(verdict: str, elsewhere: Sequence[Mapping[str, Any]]) -> list[str]:
    """Regimes in which a decided verdict is the other one."""
    decided = (VERDICTS["holds"], VERDICTS["fails"])
    return [
        f"{verdict} at equal {REGIME}, {other['verdict']} at equal {other['regime']}"
        for other in elsewhere
        if verdict in decided and other["verdict"] in decided and other["verdict"] != verdict
    ]


def _command(run: Run, rule: Rule) -> str:
    """What measures this claim again. Words from records are quoted for a shell."""
    device = str(run.plan["device"])
    words = ["bakeoff", "run", str(run.plan["study"]), "--only", rule.claim.replace(" ", "-")]
    words += ["--device", device] if device != "cpu" else []
    words += [word for option in carried(str(run.plan.get("command", ""))) for word in option]
    return shlex.join([*words, "--reports", FOLDER])


def _ends(interval: Interval | None) -> dict[str, float | None]:
    point, low, high = interval or (math.nan,) * 3
    return {"figure": _rounded(point), "low": _rounded(low), "high": _rounded(high)}


def _rounded(value: float) -> float | None:
    """None for what is unknown: JSON has no infinity."""
    return round(float(value), DIGITS) + 0.0 if math.isfinite(value) else None
