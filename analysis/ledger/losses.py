"""Language and images: how many bits a model needs, against what needs no network."""

from __future__ import annotations

from analysis.ledger import trained
from analysis.ledger.found import Column, Found, mean, nothing
from analysis.ledger.rules import IMAGES, LANGUAGE
from analysis.ledger.trained import BITS
from analysis.load import Run

LOSS = "test_loss_nats"
ZLIB, LZMA, UNIGRAM = "zlib_bits_per_character", "lzma_bits_per_character", "unigram_loss_nats"
PRIMED = "after training text"
"""Subject of a compressor that has seen the training text before."""
MARGINAL, UNIFORM = "marginal_loss_nats", "uniform_loss_nats"


def language(run: Run, column: Column) -> Found:
    """Bits per character below zlib's on the same text."""
    planned = trained.of_family(run, LANGUAGE, column.family, column.plain)
    bits, zlib = trained.by_seed(run, planned, LOSS) * BITS, trained.by_seed(run, planned, ZLIB)
    saved = (zlib - bits).dropna()
    if saved.empty:
        return nothing(run, planned)
    references = {
        "unigram": trained.by_seed(run, planned, UNIGRAM) * BITS,
        "zlib": zlib,
        "lzma": trained.by_seed(run, planned, LZMA),
        "zlib after the training text": trained.by_seed(run, planned, ZLIB, PRIMED),
        "lzma after the training text": trained.by_seed(run, planned, LZMA, PRIMED),
    }
    told = [f"{name} {values.mean():.2f}" for name, values in references.items() if len(values)]
    return Found(
        interval=mean(saved),
        values=tuple(saved),
        planned=int(planned["seed"].nunique()),
        floor=f"zlib {zlib.mean():.2f} bits",
        forms=tuple(dict.fromkeys(planned["architecture"])),
        doubts=tuple(trained.diverged(planned, saved)),
        notes=(f"{bits.mean():.3f} bits per character; {', '.join(told)}",),
    )


def images(run: Run, column: Column) -> Found:
    """Share of the per-pixel marginal's bits that is saved."""
    planned = trained.of_family(run, IMAGES, column.family, column.plain)
    loss, marginal = trained.by_seed(run, planned, LOSS), trained.by_seed(run, planned, MARGINAL)
    saved = ((marginal - loss) / marginal).dropna()
    if saved.empty:
        return nothing(run, planned)
    uniform = trained.by_seed(run, planned, UNIFORM)
    known = f", a uniform guess {uniform.mean() * BITS:.2f}" if len(uniform) else ""
    return Found(
        interval=mean(saved),
        values=tuple(saved),
        planned=int(planned["seed"].nunique()),
        floor=f"marginal {marginal.mean() * BITS:.2f} bits",
        forms=tuple(dict.fromkeys(planned["architecture"])),
        doubts=tuple(trained.diverged(planned, saved)),
        notes=(f"{loss.mean() * BITS:.3f} bits per pixel; the marginal needs {marginal.mean() * BITS:.3f}{known}",),
    )
