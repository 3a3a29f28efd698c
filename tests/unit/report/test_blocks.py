"""How figures read."""

from __future__ import annotations

import math

import pytest

from midmix.report.blocks import count, interval, num_bytes, number, percent, tone


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.03124, "0.03124"),
        (0.031244, "0.03124"),
        (-0.5, "-0.5"),
        (1234.56, "1,235"),
        (99999.0, "99,999"),
        (0.0001, "0.0001"),
        (0.00001234, "1.234e-05"),
        (12345678.0, "1.235e+07"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_number(value: float | None, printed: str) -> None:
    assert number(value) == printed


def test_number_keeps_the_digits_asked_for() -> None:
    assert number(2.34567, 3) == "2.35"
    assert number(120.0, 2) == "120"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (123_456, "123 kB"),
        (999_600, "1.0 MB"),
        (None, "–"),
    ],
)
def test_num_bytes(value: int | None, printed: str) -> None:
    assert num_bytes(value) == printed


def test_shares_counts_intervals_and_tones() -> None:
    assert percent(1, 3) == "33.3%"
    assert percent(1, 0) == percent(None, 3) == "–"
    assert count(1234567) == "1,234,567"
    assert count(None) == "–"
    assert interval(0.01, 0.5) == "[0.01, 0.5]"
    assert interval(None, 0.5) == "–"
    assert [tone(v) for v in ("supported", "weak", "not supported", "other")] == ["good", "warn", "bad", "plain"]
