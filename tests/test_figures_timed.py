"""Where claims hold, and the figures of clocks and peers: words, ratios and laws are the planted ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text
from planted import (
    add_clocks,
    add_decodes,
    add_explanations,
    add_long_range,
    add_scaling,
    add_tracking,
    explained,
    planted,
)
from synthetic import BEST, COLUMNS, FAMILY, HERE, TASKS, Folder, architecture, learn, values
from synthetic_clocks import COLUMNS as CLOCK_COLUMNS
from synthetic_clocks import DECODING, LAWS, Clocked, whole
from synthetic_clocks import add_decodes as add_clock_decodes

from analysis.claims import INTERPRETABILITY, LONG_RANGE, PARALLEL, SPEED
from analysis.document import Picture
from analysis.drawing import save, style
from analysis.figures import holds, timed
from analysis.figures.squares import Square, judged, squares, variant
from analysis.load import load
from analysis.material import Material
from analysis.rows.finding import Estimate, Finding
from analysis.stats import Interval
from analysis.verdicts import judge
from analysis.wording import SIGNS
from bench.records import Measurement
from tests.synthetic_peers import Planted, add_peers

MACHINE = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores"
TRANSFORMER, LSTM, CNN = BEST
ODD = "<script>$x_{$ & a name of no less than sixty letters, to be sure"
CLOCKS = (timed.step_time, timed.memory, timed.generation, timed.backends)
PEERS = (timed.peers, timed.roofline)


def at(path: Path) -> Material:
    run = load(path)
    return Material(path, run, judge(run))


def unjudged(path: Path) -> Material:
    return Material(path, load(path), {})


def drawn(found: Picture | str) -> Picture:
    """The picture, once it has shown that it fits a page and can be read and drawn."""
    assert isinstance(found, Picture), found
    with style():
        found.figure.draw_without_rendering()
    assert found.figure.get_figwidth() <= 7.0
    written = [t for t in found.figure.findobj(Text) if t.get_text() and t.get_visible()]  # type: ignore[attr-defined]
    assert min(text.get_fontsize() for text in written) >= 8  # type: ignore[attr-defined]
    assert found.finding.endswith(".")
    assert "nan" not in found.finding
    assert 0 < len(found.data) <= 200
    return found


def said(found: list[Square]) -> dict[tuple[str, str, int | None], tuple[str, str]]:
    """(row, column, length) -> verdict and word, in the headline setting."""
    first = found[0].setting
    return {(s.row, s.column, s.length): (s.verdict, s.word) for s in found if s.setting == first}


# Where claims hold


def test_a_length_alone_says_what_a_study_of_that_length_alone_would_say(tmp_path: Path) -> None:
    """Oracle: the same trials of one length in a folder of their own, judged as a whole table."""
    folder = Folder()
    unsolved: Mapping[str, tuple[str, ...]] = {TRANSFORMER: (), LSTM: ("needle", "copy"), CNN: ("latch",)}
    for name, tasks in unsolved.items():
        add_long_range(folder, name, tasks)
        add_tracking(folder, name, ("parity",))
        add_explanations(folder, name, {TRANSFORMER: 0.9, LSTM: 0.6, CNN: 0.1}[name])
        add_scaling(folder, name, 0.4, {TRANSFORMER: 0.4, LSTM: 0.25, CNN: 0.1}[name])
    add_clocks(folder, {TRANSFORMER: 1.0, LSTM: 1.6, CNN: 3.0}, lengths=(32, 64))
    found = said(squares(at(folder.write(tmp_path / "all"))))
    for length in (32, 64, 128):
        alone = Folder(columns=folder.columns)
        kept = [
            (e, r)
            for e, r in zip(folder.entries, folder.records, strict=True)
            if e["trial"].get("length", e["trial"].get("task", {}).get("length")) == length
            or e["trial"].get("split") == "development"
        ]
        alone.entries, alone.records = [e for e, _ in kept], [r for _, r in kept]
        verdicts = judge(load(alone.write(tmp_path / str(length))))
        cells = [c for c in (*verdicts["cells"], *verdicts["ours"]["cells"]) if c["variant"] == "best"]
        words = {(c["row"], c["column"]): c["measured"] for c in cells if c["measured"] is not None}
        here = {(row, column): word for (row, column, n), (_, word) in found.items() if n == length}
        assert here == words
    assert {n for row, _, n in found if row == LONG_RANGE.row} == {
        60,
        124,
        *(n for t in TASKS.values() for n in t),
        None,
    }


def test_the_method_is_chosen_on_development_seeds_of_any_length(tmp_path: Path) -> None:
    folder = Folder()
    for length, split in ((32, "development"), (32, "report"), (128, "report")):
        for task in ("one", "other"):
            for seed in range(4):
                measured = explained({"intrinsic/a": 0.95 + 0.001 * seed, "intrinsic/b": 0.1})
                trial = learn(TRANSFORMER, task, length, seed, split=split, kind="explain")
                folder.add(trial, measured, rows=["interpretability"])
    found = said(squares(at(folder.write(tmp_path))))
    assert found[INTERPRETABILITY.row, "Transformer", 128] == ("agrees", "Good")


def test_a_claim_turns_where_the_clock_does(tmp_path: Path) -> None:
    folder, seconds = Folder(), {TRANSFORMER: 1.0, LSTM: 4.0}
    for length, cnn in ((64, 4.0), (256, 1.5), (1024, 1.1)):  # ratios 0.25, 0.67, 0.91
        add_clocks(folder, seconds | {CNN: cnn}, lengths=(length,))
    found = said(squares(at(folder.write(tmp_path))))
    assert [found[SPEED.row, "CNN", n] for n in (64, 256, 1024)] == [
        ("disagrees", "Slow"),
        ("disagrees", "Moderate"),
        ("agrees", "Fast"),
    ]
    assert [found[SPEED.row, "Transformer", n][0] for n in (64, 256, 1024)] == ["agrees"] * 3
    picture = drawn(holds.picture([at(tmp_path)]))
    assert "1 turns with the length, the device or the regime (Training speed, CNN: Fast)" in picture.finding


def test_exponents_are_local_and_stand_at_the_longer_length(tmp_path: Path) -> None:
    folder = Folder()
    for n, parallelism in ((8, 1.0), (16, 1.0), (32, 2.0), (64, 4.0), (128, 4.4)):
        counts = [Measurement("work_operations", 1e3 * parallelism, model) for model in ("pram", "kernel")]
        counts += [Measurement("span_operations", 1e3, model) for model in ("pram", "kernel")]
        trial = {"kind": "trace", "architecture": architecture(TRANSFORMER), "length": n, "device": "cpu"}
        folder.add(trial, counts, rows=["parallel"])
    found = said(squares(at(folder.write(tmp_path))))
    own = {n: found[PARALLEL.row, "Transformer", n] for row, _, n in found if row == PARALLEL.row}
    assert own[32] == own[64] == ("agrees", "Yes")
    assert own[128] == ("disagrees", "No")  # log2(4.4 / 4) = 0.14
    assert set(own) == {32, 64, 128, None}


def test_the_table_has_its_verdicts_and_every_square_is_drawn(tmp_path: Path) -> None:
    material = at(planted(tmp_path))
    picture = drawn(holds.picture([material]))
    assert picture.finding.startswith("Of 15 claims ")
    found = squares(material)
    table = {(s.row, s.column): s.verdict for s in found if s.length is None and s.claimed}
    assert table == {
        (c["row"], c["column"]): c["verdict"] for c in material.verdicts["cells"] if c["variant"] == "best"
    }
    assert list(table.values()).count("agrees") > 12
    (axes,) = picture.figure.axes
    assert len(axes.patches) == len(found) + len({s.verdict for s in found})  # and the legend
    told = picture.data.set_index(["feature", "column"])
    assert told.loc[("Training speed", "LSTM"), holds.TABLE] == "Slow ="
    assert told.loc[("Training speed", "LSTM"), "at length n"] == "32: Slow =; 64: Slow =; 128: Slow ="
    assert told.loc[("Generation latency (ours)", "LSTM"), "claimed"] == "-"


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Finding(estimate=Estimate(0.9), interval=Interval(0.9, 0.85, 0.95)), ("agrees", "Excellent")),
        (Finding(estimate=Estimate(0.9), interval=Interval(0.9, 0.75, 0.95)), ("undecided", "Excellent")),
        (Finding(estimate=Estimate(0.5), interval=Interval(0.5, 0.45, 0.6)), ("disagrees", "Moderate")),
        (Finding(estimate=Estimate(0.5), interval=Interval(0.5, -math.inf, math.inf)), ("undecided", "Moderate")),
        (Finding(estimate=Estimate(0.9), interval=Interval(0.9, 0.9, 0.9), doubts=("a",)), ("undecided", "Excellent")),
        (Finding(estimate=Estimate(0.9, {1.0: 2}), interval=Interval(0.9, 0.9, 0.9)), ("disagrees", "Limited")),
        (Finding(word="Limited"), ("disagrees", "Limited")),
        (Finding(doubts=("no method",)), ("undecided", "")),
        (Finding(missing="time limit"), ("not run", "")),
    ],
)
def test_a_square_is_decided_when_figure_and_interval_agree(finding: Finding, expected: tuple[str, str]) -> None:
    assert judged(LONG_RANGE, "Excellent", finding) == expected


def test_void_decides_nothing_and_no_claim_is_no_verdict() -> None:
    void = Estimate(0.9, {1.0: INTERPRETABILITY.words.index("void")})
    assert judged(INTERPRETABILITY, "Good", Finding(estimate=void, interval=Interval(0.9, 0.9, 0.9))) == (
        "undecided",
        "void",
    )
    assert judged(LONG_RANGE, None, Finding(word="Limited")) == ("no claim", "Limited")


def test_what_was_not_run_is_a_square_and_what_was_not_planned_is_none(tmp_path: Path) -> None:
    folder = Folder(stopped="time limit")
    add_long_range(folder, TRANSFORMER)
    folder.plan(learn(TRANSFORMER, "needle", 512, 0), ["long range"], 512)
    found = said(squares(at(folder.write(tmp_path))))
    assert found[LONG_RANGE.row, "Transformer", 512] == ("not run", "")
    assert {(row, column) for row, column, _ in found} == {(LONG_RANGE.row, "Transformer")}


def test_settings_get_panels_of_their_own_with_the_learning_rows_alone(tmp_path: Path) -> None:
    folder = Folder()
    add_clocks(folder, dict.fromkeys(BEST, 1.0))
    for name in BEST:
        add_long_range(folder, name, seeds=9)
        add_long_range(folder, name, tuple(TASKS), seeds=9, regime="training FLOPs")
        add_tracking(folder, name, core_parameters=100_000)
    material = at(folder.write(tmp_path))
    rows: dict[str, set[str]] = {}
    for square in squares(material):
        rows.setdefault(str(square.setting), set()).add(square.row)
    assert rows == {
        "core parameters at 25,000": {"Long-range dependencies", "Training speed"},
        "training FLOPs at 25,000": {"Long-range dependencies"},
        "core parameters at 100,000": {"State tracking"},
    }
    found = drawn(holds.picture([material]))
    assert "turn with the length, the device or the regime (Long-range" in found.finding
    assert sorted({where.split("; ")[1] for where in found.data["where"]}) == sorted(rows)


def test_plain_variants_speak_where_no_best_one_was_chosen(tmp_path: Path) -> None:
    columns = [column | {"best": None} if column["family"] == "cnn" else column for column in COLUMNS]
    folder = Folder(columns=columns)
    names = [str(column["plain"]) for column in columns]
    add_clocks(folder, dict(zip(names, (1.0, 3.0, 1.01), strict=True)))
    material = at(folder.write(tmp_path))
    assert variant(material) == "plain"
    assert {s.verdict for s in squares(material)} == {"agrees"}
    assert all("plain variants" in where for where in drawn(holds.picture([material])).data["where"])


def test_runs_stand_beside_each_other_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    materials = [at(Folder().write(tmp_path / "empty"))]
    assert isinstance(holds.picture(materials), str)
    assert isinstance(holds.picture([]), str)
    for number, cnn in enumerate((1.0, 9.0)):
        folder = Folder(device=("cpu", "cuda")[number], columns=(*COLUMNS, stranger()))
        add_clocks(folder, {TRANSFORMER: 1.0, LSTM: 1.0, CNN: cnn, "mine:Net": 1.5}, lengths=(32, 64, 128, 4096))
        add_decodes(folder, dict.fromkeys(BEST, 0.001))
        materials.append(at(folder.write(tmp_path / str(number))))
    found = drawn(holds.picture(materials))
    assert "(Training speed, CNN: Fast)" in found.finding
    assert found.data["where"].nunique() == 2
    assert ODD in set(found.data["column"])
    assert "<script>" not in save(found.figure, tmp_path / "a.svg").read_text()
    texts = [text.get_text() for text in found.figure.axes[0].texts]
    assert texts.count("M") == 10, "the stranger's Moderate, of which nothing is claimed"


def stranger() -> dict[str, str]:
    assert FAMILY["mine:Net"]
    return {"title": ODD, "family": "mine:Net", "plain": "mine:Net", "best": "mine:Net", "best_reason": ""}


def test_the_published_runs_make_one_map(tmp_path: Path) -> None:
    materials = [at(MACHINE / study) for study in ("quick", "peers")]
    again = [Material(m.folder, load(m.folder), m.verdicts) for m in materials]
    first, second = (drawn(holds.picture(held)) for held in (materials, again))
    texts = {save(found.figure, tmp_path / "a.svg").read_text() for found in (first, second)}
    assert len(texts) == 1
    told = first.data[first.data["claimed"] != "-"]
    table = {(row["feature"], row["column"]): row[holds.TABLE][-1] for row in told.to_dict("records")}
    cells = [c for c in materials[0].verdicts["cells"] if c["variant"] == "best"]
    assert table == {(c["row"], c["column"]): SIGNS[c["verdict"]] for c in cells}


# Clocks and peers


def test_the_numbers_behind_the_clock_figures_follow_the_planted_laws(tmp_path: Path) -> None:
    material = unjudged(whole(tmp_path, noise=0.0))
    steps = drawn(timed.step_time(material)).data
    own = steps[(steps["layout"] == "one sequence a step") & (steps["core parameters"] == 100_000)]
    for row in own[own["family"] == "LSTM"].to_dict("records"):
        milliseconds = float(row["ms per step (95 % interval)"].split(" [")[0])
        assert milliseconds == pytest.approx(1e3 * LAWS["recurrent"](row["n"]), rel=5e-3)
    last = own[(own["family"] == "LSTM") & (own["n"] == 4096)]
    exponent = math.log2(LAWS["recurrent"](4096) / LAWS["recurrent"](2048))
    assert last["exponent of a sequence's time up to n"].to_list() == [f"{exponent:.2f}"]
    held = drawn(timed.memory(material)).data.set_index(["bytes", "model", "n"])
    assert held.loc[("kept for the backward pass", "Transformer", 4096), "memory"] == "4.10 MB"
    assert held.loc[("kept for the backward pass", "attention-written-out", 4096), "exponent up to n"] == "2.00"
    token = drawn(timed.generation(material)).data.set_index(["family", "context"])
    assert token.loc[("LSTM", 4096), "state"] == "4.10 kB"
    assert float(token.loc[("CNN", 64), "µs per token (95 % interval)"].split(" [")[0]) == pytest.approx(
        1e6 * DECODING["convolution"](64), rel=5e-3
    )


def test_the_sentences_of_the_clock_figures_say_what_was_planted(tmp_path: Path) -> None:
    material = unjudged(whole(tmp_path))
    findings = {figure.__name__: drawn(figure(material)).finding for figure in CLOCKS}
    assert "LSTM at 512 to 4,096" in findings["step_time"]
    assert "attention-written-out n^2.00" in findings["memory"]
    assert "LSTM 8" in findings["generation"]
    assert "kernel" in findings["backends"]
    step = timed.step_time(material)
    assert isinstance(step, Picture)
    assert not step.figure.get_suptitle(), "the page says it beside the figure"
    labels = [text.get_text() for axes in step.figure.axes for text in axes.texts]
    assert sum(label.startswith("LSTM  n^") for label in labels) == 4  # two layouts at two sizes


def test_exponents_beside_constant_tokens_are_those_of_the_curve(tmp_path: Path) -> None:
    folder = Folder(columns=CLOCK_COLUMNS)
    laws: dict[str, Callable[[float], float]] = {name: lambda n: 1e-5 * n for name in list(LAWS)[:4]}
    Clocked(laws=laws, lengths=(64, 128, 256, 512)).add(folder)
    step = drawn(timed.step_time(unjudged(folder.write(tmp_path))))
    constant, single = ([text.get_text() for text in axes.texts] for axes in step.figure.axes)
    assert {text.split("n^")[1].replace("-", "") for text in constant if "n^" in text} == {"0.00"}
    assert {text.split("n^")[1] for text in single if "n^" in text} == {"1.00"}


def test_names_of_strangers_and_missing_replicates_do_no_harm(tmp_path: Path) -> None:
    column = {"title": ODD, "family": ODD, "plain": ODD, "best": ODD, "best_reason": ""}
    folder = Folder(columns=(*CLOCK_COLUMNS, column))
    Clocked(laws=LAWS | {ODD: lambda n: 1e-6 * n}, lengths=(64,), replicates=1).add(folder)
    add_clock_decodes(folder, contexts=(64,), replicates=1, state={})
    material = unjudged(folder.write(tmp_path))
    for figure in CLOCKS:
        found = drawn(figure(material))
        assert "<script>" not in save(found.figure, tmp_path / "a.svg").read_text()
    assert "[?]" in drawn(timed.step_time(material)).data["ms per step (95 % interval)"].iloc[0]


def test_what_was_not_clocked_or_compared_is_said(tmp_path: Path) -> None:
    empty = at(Folder().write(tmp_path / "a"))
    assert {figure(empty) for figure in (*CLOCKS, *PEERS)} == {"not planned in study planted"}
    folder = Folder(columns=CLOCK_COLUMNS, stopped="time limit")
    for trial in Clocked(lengths=(64,)).trials():
        folder.plan(trial, ["clock grid"])
    assert timed.step_time(unjudged(folder.write(tmp_path / "b"))) == "time limit"
    folder = Folder(columns=CLOCK_COLUMNS)
    Clocked(laws={name: LAWS[name] for name in list(LAWS)[:4]}, lengths=(64, 128)).add(folder)
    assert timed.backends(unjudged(folder.write(tmp_path / "c"))) == "no other kernel was clocked"
    folder = Folder()
    add_peers(folder, Planted(rates={"lstm/ours": 1.0, "lstm/nn.LSTM": 1.0}, absent=("lstm/nn.LSTM",), probes={}))
    material = unjudged(folder.write(tmp_path / "d"))
    assert "lstm/nn.LSTM: not installed" in str(timed.peers(material))
    assert "limits were not measured" in str(timed.roofline(material))


def test_peers_are_told_as_planted(tmp_path: Path) -> None:
    folder = Folder()
    add_peers(folder, Planted())
    material = unjudged(folder.write(tmp_path))
    found = drawn(timed.peers(material))
    assert found.finding.startswith(
        "In tokens per second ours over the fastest peer is 1.20 (Transformer), 0.91 (LSTM) and 1.00 (CNN)"
    )
    told = found.data.set_index(["group", "peer", "width", "n"])
    assert told.loc[("CNN", "pytorch-tcn", 128, 256), "ours over it (95 % interval)"].startswith("1.60 [")
    roof = drawn(timed.roofline(material))
    share = 6 * 48 * 128**2 * 9000 / 50e9  # operations of a token, tokens per second, the planted peak
    told = roof.data.set_index(["group", "who", "width", "n"])
    assert told.loc[("Transformer", "ours", 128, 256), "share of the torch.mm peak"].startswith(f"{share:.2f} [")
    assert f"{share:.2f}" in roof.finding


def test_the_clocks_of_two_runs_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    materials = []
    for number in (1, 2):
        folder = Folder(columns=CLOCK_COLUMNS)
        laws = {name: lambda n, number=number: number * 1e-3 for name in LAWS}
        Clocked(laws=laws, lengths=(64, 128), machine=HERE).add(folder)
        materials.append(unjudged(folder.write(tmp_path / str(number))))
    first, second, again = (drawn(timed.step_time(materials[i])).data for i in (0, 1, 0))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(second)


def test_an_unsolved_clock_of_values_only_is_no_crash(tmp_path: Path) -> None:
    folder = Folder()
    folder.add(learn(TRANSFORMER, "needle", 32, 0), values(solved=math.nan), rows=["long range"], lag=32)
    material = unjudged(folder.write(tmp_path))
    assert isinstance(holds.picture([material]), Picture)
    assert all(isinstance(figure(material), str) for figure in (*CLOCKS, *PEERS))


def test_peers_with_odd_names_still_leave_room_for_the_figure(tmp_path: Path) -> None:
    folder = Folder()
    rates = {f"{group}/{who}": 1000.0 for group in ("cnn", ODD) for who in ("ours", f"{ODD}, {ODD}")}
    add_peers(folder, Planted(rates=rates), lengths=(64, 256, 1024), replicates=1)
    material = unjudged(folder.write(tmp_path))
    for figure in PEERS:
        assert "<script>" not in save(drawn(figure(material)).figure, tmp_path / "a.svg").read_text()
