"""A Gaussian process on a trend: fitted by its marginal likelihood, with a joint posterior and a gradient.

Covariance of two noise-free values, in units of the values' variance:
b(w) . V b(v) + s1 x'z / k + s2 exp(-1/2 sum_j (x_j - z_j)^2 / (k l_j^2)), x and z the standardised features of w and v,
b the basis of the trend. Hyper-parameters are logarithms (s1, s2, noise, l_1^2 ... l_k^2) with independent normal priors;
maximum a posteriori by L-BFGS with the analytic gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, solve_triangular
from scipy.optimize import minimize

from midmix.mixer.laws.features import Features, Scaling
from midmix.mixer.laws.trend import Trend
from midmix.mixer.simplex import F64

JITTER, RELATIVE_JITTER = 1e-8, 1e-10
LINEAR, RADIAL, NOISE, UNEVEN, LENGTHS = 0, 1, 2, 3, 4  # places in the hyper-parameters; one length per domain
BOUNDS = ((-14.0, 6.0), (-10.0, 6.0), (-14.0, 4.0), (-14.0, 4.0))
LENGTH_BOUND = (-5.0, 7.0)
MANY_RUNS = 192  # beyond, hyper-parameters are sought on that many runs and then polished on all


@dataclass(frozen=True)
class Prior:
    """Normal priors (mean, sd) of the logarithms of s1, s2 and the two noises; log l_j^2 ~ N(0, 1.5^2). None: no such part."""

    linear: tuple[float, float] | None
    radial: tuple[float, float]
    noise: tuple[float, float]
    uneven: tuple[float, float] | None = None

    def centre(self, k: int) -> F64:
        """Prior means [4 + k]."""
        linear = BOUNDS[LINEAR][0] if self.linear is None else self.linear[0]
        uneven = BOUNDS[UNEVEN][0] if self.uneven is None else self.uneven[0]
        centre: F64 = np.r_[linear, self.radial[0], self.noise[0], uneven, np.zeros(k)]
        return centre

    def sd(self, k: int) -> F64:
        """Prior standard deviations [4 + k]."""
        linear = 1.0 if self.linear is None else self.linear[1]
        uneven = 1.0 if self.uneven is None else self.uneven[1]
        sd: F64 = np.r_[linear, self.radial[1], self.noise[1], uneven, np.full(k, 1.5)]
        return sd


@dataclass(frozen=True)
class Process:
    """The posterior. `variance` scales covariances to the unit of the values."""

    trend: Trend
    scaling: Scaling
    hyper: F64
    variance: float
    inputs: F64
    basis: F64
    cholesky: F64
    alpha: F64

    @property
    def noise(self) -> float:
        """Variance of the noise of single runs."""
        return float(self.variance * np.exp(self.hyper[NOISE]))

    @property
    def uneven_noise(self) -> float:
        """Factor of the profile in the variance of the noise."""
        return float(self.variance * np.exp(self.hyper[UNEVEN]))

    def predict(self, weights: F64) -> F64:
        """Expected values [m]."""
        cross, _ = self._cross(weights)
        mean: F64 = self.trend.mean(weights) + cross @ self.alpha
        return mean

    def predict_with_variance(self, weights: F64) -> tuple[F64, F64]:
        """Expected values [m] and the variance [m] of the noise-free ones."""
        cross, basis = self._cross(weights)
        x = self.scaling.inputs(weights)
        prior = np.einsum("ij,jk,ik->i", basis, self.trend.covariance, basis)
        prior = prior + self.variance * (np.exp(self.hyper[LINEAR]) * (x**2).mean(axis=1) + np.exp(self.hyper[RADIAL]))
        solved = solve_triangular(self.cholesky, cross.T, lower=True, check_finite=False)
        variance = np.maximum(prior - (solved**2).sum(axis=0), 1e-10 * self.variance)
        return self.trend.mean(weights) + cross @ self.alpha, variance

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected values [m] and the covariance [m, m] of the noise-free ones."""
        cross, basis = self._cross(weights)
        x = self.scaling.inputs(weights)
        prior = basis @ self.trend.covariance @ basis.T + self.variance * kernel(self.hyper, x, x)
        solved = solve_triangular(self.cholesky, cross.T, lower=True, check_finite=False)
        return self.trend.mean(weights) + cross @ self.alpha, prior - solved.T @ solved

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected value by each weight, weights taken as free."""
        x = self.scaling.inputs(weights)
        k = x.shape[1]
        radial = self.variance * np.exp(self.hyper[RADIAL]) * _radial(self.hyper, x, self.inputs) * self.alpha
        by_input = radial @ self.inputs - radial.sum(axis=1, keepdims=True) * x
        slope = by_input * np.exp(-self.hyper[LENGTHS:]) / k
        slope = slope + self.variance * np.exp(self.hyper[LINEAR]) * (self.alpha @ self.inputs) / k
        coefficients = self.trend.covariance @ (self.basis.T @ self.alpha)
        gradient: F64 = slope * self.scaling.slope(weights) + self.trend.gradient(weights, coefficients)
        return gradient

    def _cross(self, weights: F64) -> tuple[F64, F64]:
        """Covariances [m, n] with the runs, and the basis [m, p]."""
        basis = self.trend.basis(weights)
        cross = self.variance * kernel(self.hyper, self.scaling.inputs(weights), self.inputs)
        return cross + basis @ self.trend.covariance @ self.basis.T, basis


def _radial(hyper: F64, left: F64, right: F64) -> F64:
    inverse_lengths = np.exp(-0.5 * hyper[LENGTHS:]) / np.sqrt(left.shape[1])
    a, b = left * inverse_lengths, right * inverse_lengths
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    radial: F64 = np.exp(-0.5 * np.maximum(squared, 0.0))
    return radial


def kernel(hyper: F64, left: F64, right: F64) -> F64:
    """Covariances [n, m] of the linear and the radial part, in units of the variance."""
    linear = np.exp(hyper[LINEAR]) * (left @ right.T) / left.shape[1]
    combined: F64 = linear + np.exp(hyper[RADIAL]) * _radial(hyper, left, right)
    return combined


def fit_process(
    weights: F64,
    values: F64,
    trend: Trend,
    features: Features,
    prior: Prior,
    *,
    hyper: F64 | None = None,
    steps: int = 60,
    profile: F64 | None = None,
) -> Process:
    """The process on values [n]; `steps` of the search begin at `hyper`, at the prior's mean without it.

    `profile` [n] is the variance of the uneven noise of each run, up to the factor that is learnt.
    """
    scaling = Scaling.of(features, weights)
    inputs, basis, residuals = scaling.inputs(weights), trend.basis(weights), values - trend.mean(weights)
    variance = max(float(values.var()), 1e-12)
    n, k = inputs.shape
    hyper = prior.centre(k) if hyper is None else hyper
    profile = np.zeros(n) if profile is None else profile
    known = basis @ trend.covariance @ basis.T / variance
    if steps and len(values) > MANY_RUNS:
        part = np.random.default_rng(0).choice(len(values), MANY_RUNS, replace=False)
        sample = objective(
            inputs[part], residuals[part] / np.sqrt(variance), known[np.ix_(part, part)], profile[part], prior
        )
        hyper, steps = _search(sample, hyper, steps), 8
    if steps:
        hyper = _search(objective(inputs, residuals / np.sqrt(variance), known, profile, prior), hyper, steps)
    noise = np.exp(hyper[NOISE]) + np.exp(hyper[UNEVEN]) * profile + _jitter(known)
    covariance = variance * (known + kernel(hyper, inputs, inputs) + np.diag(noise))
    cholesky: F64 = np.linalg.cholesky(covariance).astype(np.float64)
    alpha = lapack.dpotrs(cholesky, residuals, lower=1)[0]
    return Process(trend, scaling, hyper, variance, inputs, basis, cholesky, alpha)


def _search(target: Callable[[F64], tuple[float, F64]], hyper: F64, steps: int) -> F64:
    bounds = [*BOUNDS, *[LENGTH_BOUND] * (len(hyper) - LENGTHS)]
    found = minimize(target, hyper, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    return np.asarray(found.x, dtype=np.float64)


def _jitter(known: F64) -> float:
    """Variance that keeps factors of repeated mixtures positive, whatever the size of the known part."""
    return JITTER + RELATIVE_JITTER * float(np.diag(known).mean())


def objective(
    inputs: F64, residuals: F64, known: F64, profile: F64, prior: Prior
) -> Callable[[F64], tuple[float, F64]]:
    """The negative log posterior of the hyper-parameters and its gradient; only lower triangles are worked on."""
    n, k = inputs.shape
    row, column = np.tril_indices(n, -1)
    pairs, known = row * n + column, np.ascontiguousarray(known)
    squared = np.ascontiguousarray(((inputs[row] - inputs[column]) ** 2 / k).T)
    linear = np.ascontiguousarray(inputs @ inputs.T) / k
    linear_pairs, linear_own = linear.ravel()[pairs], linear.diagonal()
    centre, sd = prior.centre(k), prior.sd(k)
    linear_used, uneven_used = prior.linear is not None, prior.uneven is not None
    jitter = _jitter(known)

    def evaluate(hyper: F64) -> tuple[float, F64]:
        inverse = np.exp(-hyper[LENGTHS:])
        slope, height, noise, uneven = np.exp(hyper[:LENGTHS])
        radial = height * np.exp(-0.5 * (inverse @ squared))
        covariance = known + slope * linear if linear_used else known.copy()
        covariance.ravel()[pairs] += radial
        covariance.ravel()[:: n + 1] += height + noise + uneven * profile + jitter
        factor, failed = lapack.dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros_like(hyper)
        alpha = lapack.dpotrs(factor, residuals, lower=1)[0]
        inner = lapack.dpotri(factor, lower=1)[0]
        apart = inner[row, column] - alpha[row] * alpha[column]
        own = inner.diagonal() - alpha**2
        pull = (hyper - centre) / sd
        value = 0.5 * residuals @ alpha + np.log(factor.diagonal()).sum() + 0.5 * pull @ pull
        gradient = np.zeros_like(hyper)
        if linear_used:
            gradient[LINEAR] = 0.5 * slope * (2 * (apart @ linear_pairs) + own @ linear_own)
        if uneven_used:
            gradient[UNEVEN] = 0.5 * uneven * (own @ profile)
        weighted, trace = apart * radial, own.sum()
        gradient[RADIAL] = weighted.sum() + 0.5 * height * trace
        gradient[NOISE] = 0.5 * noise * trace
        gradient[LENGTHS:] = 0.5 * inverse * (squared @ weighted)
        return float(value), gradient + pull / sd

    return evaluate
