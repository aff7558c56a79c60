"""Multimodal generation: captions of images, and what a caption is worth to who predicts the image."""

from __future__ import annotations

from analysis.ledger import trained
from analysis.ledger.found import Column, Found, mean, nothing
from analysis.ledger.rules import MULTIMODAL
from analysis.ledger.trained import BITS
from analysis.load import Run

EXACT, FLOOR, IMAGE, RETRIEVAL = "caption_exact_match", "caption_floor", "image_loss_nats", "retrieval_accuracy"
WITH, WITHOUT, WRONG = "with caption", "without caption", "wrong caption"


def find(run: Run, column: Column) -> Found:
    """Captions without any error above the floor's; bits per pixel that the right caption saves."""
    planned = trained.of_family(run, MULTIMODAL, column.family, column.plain)
    exact, floor = trained.by_seed(run, planned, EXACT), trained.by_seed(run, planned, FLOOR)
    above = (exact - floor).dropna()
    if above.empty:
        return nothing(run, planned)
    given, none, wrong = (trained.by_seed(run, planned, IMAGE, s) * BITS for s in (WITH, WITHOUT, WRONG))
    saved, misled = (none - given).dropna(), (wrong - given).dropna()
    retrieved = trained.by_seed(run, planned, RETRIEVAL)
    notes = [f"captions right: {exact.mean():.2f}"]
    notes += [f"the right caption saves {saved.mean():.3f} bits per pixel against none"] if len(saved) else []
    notes += [f"{misled.mean():.3f} against a wrong one"] if len(misled) else []
    notes += [f"of 10 captions the right one is the likeliest for {retrieved.mean():.2f}"] if len(retrieved) else []
    return Found(
        interval=mean(above),
        also=mean(saved) if len(saved) else None,
        values=tuple(above),
        planned=int(planned["seed"].nunique()),
        floor=f"{floor.mean():.2f}, the most frequent caption",
        forms=tuple(dict.fromkeys(planned["architecture"])),
        doubts=(*trained.diverged(planned, above), *([] if len(saved) else ["image bits were not measured"])),
        notes=tuple(notes),
    )
