"""The ledger of the ten claims says of planted runs what was planted, and of what is missing that it is missing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from claimed import (
    PLAIN,
    add_all,
    add_attacks,
    add_captions,
    add_conditional,
    add_language,
    add_modelling,
    add_parallelisation,
    add_reversal,
    add_transfer,
    claim,
    folder,
    learn,
    ledger,
    of,
    words,
)
from scipy import stats

from analysis.ledger import judge_ledger, rules
from analysis.load import load
from analysis.stats import Interval
from bench import claims as planned
from bench.records import Measurement


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ledger(add_all(folder()), tmp_path_factory.mktemp("claims"))


def student(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of a mean, by scipy."""
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return float(low), float(high)


def test_the_rows_of_the_ledger_are_those_of_the_plan() -> None:
    assert tuple(rules.RULES) == planned.CLAIMS
    assert [rule.number for rule in rules.RULES.values()] == list(range(1, 11))


def test_the_ledger_is_plain_json_of_ten_claims(whole: dict[str, Any]) -> None:
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert [c["claim"] for c in whole["claims"]] == list(planned.CLAIMS)
    assert whole["rules"] == rules.VERSION


VERDICTS = {
    rules.SEQUENCES: ("agrees", rules.NOT_PARTICULAR),
    rules.LANGUAGE: ("agrees", "true of the LSTM as well"),
    rules.IMAGES: ("disagrees", ""),
    rules.CONDITIONAL: ("undecided", ""),
    rules.MODELLING: ("agrees", ""),
    rules.PARALLELISATION: ("agrees", "true of the CNN as well"),
    rules.ATTENTION: ("agrees", rules.NOT_PARTICULAR),
    rules.PRETRAINING: ("not run", ""),
    rules.MULTIMODAL: ("agrees", "true of the CNN as well"),
    rules.ADVERSARIAL: ("agrees", ""),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_planted_claims_get_the_verdict_that_they_deserve(whole: dict[str, Any], name: str) -> None:
    one = claim(whole, name)
    assert (one["verdict"], one["remark"]) == VERDICTS[name]


def test_figures_are_those_of_the_planted_values(whole: dict[str, Any]) -> None:
    """Each by hand, from what tests/claimed.py plants; seeds wobble around the mean."""
    expected = {
        (rules.SEQUENCES, "transformer"): 0.99,
        (rules.LANGUAGE, "lstm"): 0.3,
        (rules.LANGUAGE, "cnn"): -0.2,
        (rules.IMAGES, "transformer"): 0.05 / 2.4,
        (rules.CONDITIONAL, "transformer"): (0.8 + 0.9 + 0.86) / 3,
        (rules.MODELLING, "transformer"): (0.05 + 0.051 + 0.05) / 3,
        (rules.MODELLING, "cnn"): (-0.2 - 0.19 - 0.2) / 3,
        (rules.ATTENTION, "transformer"): 0.69,
        (rules.ATTENTION, "lstm"): (0.49 + 0.49 + 0.89) / 3,
        (rules.ATTENTION, "cnn"): (0.39 + 0.39 + 0.79) / 3,
        (rules.MULTIMODAL, "transformer"): 0.55,
        (rules.ADVERSARIAL, "lstm"): 0.3,
    }
    for (name, family), figure in expected.items():
        assert of(claim(whole, name), family)["figure"] == pytest.approx(figure, abs=2e-6), (name, family)
    assert claim(whole, rules.ADVERSARIAL)["comparison"]["figure"] == pytest.approx(0.1, abs=1e-6)


def test_speed_is_a_ratio_to_the_lstm_and_the_lstm_never_beats_itself(whole: dict[str, Any]) -> None:
    one = claim(whole, rules.PARALLELISATION)
    assert words(one) == {"transformer": "holds", "lstm": "fails", "cnn": "holds"}
    # neighbours wobble in opposite ways by 1 %, the same in two of three replicates
    logs = [math.log(2 * (1 - s * 0.01) / (1 + s * 0.01)) for s in (1, -1, 1)]
    low, high = student(logs)
    found = of(one, "transformer")
    assert (found["low"], found["high"]) == pytest.approx((math.exp(low), math.exp(high)), abs=1e-5)
    assert of(one, "transformer")["also"]["figure"] == pytest.approx(0.98)
    assert (of(one, "lstm")["low"], of(one, "lstm")["high"]) == (1.0, 1.0)


def test_a_transformer_that_is_fast_without_parallel_work_does_not_hold(tmp_path: Path) -> None:
    run = folder()
    speeds = {"transformer-sinusoidal": 1.0, "lstm-forget-bias": 2.0, "cnn-k3": 0.5}
    add_parallelisation(run, speeds, dict.fromkeys(PLAIN.values(), 0.1))
    assert words(claim(ledger(run, tmp_path), rules.PARALLELISATION))["transformer"] == "fails"


def test_intervals_pair_seeds(tmp_path: Path) -> None:
    """Seeds that differ much, and a difference that hardly does: unpaired, nothing could be said."""
    run = folder()
    add_modelling(run, {"transformer-sinusoidal": (2.0, 2.5, 3.0), "lstm-forget-bias": (2.1, 2.61, 3.1)})
    add_modelling(run, {"cnn-k3": (2.2, 2.7, 3.21)})
    found = of(claim(ledger(run, tmp_path), rules.MODELLING), "transformer")
    assert found["word"] == "holds"
    assert (found["low"], found["high"]) == pytest.approx(student([0.1, 0.11, 0.1]), abs=1e-6)


def test_better_than_one_family_alone_is_not_better(tmp_path: Path) -> None:
    run = folder()
    add_modelling(run, {"transformer-sinusoidal": (2.2, 2.21, 2.2), "lstm-forget-bias": (2.5, 2.5, 2.51)})
    add_modelling(run, {"cnn-k3": (2.0, 2.0, 2.01)})
    one = claim(ledger(run, tmp_path), rules.MODELLING)
    assert words(one) == {"transformer": "fails", "lstm": "fails", "cnn": "holds"}
    assert one["verdict"] == "disagrees"


def test_without_a_family_to_compare_with_nothing_is_decided(tmp_path: Path) -> None:
    run = folder()
    add_modelling(run, {"transformer-sinusoidal": (2.2, 2.21, 2.2), "lstm-forget-bias": (2.5, 2.5, 2.51)})
    one = claim(ledger(run, tmp_path), rules.MODELLING)
    assert one["verdict"] == "undecided"
    assert of(one, "transformer")["doubts"] == ["nothing to compare with from CNN"]


def test_a_verdict_that_another_regime_contradicts_is_named(whole: dict[str, Any]) -> None:
    one = claim(whole, rules.MODELLING)
    assert [(other["regime"], other["verdict"]) for other in one["regimes"]] == [("training time", "disagrees")]
    assert one["flips"] == ["agrees at equal core parameters, disagrees at equal training time"]


def test_a_second_condition_can_only_lower_the_word(tmp_path: Path) -> None:
    run = folder()
    add_captions(run, dict.fromkeys(PLAIN, 0.6), {"transformer": -0.05, "lstm": 0.05, "cnn": 0.0})
    found = words(claim(ledger(run, tmp_path), rules.MULTIMODAL))
    assert found == {"transformer": "fails", "lstm": "holds", "cnn": "open"}


def test_gains_are_not_compared_where_clean_accuracy_is_not_matched(tmp_path: Path) -> None:
    run = folder()
    add_attacks(run, {"transformer": 0.5, "lstm": 0.3, "cnn": 0.4}, clean={"transformer": 0.95, "lstm": 0.9})
    one = claim(ledger(run, tmp_path), rules.ADVERSARIAL)
    assert one["verdict"] == "undecided"
    assert any("not matched" in doubt for doubt in one["comparison"]["doubts"])
    assert set(words(one).values()) == {"holds"}, "each family's own gain is known all the same"


def test_a_transformer_that_gains_less_contradicts_the_claim(tmp_path: Path) -> None:
    run = folder()
    add_attacks(run, {"transformer": 0.3, "lstm": 0.2, "cnn": 0.4})
    assert claim(ledger(run, tmp_path), rules.ADVERSARIAL)["verdict"] == "disagrees"


def test_one_seed_decides_nothing(tmp_path: Path) -> None:
    run = folder()
    add_conditional(run, {"transformer": (0.99,), "lstm": (0.1,), "cnn": (0.99,)})
    one = claim(ledger(run, tmp_path), rules.CONDITIONAL)
    assert set(words(one).values()) == {"open"}
    assert one["verdict"] == "undecided"


def test_lost_seeds_are_counted_and_named(tmp_path: Path) -> None:
    run = folder()
    add_conditional(run, {"transformer": (0.95, 0.96), "lstm": (0.2, 0.21, 0.22), "cnn": (0.95, 0.96, 0.955)})
    lost = learn(PLAIN["transformer"], "digits", 64, 2, labelled=True)
    run.add(lost, status="timed out", reason="after 1800 s", rows=[rules.CONDITIONAL])
    run.stopped = "time limit"
    run.plan(learn(PLAIN["lstm"], "digits", 64, 3, labelled=True), [rules.CONDITIONAL])
    one = claim(ledger(run, tmp_path), rules.CONDITIONAL)
    assert (of(one, "transformer")["seeds"], of(one, "transformer")["planned"]) == (2, 3)
    assert one["failed"] == [
        "transformer-sinusoidal on digits 64, seed 2: timed out (after 1800 s)",
        "lstm-forget-bias on digits 64, seed 3: not run (time limit)",
    ]


def test_a_diverged_training_is_no_luck(tmp_path: Path) -> None:
    """It counts as 0 where shares of answers count; elsewhere it leaves the family open."""
    run = folder()
    add_reversal(run, {"transformer-2017": 0.99})
    run.add(
        learn("transformer-2017", "reverse", 32, 3, role="encoder-decoder"), status="diverged", rows=[rules.SEQUENCES]
    )
    add_language(run, {"transformer": 2.0})
    run.add(learn(PLAIN["transformer"], "prose", 128, 3), status="diverged", rows=[rules.LANGUAGE])
    found = ledger(run, tmp_path)
    one = of(claim(found, rules.SEQUENCES), "transformer")
    assert one["figure"] == pytest.approx(0.99 * 3 / 4)
    assert one["word"] == "fails" or one["word"] == "open"
    other = of(claim(found, rules.LANGUAGE), "transformer")
    assert other["word"] == "open"
    assert other["doubts"] == ["seed 3 of transformer-sinusoidal diverged: no figure"]


def test_the_better_form_speaks_for_a_family_and_both_are_told(whole: dict[str, Any]) -> None:
    found = of(claim(whole, rules.SEQUENCES), "lstm")
    assert found["forms"] == ["lstm-attention"]
    assert "lstm-forget-bias 0.10" in found["notes"][0]


def test_a_source_that_nobody_finished_leaves_the_family_open(tmp_path: Path) -> None:
    run = folder()
    add_transfer(run, {"transformer": 0.2}, sources=("digits",))
    run.plan(learn(PLAIN["transformer"], "prose", 64, 0, kind="transfer"), [rules.PRETRAINING])
    found = of(claim(ledger(run, tmp_path), rules.PRETRAINING), "transformer")
    assert found["figure"] == pytest.approx(0.2)
    assert (found["word"], found["doubts"]) == ("open", ["nothing of prose was measured in both"])


def test_not_known_of_a_family_is_not_alone(tmp_path: Path) -> None:
    run = folder()
    add_transfer(run, {"transformer": 0.2, "lstm": 0.0})
    one = claim(ledger(run, tmp_path), rules.PRETRAINING)
    assert words(one) == {"transformer": "holds", "lstm": "fails", "cnn": "not run"}
    assert one["remark"] == "not known of the CNN"


def test_other_roles_and_lengths_do_not_count(tmp_path: Path) -> None:
    run = folder()
    add_reversal(run, {"transformer-2017": 0.1})
    for seed in range(3):
        for length, role in ((32, "decoder-only"), (16, "encoder-decoder")):
            trial = learn("transformer-2017", "reverse", length, seed, role=role)
            run.add(trial, [Measurement("test_score", 1.0)], [rules.SEQUENCES])
    one = claim(ledger(run, tmp_path), rules.SEQUENCES)
    assert of(one, "transformer")["figure"] == pytest.approx(0.1)


def test_development_trials_decide_nothing(tmp_path: Path) -> None:
    run = folder()
    run.add(learn(PLAIN["lstm"], "digits", 64, 1000, split="development", labelled=True),
            [Measurement("judged_accuracy", 1.0)], [rules.CONDITIONAL])  # fmt: skip
    one = claim(ledger(run, tmp_path), rules.CONDITIONAL)
    assert one["verdict"] == "not run"
    assert of(one, "lstm")["missing"].startswith("not planned")


def test_a_run_without_claims_has_no_ledger(tmp_path: Path) -> None:
    from planted import planted as table

    assert judge_ledger(load(table(tmp_path))) == []


@pytest.mark.parametrize(
    ("interval", "strict", "word"),
    [
        (Interval(0.5, 0.4, 0.6), False, "holds"),
        (Interval(0.5, 0.4, 0.6), True, "open"),
        (Interval(0.3, 0.2, 0.4), False, "open"),
        (Interval(0.3, 0.2, 0.4), True, "fails"),
        (Interval(0.45, -math.inf, math.inf), False, "open"),
        (Interval(0.4, 0.4, 0.4), False, "holds"),
    ],
)
def test_the_whole_interval_must_lie_on_one_side(interval: Interval, strict: bool, word: str) -> None:
    """The threshold is 0.4."""
    assert rules.side(interval, 0.4, strict) == word


def test_commands_are_ones_that_the_front_door_takes(whole: dict[str, Any]) -> None:
    import shlex

    import bakeoff

    for one in whole["claims"]:
        program, *arguments = shlex.split(one["repeat"])
        assert program == "bakeoff"
        command = bakeoff.main.commands[arguments[0]]
        context = command.make_context(arguments[0], arguments[1:], resilient_parsing=False)
        assert context.params["only"] == (one["claim"].replace(" ", "-"),)
