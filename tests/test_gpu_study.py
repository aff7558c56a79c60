"""The study for a GPU, shrunk and run on the CPU: its clocks, its bf16, its peers, and its slices that resume."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from analysis import report
from bench.planning import Plan
from bench.records import read
from bench.runner import Run
from bench.studies import GPU, SMOKE
from bench.study import ClockGrid, PeerGrid
from tests.test_runner import Silent

TINY = replace(
    GPU,
    needs_cuda=False,
    cells=SMOKE.cells[:1],
    sources=(),
    core_parameters=SMOKE.core_parameters,
    seeds=1,
    development_seeds=1,
    learning_rates=(1e-2,),
    trace_lengths=(16, 32),
    clock_lengths=(16,),
    clock_tokens=32,
    clock_samples=2,
    clock_replicates=1,
    decode_contexts=(8, 16),
    decode_samples=2,
    decode_replicates=1,
    clock_grid=ClockGrid(
        lengths=(16, 32),
        core_parameters=(10_000,),
        tokens=32,
        samples=1,
        replicates=1,
        backend_size=10_000,
        precisions=("fp32", "bf16"),
    ),
    peer_grid=PeerGrid(widths=(32,), lengths=(32,), depth=1, tokens=32, samples=1, replicates=1, precision="bf16"),
)


def test_its_shape_is_the_real_one() -> None:
    assert GPU.clock_grid is not None
    assert GPU.peer_grid is not None
    assert GPU.minutes == 8, "a slice fits into a command of ten minutes"
    assert max(GPU.clock_grid.lengths) == 16_384
    assert GPU.clock_grid.precisions == ("fp32", "bf16")
    assert (GPU.peer_grid.widths, GPU.peer_grid.lengths, GPU.peer_grid.precision) == ((2048,), (2048,), "bf16")


def test_a_slice_says_what_was_not_run_and_the_next_one_finishes(tmp_path: Path) -> None:
    Run(Plan(study=replace(TINY, minutes=1e-9)), tmp_path, Silent()).execute()
    words = {cell["verdict"] for cell in report.write(tmp_path).verdicts["cells"]}
    assert words == {"not run"}
    Run(Plan(study=TINY), tmp_path, Silent()).execute()
    records = list(read(tmp_path))
    assert {r.status for r in records} == {"ok"}, [(r.trial["kind"], r.reason) for r in records if r.status != "ok"]
    assert Counter(r.trial["precision"] for r in records if r.trial["kind"] == "clock")["bf16"] == 3
    assert [r.trial["precision"] for r in records if r.trial["kind"] == "peers"] == ["bf16"]
    written = report.write(tmp_path)
    assert {"speed.md", "peers.md", "table.md"} <= set(written.files)
    assert "bf16" in (tmp_path / "peers.md").read_text()
    speed = {
        c["variant"]: c for c in written.verdicts["cells"] if c["row"] == "Training speed" and c["column"] == "LSTM"
    }
    assert speed["plain"]["verdict"] != "not run"


def test_without_the_option_it_is_refused() -> None:
    from bench.options import make_plan

    with pytest.raises(ValueError, match="add --device cuda"):
        make_plan("gpu", (), "cpu", None, None)
