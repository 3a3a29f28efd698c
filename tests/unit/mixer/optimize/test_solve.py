"""One optimum, its prices, its frontier and its doubles, where all of them can be worked out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from midmix.mixer.limits import make_limits
from midmix.mixer.optimize.alternatives import extremes
from midmix.mixer.optimize.clash import find_clash
from midmix.mixer.optimize.frontier import frontier
from midmix.mixer.optimize.posterior import gain_interval, weight_interval
from midmix.mixer.optimize.prices import PER_RISE, PER_TOKENS, prices
from midmix.mixer.optimize.problem import ONE_SIDED_95, Bound, Problem
from midmix.mixer.optimize.smooth import smooth_optimum
from midmix.mixer.optimize.solve import solve

ProblemMaker = Callable[..., Problem]
CORNERS = np.vstack([np.full(3, 1 / 3), np.eye(3)])


def solved(problem: Problem, seed: int = 0) -> np.ndarray:
    return solve(problem, problem.predictor.fits, problem.limits.nearest(CORNERS), seed=seed)


def test_a_convex_optimum_is_exact(bowl: type, linear: type) -> None:
    """Least |w - (.6, .3, .1)|^2 with w_a <= .4: the excess of .2 is shared between b and c."""
    limits = make_limits("abc", np.array([0.4, 1.0, 1.0]))
    found = smooth_optimum([bowl((0.6, 0.3, 0.1))], np.ones(1), limits, [], np.array([0.2, 0.4, 0.4]))
    np.testing.assert_allclose(found, [0.4, 0.4, 0.2], atol=1e-6)
    laws = [linear((0.0, 1.0, 2.0)), linear((1.0, 0.0, 0.0))]
    free = make_limits("abc", np.ones(3))
    found = smooth_optimum(laws, np.array([1.0, 0.0]), free, [(1, 0.25)], np.full(3, 1 / 3))
    np.testing.assert_allclose(found, [0.25, 0.75, 0.0], atol=1e-6)


def test_frozen_groups_are_solved_as_one_variable(bowl: type) -> None:
    """Least |w - (.6, .3, .1)|^2 on w = (1 - v, v / 2, v / 2): v = (.4 + .15 + .05) / 1.5."""
    limits = make_limits("abc", np.ones(3), None, [{"b": 1, "c": 1}])
    found = smooth_optimum([bowl((0.6, 0.3, 0.1))], np.ones(1), limits, [], np.full(3, 1 / 3))
    np.testing.assert_allclose(found, [0.6, 0.2, 0.2], atol=1e-6)


def test_the_optimum_keeps_limits_and_bounds(make_problem: ProblemMaker, bowl: type, linear: type) -> None:
    limits = make_limits("abc", np.array([1.0, 0.25, 1.0]), {"c": 0.1})
    bound = Bound("keep", 1, np.array([0.2, 0.25, 0.55]), 0.3)
    problem = make_problem([linear((0.0, 0.5, 1.0)), linear((1.0, 0.0, 0.0))], [1.0, 0.0], limits, bound)
    found = solved(problem)
    np.testing.assert_allclose(found, [0.5, 0.25, 0.25], atol=3e-3)
    assert limits.broken(found) < 1e-12 and problem.excess(found[None])[0] == 0
    assert (found == solved(problem)).all()


def test_prices_are_the_slopes_that_constraints_hold_back(make_problem: ProblemMaker, linear: type) -> None:
    """Caps of .5 and .3 bind; at the margin tokens go to c, so a's cap costs 3 - 1 per share and b's 3 - 2."""
    limits = make_limits("abc", np.array([0.5, 0.3, 1.0]))
    problem = make_problem([linear((1.0, 2.0, 3.0))], [1.0], limits)
    found = prices(problem, np.array([0.5, 0.3, 0.2]), "abc", 10 * 10**9, "bits")
    assert [(p.kind, p.name, p.unit) for p in found] == [
        ("cap", "a", f"bits {PER_TOKENS}"),
        ("cap", "b", f"bits {PER_TOKENS}"),
    ]
    np.testing.assert_allclose([p.value for p in found], [0.2, 0.1], atol=1e-6)


def test_minima_and_retained_sets_have_prices(make_problem: ProblemMaker, linear: type) -> None:
    """w_a <= .4 by the bound, c at its minimum of .1, b in the middle: easing the bound is worth 1 per rise."""
    limits = make_limits("abc", np.ones(3), {"c": 0.1})
    bound = Bound("keep", 1, np.array([0.2, 0.7, 0.1]), 0.2)
    problem = make_problem([linear((0.0, 1.0, 3.0)), linear((1.0, 0.0, 0.0))], [1.0, 0.0], limits, bound)
    found = prices(problem, np.array([0.4, 0.5, 0.1]), "abc", 10**9, "bits")
    assert [(p.kind, p.name) for p in found] == [("minimum", "c"), ("retain", "keep")]
    np.testing.assert_allclose([p.value for p in found], [2.0, 1.0], atol=1e-6)
    assert found[1].unit == f"bits {PER_RISE}"


def test_a_price_is_what_a_wider_cap_would_gain(make_problem: ProblemMaker, bowl: type) -> None:
    def optimum(cap: float) -> tuple[Problem, np.ndarray]:
        limits = make_limits("abc", np.array([cap, 1.0, 1.0]))
        problem = make_problem([bowl((0.6, 0.3, 0.1))], [1.0], limits)
        found = smooth_optimum(problem.predictor.fits, np.ones(1), limits, [], limits.nearest(np.full(3, 1 / 3)))
        return problem, found

    problem, found = optimum(0.4)
    wider, better = optimum(0.41)
    gained = problem.predictor.mean(found[None])[0, 0] - wider.predictor.mean(better[None])[0, 0]
    (price,) = prices(problem, found, "abc", 10**9, "bits")
    assert price.value * 0.01 == pytest.approx(gained, rel=0.05)


def test_the_frontier_runs_from_no_rise_to_no_bound(make_problem: ProblemMaker, linear: type) -> None:
    """The target falls by 1 per share of a, the retained loss rises by 2: gain = rise / 2 all along."""
    control = np.array([0.0, 1.0, 0.0])
    laws = [linear((0.0, 1.0, 1.0)), linear((2.0, 0.0, 5.0))]
    points = frontier(
        make_problem(laws, [1.0, 0.0], None, Bound("keep", 1, control, 0.1)), laws, CORNERS, control, seed=0
    )  # fmt: skip
    rises = np.array([0.0, 0.08, 0.1, 0.32, 0.72, 1.28, 2.0])  # squares of even shares, and the bound of 0.1 itself
    assert [p.place for p in points] == list(range(7))
    np.testing.assert_allclose([p.allowed[0] for p in points], rises, atol=1e-3)
    np.testing.assert_allclose([p.gain.value for p in points], rises / 2, atol=5e-3)
    np.testing.assert_allclose([p.rise[0] for p in points], rises, atol=1e-2)


def test_a_bound_wider_than_any_mixture_asks_adds_no_point(make_problem: ProblemMaker, linear: type) -> None:
    control = np.array([0.0, 1.0, 0.0])
    laws = [linear((0.0, 1.0, 1.0)), linear((2.0, 0.0, 5.0))]
    points = frontier(
        make_problem(laws, [1.0, 0.0], None, Bound("keep", 1, control, 9.0)), laws, CORNERS, control, seed=0
    )  # fmt: skip
    assert [p.place for p in points] == list(range(6))


def test_doubles_of_the_best_are_found_at_their_extremes(make_problem: ProblemMaker, linear: type) -> None:
    """a and b are worth the same: every split of them is as good; c costs 1, and that is known."""
    problem = make_problem([linear((0.0, 0.0, 1.0))], [1.0])
    least, most = extremes(problem, np.array([0.5, 0.5, 0.0]), seed=0)
    assert least[0, 0] < 0.02 and most[0, 0] > 0.98
    assert least[1, 1] < 0.02 and most[1, 1] > 0.98
    assert most[2, 2] < 1e-6
    assert (problem.predictor.mean(np.vstack([least, most])) < 1e-6).all()


def test_doubt_about_a_domain_lets_more_of_it_in(make_problem: ProblemMaker, linear: type) -> None:
    problem = make_problem([linear((0.0, 0.0, 0.1), sd=0.1)], [1.0])
    best = np.array([0.5, 0.5, 0.0])
    _, most = extremes(problem, best, seed=0)
    gap, sd = problem.predictor.difference(most[2][None], best, np.ones(1))
    assert most[2, 2] > 0.5
    assert gap[0] <= ONE_SIDED_95 * sd[0] + 1e-6


def test_a_gain_is_a_difference_with_its_deviation(make_problem: ProblemMaker, linear: type) -> None:
    problem = make_problem([linear((0.0, 1.0), sd=0.1)], [1.0])
    gain = gain_interval(problem, np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.ones(1))
    half = 1.6448536 * 0.1 * np.sqrt(2)
    np.testing.assert_allclose([gain.value, gain.low, gain.high], [1.0, 1 - half, 1 + half], rtol=1e-6)


def test_weights_are_sure_where_losses_are(make_problem: ProblemMaker, linear: type) -> None:
    candidates = np.column_stack([np.linspace(0, 1, 21), np.linspace(1, 0, 21)])
    best = np.array([1.0, 0.0])
    for sd, width in ((1e-4, 0.0), (10.0, 1.0)):
        problem = make_problem([linear((0.0, 1.0), sd=sd)], [1.0])
        low, high = weight_interval(problem, best, candidates, seed=0)
        assert high[0] - low[0] == pytest.approx(width)


def test_a_clash_names_the_smallest_set_of_bounds_and_the_amount(make_problem: ProblemMaker, linear: type) -> None:
    """Two bounds ask for w_a <= .2 and w_b <= .3, with w_c at most .25: .25 too much; a third one is no part of it."""
    limits = make_limits("abc", np.array([1.0, 1.0, 0.25]))
    laws = [linear((1.0, 0.0, 0.0)), linear((0.0, 1.0, 0.0)), linear((0.0, 0.0, 1.0))]
    bounds = (Bound("first", 0, 0.0, 0.2), Bound("second", 1, 0.0, 0.3), Bound("idle", 2, 0.0, 0.9))
    problem = make_problem(laws, [1.0, 0.0, 0.0], limits, *bounds)
    best = solved(problem)
    clash = find_clash(problem, best, limits.nearest(CORNERS), "abc", "bits per byte", seed=0)
    assert set(clash.bounds) == {"first", "second"}
    assert sum(clash.bounds.values()) == pytest.approx(0.25, abs=5e-3)
    assert set(clash.limits) == {"c"}
    allowed, asked = clash.limits["c"]
    assert allowed == pytest.approx(0.25) and asked >= 0.5 - 1e-3
    assert "keeps the bounds on first and second; without the limits one would" in clash.words
    assert "share of c from 0.2500 to" in clash.words


def test_a_bound_that_nothing_keeps_is_no_fault_of_the_limits(make_problem: ProblemMaker, linear: type) -> None:
    problem = make_problem([linear((1.0, 2.0, 3.0))], [1.0], None, Bound("keep", 0, 0.0, 0.5))
    clash = find_clash(problem, solved(problem), CORNERS, "abc", "nats", seed=0)
    assert clash.bounds == {"keep": pytest.approx(0.5, abs=1e-3)} and clash.limits == {}
    assert (
        "bound on keep, nor would one without limits. To mend it: raise max_rise of keep by 0.5000 nats" in clash.words
    )
