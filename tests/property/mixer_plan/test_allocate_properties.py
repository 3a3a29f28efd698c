"""Integer apportionment: sums are exact, caps hold, shards are used evenly, whatever the numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.plan.allocate import allocate, cap_sequences, largest_remainder, spread

WEIGHTS = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=12)


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """A budget that the caps of the domains with a weight can hold."""
    weights = draw(WEIGHTS.filter(any))
    caps = [draw(st.integers(0, 5_000)) for _ in weights]
    reach = sum(cap for cap, weight in zip(caps, weights, strict=True) if weight)
    return draw(st.integers(0, reach)), weights, caps


def exact_shares(budget: int, weights: list[int], caps: list[int]) -> list[Fraction]:
    """The capped shares in fractions, by raising the common level domain by domain: the definition, done slowly."""
    shares = [Fraction(0)] * len(weights)
    order = sorted((i for i, w in enumerate(weights) if w), key=lambda i: Fraction(caps[i], weights[i]))
    left, weight_left = Fraction(budget), sum(weights)
    for i in order:
        shares[i] = min(Fraction(caps[i]), left * weights[i] / weight_left)
        left -= shares[i]
        weight_left -= weights[i]
    return shares


@given(problems())
def test_allocation_is_the_exact_share_rounded_down_or_up(problem: tuple[int, list[int], list[int]]) -> None:
    budget, weights, caps = problem
    counts = allocate(budget, weights, caps)
    assert sum(counts) == budget
    assert all(0 <= count <= cap for count, cap in zip(counts, caps, strict=True))
    assert all(count == 0 for count, weight in zip(counts, weights, strict=True) if weight == 0)
    for count, share in zip(counts, exact_shares(budget, weights, caps), strict=True):
        assert abs(count - share) < 1


@given(problems(), st.integers(0, 500))
def test_more_budget_takes_at_most_one_sequence_from_a_domain(
    problem: tuple[int, list[int], list[int]], less: int
) -> None:
    budget, weights, caps = problem
    before, after = allocate(max(0, budget - less), weights, caps), allocate(budget, weights, caps)
    assert all(b >= a - 1 for a, b in zip(before, after, strict=True))


@given(problems(), st.integers(2, 7))
def test_scale_of_the_weights_does_not_matter(problem: tuple[int, list[int], list[int]], factor: int) -> None:
    budget, weights, caps = problem
    assert allocate(budget, weights, caps) == allocate(budget, [w * factor for w in weights], caps)


@given(problems())
def test_budget_above_the_caps_is_refused(problem: tuple[int, list[int], list[int]]) -> None:
    _, weights, caps = problem
    reach = sum(cap for cap, weight in zip(caps, weights, strict=True) if weight)
    with pytest.raises(ValueError, match=f"sum to {reach}"):
        allocate(reach + 1, weights, caps)


@given(st.integers(0, 100_000), st.lists(st.integers(0, 9_999), min_size=1, max_size=20).filter(any))
def test_shards_of_a_domain_are_used_evenly(sequences: int, available: list[int]) -> None:
    counts = spread(sequences, available)
    assert sum(counts) == sequences
    epochs = Fraction(sequences, sum(available))
    for count, whole in zip(counts, available, strict=True):
        assert abs(count - epochs * whole) < 1
    if sequences <= sum(available):
        assert all(count <= whole for count, whole in zip(counts, available, strict=True))


@given(st.integers(0, 10_000), st.integers(0, 400))
def test_cap_is_the_floor_of_the_written_decimal(available: int, hundredths: int) -> None:
    assert cap_sequences(available, hundredths / 100) == available * hundredths // 100


@given(st.integers(0, 10_000), WEIGHTS.filter(any))
def test_largest_remainder_gives_rests_to_the_largest_remainders(total: int, weights: list[int]) -> None:
    counts = largest_remainder(total, weights)
    rests = [Fraction(total * weight, sum(weights)) - count for weight, count in zip(weights, counts, strict=True)]
    raised = [rest + 1 for rest in rests if rest < 0]
    assert sum(counts) == total
    assert not raised or min(raised) >= max((rest for rest in rests if rest >= 0), default=0)
