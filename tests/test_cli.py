"""The front door: help, and one clear line with exit code 2 for whatever the user can mend."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bakeoff

STRANGERS = """
from dataclasses import dataclass
import torch
from models.architecture import Architecture

@dataclass(frozen=True, kw_only=True)
class Empty(Architecture):
    pass

class Core(torch.nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.out_width = width
        self.up, self.down = torch.nn.Linear(width, inner), torch.nn.Linear(inner, width)
    def forward(self, x):
        return x + self.down(torch.relu(self.up(x)))

@dataclass(frozen=True, kw_only=True)
class Peeks(Architecture):
    def core(self, size, interface):
        core = Core(*size)
        forward = core.forward
        core.forward = lambda x: forward(x + x.mean(1, keepdim=True))
        return core

class NotOne:
    pass
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "strange_layers.py").write_text(STRANGERS)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(bakeoff.main, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "quik"], ["unknown study", "quick"]),
        (["run", "gpu"], ["--device cuda"]),
        (["run", "quick", "--device", "gpu"], ["unknown device", "cpu or cuda"]),
        (["run", "quick", "--seeds", "0"], ["--seeds", "0"]),
        (["run", "quick", "--workers", "0"], ["--workers"]),
        (["run", "quick", "--minutes", "nan"], ["--minutes"]),
        (["run", "quick", "--minutes", "-3"], ["--minutes"]),
        (["run", "quick", "--only", "neddle"], ["unknown row or task", "needle"]),
        (["run", "quick", "--architecture", "lstm-chrono"], ["in the table already"]),
        (["run", "quick", "--architecture", "nowhere:Net"], ["nowhere:Net", "cannot be imported"]),
        (["run", "quick", "--architecture", "strange_layers:NotOne"], ["must subclass"]),
        (["run", "quick", "--architecture", "strange_layers:Empty"], ["strange_layers:Empty", "core"]),
        (["run", "quick", "--architecture", "strange_layers:Peeks"], ["not causal", "mask"]),
        (["table", "--published", "--seeds", "3"], ["--published", "--seeds"]),
        (["table", "--nonsense"], ["--nonsense"]),
        (["report", "never"], ["no run in reports/never", "bakeoff list"]),
        (["show", "abcdef"], ["no trial", "abcdef"]),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(arguments: list[str], words: list[str], workplace: Path) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    last = result.output.strip().splitlines()[-1]
    assert all(word in last for word in words), last
    assert not (workplace / "reports").exists(), "nothing is written for a command that cannot be"


def test_a_foreign_records_file_is_refused_and_untouched(workplace: Path) -> None:
    folder = workplace / "reports" / "smoke"
    folder.mkdir(parents=True)
    (folder / "trials.jsonl").write_text('{"some": "other file"}\n{"of": "somebody"}\n')
    result = call("run", "smoke", "--only", "parallel")
    assert result.exit_code == 2
    assert "trials.jsonl, line 1" in result.output
    assert (folder / "trials.jsonl").read_text() == '{"some": "other file"}\n{"of": "somebody"}\n'


def test_a_folder_that_cannot_be_written_is_named(workplace: Path) -> None:
    (workplace / "reports").write_text("a file where the folder should be")
    result = call("run", "smoke", "--only", "parallel")
    assert result.exit_code == 2
    assert "reports" in result.output
    assert "Traceback" not in result.output


def test_a_full_disk_keeps_what_was_measured(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from bench import runner

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "reports/smoke/plan.json")

    monkeypatch.setattr(runner, "write_atomically", no_space)
    result = call("run", "smoke", "--only", "parallel")
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["table", "run", "report", "list", "show"])
def test_every_command_has_help_and_the_front_page_names_it(command: str) -> None:
    assert call(command, "--help").exit_code == 0
    front = call("--help").output
    assert command in front
    assert "Examples:" in front


def test_list_names_everything_there_is() -> None:
    from bench.studies import STUDIES
    from bench.tasks import TASKS
    from models import ARCHITECTURES

    output = call("list").output
    assert all(name in output for name in (*STUDIES, *TASKS, *ARCHITECTURES))


def test_a_stranger_whose_code_changed_is_another_trial(workplace: Path) -> None:
    import importlib

    from bench.trial import Trace
    from models import find

    sys.path.insert(0, str(workplace))
    ids = []
    for ending in ("", "", "# edited"):
        with (workplace / "strange_layers.py").open("a") as file:
            file.write(ending)
        importlib.invalidate_caches()
        sys.modules.pop("strange_layers", None)
        ids.append(Trace(architecture=find("strange_layers:Peeks"), length=16).id)
    sys.modules.pop("strange_layers", None)
    assert ids[0] == ids[1] != ids[2]


def test_the_rows_of_the_help_are_the_rows_of_the_plan() -> None:
    """The front door names them itself, since the plan's module imports torch."""
    from bench.planning import ROWS

    assert tuple(row.replace(" ", "-") for row in ROWS) == bakeoff.ROWS
