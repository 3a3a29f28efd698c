"""One row of EVIDENCE: a claim with its figure, interval, verdict and a sentence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SUPPORTED, WEAK, NOT_SUPPORTED = "supported", "weak", "not supported"
ORDER = (SUPPORTED, WEAK, NOT_SUPPORTED)


@dataclass(frozen=True)
class Claim:
    """`reason` says in half a sentence why the verdict is not better; it is no column."""

    subject: str
    claim: str
    verdict: str
    words: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    reason: str = ""


def worst(verdicts: Collection[str]) -> str:
    """The least favourable of several verdicts."""
    return max(verdicts, key=ORDER.index)


def graded(value: float, supported: float, weak: float) -> str:
    """The verdict of a figure of which more is better, by the least values of supported and of weak."""
    return SUPPORTED if value >= supported else WEAK if value >= weak else NOT_SUPPORTED


def in_words(unit: str) -> str:
    """`bits_per_byte` as `bits per byte`."""
    return unit.replace("_", " ")
