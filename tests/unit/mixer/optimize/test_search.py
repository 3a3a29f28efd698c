"""The search against problems whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from midmix.mixer.design.pool import dirichlet_pool
from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.optimize.problem import ONE_SIDED_95, Bound, Problem
from midmix.mixer.optimize.search import THOROUGH, best_first, search, spread_starts

TOKENS = np.array([600, 300, 100])


def best_of(problem: Problem, seed: int = 1) -> np.ndarray:
    pool = problem.limits.nearest(dirichlet_pool(TOKENS, np.ones(3), 512, seed=0))
    judge = problem.judge()
    starts = spread_starts(pool, *judge(pool, np.arange(512)), THOROUGH.islands)
    return search(starts, problem.limits, judge, effort=THOROUGH, seed=seed).best_first().weights[0]


def test_an_inner_optimum_is_found(make_problem: Callable[..., Problem], bowl: type) -> None:
    np.testing.assert_allclose(best_of(make_problem([bowl((0.5, 0.3, 0.2))], [1.0])), [0.5, 0.3, 0.2], atol=5e-3)


def test_a_linear_loss_fills_the_caps_in_order(make_problem: Callable[..., Problem], linear: type) -> None:
    limits = make_limits("abc", np.array([0.5, 0.3, 1.0]))
    found = best_of(make_problem([linear((1.0, 2.0, 3.0))], [1.0], limits))
    np.testing.assert_allclose(found, [0.5, 0.3, 0.2], atol=2e-3)


def test_minima_and_groups_are_kept(make_problem: Callable[..., Problem], linear: type) -> None:
    """Domain a is best alone, but b must have 0.1 and brings its frozen companion c with it."""
    limits: Limits = make_limits("abc", np.ones(3), {"b": 0.1}, [{"b": 1, "c": 2}])
    found = best_of(make_problem([linear((1.0, 2.0, 3.0))], [1.0], limits))
    np.testing.assert_allclose(found, [0.7, 0.1, 0.2], atol=2e-3)
    assert limits.broken(found) < 1e-12


def test_a_bound_with_its_margin_is_kept_and_used_up(make_problem: Callable[..., Problem], linear: type) -> None:
    """Domain a lowers the target; the retained loss is w_a, which may reach 0.4 less 1.645 deviations of 0.05 |w|."""
    bound = Bound("keep", column=1, control=0.3, max_rise=0.1)
    laws = [linear((0.0, 1.0, 1e3)), linear((1.0, 0.0, 0.0), sd=0.05)]
    best = best_of(make_problem(laws, [1.0, 0.0], None, bound))
    share = best[0]
    np.testing.assert_allclose(share + ONE_SIDED_95 * 0.05 * np.hypot(share, 1 - share), 0.4, atol=2e-3)
    assert share + ONE_SIDED_95 * 0.05 * np.linalg.norm(best) <= 0.4 + 1e-6


def test_the_least_excess_wins_where_no_mixture_keeps_the_bound(
    make_problem: Callable[..., Problem], linear: type, bowl: type
) -> None:
    bound = Bound("keep", column=1, control=0.0, max_rise=-0.5)
    best = best_of(make_problem([linear((0.0, 1.0, 2.0)), bowl((0.1, 0.1, 0.8))], [1.0, 0.0], None, bound))
    np.testing.assert_allclose(best, [0.1, 0.1, 0.8], atol=1e-2)


def test_the_same_seed_gives_the_same_mixture(make_problem: Callable[..., Problem], bowl: type) -> None:
    problem = make_problem([bowl((0.5, 0.3, 0.2))], [1.0])
    assert (best_of(problem, seed=3) == best_of(problem, seed=3)).all()
    assert (best_of(problem, seed=3) != best_of(problem, seed=4)).any()


def test_mixtures_that_keep_the_bounds_come_before_better_ones_that_do_not() -> None:
    assert best_first(np.array([3.0, 1.0, 2.0, 0.0]), np.array([0.0, 0.2, 0.0, 0.1])).tolist() == [2, 0, 3, 1]


def test_starts_are_the_best_of_each_neighbourhood() -> None:
    candidates = np.array([[0.5, 0.5], [0.5001, 0.4999], [0.9, 0.1], [0.1, 0.9]])
    found = spread_starts(candidates, np.array([1.0, 1.1, 1.2, 1.3]), np.zeros(4), 3)
    np.testing.assert_array_equal(found, candidates[[0, 2, 3]])
