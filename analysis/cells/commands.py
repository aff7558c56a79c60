"""The command that measures one cell again."""

from __future__ import annotations

import shlex
from itertools import zip_longest

from analysis.cells.case import Case
from analysis.claims import (
    FAMILIES,
    GENERATION,
    INTERPRETABILITY,
    LONG_RANGE,
    PARALLEL,
    SCALABILITY,
    SPEED,
    STATE_TRACKING,
)

ONLY = {
    PARALLEL.row: "parallel",
    LONG_RANGE.row: "long-range",
    SCALABILITY.row: "scalability",
    SPEED.row: "speed",
    INTERPRETABILITY.row: "interpretability",
    GENERATION.row: "generation-latency",
    STATE_TRACKING.row: "state-tracking",
}
"""Row -> what `--only` calls it."""
RELATIVE = (SCALABILITY.row, SPEED.row, GENERATION.row)
"""Rows whose figure is a ratio to other families, which have to be measured with it."""
UNTRAINED = (PARALLEL.row, SPEED.row, GENERATION.row)
"""Rows that train nothing, so that nothing chooses the best variants either."""
CARRIED = ("--seeds", "--architecture")
FOLDER = "again"


def command(case: Case) -> str:
    """What to type. Words from records are quoted for a shell."""
    column = case.contender.family if case.contender.family in FAMILIES else case.contender.column
    words = ["bakeoff", "run", case.material.study, "--only", ONLY[case.rule.row]]
    words += [] if case.rule.row in RELATIVE else ["--column", column]
    words += ["--device", case.material.device] if case.material.device != "cpu" else []
    words += [word for option in carried(str(case.material.verdicts.get("command", ""))) for word in option]
    return shlex.join([*words, "--reports", FOLDER])


def remarks(case: Case) -> str:
    """What to know before typing it."""
    said = [f"It writes into a folder of its own, {FOLDER}/, and leaves this run as it is."]
    if case.rule.row in RELATIVE:
        said.append("It names no column: the figure is a ratio to the other families, so all are measured together.")
    if case.rule.row not in UNTRAINED:
        said.append("The development trials that choose learning rate and variant come along.")
    elif not case.contender.is_stranger:
        said.append(
            "It trains nothing: a best variant that development trials choose will say `not run` there, while all "
            "variants are measured and the plain one is judged."
        )
    return " ".join(said)


def carried(typed: str) -> list[tuple[str, str]]:
    """Options of the recorded command that change what a cell is, with their values, in the order of typing."""
    try:
        words = shlex.split(typed)
    except ValueError:  # it was recorded without quotes
        words = typed.split()
    found = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name, equals, value = word.partition("=")
        if name in CARRIED and (equals or following):
            found.append((name, value if equals else following))
    return found
