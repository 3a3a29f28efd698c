"""The section of prices, frontier and doubles, on the sample run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from midmix.report.tradeoffs import tradeoffs


def test_prices_frontier_and_doubles_are_listed(sample: Callable[..., Any], fake_run: Callable[[Any], Any]) -> None:
    section = tradeoffs(fake_run(sample(20)))
    prices, frontier, doubles = section.grids
    assert prices.rows == [("cap", "proofs", "0.0123", "bits per byte per billion tokens")]
    assert [row[0] for row in frontier.rows] == ["0", "1", "2", "3"]
    assert frontier.rows[2][1:5] == ("general", "0.2", "0.1818", "0.4")
    assert sorted(row[1:] for row in doubles.rows) == sorted(
        [
            ("40.0%", "36.0%", "46.0%"),
            ("10.0%", "6.0%", "16.0%"),
            ("35.0%", "31.0%", "41.0%"),
            ("15.0%", "11.0%", "21.0%"),
        ]
    )
    assert len(section.charts) == 1


def test_without_bounds_there_is_no_frontier(sample: Callable[..., Any], fake_run: Callable[[Any], Any]) -> None:
    section = tradeoffs(fake_run(sample(20) | {"frontier": []}))
    assert not section.charts and len(section.grids) == 2
