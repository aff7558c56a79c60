"""How the page writes numbers: as they were recorded, and never an exponent."""

from __future__ import annotations

from collections.abc import Iterable

SIGNIFICANT = 4


def number(value: float) -> str:
    """Four significant digits, at most four decimals: 0.0312, -1.204, 12.4; what is nearly nothing is ~0."""
    text = f"{value:.4f}" if abs(value) < 1 else f"{value:.{SIGNIFICANT}g}"
    if "e" in text:
        text = f"{value:,.0f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if text not in ("0", "-0") else "~0" if value else "0"


def term(value: float) -> str:
    """A number inside a sum or a product: in brackets where it has a sign."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def numbers(values: Iterable[float]) -> tuple[str, ...]:
    """Each of them."""
    return tuple(map(number, values))
