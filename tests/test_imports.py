"""The import rule: models <- bench <- bakeoff -> analysis, and analysis sees only the records' schema."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"models", "bench", "analysis", "bakeoff"}
ALLOWED = {
    "models": {"models"},
    "bench": {"models", "bench"},
    "analysis": {"analysis", "bench.records"},
}
FORBIDDEN_LIBRARIES = {"models": {"pandas", "scipy", "sklearn"}, "bench": {"pandas", "seaborn"}, "analysis": {"torch"}}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; the house imports absolutely"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_ours(name: str, allowed: set[str]) -> bool:
    """Whether a name of ours may be imported: itself or inside one of the allowed packages or modules."""
    return any(name == a or name.startswith(a + ".") for a in allowed)


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_no_arrow_points_the_wrong_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        for name in imported(path):
            top = name.partition(".")[0]
            if top in OURS and name not in OURS - {package}:
                # `from bench import records` is seen as bench and bench.records; the bare package decides nothing.
                assert is_ours(name, ALLOWED[package]), f"{path.relative_to(ROOT)} imports {name}"
            assert top != "bakeoff", f"{path.relative_to(ROOT)} imports the front door"
            assert top not in FORBIDDEN_LIBRARIES[package], f"{path.relative_to(ROOT)} imports {name}"


def test_a_bare_import_of_another_package_is_seen() -> None:
    source = "import bench\nfrom models import cnn\n"
    path = ROOT / "analysis" / "never_written.py"
    names = {n for node in ast.walk(ast.parse(source)) for n in _names(node)}
    assert not path.exists()
    assert not all(is_ours(n, ALLOWED["analysis"]) for n in names if n.partition(".")[0] in OURS)


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


WITHOUT_TORCH = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize("module", ["bench.records", "analysis.report", "analysis.table", "analysis.trials", "bakeoff"])
def test_judging_needs_no_torch(module: str) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH + f"import {module}"], check=True, cwd=ROOT)


def test_the_front_door_opens_without_heavy_libraries() -> None:
    code = "import bakeoff, sys; print(sorted({'torch', 'pandas', 'numpy', 'rich', 'scipy'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert out.strip() == "[]"
