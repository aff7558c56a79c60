"""The ten claims about generative AI, and the rules that turn their figures into words. Nothing here may be tuned.

Fixed on 2026-11-23, before any of them was measured here, with the rehearsals' figures known. Whoever changes a rule
raises VERSION, which every ledger prints, and dates the change here.

Where the rules leave room, the reading is, since the same day: a comparison pairs seeds; "better than the
best other family" means better than each of them, so its interval goes from the lowest lower to the lowest upper end
(Berger 1982); a training that diverged counts as 0 where the figure is a share of answers, and leaves the family open
elsewhere; a part of a mean that no seed measured leaves it open too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from analysis.claims import DIGITS
from analysis.stats import Interval

VERSION, DATE = "1", "2026-11-23"

SEQUENCES, LANGUAGE, IMAGES = "sequence to sequence", "language generation", "image generation"
CONDITIONAL, MODELLING, PARALLELISATION = "conditional generation", "improved modelling", "parallelisation"
ATTENTION, PRETRAINING, MULTIMODAL = "attention helps", "pre-training", "multimodal generation"
ADVERSARIAL = "adversarial training"

TRANSFORMER = "transformer"
"""The family that the claims speak of."""

Word = Literal["holds", "fails", "open", "not run"]
Verdict = Literal["agrees", "disagrees", "undecided", "not run"]
HOLDS: Final = "holds"
FAILS: Final = "fails"
OPEN: Final = "open"
NOT_RUN: Final = "not run"
VERDICTS: dict[str, Verdict] = {HOLDS: "agrees", FAILS: "disagrees", OPEN: "undecided", NOT_RUN: "not run"}
"""The Transformer's word -> what becomes of the claim."""
NOT_PARTICULAR = "true, and not particular to transformers"
"""Of a claim that agrees, where every family passes the same rule."""


@dataclass(frozen=True)
class Rule:
    """How one claim is decided."""

    number: int
    claim: str
    """Its row in the plan."""
    said: str
    """What is claimed."""
    statement: str
    """The rule in words, as a ledger prints it."""
    unit: str
    threshold: float
    strict: bool
    """Whether the figure must exceed the threshold (>) or may equal it (>=)."""
    floor: str = ""
    """What the figure is to be read against, where no record says it."""
    digits: int = 2
    """Decimals of the figure."""
    also: str = ""
    """Unit of the second figure, which must exceed its threshold as well; empty without one."""
    also_threshold: float = 0.0
    comparative: bool = False
    """Whether the claim is about being better than other families, which every family cannot be."""
    compared: str = ""
    """Unit of the comparison of families that decides the claim (above 0: agrees) in place of the Transformer's own
    figure; empty where that decides."""

    @property
    def bound(self) -> str:
        """`>= 0.95`, and the second condition."""
        first = f"{'>' if self.strict else '>='} {self.threshold:g}"
        return f"{first}, and {self.also} > {self.also_threshold:g}" if self.also else first

    def word(self, figure: Interval, also: Interval | None = None) -> Word:
        """Whether a figure is on the right side of the threshold with its whole interval, and a second one too."""
        first = side(figure, self.threshold, self.strict)
        if not self.also:
            return first
        second = side(also, self.also_threshold, strict=True) if also else OPEN
        return FAILS if FAILS in (first, second) else HOLDS if first == second == HOLDS else OPEN


def side(figure: Interval, threshold: float, strict: bool) -> Word:
    """On which side of a threshold a whole interval lies."""
    low, high = (round(end, DIGITS) for end in figure[1:])  # an error in the last bit must not decide
    if low > threshold or (low == threshold and not strict):
        return HOLDS
    return FAILS if high < threshold or (high == threshold and strict) else OPEN


RULES = {
    rule.claim: rule
    for rule in (
        Rule(
            number=1,
            claim=SEQUENCES,
            said="Transformers turn one sequence into another.",
            statement="share of test sequences reversed without any error, 16 symbols, encoder-decoder; of a family's "
            "forms with and without attention the better one counts. Holds: >= 0.95",
            unit="exact match, reversal of 16",
            threshold=0.95,
            strict=False,
            floor="0.00, guessing",
        ),
        Rule(
            number=2,
            claim=LANGUAGE,
            said="Transformers generate language.",
            statement="bits per character that zlib needs for the same test text minus the model's. Holds: > 0",
            unit="bits per character below zlib",
            threshold=0.0,
            strict=True,
        ),
        Rule(
            number=3,
            claim=IMAGES,
            said="Transformers generate images.",
            statement="bits per pixel saved against each pixel's own distribution over the training images, as a share "
            "of what that needs on the same test images. Holds: >= 0.10",
            unit="share of the marginal's bits saved",
            threshold=0.10,
            strict=False,
        ),
        Rule(
            number=4,
            claim=CONDITIONAL,
            said="Transformers generate what they are asked for.",
            statement="share of samples, drawn class by class, that a classifier trained on real digits takes for the "
            "class asked for. Holds: >= 0.85",
            unit="samples judged right",
            threshold=0.85,
            strict=False,
            floor="0.10, ten classes",
        ),
        Rule(
            number=5,
            claim=MODELLING,
            said="Transformers model language better than what came before.",
            statement="bits per character of the best other family minus the family's own, at equal core parameters, "
            "seeds paired. Holds: > 0. The other regimes stand beside it",
            unit="bits per character below the best other family",
            threshold=0.0,
            strict=True,
            floor="0, no difference",
            digits=3,
            comparative=True,
        ),
        Rule(
            number=6,
            claim=PARALLELISATION,
            said="Transformers train faster because they work in parallel.",
            statement="tokens per second of a training step on this device, as a ratio to the LSTM's in the same "
            "process, and exponent q of work / span in the length. Holds: ratio > 1 and q > 0.5",
            unit="tokens/s / the LSTM's",
            threshold=1.0,
            strict=True,
            floor="1, the LSTM",
            also="q",
            also_threshold=0.5,
        ),
        Rule(
            number=7,
            claim=ATTENTION,
            said="Attention helps.",
            statement="score with attention minus score without, mean over copy, multi-query recall and reversal, "
            "seeds paired: LSTM and CNN with an attention read-out against without, the Transformer against itself "
            "without attention (copy and recall). Holds: > 0.10",
            unit="score gained by attention",
            threshold=0.10,
            strict=True,
            floor="0, no gain",
        ),
        Rule(
            number=8,
            claim=PRETRAINING,
            said="Pre-training, then fine-tuning, lets transformers learn from few labels.",
            statement="accuracy after fine-tuning the pre-trained model minus that from scratch, mean over sources and "
            "numbers of labels, seeds paired. Holds: > 0.02",
            unit="accuracy gained by pre-training",
            threshold=0.02,
            strict=True,
            floor="0, no gain",
            digits=3,
        ),
        Rule(
            number=9,
            claim=MULTIMODAL,
            said="Transformers join text and images.",
            statement="share of test images captioned without any error minus that of always giving the most frequent "
            "caption, and bits per pixel that the right caption saves against none. Holds: >= 0.3, and the saving > 0",
            unit="captions right, above the floor",
            threshold=0.3,
            strict=False,
            also="bits per pixel saved by the caption",
        ),
        Rule(
            number=10,
            claim=ADVERSARIAL,
            said="Adversarial training is more effective in transformers.",
            statement="accuracy under PGD at 0.1 after adversarial training minus after clean training, seeds paired. "
            "Holds: >= 0.10. The claim compares: the Transformer's gain must exceed each other family's, their mean "
            "clean accuracies after the same training lying within 0.03 of each other; else undecided",
            unit="accuracy under PGD gained",
            threshold=0.10,
            strict=False,
            floor="0, no gain",
            comparative=True,
            compared="Transformer's gain minus the best other's",
        ),
    )
}
"""Claim -> its rule, in the order of the ledger."""
MATCHED_WITHIN = 0.03
"""Adversarial training: how far clean accuracies may lie apart for gains to be compared."""
