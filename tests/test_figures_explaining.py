"""Figures of time against score, of explanations and of attention: what they draw follows from what was planted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from planted import add_clocks, add_explanations, explained
from synthetic import BEST, COLUMNS, STRANGER, Folder, learn, values

from analysis.document import Picture
from analysis.drawing import save, style
from analysis.figures import attention, attribution, frontier
from analysis.figures.examples import examples, pick, stretched
from analysis.load import load
from analysis.material import Material
from bench.records import Measurement

QUICK = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores" / "quick"
TRANSFORMER, LSTM, CNN = BEST
ODD = "<script>$x_{$ & a name of no less than sixty letters, to be sure"
LONG = 16
PLANTED = 5


def material(folder: Folder, path: Path) -> Material:
    return Material(path, load(folder.write(path)), {})


def drawn(found: Picture | str) -> Picture:
    """The picture, once it has shown that it fits a page and can be drawn."""
    assert isinstance(found, Picture), found
    with style():
        found.figure.draw_without_rendering()
    assert found.figure.get_figwidth() <= 7.0
    assert found.finding.endswith(".")
    assert "nan" not in found.finding
    assert 0 < len(found.data) <= 200
    return found


def svg(found: Picture | str, path: Path) -> str:
    return save(drawn(found).figure, path).read_text()


def train(
    folder: Folder, name: str, task: str, seed: int, score: float, seconds: float, length: int = 32, status: str = "ok"
) -> None:
    """A long-range training that ended with a score after so many CPU seconds."""
    found = values(solved=float(score >= 0.95), test_score=score, training_cpu_seconds=seconds)
    folder.add(learn(name, task, length, seed), found, rows=["long range"], lag=length, status=status)


# Speed against accuracy


def test_nobody_on_the_frontier_is_beaten_and_everybody_else_is() -> None:
    dice = np.random.default_rng(0)
    seconds, scores = dice.integers(1, 9, 60).astype(float), dice.integers(0, 9, 60).astype(float)
    for i, leads in enumerate(frontier.optimal(seconds, scores)):
        quicker = (seconds < seconds[i]) & (scores >= scores[i])
        better = (seconds <= seconds[i]) & (scores > scores[i])
        assert leads == (not quicker.any() and not better.any())
    assert frontier.optimal([1.0, 1.0], [0.5, 0.5]) == [True, True]


def test_tasks_weigh_the_same_and_a_time_is_a_geometric_mean(tmp_path: Path) -> None:
    folder = Folder()
    for seed in range(3):
        for length in (32, 64, 128):
            train(folder, TRANSFORMER, "needle", seed, 1.0, 4.0, length)
        train(folder, TRANSFORMER, "copy", seed, 0.5, 1.0)
        train(folder, CNN, "needle", seed, 0.25, 8.0)
        train(folder, LSTM, "needle", seed, 0.1, 0.5)
    found = drawn(frontier.picture(material(folder, tmp_path)))
    told = found.data.set_index("model")
    assert told.loc["Transformer", "CPU seconds (95 % interval)"].startswith("2.00 [")  # sqrt(4 x 1)
    assert told.loc["Transformer", "mean score (95 % interval)"].startswith("0.75 [")
    assert told.loc["Transformer", "trainings solved"] == "75% of 12"
    assert told["on the frontier"].to_dict() == {"Transformer": "yes", "LSTM": "yes", "CNN": "no"}
    assert "as good as LSTM (score 0.10 for 0.500 CPU seconds) and Transformer" in found.finding
    assert "CNN is beaten on both by another" in found.finding


def test_a_diverged_training_scores_chance_and_was_not_quick(tmp_path: Path) -> None:
    folder = Folder()
    for seed in range(4):
        train(folder, LSTM, "needle", seed, 0.8, 2.0)
    train(folder, LSTM, "needle", 4, math.nan, 0.01, status="diverged")
    train(folder, LSTM, "needle", 5, 0.9, 0.01, status="out of memory")
    told = drawn(frontier.picture(material(folder, tmp_path))).data.iloc[0]
    assert told["mean score (95 % interval)"].startswith("0.64 [")  # 4 x 0.8 over 5
    assert told["CPU seconds (95 % interval)"].startswith("2.00 [")
    assert told["trainings solved"] == "0% of 5"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_clocks_stand_in_where_cpu_seconds_say_nothing(tmp_path: Path, device: str) -> None:
    folder = Folder(device=device)
    for name in BEST:
        for seed in range(2):
            measured = values(solved=1.0, score=0.9) + (values(training_cpu_seconds=7.0) if device == "cuda" else [])
            folder.add(learn(name, "needle", 32, seed), measured, rows=["long range"], lag=32)
    add_clocks(folder, {TRANSFORMER: 1.0, LSTM: 3.0, CNN: 2.0}, wobble=0.0)
    told = drawn(frontier.picture(material(folder, tmp_path))).data.set_index("model")
    first = told.loc["Transformer", "µs a token (95 % interval)"].split(" [")[0]
    assert float(first) == pytest.approx(1e6 / 4096, rel=5e-3)  # three digits
    assert told["on the frontier"].to_list() == ["yes", "no", "no"]


def test_one_seed_of_one_task_has_no_intervals_and_odd_names_do_no_harm(tmp_path: Path) -> None:
    odd = {"title": ODD, "family": "mine:Net", "plain": "mine:Net", "best": "mine:Net", "best_reason": ""}
    folder = Folder(columns=(*COLUMNS, odd))
    train(folder, TRANSFORMER, "needle", 0, 0.9, 1.0)
    train(folder, "mine:Net", "needle", 0, 0.95, 0.5)
    found = frontier.picture(material(folder, tmp_path))
    assert "<script>" not in svg(found, tmp_path / "a.svg")
    assert f"as good as {ODD} (score 0.95" in drawn(found).finding
    assert drawn(found).data["mean score (95 % interval)"].to_list() == ["0.90 [?]", "0.95 [?]"]


def test_of_very_many_trainings_only_means_are_drawn(tmp_path: Path) -> None:
    folder = Folder()
    for seed in range(frontier.MOST // 2 + 1):
        train(folder, TRANSFORMER, "needle", seed, 0.9, 1.0)
        train(folder, LSTM, "needle", seed, 0.8, 2.0)
    axes = drawn(frontier.picture(material(folder, tmp_path))).figure.axes[0]
    assert [len(points.get_offsets()) for points in axes.collections] == [1, 1]


def test_without_a_finished_training_the_reason_is_said(tmp_path: Path) -> None:
    folder = Folder(stopped="time limit")
    folder.plan(learn(TRANSFORMER, "needle", 32, 0), ["long range"], 32)
    assert frontier.picture(material(folder, tmp_path / "a")) == "time limit"
    assert frontier.picture(material(Folder(), tmp_path / "b")) == "not planned in study planted"
    folder = Folder()
    folder.add(learn(TRANSFORMER, "needle", 32, 0), values(solved=1.0, score=0.9), rows=["long range"], lag=32)
    assert frontier.picture(material(folder, tmp_path / "c")) == "neither trainings nor steps were timed"


# Explanations


def example(
    relevance: Mapping[str, Sequence[float]], heads: Mapping[str, np.ndarray] | None = None, planted: int = PLANTED
) -> list[Measurement]:
    """What the example of one model records."""
    rows = [Measurement("example_planted", float(at == planted), step=at) for at in range(LONG)]
    rows += [Measurement("example_input", 1.0, step=at) for at in range(LONG)]
    for method, scores in relevance.items():
        rows += [Measurement("example_relevance", score, method, at) for at, score in enumerate(scores)]
    for subject, weights in (heads or {}).items():
        for query, key in zip(*np.tril_indices(LONG), strict=True):
            rows.append(Measurement("attention_weight", float(weights[query, key]), subject, int(query * LONG + key)))
    return rows


def explain(folder: Folder, name: str, task: str, seed: int, naps: Mapping[str, float], **how: object) -> None:
    """A model that solved its task, with its explanations and, if given, its example."""
    recorded = how.pop("example", [])
    assert isinstance(recorded, list)
    trial = learn(name, task, LONG, seed, kind="explain", split=str(how.pop("split", "report")))
    folder.add(trial, [*explained(naps, **how), *recorded], rows=["interpretability"])  # type: ignore[arg-type]


def pointing(at: int) -> list[float]:
    """Relevance that names one position."""
    return [1.0 if position == at else position / 100 for position in range(LONG)]


def explaining() -> Folder:
    """The Transformer explains itself well by one of two methods, the LSTM badly, no CNN passes the gate."""
    folder = Folder()
    for seed in range(3):
        shown = [example({"a": pointing(PLANTED), "b": pointing(2)}), example({"own": pointing(9)}), []]
        held = [[], [], []] if seed else shown
        naps = {"intrinsic/a": 0.9 + 0.01 * seed, "intrinsic/b": 0.2, "posthoc/occlusion": 0.7}
        explain(folder, TRANSFORMER, "needle", seed, naps, example=held[0])
        explain(folder, LSTM, "needle", seed, {"intrinsic/own": 0.1, "posthoc/occlusion": 0.6}, example=held[1])
        explain(folder, CNN, "needle", seed, {"intrinsic/cam": 0.9}, gate=False)
    explain(folder, TRANSFORMER, "needle", 0, {"intrinsic/a": 0.9, "intrinsic/b": 0.2}, split="development")
    return folder


def test_scores_and_examples_are_the_planted_ones(tmp_path: Path) -> None:
    found = drawn(attribution.picture(material(explaining(), tmp_path)))
    told = found.data.set_index(["family", "method"])
    assert told.loc[("Transformer", "intrinsic/a"), "nAP (95 % interval)"].startswith("0.91 [")
    top = told["example, from the top (* planted)"]
    assert top["Transformer", "intrinsic/a"].startswith(f"{PLANTED}*, {LONG - 1}, ")
    assert top["Transformer", "intrinsic/b"].startswith("2, ")
    assert top["Transformer", "posthoc/occlusion"] == "-"
    assert set(told.index.get_level_values("family")) == {"Transformer", "LSTM"}
    assert told["chosen"].loc[[("Transformer", "intrinsic/a"), ("LSTM", "intrinsic/own")]].to_list() == ["yes", "yes"]
    assert "0.91 (Transformer, a) and 0.10 (LSTM, own)" in found.finding
    assert "no model of CNN passed" in found.finding


def test_maps_stretch_each_row_and_mark_the_planted_position(tmp_path: Path) -> None:
    figure = drawn(attribution.picture(material(explaining(), tmp_path))).figure
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == 2
    rows = np.asarray(maps[0].images[0].get_array())
    assert rows.shape == (2, LONG)
    assert (rows.min(), rows.max()) == (0.0, 1.0)
    assert rows.argmax(axis=1).tolist() == [PLANTED, 2]
    for axes in maps:
        assert [line.get_xdata()[0] for line in axes.lines] == [PLANTED]
    assert stretched(np.array([3.0, 3.0])).tolist() == [0.0, 0.0]


def test_the_thresholds_of_the_rule_are_drawn_and_controls_are_hollow(tmp_path: Path) -> None:
    figure = drawn(attribution.picture(material(explaining(), tmp_path))).figure
    (axes,) = [axes for axes in figure.axes if not axes.images]
    upright = {line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]}
    assert upright == {0.0, 0.3, 0.5, 0.8}
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert {round(float(line.get_xdata()[0]), 9) for line in hollow} == {0.05}
    assert len(hollow) == 5  # two methods and one of the Transformer's, one and one of the LSTM's


def test_the_plain_variant_speaks_where_no_best_one_passed_the_gate(tmp_path: Path) -> None:
    folder = Folder()
    add_explanations(folder, TRANSFORMER, 0.9, gate=False)
    add_explanations(folder, "transformer-sinusoidal", 0.7)
    told = drawn(attribution.picture(material(folder, tmp_path))).data
    assert set(told["architecture"]) == {"transformer-sinusoidal"}
    assert set(told["example, from the top (* planted)"]) == {"-"}
    add_explanations(folder, TRANSFORMER, 0.9, tasks=("another",))
    both = drawn(attribution.picture(material(folder, tmp_path / "both"))).data
    assert set(both["architecture"]) == {TRANSFORMER}


def test_nothing_to_explain_is_said(tmp_path: Path) -> None:
    assert attribution.picture(material(Folder(), tmp_path / "a")) == "not planned in study planted"
    folder = Folder(stopped="time limit")
    folder.plan(learn(TRANSFORMER, "needle", LONG, 0, kind="explain"), ["interpretability"])
    assert attribution.picture(material(folder, tmp_path / "b")) == "time limit"
    assert attention.picture(material(folder, tmp_path / "b")) == "time limit"
    folder = Folder()
    add_explanations(folder, TRANSFORMER, 0.9, gate=False)
    assert "gate" in str(attribution.picture(material(folder, tmp_path / "c")))
    assert attention.picture(material(folder, tmp_path / "c")) == "no solved model recorded its attention"


def test_strangers_one_seed_and_values_that_are_no_numbers(tmp_path: Path) -> None:
    folder = Folder(columns=(*COLUMNS, STRANGER | {"title": ODD}))
    held = example({ODD: [math.nan, *pointing(3)[1:]]})
    explain(folder, "mine:Net", "needle", 0, {f"intrinsic/{ODD}": 0.5}, example=held, untrained=math.nan)
    found = attribution.picture(material(folder, tmp_path))
    assert "<script>" not in svg(found, tmp_path / "a.svg")
    told = drawn(found).data.iloc[0]
    assert told["nAP (95 % interval)"] == "0.50 [?]"
    assert told["example, from the top (* planted)"].startswith("3, ")


# Attention


def weights(last: Mapping[int, float]) -> np.ndarray:
    """Even attention to the past, but for the last query: what it gives to some keys, the rest to key 0."""
    found = np.tril(np.ones((LONG, LONG))) / np.arange(1, LONG + 1)[:, None]
    found[-1] = 0.0
    found[-1, 0] = 1 - sum(last.values())
    for key, weight in last.items():
        found[-1, key] = weight
    return found


def test_attention_of_the_last_query_is_read_back(tmp_path: Path) -> None:
    heads = {"layer 1, head 1": weights({3: 0.4}), "layer 2, head 1": weights({PLANTED: 0.75, 2: 0.2})}
    folder = Folder()
    explain(folder, TRANSFORMER, "needle", 0, {"intrinsic/a": 1.0}, example=example({}, {"elsewhere": weights({})}))
    explain(folder, TRANSFORMER, "induction", 0, {"intrinsic/a": 1.0}, example=example({}, heads))
    found = drawn(attention.picture(material(folder, tmp_path)))
    assert f"gives 75% of its attention in layer 2, head 1 to the planted position {PLANTED}" in found.finding
    assert found.finding.endswith(f"spread evenly it would be {1 / LONG:.0%}.")
    told = found.data[found.data["map"] == "layer 2, head 1"]
    assert told["key attended by the last query"].to_list()[:3] == [PLANTED, 2, 0]
    assert told["weight"].to_list()[:2] == [0.75, 0.2]
    assert told["planted"].to_list()[:2] == ["yes", "no"]
    maps = [axes for axes in found.figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == list(heads)
    assert np.allclose(np.asarray(maps[1].images[0].get_array()), heads["layer 2, head 1"])
    assert [list(axes.lines[0].get_xdata()) for axes in maps] == [[PLANTED], [PLANTED]]


def test_of_many_heads_the_first_are_drawn_in_a_small_file(tmp_path: Path) -> None:
    heads = {f"layer {1 + n // 6}, head {1 + n % 6}": weights({PLANTED: n / 24}) for n in range(24)}
    folder = Folder()
    explain(folder, TRANSFORMER, "needle", 0, {"intrinsic/a": 1.0}, example=example({}, heads))
    found = attention.picture(material(folder, tmp_path))
    assert len([axes for axes in drawn(found).figure.axes if axes.images]) == attention.MOST
    assert f"the first {attention.MOST} of 24 maps" in drawn(found).figure.get_supxlabel().replace("\n", " ")
    assert "layer 4, head 6" in drawn(found).finding
    assert len(svg(found, tmp_path / "a.svg")) < 100_000


def test_the_best_variant_and_the_preferred_task_come_first(tmp_path: Path) -> None:
    folder = Folder()
    for name, task in ((TRANSFORMER, "adding"), ("transformer-sinusoidal", "needle"), (TRANSFORMER, "needle")):
        explain(folder, name, task, 0, {"intrinsic/a": 1.0}, example=example({}, {"layer 1, head 1": weights({})}))
    held = material(folder, tmp_path)
    assert [e.architecture for e in pick(examples(held), ("needle",))] == ["transformer-sinusoidal", TRANSFORMER]
    assert [e.task for e in pick(examples(held), ())] == ["needle", "needle"]  # where most models are
    assert f"the last query of {TRANSFORMER} gives" in drawn(attention.picture(held)).finding


def test_a_torn_example_is_no_example(tmp_path: Path) -> None:
    folder = Folder()
    broken = [[Measurement("example_planted", 0.0, step=at) for at in range(LONG)], []]
    broken.append([Measurement("example_planted", 1.0, step=0)])
    beyond = [*example({"a": pointing(2)}), Measurement("example_relevance", 9.0, "a", 10 * LONG)]
    for seed, held in enumerate([*broken, beyond]):
        explain(folder, TRANSFORMER, f"task {seed}", 0, {"intrinsic/a": 1.0}, example=held)
    (only,) = examples(material(folder, tmp_path))
    assert only.ranked(only.relevance["a"]).startswith("2, ")


def test_published_records_give_the_same_bytes_twice(tmp_path: Path) -> None:
    """Of a run that is loaded anew, and of one that was drawn before."""
    runs = [load(QUICK), load(QUICK)]
    for figure in (frontier, attribution, attention):
        found = [figure.picture(Material(QUICK, run, {})) for run in (runs[0], runs[0], runs[1])]
        texts = {one if isinstance(one, str) else svg(one, tmp_path / "a.svg") for one in found}
        assert len(texts) == 1
    assert isinstance(frontier.picture(Material(QUICK, runs[0], {})), Picture)
