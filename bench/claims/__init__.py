"""Ten things that transformers are said to have brought to generative AI, each as an experiment for every family."""

from __future__ import annotations

SEQUENCES, LANGUAGE, IMAGES = "sequence to sequence", "language generation", "image generation"
CONDITIONAL, MODELLING, PARALLELISATION = "conditional generation", "improved modelling", "parallelisation"
ATTENTION, PRETRAINING, MULTIMODAL = "attention helps", "pre-training", "multimodal generation"
ADVERSARIAL = "adversarial training"
CLAIMS = (
    *(SEQUENCES, LANGUAGE, IMAGES, CONDITIONAL, MODELLING),
    *(PARALLELISATION, ATTENTION, PRETRAINING, MULTIMODAL, ADVERSARIAL),
)
"""Rows of the ledger, in the order in which they are claimed."""
