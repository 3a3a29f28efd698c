"""Results from elsewhere: however they are cut into calls, the same runs are there in the end."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.results.files import Place
from midmix.mixer.results.held import KNOWN, Held
from midmix.mixer.results.result import Result, checked_weights, count, short_count

PLACE = Place(Path("f"), 1)
shares = st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda values: sum(values) > 0.01)


def result(name: int, step: int) -> Result:
    """A run whose facts follow from its name."""
    return Result(
        PLACE, str(name), {"a": name / 10, "b": 1 - name / 10}, 1.0, "s", 1, step, name % 3, step, "u",
        {"m": name + step / 100, "n": 1.0},
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30))
def test_runs_are_numbered_once_and_adding_again_changes_nothing(given_rows: list[tuple[int, int]]) -> None:
    held = Held()
    for name, step in given_rows:
        held.take(result(name, step), "o", ("a", "b"))
    names = list(dict.fromkeys(str(name) for name, _ in given_rows))
    assert {row["name"]: row["run"] - 1_000_000 for row in held.losses.values()} == {n: i for i, n in enumerate(names)}
    assert len(held.losses) == 2 * len(set(given_rows)) and len(held.designs) == 2 * len(names)
    before = dict(held.losses)
    assert all(held.take(result(*row), "o", ("a", "b")) == KNOWN for row in reversed(given_rows))
    assert held.losses == before


@given(shares, st.floats(0.9901, 1.0099))
def test_weights_near_one_keep_their_proportions_and_sum_to_one(values: list[float], total: float) -> None:
    cells = {str(i): value / sum(values) * total for i, value in enumerate(values)}
    weights, found = checked_weights(cells)
    assert abs(found - total) < 1e-9 and abs(sum(weights.values()) - 1) < 1e-9
    assert all(abs(weights[name] * total - cell) < 1e-9 for name, cell in cells.items())


@given(st.integers(0, 999), st.sampled_from(["", "K", "M", "B", "T"]))
def test_counts_are_read_as_they_are_printed(number: int, suffix: str) -> None:
    value = count(f"{number}{suffix}", "tokens")
    assert count(short_count(value), "tokens") == value
