"""Caps, minima and frozen groups, on shares that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.errors import ConfigError
from midmix.mixer.limits import make_limits

CAPS = np.array([0.5, 0.6, 1.0, 0.3])


def test_a_frozen_group_is_one_variable_capped_by_its_tightest_domain() -> None:
    limits = make_limits("abcd", CAPS, None, [{"b": 2, "d": 1}])
    assert limits.free == 3
    np.testing.assert_allclose(limits.domain_high, [0.5, 0.6, 1.0, 0.3])
    np.testing.assert_allclose(limits.reduce(np.array([0.1, 0.2, 0.3, 0.4])), [0.1, 0.6, 0.3])
    np.testing.assert_allclose(limits.expand(np.array([0.1, 0.6, 0.3])), [0.1, 0.4, 0.3, 0.2])
    tight = make_limits("abcd", np.array([1.0, 0.6, 1.0, 0.1]), None, [{"b": 2, "d": 1}])
    np.testing.assert_allclose(tight.domain_high, [1.0, 0.2, 1.0, 0.1])


def test_the_slope_by_a_group_is_the_shares_mean_of_its_domains() -> None:
    limits = make_limits("abcd", CAPS, None, [{"b": 3, "d": 1}])
    np.testing.assert_allclose(limits.collect(np.array([1.0, 2.0, 3.0, 6.0])), [1.0, 0.75 * 2 + 0.25 * 6, 3.0])


def test_minima_are_served_first_and_the_rest_is_scaled() -> None:
    limits = make_limits("abc", np.ones(3), {"a": 0.4})
    np.testing.assert_allclose(limits.nearest(np.array([0.0, 0.3, 0.1])), [0.4, 0.45, 0.15])
    kept = np.array([0.5, 0.2, 0.3])
    np.testing.assert_allclose(limits.nearest(kept), kept, atol=1e-15)


def test_minima_that_fill_everything_leave_one_mixture() -> None:
    limits = make_limits("ab", np.ones(2), {"a": 0.4, "b": 0.6})
    np.testing.assert_allclose(limits.nearest(np.array([[1.0, 0.0], [0.0, 1.0]])), [[0.4, 0.6]] * 2)


def test_what_breaks_a_limit_is_measured() -> None:
    limits = make_limits("abc", np.array([0.5, 1.0, 1.0]), {"b": 0.2}, [{"b": 1, "c": 1}])
    assert limits.broken(np.array([0.5, 0.25, 0.25])) <= 1e-12
    assert limits.broken(np.array([0.6, 0.2, 0.2])) == pytest.approx(0.1)  # the cap of a
    assert limits.broken(np.array([0.4, 0.4, 0.2])) == pytest.approx(0.1)  # b and c are 0.3 each in the group
    assert limits.broken(np.array([0.9, 0.05, 0.05])) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("caps", "minimum", "frozen", "message"),
    [
        (
            [0.3, 1.0, 1.0],
            {"a": 0.5},
            (),
            r"minimum\.a is 0\.5000, 0\.2000 above its cap of 0\.3000 .* factor of 1\.67",
        ),
        ([1.0, 1.0, 1.0], {"a": 0.7, "b": 0.5}, (), r"least shares sum to 1\.2000, 0\.2000 above 1"),
        ([0.2, 0.3, 0.4], {}, (), r"largest shares sum to 0\.9000, 0\.1000 short of 1\. Lower mixture\.tokens"),
        (
            [1.0, 0.1, 1.0],
            {"a": 0.3},
            [{"a": 1, "b": 1}],
            r"0\.3000 for a .* has 0\.6000 .* b with its cap of 0\.1000 allows it 0\.2000, 0\.4000 less\. Lower .* to 0\.1000",
        ),
        ([1.0, 1.0, 1.0], {"A": 0.1}, (), r"mixture\.minimum: no domain 'A'"),
        ([1.0, 1.0, 1.0], {}, [{"a": 1, "x": 1}], r"mixture\.frozen\[0\]: no domain 'x'"),
        ([1.0, 1.0, 1.0], {"b": 0.1}, [{"a": 1, "b": 0}], r"minimum\.b is 0\.1000, but its proportion .* is 0"),
    ],
)
def test_limits_that_clash_are_named_with_the_amount_and_the_mend(
    caps: list[float], minimum: dict[str, float], frozen: list[dict[str, float]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_limits("abc", np.array(caps), minimum, frozen)
