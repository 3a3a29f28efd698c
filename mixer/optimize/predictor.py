"""What the calibrated laws say of mixtures: levels, differences between mixtures, and draws of both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from midmix.mixer.laws.law import Differentiable, Fitted
from midmix.mixer.optimize.repetition import Repetition
from midmix.mixer.optimize.smooth import Sloped
from midmix.mixer.simplex import F64

CHUNK = 64  # mixtures per joint covariance: only its first row is of use


class Believed(Fitted, Differentiable, Protocol):
    """A fitted law whose deviations are believed, and which knows its slope."""


@dataclass(frozen=True)
class Predictor:
    """The calibrated laws of t metrics, and the correlation [t, t] of their errors, as left-out mixtures showed it.

    With `repetition`, the laws are of fresh equivalents, and mixtures are asked about as shares of that training.
    """

    fits: tuple[Believed, ...]
    correlation: F64
    repetition: Repetition | None = None

    def mean(self, weights: F64) -> F64:
        """Expected losses [m, t] at `weights` [m, k]."""
        fresh = self._fresh(weights)
        return np.column_stack([fitted.predict(fresh) for fitted in self.fits])

    def objective(self, weights: F64, combination: F64) -> F64:
        """Expected `combination` [t] of the losses [m]; metrics of weight 0 are not predicted."""
        fresh = self._fresh(weights)
        parts = [part * self.fits[d].predict(fresh) for d, part in enumerate(combination) if part]
        total: F64 = np.sum(parts, axis=0) if parts else np.zeros(len(weights))
        return total

    def level(self, weights: F64, column: int) -> tuple[F64, F64]:
        """Expected loss [m] of one metric, and its standard deviation [m]."""
        return self.fits[column].predict_with_sd(self._fresh(weights))

    def difference(self, weights: F64, reference: F64, combination: F64) -> tuple[F64, F64]:
        """Expected loss of `weights` [m, k] less that of `reference` [k] [m], combined over metrics, and its deviation [m]."""
        return self.over_control(weights, self._fresh(reference), combination)

    def over_control(self, weights: F64, control: F64, combination: F64) -> tuple[F64, F64]:
        """The same against a control [k] given as the laws see it: whatever it takes, it repeats nothing."""
        fresh = self._fresh(weights)
        mean, deviations, parts = np.zeros(len(weights)), [], []
        for d, part in enumerate(combination):
            if part:
                gap, sd = _difference(self.fits[d], fresh, control)
                mean = mean + part * gap
                deviations.append(part * sd)
                parts.append(d)
        if not parts:
            return mean, np.zeros(len(weights))
        spread = np.stack(deviations)
        variance = np.einsum("dm,de,em->m", spread, self.correlation[np.ix_(parts, parts)], spread)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def draws(self, weights: F64, combination: F64, number: int, seed: int) -> F64:
        """Joint draws [number, m] of the combined loss of `weights` [m, k] from the posterior of the laws."""
        rng, fresh = np.random.default_rng(seed), self._fresh(weights)
        parts = np.flatnonzero(combination)
        mixing = _root(self.correlation[np.ix_(parts, parts)])
        normal = np.einsum("de,enm->dnm", mixing, rng.standard_normal((len(parts), number, len(weights))))
        total = np.zeros((number, len(weights)))
        for place, d in enumerate(parts):
            mean, covariance = self.fits[d].predict_joint(fresh)
            total += combination[d] * (mean + normal[place] @ _root(covariance).T)
        return total

    def sloped(self, law: Sloped) -> Sloped:
        """A law of fresh equivalents as a law of shares of this training."""
        return law if self.repetition is None else Repeated(law, self.repetition)

    def _fresh(self, weights: F64) -> F64:
        return weights if self.repetition is None else self.repetition.fresh(weights)


@dataclass(frozen=True)
class Repeated:
    """A law of fresh equivalents, asked about shares of a training that repeats."""

    law: Sloped
    repetition: Repetition

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        return self.law.predict(self.repetition.fresh(weights))

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss by each weight."""
        gradient: F64 = self.law.gradient(self.repetition.fresh(weights)) * self.repetition.slope(weights)
        return gradient


def _difference(fitted: Fitted, weights: F64, reference: F64) -> tuple[F64, F64]:
    """Expected loss of `weights` [m, k] less that of `reference` [k] [m], and its standard deviation [m]."""
    gaps, deviations = [], []
    for begin in range(0, max(len(weights), 1), CHUNK):
        mean, covariance = fitted.predict_joint(np.vstack([reference[None], weights[begin : begin + CHUNK]]))
        variance = covariance[0, 0] + np.diag(covariance)[1:] - 2 * covariance[0, 1:]
        gaps.append(mean[1:] - mean[0])
        deviations.append(np.sqrt(np.maximum(variance, 0.0)))
    return np.concatenate(gaps), np.concatenate(deviations)


def _root(covariance: F64) -> F64:
    """A square root [m, m] of a covariance that may be singular: symmetric, so that like draws of two metrics match."""
    values, vectors = np.linalg.eigh(covariance)
    root: F64 = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
