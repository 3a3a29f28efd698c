"""Do the mixtures explain the losses at all? A permutation test that knows every look it takes.

The statistic is the likelihood of the losses under a Gaussian process, the best over a fixed list of covariances: those
of power laws drawn from their prior, and linear and radial ones on two forms of the weights, each at several noises.
It is the best of the same list for every shuffling of the losses between runs, so the choice is paid for, and the test
is exact whatever the noise. Nothing is refitted: thousands of shuffles cost milliseconds. (Closed-form errors on
left-out mixtures, tried in its place, found half as much: mixtures near a corner outweigh all others there.)
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from midmix.mixer.simplex import F64, I64

SHUFFLES = 1999
NOISES = (0.01, 0.1, 0.5)  # variance of the noise against that of the smooth part
WIDTHS = (0.5, 1.0, 2.0)
PRIOR_DRAWS = 1500
GAIN_SDS = (1.0, 2.0)  # of log u in loss = (sum_j u_j w_j) ** -a
LOG_FLOOR = 5e-4


def shuffle_p_value(weights: F64, losses: F64, seed: int = 0) -> float:
    """Share of shuffles that weights [n, k] explain as well as the measured losses [n]; 1/2000 at least."""
    if np.ptp(losses) == 0:
        return 1.0
    rng = np.random.default_rng(seed)
    standard = (losses - losses.mean()) / losses.std()
    shuffled = np.stack([rng.permutation(standard) for _ in range(SHUFFLES)], axis=1)
    columns = np.column_stack([standard, shuffled])
    likelihood = np.max([_log_likelihood(kernel, columns) for kernel in _kernels(weights)], axis=0)
    as_good = int((likelihood[1:] >= likelihood[0] - 1e-9).sum())
    return (1 + as_good) / (1 + SHUFFLES)


def heldout_r2(losses: F64, predicted: F64, groups: I64) -> float:
    """1 - squared error of held-out predictions / that of the mean of the other mixtures' runs. 1 is perfect, 0 none."""
    baseline = np.array([losses[groups != group].mean() for group in groups])
    total = float(((losses - baseline) ** 2).sum())
    return 1.0 - float(((losses - predicted) ** 2).sum()) / total if total > 0 else 0.0


def _kernels(weights: F64) -> list[F64]:
    """Covariances [n, n] of losses, noise included, with a wide constant that stands for the unknown mean."""
    n = len(weights)
    shapes = _power_law_kernels(weights)
    for features in (np.sqrt(np.maximum(weights, 0)), np.log(np.maximum(weights, 0) + LOG_FLOOR)):
        sd = features.std(axis=0)
        x = (features - features.mean(axis=0)) / np.where(sd > 1e-9, sd, 1.0)
        linear = x @ x.T / x.shape[1]
        squared = np.maximum(np.diag(linear)[:, None] + np.diag(linear)[None, :] - 2 * linear, 0.0)
        shapes += [linear, *(np.exp(-0.5 * squared / width**2) for width in WIDTHS)]
    return [shape + noise * np.eye(n) + 100.0 for shape in shapes for noise in NOISES]


def _power_law_kernels(weights: F64) -> list[F64]:
    """Covariances [n, n] of power laws with random gains and exponents, each scaled to variance 1 over the runs."""
    rng = np.random.default_rng(0)
    kernels = []
    for gain_sd in GAIN_SDS:
        gains = np.exp(gain_sd * rng.standard_normal((PRIOR_DRAWS, weights.shape[1])))
        exponents = 0.4 * np.exp(0.5 * rng.standard_normal(PRIOR_DRAWS))
        draws = np.maximum(weights @ gains.T, 1e-9) ** -exponents
        sd = draws.std(axis=0)
        draws = (draws - draws.mean(axis=0)) / np.where(sd > 1e-12, sd, 1.0)
        kernels.append(draws @ draws.T / PRIOR_DRAWS)
    return kernels


def _log_likelihood(covariance: F64, columns: F64) -> F64:
    """Log density of each column of losses [n, p] up to a constant, at the scale of the covariance that suits it best."""
    factor = cho_factor(covariance, lower=True)
    quadratic = (columns * (cho_solve(factor, np.eye(len(covariance))) @ columns)).sum(axis=0)
    log_likelihood: F64 = -0.5 * len(covariance) * np.log(quadratic) - np.log(np.diag(factor[0])).sum()
    return log_likelihood
