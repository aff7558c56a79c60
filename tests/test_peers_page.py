"""The page, the figures and the lines on peers: what is missing is said, the same records give the same bytes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from analysis import peers
from analysis.peers.words import INSTALL, LEVEL, SLOWER, places, sentences, unequal, verdict
from bench.records import Measurement
from tests.synthetic import Folder
from tests.synthetic_peers import RATES, ROWS, Planted, add_overhead, add_peers, loaded, peers_trial, row

NAMES = ["peers.md", "peers.json", "figures/peers.svg", "figures/roofline.svg"]


def test_who_is_not_told_apart_is_named_even_behind_the_fastest(tmp_path: Path) -> None:
    folder, dice = Folder(), np.random.default_rng(0)
    for replicate, rate in enumerate((4000.0, 6000.0, 9000.0)):  # the fastest is steady, this one is not
        planted = Planted(rates={**RATES, "transformer/GPT-2": rate})
        folder.add(peers_trial(128, 256, replicate), planted.measured(128, 1024, dice), rows=ROWS)
    found = peers.figures(loaded(folder, tmp_path))
    fastest = row(found["fastest"], group="transformer")
    assert (fastest["peer"], fastest["level_with"]) == ("nn.TransformerEncoder", ["GPT-2"])
    assert "ours is not told apart from GPT-2 in the one cell measured" in sentences(found)[0]


def test_a_peer_that_is_not_installed_is_said_and_never_compared(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(absent=("transformer/nn.TransformerEncoder", "lstm/nn.LSTM")))
    run = loaded(folder, tmp_path)
    found = peers.figures(run)
    assert found["not_installed"] == ["lstm/nn.LSTM", "transformer/nn.TransformerEncoder"]
    assert row(found["fastest"], group="transformer", width=128, length=256)["peer"] == "GPT-2"
    assert not [r for r in found["fastest"] if r["group"] == "lstm"]
    assert f"LSTM: nothing to compare, no peer is installed ({INSTALL})." in peers.summary(run)
    assert f"lstm/nn.LSTM, transformer/nn.TransformerEncoder: not installed: {INSTALL}" in peers.summary(run)
    assert row(found["goals"], goal="lstm: ours over nn.LSTM, forward and backward")["word"] == "not measured"


def test_one_replicate_has_no_interval_and_tells_nothing_apart(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(), widths=(128,), lengths=(256,), replicates=1)
    run = loaded(folder, tmp_path)
    assert row(peers.figures(run)["fastest"], group="transformer")["ratio"] == [1.2, None, None]
    assert peers.write(run, tmp_path) == NAMES
    assert "1.20 (one trial)" in (tmp_path / "peers.md").read_text()
    assert "not told apart" in peers.summary(run)[0]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(noise=0.03), replicates=2)
    add_overhead(folder, 1.01)
    shuffled = replace(folder, records=folder.records[::-1])
    assert peers.write(loaded(folder, tmp_path / "one"), tmp_path / "one") == NAMES
    peers.write(loaded(folder, tmp_path / "two"), tmp_path / "two")
    peers.write(loaded(shuffled, tmp_path / "three"), tmp_path / "three")
    for name in NAMES:
        first = (tmp_path / "one" / name).read_bytes()
        assert first == (tmp_path / "two" / name).read_bytes()
        assert first == (tmp_path / "three" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "peers.json").read_text())["study"] == "planted"


def test_figures_show_every_contender_and_are_whole_xml(tmp_path: Path) -> None:
    folder = Folder()
    names = {**RATES, "cnn/<b>$x_$--|": 4000.0, "mamba/ours": 1000.0, "mamba/theirs": 900.0}
    add_peers(folder, Planted(rates=names), widths=(128,), lengths=(256,))
    peers.write(loaded(folder, tmp_path), tmp_path)
    for name, expected in (("peers", ("nn.LSTM", "mamba", "n = 256")), ("roofline", ("CNN: ours", "best kernel"))):
        text = (tmp_path / "figures" / f"{name}.svg").read_text()
        ElementTree.fromstring(text)
        assert all(word in text for word in expected)
        assert "<dc:date>" not in text
    page = (tmp_path / "peers.md").read_text()
    assert "<b>" not in page.replace(r"\<b>", "")
    assert r"--\|" in page


def test_a_run_without_peers_gets_no_page(tmp_path: Path) -> None:
    folder = Folder()
    folder.plan({"kind": "peers", "width": 1, "length": 1, "device": "cpu"}, rows=("speed",))
    run = loaded(folder, tmp_path)
    assert (peers.write(run, tmp_path), peers.summary(run)) == ([], [])
    assert not (tmp_path / "peers.md").exists()


def test_planned_trials_of_which_none_ran_are_a_page_without_figures(tmp_path: Path) -> None:
    folder = Folder(stopped="out of time")
    folder.plan(peers_trial(128, 256, 0), rows=ROWS)
    run = loaded(folder, tmp_path)
    assert peers.write(run, tmp_path) == NAMES[:2]
    assert "Nothing was measured." in (tmp_path / "peers.md").read_text()
    assert peers.summary(run)[0] == "Not complete: 1 of 1 peers trials not run (out of time)"


@pytest.mark.parametrize("wrong", [0.0, math.nan, math.inf])
def test_impossible_values_are_not_measured(tmp_path: Path, wrong: float) -> None:
    folder, dice = Folder(), np.random.default_rng(0)
    held = Planted(probes={}).measured(128, 1024, dice)
    spoilt = [replace(m, value=wrong) if "nn.LSTM" in m.subject and m.metric != "installed" else m for m in held]
    stray = [Measurement("cpu_seconds_per_call", 1.0, "nobody"), Measurement("installed", 1.0, "lstm/silent")]
    folder.add(peers_trial(128, 256, 0), [*spoilt, *stray], rows=ROWS)
    run = loaded(folder, tmp_path)
    found = peers.figures(run)
    assert row(found["contenders"], who="nn.LSTM")["tokens_per_second"] is None
    assert row(found["contenders"], who="ours", group="lstm")["share_of_matmul"] is None
    assert peers.write(run, tmp_path) == NAMES[:3]  # no probes, no roofline
    assert "not measured" in (tmp_path / "peers.md").read_text()


def test_every_part_of_the_measurements_may_be_missing(tmp_path: Path) -> None:
    few = {subject: RATES[subject] for subject in ("lstm/ours", "lstm/nn.LSTM")}
    whole = Planted(rates=few).measured(128, 1024, np.random.default_rng(0))
    for number, metric in enumerate(sorted({m.metric for m in whole})):
        folder = Folder()
        folder.add(peers_trial(128, 256, 0), [m for m in whole if m.metric != metric], rows=ROWS)
        run = loaded(folder, tmp_path / str(number))
        assert peers.write(run, tmp_path / str(number))[:2] == NAMES[:2]
        assert peers.summary(run)


def test_on_an_accelerator_wall_time_decides(tmp_path: Path) -> None:
    folder = Folder(device="cuda")
    add_peers(folder, Planted(), widths=(128,), lengths=(256,))
    run = loaded(folder, tmp_path)
    found = row(peers.figures(run)["contenders"], who="GPT-2")
    assert found["tokens_per_second"][0] == pytest.approx(6000 / 1.5, rel=1e-5)
    peers.write(run, tmp_path)
    assert "Tokens per second" in (tmp_path / "peers.md").read_text()


def test_unequal_parameters_are_said_beside_the_ratio(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted(parameters={"lstm/nn.LSTM": 1.12, "cnn/nn.Conv1d": 1.01}), widths=(128,), lengths=(256,))
    told = peers.summary(loaded(folder, tmp_path))
    assert "(nn.LSTM, 12.0 % more parameters; width 128, n = 256)" in told[1]
    assert "(nn.Conv1d; width 128, n = 256)" in told[2]
    assert unequal(0.9) == "10.0 % fewer parameters"


def test_the_terminal_gets_twelve_lines_at_most(tmp_path: Path) -> None:
    folder = Folder()
    many = {f"group{k}/{who}": 1000.0 + k for k in range(20) for who in ("ours", "theirs")}
    add_peers(folder, Planted(rates=many), widths=(128,), lengths=(256,))
    told = peers.summary(loaded(folder, tmp_path))
    assert len(told) == 12
    assert "peers.md" in told[-1]


def test_words_follow_the_interval_and_places_are_short() -> None:
    assert verdict([0.99, 0.97, 1.0]) == LEVEL
    assert verdict([0.99, 0.98, 0.995]) == SLOWER
    cells = [{"width": w, "length": n} for w, n in ((256, 64), (128, 64), (128, 1024))]
    assert places(cells) == "n = 64: width 128, 256; n = 1024: width 128"
