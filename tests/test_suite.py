"""The asv suite: what asv finds, that each of it runs, and the settings without which asv measures something else."""

from __future__ import annotations

import importlib
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.machine import WORKER_ENVIRONMENT
from bench.suite.models import DEVICES

discovery = pytest.importorskip("asv_runner.discovery", reason="asv is in the extra `dev`")

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "bench" / "suite"
EXPECTED = {
    "generation.Generation.time_tokens": "seconds",
    "generation.StateBytes.track_bytes": "bytes",
    "learning.FixedBudget.track_score": "score",
    "learning.StepsToSolve.track_steps": "steps",
    "learning.Throughput.track_tokens_per_second": "tokens/s",
    "models.Call.time_forward": "seconds",
    "models.Call.time_forward_backward": "seconds",
    "models.Call.time_training_step": "seconds",
    "models.HostMemory.peakmem_step": "bytes",
    "structure.ParallelismExponent.track_exponent": "exponent",
    "structure.SavedBytes.track_bytes": "bytes",
    "structure.Span.track_operations": "operations",
    "tasks.Sampling.time_sample": "seconds",
} | ({"models.DeviceMemory.track_bytes": "bytes"} if "cuda" in DEVICES else {})
# asv looks these up on the function, its class and then its module: a module's global of such a name is taken for one.
ATTRIBUTES = {
    *("setup", "teardown", "setup_cache", "params", "param_names", "version", "timeout", "pretty_name"),
    *("pretty_source", "number", "repeat", "rounds", "processes", "sample_time", "warmup_time"),
    *("min_run_count", "timer", "type", "unit"),
}


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What asv discovers, the way asv does it: `suite` is a package of its own."""
    torch.set_num_threads(1)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    discovery.update_sys_path(str(SUITE))
    yield list(discovery.disc_benchmarks(str(SUITE)))
    for name in [name for name in sys.modules if name.partition(".")[0] == "suite"]:
        del sys.modules[name]


def test_asv_finds_these_benchmarks_each_once_and_no_imported_helper(benchmarks: list[Any]) -> None:
    assert sorted(b.name for b in benchmarks) == sorted(EXPECTED)
    assert {b.name: b.unit for b in benchmarks} == EXPECTED


def test_each_has_a_name_for_readers_a_version_and_parameters_that_print_stably(benchmarks: list[Any]) -> None:
    for benchmark in benchmarks:
        assert benchmark.pretty_name, benchmark.name
        assert re.fullmatch(r"\d+", benchmark.version), f"{benchmark.name}: not set by hand but the hash of the source"
        assert len(benchmark.params) == len(benchmark.param_names), benchmark.name
        assert all(re.fullmatch(r"'[\w-]+'|\d+", value) for axis in benchmark.params for value in axis)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_runs_on_its_smallest_parameters(benchmarks: list[Any], name: str) -> None:
    (benchmark,) = (b for b in benchmarks if b.name == name)
    assert benchmark.check(str(SUITE)), "asv calls it with as many arguments as it has parameters"
    benchmark.set_param_idx(0)
    assert not benchmark.do_setup(), "not skipped"
    value = benchmark.func(*benchmark._current_params)
    if ".track_" in name:
        assert math.isfinite(value)
        assert value > 0


def test_no_global_of_a_file_is_taken_for_an_attribute_of_its_benchmarks() -> None:
    files = sorted(path.stem for path in SUITE.glob("*.py") if path.stem != "__init__")
    assert files == ["generation", "learning", "models", "structure", "tasks"]
    for stem in files:
        assert not ATTRIBUTES & set(vars(importlib.import_module(f"bench.suite.{stem}"))), stem


ONLY_WHAT_ASV_INSTALLS = """
import sys
sys.modules.update(dict.fromkeys({absent}))
import bench.suite.generation, bench.suite.learning, bench.suite.models, bench.suite.structure, bench.suite.tasks
"""


def test_the_suite_needs_no_library_that_asv_does_not_install() -> None:
    installed = {"torch", "numpy", "msgspec"}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ours = set(re.findall(r'"([a-z-]+)>=', project)) - {"setuptools"}
    modules = {{"scikit-learn": "sklearn"}.get(name, name) for name in ours - installed}
    assert {"pandas", "sklearn", "captum", "pebble"} <= modules
    code = ONLY_WHAT_ASV_INSTALLS.format(absent=sorted(modules))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert set(configuration()["matrix"]["req"]) == installed


def configuration() -> dict[str, Any]:
    return json.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8"))


def test_asv_measures_the_commit_and_not_the_working_tree() -> None:
    found = configuration()
    # With `bench` itself, asv would import the ruler from the working tree and the models from the commit.
    assert found["benchmark_dir"] == "bench/suite"
    for key in ("build_command", "install_command"):
        (command,) = found[key]
        assert "--no-deps" in command.split(), f"{key}: without it torch is fetched again for each commit"
    assert all(found[key].startswith(".asv/") for key in ("env_dir", "results_dir", "html_dir"))


def test_asv_builds_one_environment_with_pinned_versions_and_a_workers_settings() -> None:
    matrix = configuration()["matrix"]
    assert {name: len(versions) for name, versions in matrix["req"].items()} == dict.fromkeys(
        ("torch", "numpy", "msgspec"), 1
    )
    assert matrix["env_nobuild"] == WORKER_ENVIRONMENT
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"TORCH ?= torch=={matrix['req']['torch'][0]}\n" in makefile
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert f"numpy=={matrix['req']['numpy'][0]}" in constraints
