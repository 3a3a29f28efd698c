"""Which of two mixtures is better on a weighted mean of metrics, and whether the runs show it.

The difference of two expected losses has the mean and the standard deviation of the laws' joint posterior, calibrated on
mixtures left out, so that what two mixtures have in common drops out. `supported`: the better one is better with a
probability of 0.975 (its 95% interval is clear of 0); `weak`: of 0.8.

Errors of several metrics at one mixture go together, through the noise of one run and through what all laws lack. The
covariance of a weighted mean is sum_ab w_a w_b r_ab C_a^(1/2) C_b^(1/2), C the covariances of the metrics over mixtures
and r the correlation of their held-out errors: positive semi-definite, the sum of the variances where errors are
independent, and the square of the sum of standard deviations where they are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from midmix.mixer.evidence.claim import graded
from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64

SURE, LIKELY = 0.975, 0.8  # probability that the better of two is better, of supported, of weak
SURE_SDS = 1.959963984540054


@dataclass(frozen=True)
class Belief:
    """Expected losses [m] of m mixtures on one metric or mean of metrics, and their covariance [m, m]."""

    mean: F64
    covariance: F64

    def difference(self, left: int, right: int) -> tuple[float, float]:
        """Expected loss of `left` less that of `right`, and its standard deviation."""
        mean, sd = self.mean[left] - self.mean[right], self.difference_sd()[left, right]
        return float(mean), float(sd)

    def differences(self) -> F64:
        """Expected loss of each mixture less that of each other [m, m]."""
        differences: F64 = self.mean[:, None] - self.mean[None, :]
        return differences

    def difference_sd(self) -> F64:
        """Standard deviations [m, m] of the differences."""
        variance = np.diag(self.covariance)
        return np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * self.covariance, 0.0))


def believe(laws: Sequence[Fitted], combination: F64, correlation: F64, weights: F64) -> Belief:
    """What calibrated laws believe of `weights` [m, k]: `combination` [t] of the t metrics, whose errors correlate so [t, t]."""
    used = [int(metric) for metric in np.flatnonzero(combination)]
    parts = [laws[metric].predict_joint(weights) for metric in used]
    mean = np.sum([combination[metric] * part for metric, (part, _) in zip(used, parts, strict=True)], axis=0)
    if len(used) == 1:
        return Belief(mean, combination[used[0]] ** 2 * parts[0][1])
    roots = [combination[metric] * _root(covariance) for metric, (_, covariance) in zip(used, parts, strict=True)]
    covariance = np.zeros((len(weights), len(weights)))
    for a, left in enumerate(roots):
        across = sum(correlation[used[a], used[b]] * right for b, right in enumerate(roots))
        covariance += left @ across
    return Belief(mean, 0.5 * (covariance + covariance.T))


def sureness(difference: F64, sd: F64) -> F64:
    """Probability [...] that the sign of each difference is the true one; 0.5 where nothing is known."""
    ratio = np.divide(np.abs(difference), sd, out=np.where(difference == 0, 0.0, np.inf), where=sd > 0)
    probability: F64 = ndtr(ratio)
    return probability


def verdict_of(difference: float, sd: float) -> str:
    """Whether one difference is shown."""
    return graded(float(sureness(np.array(difference), np.array(sd))), SURE, LIKELY)


def _root(covariance: F64) -> F64:
    """The symmetric square root [m, m]."""
    values, vectors = np.linalg.eigh(covariance)
    root: F64 = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
