"""Ridge and average against their definitions, and what all laws must bear."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from midmix.errors import ConfigError
from midmix.mixer.laws import DEFAULT, LAWS, MENU, fit_all
from midmix.mixer.laws.average import FittedAverage
from midmix.mixer.laws.law import Differentiable
from midmix.mixer.laws.lightgbm import LightGBM
from midmix.mixer.laws.linear import Linear
from midmix.mixer.laws.ridge_sqrt import PENALTIES, RidgeSqrt


def swarm(num_runs: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(k, 0.8), num_runs)
    return weights, 1.0 + (weights @ np.geomspace(3.0, 0.1, k)) ** -0.3


def test_ridge_is_the_least_squares_of_the_best_penalty_by_true_leave_one_out() -> None:
    weights, losses = swarm(12, 3)
    x = np.sqrt(weights)

    def solve(keep: np.ndarray, penalty: float, at: np.ndarray) -> np.ndarray:
        centred = x[keep] - x[keep].mean(axis=0)
        inner = centred.T @ centred + penalty * np.eye(3)
        slope = np.linalg.solve(inner, centred.T @ (losses[keep] - losses[keep].mean()))
        return losses[keep].mean() + (at - x[keep].mean(axis=0)) @ slope

    everyone = np.arange(12)
    errors = []
    for penalty in PENALTIES:
        inner = x - x.mean(axis=0)
        hat = inner @ np.linalg.solve(inner.T @ inner + penalty * np.eye(3), inner.T) + 1 / 12
        residual = losses - solve(everyone, penalty, x)
        errors.append(np.mean((residual / np.maximum(1 - np.diag(hat), 0.05)) ** 2))
    unseen = swarm(4, 3, seed=1)[0]
    expected = solve(everyone, float(PENALTIES[np.argmin(errors)]), np.sqrt(unseen))
    fitted = RidgeSqrt().fit(weights, losses, own=None)
    np.testing.assert_allclose(fitted.predict(unseen), expected, atol=1e-12)
    np.testing.assert_allclose(fitted.predict_with_sd(unseen)[0], expected, atol=1e-12)


def test_an_average_predicts_the_mean_and_its_spread_holds_the_disagreement() -> None:
    weights, losses = swarm(14, 4)
    fits = fit_all(weights, losses, own=1)
    average = fits["power+gaussian_process"]
    assert isinstance(average, FittedAverage)
    unseen = swarm(6, 4, seed=1)[0]
    (a, sd_a), (b, sd_b) = (fits[name].predict_with_sd(unseen) for name in ("power", "gaussian_process"))
    mean, sd = average.predict_with_sd(unseen)
    np.testing.assert_allclose(mean, (a + b) / 2)
    np.testing.assert_allclose(sd**2, (sd_a**2 + sd_b**2) / 2 + ((a - b) / 2) ** 2)
    alone = LAWS["power+gaussian_process"].fit(weights, losses, own=1)
    np.testing.assert_array_equal(alone.predict(unseen), mean)


@pytest.mark.parametrize("name", list(LAWS))
@pytest.mark.parametrize(("num_runs", "k"), [(8, 2), (8, 5), (5, 6), (30, 3)])
def test_every_law_fits_few_runs_of_few_domains_and_repeats_itself(name: str, num_runs: int, k: int) -> None:
    weights, losses = swarm(num_runs, k)
    weights[0] = np.eye(k)[0]
    with threadpool_limits(1):
        first, second = (LAWS[name].fit(weights, losses, own=None) for _ in range(2))
        again = LAWS[name].fit(weights, losses + 0.001, own=None, start=first)
    at = np.vstack([weights, np.eye(k)])
    mean, sd = first.predict_with_sd(at)
    assert np.isfinite(mean).all() and np.isfinite(sd).all() and (sd >= 0).all()
    np.testing.assert_array_equal(mean, second.predict_with_sd(at)[0])
    np.testing.assert_allclose(again.predict(weights), first.predict(weights), atol=0.05)
    assert mean.min() > losses.min() - 2 * np.ptp(losses) and mean.max() < losses.max() + 2 * np.ptp(losses)


def test_linear_is_ordinary_least_squares() -> None:
    weights, losses = swarm(20, 3)
    unseen = swarm(5, 3, seed=1)[0]
    expected = unseen @ np.linalg.lstsq(weights, losses, rcond=None)[0]
    np.testing.assert_allclose(Linear().fit(weights, losses, own=None).predict(unseen), expected, atol=1e-9)


def test_trees_say_one_thing_of_all_mixtures_where_runs_are_few() -> None:
    weights, losses = swarm(30, 3)
    fitted = LightGBM().fit(weights, losses, own=None)
    np.testing.assert_allclose(fitted.predict(weights), losses.mean())
    more, their_losses = swarm(200, 3)
    assert np.corrcoef(LightGBM().fit(more, their_losses, own=None).predict(more), their_losses)[0, 1] > 0.95


def test_trees_name_the_package_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigError, match=r"pip install 'midmix\[laws\]'"):
        LightGBM().fit(*swarm(5, 3), own=None)


def test_the_default_stands_first_and_trees_are_not_tried_unasked() -> None:
    assert next(iter(LAWS)) == MENU[0] == DEFAULT == "log_excess"
    assert set(LAWS) - set(MENU) == {"lightgbm"}


@pytest.mark.parametrize("name", [name for name in MENU if name != "log_excess"])
def test_every_gradient_is_the_derivative(name: str) -> None:
    weights, losses = swarm(25, 3)
    fitted = LAWS[name].fit(weights, losses, own=None)
    assert isinstance(fitted, Differentiable)
    at, step = np.random.default_rng(2).dirichlet(np.full(3, 5.0), 4), 1e-6
    numeric = [(fitted.predict(at + step * e) - fitted.predict(at - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(fitted.gradient(at), np.stack(numeric, axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MENU)
def test_the_joint_posterior_has_the_deviations_on_its_diagonal(name: str) -> None:
    weights, losses = swarm(25, 3)
    fitted = LAWS[name].fit(weights, losses, own=None)
    at = np.random.default_rng(2).dirichlet(np.full(3, 5.0), 6)
    mean, sd = fitted.predict_with_sd(at)
    joint_mean, covariance = fitted.predict_joint(at)
    np.testing.assert_allclose(joint_mean, mean)
    np.testing.assert_allclose(np.diag(covariance), sd**2, rtol=1e-4, atol=1e-12)
