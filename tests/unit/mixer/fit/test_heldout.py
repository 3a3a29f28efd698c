"""Left-out mixtures, the choice of law, and the rows of LAWS."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.fit.heldout import choose, fit_metric, folds, rank_correlation
from midmix.mixer.fit.laws_table import fit_laws
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.laws import MENU

RNG = np.random.default_rng(3)
WEIGHTS = RNG.dirichlet(np.ones(3), 10)[[*range(10), 0, 0, 1]]
LOSSES = 1.0 + (WEIGHTS @ np.array([2.0, 0.5, 0.1])) ** -0.3 + 0.001 * RNG.standard_normal(13)
GROUPS = np.array([*range(10), 0, 0, 1])


def swarm_of(weights: np.ndarray, losses: np.ndarray) -> Swarm:
    runs = tuple(range(len(weights)))
    return Swarm(("a", "b", "c"), ("set:x",), runs, weights, losses[:, None], (False,) * len(runs), {})


def test_a_mixture_is_left_out_with_all_its_seeds() -> None:
    left_out = folds(GROUPS)
    assert [f.tolist() for f in left_out[:3]] == [[0, 10, 11], [1, 12], [2]]
    assert sorted(np.concatenate(left_out).tolist()) == list(range(13))


def test_many_mixtures_are_left_out_in_eight_folds() -> None:
    groups = np.repeat(np.arange(30), 2)
    left_out = folds(groups)
    assert len(left_out) == 8
    assert sorted(np.concatenate(left_out).tolist()) == list(range(60))
    assert all(len(np.intersect1d(groups[a], groups[b])) == 0 for i, a in enumerate(left_out) for b in left_out[:i])


def test_a_held_out_prediction_does_not_see_the_mixture() -> None:
    moved = LOSSES.copy()
    moved[GROUPS == 0] += 0.01  # its own seeds must not move its prediction; the fits' starting points hardly may
    before, after = (fit_metric(WEIGHTS, y, GROUPS, None).heldout["ridge_sqrt"].predicted for y in (LOSSES, moved))
    np.testing.assert_array_equal(before[GROUPS == 0], after[GROUPS == 0])
    assert (before[GROUPS == 1] != after[GROUPS == 1]).all()


SPREAD = np.linspace(0.9, 1.1, 20)


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ({"first": 1.0 * SPREAD, "second": 0.85 * SPREAD}, "first"),
        ({"first": 1.0 * SPREAD, "second": 0.75 * SPREAD}, "second"),
        ({"first": 1.0 * SPREAD, "second": 0.75 * SPREAD, "third": 0.70 * SPREAD}, "second"),
        ({"first": 1.0 * SPREAD, "second": np.r_[np.zeros(5), 1.0 * SPREAD[5:]]}, "first"),  # better on few runs alone
        ({"first": np.zeros(20), "second": np.zeros(20)}, "first"),
    ],
)
def test_a_later_law_is_chosen_only_where_it_is_clearly_better(errors: dict[str, np.ndarray], chosen: str) -> None:
    assert choose(errors) == chosen


def test_rank_correlation_of_a_constant_is_unknown() -> None:
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 4.0])) == pytest.approx(0.5)
    assert rank_correlation(np.ones(3), np.arange(3.0)) is None


def test_laws_has_a_row_per_metric_and_law_and_one_is_chosen() -> None:
    rows, predictions = fit_laws(swarm_of(WEIGHTS, LOSSES))
    assert [row["law"] for row in rows] == sorted(MENU)
    assert [row["chosen"] for row in rows].count(True) == 1
    by_law = {row["law"]: row for row in rows}
    assert by_law["power"]["heldout_mae"] < by_law["ridge_sqrt"]["heldout_mae"]
    assert by_law["power"]["heldout_spearman"] > 0.9
    assert 0 < rows[0]["noise_sd"] < 0.003
    assert {row["num_runs"] for row in rows} == {13}
    power = [p for p in predictions if p["law"] == "power"]
    assert len(predictions) == 13 * len(MENU) and len(power) == 13
    errors = [abs(p["measured"] - p["predicted"]) for p in power]
    assert sum(errors) / 13 == pytest.approx(by_law["power"]["heldout_mae"])


def test_three_mixtures_make_no_law() -> None:
    keep = np.isin(GROUPS, [0, 1, 2])
    assert fit_laws(swarm_of(WEIGHTS[keep], LOSSES[keep])) == ([], [])
