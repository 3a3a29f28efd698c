from itertools import pairwise

import pytest

from midmix.proxy_train.schedule import curve_steps, wsd


def test_warms_up_stays_and_decays_to_nothing() -> None:
    factors = [wsd(step, 10, warmup_fraction=0.2, decay_fraction=0.4) for step in range(10)]
    assert factors == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


@pytest.mark.parametrize(("warmup", "decay"), [(0.0, 0.0), (0.0, 1.0), (0.9, 1.0)])
def test_every_step_of_any_schedule_learns(warmup: float, decay: float) -> None:
    assert all(0 < wsd(step, 7, warmup_fraction=warmup, decay_fraction=decay) <= 1 for step in range(7))


def test_curve_ends_with_the_last_step_and_starts_after_the_first() -> None:
    assert curve_steps(900) == (100, 200, 300, 400, 500, 600, 700, 800, 900)
    assert curve_steps(3) == (1, 2, 3)
    assert curve_steps(1) == (1,)


@pytest.mark.parametrize(
    ("decay", "expected"),
    [("linear", [1, 0.75, 0.5, 0.25]), ("cosine", [1, 0.85355339, 0.5, 0.14644661]), ("sqrt", [1, 0.5, 0.29289322, 0.1339746])],
)  # fmt: skip
def test_an_anneal_decays_from_its_first_step_by_its_form(decay: str, expected: list[float]) -> None:
    factors = [wsd(step, 4, warmup_fraction=0, decay_fraction=1, decay=decay) for step in range(4)]
    assert factors == pytest.approx(expected)


@pytest.mark.parametrize("decay", ["linear", "cosine", "sqrt"])
def test_a_decay_ends_where_it_is_told(decay: str) -> None:
    factors = [wsd(step, 1000, warmup_fraction=0.1, decay_fraction=0.5, decay=decay, end=0.1) for step in range(1000)]
    assert factors[99:500] == [1.0] * 401
    assert all(a > b for a, b in pairwise(factors[500:]))
    assert 0.1 < factors[-1] < 0.103
