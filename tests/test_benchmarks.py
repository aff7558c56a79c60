"""Comparing saved benchmark runs: drift is no regression, a fluke of one process is none, a planted slowdown is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.benchmarks import main

CALLS = {f"test_speed.py::test_step[{n}]": 1e-3 * (n + 1) for n in range(9)}
VICTIM = "test_speed.py::test_step[3]"


def saved(path: Path, scale: float = 1.0, **slow: float) -> str:
    times = {name: scale * seconds * slow.get(name.rpartition("::")[2], 1.0) for name, seconds in CALLS.items()}
    data = {"benchmarks": [{"fullname": name, "stats": {"min": seconds}} for name, seconds in times.items()]}
    path.write_text(json.dumps(data))
    return str(path)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--factor", "1.15", *arguments])
    return result.exit_code, result.output


def test_a_machine_that_drifts_as_a_whole_raises_no_alarm(tmp_path: Path) -> None:
    code, text = run(saved(tmp_path / "base"), saved(tmp_path / "now", scale=1.3))
    assert code == 0
    assert "1.30 times the base's time" in text


def test_a_planted_slowdown_is_caught_through_the_drift_and_named(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    later = [saved(tmp_path / f"now{n}", 0.8 + n / 5, **{"test_step[3]": 1.2 + n / 100}) for n in range(3)]
    code, text = run(*(path for now in later for path in (base, now)))
    assert code == 1
    assert f"slower 1.20  {VICTIM}" in text
    assert text.count("slower ") == 1


def test_a_call_that_is_slow_in_one_process_only_is_a_fluke(tmp_path: Path) -> None:
    base, odd = saved(tmp_path / "base"), saved(tmp_path / "odd", **{"test_step[3]": 1.4})
    other = saved(tmp_path / "other", **{"test_step[5]": 1.4})
    assert run(base, odd)[0] == 1
    assert run(base, odd, base, other)[0] == 0


def test_each_run_is_compared_with_the_base_measured_beside_it(tmp_path: Path) -> None:
    """A call that was slow in base and change alike, since both lay badly in memory, is no regression."""
    calm, now = saved(tmp_path / "calm"), saved(tmp_path / "now", **{"test_step[3]": 1.4})
    beside = saved(tmp_path / "beside", **{"test_step[3]": 1.4})
    assert run(calm, now)[0] == 1
    assert run(beside, now)[0] == 0


def test_files_must_come_in_pairs(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    for given in ((base,), (base, base, base)):
        code, text = run(*given)
        assert code == 2
        assert "pairs of files" in text


@pytest.mark.parametrize(
    ("info", "printed"), [({"id": "abc", "dirty": False}, "abc"), ({"id": "abc", "dirty": True}, ""), (None, "")]
)
def test_only_a_clean_base_can_be_measured_again(tmp_path: Path, info: object, printed: str) -> None:
    path = Path(saved(tmp_path / "base"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"commit_info": info}))
    result = CliRunner().invoke(main, ["--commit", str(path)])
    assert (result.exit_code, result.output.strip()) == (0, printed)


def test_what_is_no_saved_run_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "torn").write_text("{")
    code, text = run(saved(tmp_path / "base"), str(tmp_path / "torn"))
    assert code == 2
    assert "torn is not a saved run" in text
