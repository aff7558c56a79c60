"""Run folders with planted answers to the ten claims, in the shape that a real run writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic import Folder

from analysis.ledger import rules
from analysis.load import load
from bench.records import Measurement

NAT = math.log(2)
"""Nats in a bit."""
PLAIN = {"transformer": "transformer-sinusoidal", "lstm": "lstm-forget-bias", "cnn": "cnn-k3"}
TITLES = {"transformer": "Transformer", "lstm": "LSTM", "cnn": "CNN"}
COLUMNS = tuple(
    {"title": TITLES[family], "family": family, "plain": plain, "best": plain, "best_reason": ""}
    for family, plain in PLAIN.items()
)
WOBBLE = (0.0, 0.001, -0.001)
"""What seeds 0, 1 and 2 differ by."""
PIXELS = 64


def folder(stranger: str = "") -> Folder:
    """An empty run folder, with a stranger's column if asked for."""
    more = [{"title": stranger, "family": stranger, "plain": stranger, "best": stranger, "best_reason": ""}]
    return Folder(columns=[*COLUMNS, *(more if stranger else [])])


def learn(
    name: str,
    task: str,
    length: int,
    seed: int,
    *,
    kind: str = "learn",
    split: str = "report",
    regime: str = "core parameters",
    steps: int = 600,
    **fields: Any,
) -> dict[str, Any]:
    """A trial of a claim; further fields are those of its task."""
    return {
        "kind": kind,
        "architecture": {"name": name, "family": name.split("-")[0], "core_parameters": 100_000},
        "task": {"name": task, "length": length, **fields},
        "recipe": {"steps": steps},
        "seed": seed,
        "split": split,
        "device": "cpu",
        "regime": regime,
    }


def spelled(metric: str, subject: str, tokens: Sequence[float]) -> list[Measurement]:
    """One value for each place."""
    return [Measurement(metric, float(token), subject, place) for place, token in enumerate(tokens)]


def seeded(value: float, seed: int) -> float:
    """A value that differs a little from seed to seed."""
    return value + WOBBLE[seed]


def add_reversal(run: Folder, exact: Mapping[str, float], claims: Sequence[str] = (rules.SEQUENCES,)) -> None:
    """Form -> exact match at reversal of 16, encoder-decoder; None is planned and not run."""
    for name, share in exact.items():
        for seed in range(3):
            done = [
                Measurement("test_score", min(seeded(share, seed), 1.0)),
                Measurement("greedy_exact_match", share),
                Measurement("beam_exact_match", share),
            ]
            run.add(learn(name, "reverse", 32, seed, role="encoder-decoder"), done, claims)


def add_language(run: Folder, bits: Mapping[str, float], zlib: float = 2.3) -> None:
    """Family -> bits per character, beside compressors."""
    for family, value in bits.items():
        text = spelled("sample_token", "sample 0", list(map(ord, f"The <b>{family}</b> says:\n")))
        for seed in range(3):
            done = [
                Measurement("test_loss_nats", seeded(value, seed) * NAT),
                Measurement("zlib_bits_per_character", zlib),
                Measurement("lzma_bits_per_character", 1.8),
                Measurement("zlib_bits_per_character", 2.0, "after training text"),
                Measurement("unigram_loss_nats", 4.6 * NAT),
                *(Measurement("position_loss_nats", (3 - p / 128) * NAT, step=p) for p in range(128)),
                *(text if seed == 0 else []),
            ]
            run.add(learn(PLAIN[family], "prose", 128, seed), done, [rules.LANGUAGE])


def add_images(run: Folder, bits: Mapping[str, float], marginal: float = 2.4) -> None:
    """Family -> bits per pixel."""
    for family, value in bits.items():
        for seed in range(3):
            done = [Measurement("test_loss_nats", seeded(value, seed) * NAT)]
            done.append(Measurement("marginal_loss_nats", marginal * NAT))
            for k in range(16):
                done += spelled("sample_token", f"sample {k}", [(p + k) % 17 for p in range(PIXELS)])
            run.add(learn(PLAIN[family], "digits", 64, seed, labelled=False), done, [rules.IMAGES])


def add_conditional(run: Folder, judged: Mapping[str, Sequence[float]]) -> None:
    """Family -> share of samples judged right, by seed."""
    for family, shares in judged.items():
        for seed, share in enumerate(shares):
            done = [Measurement("judged_accuracy", share), Measurement("judge_accuracy", 0.985)]
            for digit in range(10):
                done += spelled("sample_token", f"class {digit} sample 0", [digit] * PIXELS)
            run.add(learn(PLAIN[family], "digits", 64, seed, labelled=True), done, [rules.CONDITIONAL])


def add_modelling(run: Folder, bits: Mapping[str, Sequence[float]], regime: str = "core parameters") -> None:
    """Architecture -> bits per character by seed."""
    for name, values in bits.items():
        for seed, value in enumerate(values):
            done = [Measurement("test_loss_nats", value * NAT)]
            run.add(learn(name, "prose", 128, seed, regime=regime, steps=200), done, [rules.MODELLING])


def add_parallelisation(run: Folder, seconds: Mapping[str, float], exponents: Mapping[str, float]) -> None:
    """Architecture -> CPU-seconds of a step, exponent q of work / span; replicates differ by one percent."""
    architectures = [{"name": n, "family": n.split("-")[0], "core_parameters": 100_000} for n in seconds]
    for replicate in range(3):
        for n in (64, 128):
            done = []
            for at, (name, step) in enumerate(seconds.items()):
                done.append(Measurement("cpu_seconds_per_step", step * (1 + 0.01 * (-1) ** (replicate + at)), name, 0))
                done.append(Measurement("seconds_per_step", step, name, 0))
                done.append(Measurement("tokens_per_step", 1024.0, name))
            clock = {"kind": "clock", "architectures": architectures, "length": n, "replicate": replicate}
            run.add({**clock, "tokens": 1024, "device": "cpu"}, done, [rules.PARALLELISATION])
    for architecture in architectures:
        for n in (16, 32, 64):
            span = 1000.0 * n ** (1 - exponents[str(architecture["name"])])
            done = [Measurement("work_operations", 1000.0 * n, s) for s in ("pram", "kernel")]
            done += [Measurement("span_operations", span, s) for s in ("pram", "kernel")]
            trace = {"kind": "trace", "architecture": architecture, "length": n, "device": "cpu"}
            run.add(trace, done, [rules.PARALLELISATION])


def add_recall(run: Folder, scores: Mapping[str, float]) -> None:
    """Architecture -> score on copy and mqar."""
    for name, score in scores.items():
        for task, length in (("copy", 64), ("mqar", 32)):
            for seed in range(3):
                run.add(
                    learn(name, task, length, seed), [Measurement("test_score", seeded(score, seed))], [rules.ATTENTION]
                )


def add_transfer(run: Folder, gains: Mapping[str, float], sources: Sequence[str] = ("digits", "prose")) -> None:
    """Family -> accuracy gained at every number of labels."""
    for family, gained in gains.items():
        for source in sources:
            for seed in range(3):
                done = [Measurement("pretraining_loss_nats", 1.0)]
                for labels in (10, 30, 100):
                    done.append(Measurement("finetuned_accuracy", 0.4 + seeded(gained, seed), "pretrained", labels))
                    done.append(Measurement("finetuned_accuracy", 0.4, "scratch", labels))
                run.add(learn(PLAIN[family], source, 64, seed, kind="transfer"), done, [rules.PRETRAINING])


def add_captions(run: Folder, exact: Mapping[str, float], saved: Mapping[str, float], floor: float = 0.05) -> None:
    """Family -> captions without any error, and bits per pixel that the right caption saves."""
    for family, share in exact.items():
        for seed in range(3):
            done = [
                Measurement("caption_exact_match", seeded(share, seed)),
                Measurement("caption_floor", floor),
                Measurement("image_loss_nats", 2.0 * NAT, "without caption"),
                Measurement("image_loss_nats", (2.0 - seeded(saved[family], seed)) * NAT, "with caption"),
                Measurement("image_loss_nats", 2.1 * NAT, "wrong caption"),
                Measurement("retrieval_accuracy", 0.6),
            ]
            if seed == 0:
                for k in range(2):
                    done += spelled("example_pixel", f"image {k}", [p % 17 for p in range(PIXELS)])
                    done += spelled("example_word", f"image {k}", [k, 10, 12])
                    done += spelled("sample_word", f"image {k}", [0, 10, 12])
                done += spelled("sample_token", "caption two thick left sample 0", [16] * PIXELS)
            run.add(learn(PLAIN[family], "captioned", 67, seed), done, [rules.MULTIMODAL])


def add_attacks(run: Folder, gains: Mapping[str, float], clean: Mapping[str, float] | None = None) -> None:
    """Family -> accuracy under PGD at 0.1 gained by adversarial training; accuracy without an attack."""
    for family, gained in gains.items():
        for seed in range(3):
            done = []
            whole = (clean or {}).get(family, 0.95)
            for training in ("clean training", "adversarial training"):
                done.append(Measurement("accuracy", whole, f"{training}, none", 0))
                hardened = seeded(gained, seed) if training.startswith("adv") else 0.0
                for attack in ("noise", "fgsm", "pgd"):
                    for step in (50, 100, 200):
                        done.append(Measurement("accuracy", 0.3 + hardened, f"{training}, {attack}", step))
            run.add(learn(PLAIN[family], "digit-rows", 8, seed, kind="attack"), done, [rules.ADVERSARIAL])


def add_all(run: Folder) -> Folder:
    """A complete run: see tests/test_ledger.py for what each claim deserves."""
    add_reversal(
        run,
        {
            "transformer-2017": 0.99,
            "lstm-forget-bias": 0.1,
            "lstm-attention": 0.99,
            "cnn-k3": 0.2,
            "cnn-attention": 0.99,
        },
        (rules.SEQUENCES, rules.ATTENTION),
    )
    add_language(run, {"transformer": 2.1, "lstm": 2.0, "cnn": 2.5})
    add_images(run, {"transformer": 2.35, "lstm": 1.9, "cnn": 1.9})
    add_conditional(run, {"transformer": (0.8, 0.9, 0.86), "lstm": (0.2, 0.21, 0.22), "cnn": (0.95, 0.96, 0.955)})
    add_modelling(run, {"transformer-sinusoidal": (2.30, 2.31, 2.32), "transformer-no-positions": (2.9, 2.91, 2.92)})
    add_modelling(run, {"lstm-forget-bias": (2.35, 2.361, 2.37), "cnn-k3": (2.5, 2.5, 2.52)})
    add_modelling(
        run, {"transformer-sinusoidal": (2.6, 2.61, 2.62), "lstm-forget-bias": (2.4, 2.41, 2.421)}, "training time"
    )
    add_modelling(run, {"cnn-k3": (2.5, 2.5, 2.52)}, "training time")
    speeds = {"transformer-sinusoidal": 1.0, "lstm-forget-bias": 2.0, "cnn-k3": 0.5}
    add_parallelisation(run, speeds, {"transformer-sinusoidal": 0.98, "lstm-forget-bias": 0.02, "cnn-k3": 0.9})
    add_recall(run, {"transformer-sinusoidal": 0.99, "transformer-no-attention": 0.3})
    add_recall(run, {"lstm-attention": 0.99, "lstm-forget-bias": 0.5, "cnn-attention": 0.99, "cnn-k3": 0.6})
    for seed in range(3):
        run.plan(learn("transformer-sinusoidal", "digits", 64, seed, kind="transfer"), [rules.PRETRAINING])
    add_captions(run, {"transformer": 0.6, "lstm": 0.06, "cnn": 0.7}, {"transformer": 0.05, "lstm": 0.03, "cnn": 0.04})
    add_attacks(run, {"transformer": 0.5, "lstm": 0.3, "cnn": 0.4})
    return run


def ledger(run: Folder, path: Path) -> dict[str, Any]:
    """The ledger of a folder that is written to `path`."""
    from analysis.ledger import judge

    return judge(load(run.write(path)))


def claim(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One claim of a ledger."""
    (one,) = [c for c in found["claims"] if c["claim"] == name]
    return dict(one)


def words(one: Mapping[str, Any]) -> dict[str, str]:
    """Family -> its word."""
    return {f["family"]: f["word"] for f in one["families"]}


def of(one: Mapping[str, Any], family: str) -> dict[str, Any]:
    """One family of a claim."""
    (found,) = [f for f in one["families"] if f["family"] == family]
    return dict(found)
