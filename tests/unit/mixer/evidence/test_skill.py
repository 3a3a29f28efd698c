"""The permutation test: right size under the null, power under a law, and held-out R2 by its definition."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.evidence import skill
from midmix.mixer.evidence.skill import heldout_r2, shuffle_p_value


def weights_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(5), 14)


def test_noise_is_found_significant_as_often_as_the_level_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill, "SHUFFLES", 199)
    p_values = np.array(
        [shuffle_p_value(weights_of(s), np.random.default_rng(1000 + s).standard_normal(14), seed=s) for s in range(80)]
    )
    assert (p_values <= 0.05).mean() <= 0.125  # 4 expected of 80; 10 or fewer in 99.5% of tries
    assert 0.38 < p_values.mean() < 0.62


def test_a_law_under_noise_is_found() -> None:
    found = []
    for s in range(10):
        weights = weights_of(s)
        losses = (weights @ np.array([3.0, 1.0, 0.5, 0.2, 0.1])) ** -0.3
        noise = 0.2 * losses.std() * np.random.default_rng(s).standard_normal(14)
        found.append(shuffle_p_value(weights, losses + noise))
    assert sum(p <= 0.005 for p in found) >= 9


def test_losses_that_do_not_vary_show_nothing() -> None:
    assert shuffle_p_value(weights_of(0), np.full(14, 2.0)) == 1.0


def test_heldout_r2_compares_with_the_mean_of_the_other_mixtures() -> None:
    losses, groups = np.array([0.0, 0.0, 3.0, 6.0]), np.array([0, 0, 1, 2])
    # Means of the others: 4.5, 4.5, 2, 1; squared errors 20.25 + 20.25 + 1 + 25 = 66.5.
    assert heldout_r2(losses, losses + 1.0, groups) == pytest.approx(1 - 4 / 66.5)
    assert heldout_r2(losses, np.array([4.5, 4.5, 2.0, 1.0]), groups) == pytest.approx(0.0)
