"""verdicts.json -> LaTeX: nothing of a name is markup, the figures are the page's, the table is whole."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from planted import planted
from synthetic import COLUMNS, Folder

from analysis.latex import escaped, table
from analysis.load import load
from analysis.verdicts import judge

PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores" / "quick"
NASTY = r"\input{x} & 100% $y$ #1 a_b {c} ~ ^ <script> | `q` --- "
COMMAND = re.compile(r"\\(?:[a-zA-Z]+\*?|.)")


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Any]:
    return dict(json.loads((PUBLISHED / "verdicts.json").read_text()))


def unescaped(text: str) -> str:
    """What TeX would print of escaped text: commands of one letter, named ones, and no other special letter."""
    named = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textasciigrave": "`"}
    named |= {"textless": "<", "textgreater": ">", "textbar": "|", "textquotedbl": '"'}

    def shown(match: re.Match[str]) -> str:
        name = match[0][1:].removesuffix("{}")
        return named[name] if len(name) > 1 else name

    plain = re.sub(r"\\[a-zA-Z]+\{\}|\\.", shown, text.replace("{}-", "-"))
    rest = re.sub(r"\\[a-zA-Z]+\{\}|\\.", "", text.replace("{}-", "-"))
    assert not set(rest) & set('\\&%$#_{}~^<>|`"'), f"{rest!r} holds a letter that TeX would read"
    return plain


@pytest.mark.parametrize("text", [NASTY, "plain", "a\\b", "\\\\", "{}", "--", '"x"', "50 % of 2^4"])
def test_what_tex_prints_is_the_text(text: str) -> None:
    assert unescaped(escaped(text)) == text


def test_no_ligature_eats_a_dash() -> None:
    assert "--" not in escaped("a --option --- b")


def test_control_characters_do_not_reach_tex() -> None:
    assert escaped("a\nb\x00c\u202ed") == "a b c d"


def test_the_table_says_what_the_verdicts_say(verdicts: dict[str, Any]) -> None:
    text = table(verdicts)
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    flat = body.replace("$", "")
    for cell in (*verdicts["cells"], *verdicts["ours"]["cells"]):
        if cell["figure"] is not None:
            assert f"{cell['figure']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]" in flat
    counts = {v: sum(c["verdict"] == v and c["variant"] == "best" for c in verdicts["cells"]) for v in ("disagrees",)}
    assert body.count("disagrees") >= counts["disagrees"]
    best = [c for c in verdicts["cells"] if c["variant"] == "best" and c["measured"]]
    for cell in best:
        assert rf"{cell['claimed']} $\to$ {cell['measured']}" in body


def test_caption_and_label_name_study_device_and_rules(verdicts: dict[str, Any]) -> None:
    text = table(verdicts)
    assert r"\caption{Study quick, device cpu (" in text
    assert "rules version 1" in text
    assert r"\label{tab:bakeoff-quick-cpu}" in text


def test_every_line_has_every_column_and_every_brace_its_partner(verdicts: dict[str, Any]) -> None:
    assert_whole(table(verdicts), columns=4)


def test_a_strangers_title_is_no_markup_and_a_cell_without_figure_is_not_run(tmp_path: Path) -> None:
    stranger = {"title": NASTY, "family": "<script>", "plain": "x", "best": None, "best_reason": ""}
    text = table(judge(load(Folder(columns=[*COLUMNS, stranger]).write(tmp_path))))
    assert_whole(text, columns=5)
    assert escaped(NASTY) in text
    assert NASTY not in text
    assert text.count("not run") >= 8


def assert_whole(text: str, columns: int) -> None:
    """Rows of the tabular have columns - 1 separators; braces and dollars pair up."""
    start = text.index(r"\toprule")
    lines = [line for line in text[start : text.index(r"\bottomrule")].splitlines() if "&" in line]
    assert len(lines) > 5 * 3
    for line in lines:
        assert len(re.sub(r"\\.", "", line.removesuffix(r" \\")).split("&")) == columns
        assert line.endswith(r" \\")
    bare = re.sub(r"\\[\\{}$&%#_]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert re.findall(r"\\(begin|end)\{([a-z*]+)\}", text) == [
        ("begin", "table*"),
        ("begin", "tabular"),
        ("end", "tabular"),
        ("end", "table*"),
    ]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_tex_accepts_it(tmp_path: Path) -> None:
    stranger = {"title": NASTY, "family": "<script>", "plain": "x", "best": None, "best_reason": ""}
    folder = planted(tmp_path / "run")
    plan = json.loads((folder / "plan.json").read_text())
    plan["columns"].append(stranger)
    (folder / "plan.json").write_text(json.dumps(plan))
    head = r"\documentclass{article}\usepackage{booktabs}\usepackage[T1]{fontenc}\begin{document}"
    (tmp_path / "t.tex").write_text(head + "\n" + table(judge(load(folder))) + "\n" + r"\end{document}")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
