"""Where numbers come from: facts are those of the records, what is missing is said to be, bytes repeat."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import add_clocks, add_long_range, planted
from synthetic import Folder, learn, values
from synthetic_clocks import clocked

from analysis.claims import RULES_VERSION
from analysis.document import Block, Bullets, Code, Download, Paragraph, Table
from analysis.load import load
from analysis.material import Material
from analysis.provenance import blocks, citation, distance, facts, measurements, software_version, twins
from analysis.recorded import Records

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "reports" / "published" / "amd-epyc-2-cores"
HERE = {
    "fingerprint": "f00d",
    "processor": "Two cores & more",
    "cores": 2,
    "memory_gib": 24,
    "system": "Linux",
    "accelerator": "",
    "python": "3.11.7",
    "torch": "2.9.0",
    "numpy": "2.1.0",
    "threads": 1,
    "environment": {"OMP_NUM_THREADS": "1", "MALLOC_TOP_PAD_": ""},
    "load_1min": 0.25,
    "commit": "abc",
    "dirty": False,
}


def material(folder: Path) -> Material:
    return Material(folder, load(folder), {})


def known(folder: Path) -> dict[str, str]:
    return facts(material(folder), Records.read(folder))


def written(path: Path, *machines: Mapping[str, Any], **fields: Any) -> Path:
    """A run folder of one training per machine."""
    folder = Folder()
    for seed, machine in enumerate(machines):
        folder.add(learn("lstm", "needle", 32, seed), values(solved=1.0), rows=["long range"], lag=32, machine=machine)
        folder.records[-1] = replace(folder.records[-1], **fields)
    return folder.write(path)


def rows(found: list[Block]) -> dict[str, str]:
    """The table of facts."""
    (table,) = (block for block in found if isinstance(block, Table))
    return {str(name): str(value) for name, value in table.rows}


def text(found: list[Block]) -> str:
    return " ".join(" ".join(block.items) for block in found if isinstance(block, Bullets))


def test_every_fact_of_a_complete_record_is_told(tmp_path: Path) -> None:
    found = known(written(tmp_path, HERE, cpu_seconds=30.5))
    assert found["commit"] == "abc (1 records, clean)"
    assert found["processor"] == "Two cores & more"
    assert (found["python"], found["torch"], found["numpy"], found["cores"]) == ("3.11.7", "2.9.0", "2.1.0", "2")
    assert found["allocator and threads"] == "MALLOC_TOP_PAD_=unset, OMP_NUM_THREADS=1"
    assert found["load (1 minute)"] == "0.2 with the first record, 0.2 with the last, 0.2 to 0.2 overall"
    assert found["command"] == "bakeoff run planted"
    assert found["version of the rules"] == RULES_VERSION
    assert found["CPU-seconds"] == "30"
    assert found["accelerator"] == "none"
    assert "not recorded" not in found.values()


def test_what_differs_is_a_range_or_a_list(tmp_path: Path) -> None:
    other = {**HERE, "commit": "def", "dirty": True, "load_1min": 1.9, "torch": "2.13.0", "threads": 2}
    found = known(written(tmp_path, HERE, HERE, other))
    assert found["commit"] == "abc (2 records, clean); def (1 records, 1 with uncommitted changes)"
    assert found["load (1 minute)"] == "0.2 with the first record, 1.9 with the last, 0.2 to 1.9 overall"
    assert found["torch"] == "2.13.0; 2.9.0"
    assert found["threads of a worker"] == "1 to 2"


def test_what_was_not_recorded_is_said(tmp_path: Path) -> None:
    found = known(written(tmp_path, {"fingerprint": "f00d", "load_1min": -1.0, "cores": None}))
    missing = {name for name, value in found.items() if value == "not recorded"}
    assert {"python", "torch", "processor", "cores", "load (1 minute)", "allocator and threads"} <= missing
    assert {"CPU-seconds", "threads of a worker"} <= missing
    assert found["commit"] == "not recorded (1 records)"


def test_a_folder_without_records_has_provenance_too(tmp_path: Path) -> None:
    planned = Folder()
    planned.plan(learn("lstm", "needle", 32, 0), rows=["long range"], lag=32)
    folder = planned.write(tmp_path)
    assert known(folder)["first to last record"] == "not recorded"
    assert "year" not in citation(material(folder), Records.read(folder))
    assert isinstance(measurements(material(folder)), Download)


@pytest.mark.parametrize("wrong", [{"load_1min": "high"}, {"environment": "none"}, {"cores": [1, 2]}, {"dirty": "?"}])
def test_fields_of_an_unexpected_kind_do_no_harm(tmp_path: Path, wrong: dict[str, Any]) -> None:
    own = material(written(tmp_path / "sound", HERE))
    odd = Records.read(written(tmp_path / "odd", {**HERE, **wrong}, HERE, cpu_seconds="much", finished="yesterday"))
    found = facts(own, odd)
    assert found["CPU-seconds"] == "not recorded"
    assert found["first to last record"] == "not recorded"
    assert "0.2 with the last" in found["load (1 minute)"]
    assert citation(own, odd)


def test_fields_of_another_device_get_lines_of_their_own(tmp_path: Path) -> None:
    found = known(written(tmp_path, {**HERE, "cuda": "12.8", "sm_clock_mhz": 1980.0}, {**HERE, "sm_clock_mhz": 1400.0}))
    assert (found["cuda"], found["sm clock mhz"]) == ("12.8", "1400 to 1980")


def test_time_goes_from_the_first_to_the_last_record_in_whatever_order(tmp_path: Path) -> None:
    folder = Folder()
    for seed, moment in enumerate(("2026-11-22T23:59:00+00:00", "2026-11-22T22:00:00+00:00", "2026-11-23T01:00:09Z")):
        folder.add(learn("lstm", "needle", 32, seed), values(solved=1.0), rows=["long range"], lag=32)
        folder.records[-1] = replace(folder.records[-1], finished=moment, cpu_seconds=10.0)
    found = known(folder.write(tmp_path))
    assert found["first to last record"].startswith("3 h 0 min 9 s (2026-11-22 22:00:00+00:00 to 2026-11-23 01:00:09")
    assert found["CPU-seconds"] == "30"


def test_trials_that_ended_otherwise_are_counted_with_their_reasons(tmp_path: Path) -> None:
    folder = Folder(stopped="time limit of 5 minutes")
    add_long_range(folder, "lstm", seeds=1)
    folder.add(learn("lstm", "needle", 32, 7), status="failed", reason="<b>boom</b>", rows=["long range"], lag=32)
    folder.add(learn("lstm", "needle", 32, 8), status="failed", reason="<b>boom</b>", rows=["long range"], lag=32)
    folder.add(learn("lstm", "needle", 32, 9), status="diverged", rows=["long range"], lag=32)
    folder.add(learn("lstm", "needle", 32, 10), status="out of memory", reason="60 GiB", rows=["long range"], lag=32)
    folder.plan(learn("lstm", "needle", 32, 11), rows=["long range"], lag=32)
    found = blocks(material(folder.write(tmp_path)))
    told = rows(found)
    number = len(folder.entries)
    assert told["trials"] == f"{number} planned, {number - 5} ok, 1 diverged, 2 failed, 1 not run, 1 out of memory"
    assert "2 failed: <b>boom</b>" in text(found)
    assert "1 diverged: not recorded" in text(found)
    assert "1 not run: time limit of 5 minutes" in text(found)
    assert told["report seeds"] == "0, 7, 8, 9, 10, 11"


def test_the_published_seeds_are_told(tmp_path: Path) -> None:
    found = known(PUBLISHED / "quick")
    plan = json.loads((PUBLISHED / "quick" / "plan.json").read_text())
    for split in ("report", "development"):
        seeds = {entry["trial"]["seed"] for entry in plan["trials"] if entry["trial"].get("split") == split}
        assert found[f"{split} seeds"].split(", " if ", " in found[f"{split} seeds"] else " to ")[0] == str(min(seeds))
        assert found[f"{split} seeds"].endswith(str(max(seeds)))


def test_the_band_is_that_of_the_copies(tmp_path: Path) -> None:
    """The copy of the first architecture is 1.1 times as slow in every trial but one, there twice."""
    run = clocked(tmp_path, replicates=4, lengths=(64, 128, 256, 512, 1024), tokens=1024, samples=1)
    copies = run.values["subject"] == "A/A"
    factor = np.where(run.values["trial"] == 0, 2.0, 1.1)
    slow = run.values["value"] * np.where(copies & run.values["metric"].str.contains("seconds_per"), factor, 1.0)
    pairs = twins(replace(run, values=run.values.assign(value=slow)))
    assert len(pairs) == 36 * 3
    assert distance(pairs["ratio"]) == pytest.approx(1.1)
    assert distance(1 / pairs["ratio"]) == pytest.approx(1.1), "a faster copy is as far away"


def test_the_band_is_printed_or_said_to_be_missing(tmp_path: Path) -> None:
    folder = Folder()
    add_clocks(folder, {"transformer-rotary": 1.0, "lstm": 2.0, "cnn-8": 1.5}, wobble=0.02)
    assert known(folder.write(tmp_path / "a"))["A/A band"].endswith("in 95% of 12 pairs")
    assert known(written(tmp_path / "b", HERE))["A/A band"] == "no A/A pair was clocked"


def test_the_citation_is_an_entry_with_this_runs_facts(tmp_path: Path) -> None:
    folder = written(tmp_path, {**HERE, "processor": "A_B {C} & 50% #1"}, finished="2031-05-06T07:08:09+00:00")
    entry = citation(material(folder), Records.read(folder))
    assert entry.startswith("@software{bakeoff-planted-cpu-2031,")
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, re.MULTILINE))
    assert set(fields) == {"title", "version", "year", "note"}
    assert fields["year"] == "2031", "of the newest record, whatever today is"
    assert fields["version"] == software_version() != ""
    assert r"A\_B \{C\} \& 50\% \#1" in fields["note"]
    for fact in ("planted", "cpu", "abc", f"rules version {RULES_VERSION}"):
        assert fact in fields["note"]
    bare = entry.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert any(isinstance(block, Code) and block.text == entry for block in blocks(material(folder)))


def test_the_download_holds_every_value_and_repeats_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = material(planted(tmp_path))
    found = measurements(own)
    assert isinstance(found, Download)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert measurements(own) == found
    lines = list(csv.DictReader(io.StringIO(gzip.decompress(found.content).decode())))
    assert sum(line["metric"] != "" for line in lines) == len(own.run.values)
    assert sum(float(line["value"]) for line in lines if line["value"]) == pytest.approx(own.run.values["value"].sum())
    assert found.name == "planted-cpu-measurements.csv.gz"
    assert f"{len(own.run.values):,}" in found.label
    assert measurements(own, gzip.decompress(found.content).decode()) == found, "a text at hand is not made again"


def test_what_is_too_large_for_a_page_is_named_instead(tmp_path: Path) -> None:
    own = material(written(tmp_path, HERE))
    noise = "".join(np.random.default_rng(0).choice(list("0123456789abcdef\n"), 3_000_000))
    found = measurements(own, noise)
    assert isinstance(found, Paragraph)
    assert "measurements.csv" in found.text
    values = own.run.values.loc[np.zeros(400_000, dtype=int)]
    assert isinstance(measurements(replace(own, run=replace(own.run, values=values))), Paragraph)


@pytest.mark.parametrize("study", ["quick", "clock", "peers"])
def test_published_runs_have_facts_and_a_download_that_fits_a_page(study: str) -> None:
    own = material(PUBLISHED / study)
    assert "not recorded" not in rows(blocks(own)).values()
    found = measurements(own)
    assert isinstance(found, Download)
    assert len(found.content) < 1_000_000


def test_records_are_read_alike_whatever_their_order_of_fields(tmp_path: Path) -> None:
    """Sorted fields, a second copy of a record, a torn last line, a reason that looks like a machine."""
    folder = written(tmp_path, HERE, {**HERE, "load_1min": 0.5}, reason='","machine":{"cores":9},', cpu_seconds=2.0)
    expected = Records.read(folder)
    assert (expected.cpu_seconds, sorted(expected.loads), expected.machines[0][1]) == (4.0, [0.25, 0.5], 2)
    assert expected.every("cores") == [2]
    lines = (folder / "trials.jsonl").read_text().splitlines()
    mixed = [lines[0], json.dumps(json.loads(lines[1]), sort_keys=True), lines[0], lines[1][:200]]
    (folder / "trials.jsonl").write_text("\n".join(mixed))
    assert Records.read(folder) == expected
