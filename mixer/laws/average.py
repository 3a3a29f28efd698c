"""The mean of several laws: errors of unlike laws cancel, and where they disagree the spread says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.law import Differentiable, Fitted, Law
from midmix.mixer.simplex import F64


@dataclass(frozen=True)
class FittedAverage:
    """The members' fits."""

    members: tuple[Fitted, ...]

    def predict(self, weights: F64) -> F64:
        """Mean of the members' predictions [m]."""
        mean: F64 = np.mean([member.predict(weights) for member in self.members], axis=0)
        return mean

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Mean [m], and the standard deviation [m] of the even mixture of the members' beliefs."""
        pairs = [member.predict_with_sd(weights) for member in self.members]
        means, sds = np.stack([mean for mean, _ in pairs]), np.stack([sd for _, sd in pairs])
        return means.mean(axis=0), np.sqrt((sds**2).mean(axis=0) + means.var(axis=0))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Mean [m] and the covariance [m, m] of the even mixture of the members' beliefs."""
        pairs = [member.predict_joint(weights) for member in self.members]
        means = np.stack([mean for mean, _ in pairs])
        apart = means - means.mean(axis=0)
        covariance: F64 = (np.sum([c for _, c in pairs], axis=0) + apart.T @ apart) / len(pairs)
        return means.mean(axis=0), covariance

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the mean by each weight. Raises TypeError where a member has none."""
        slopes = []
        for member in self.members:
            if not isinstance(member, Differentiable):
                raise TypeError(f"{type(member).__name__} has no gradient")
            slopes.append(member.gradient(weights))
        gradient: F64 = np.mean(slopes, axis=0)
        return gradient


@dataclass(frozen=True)
class Average:
    """The even mean of `members`, under a name of its own."""

    name: str
    members: tuple[Law, ...]

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedAverage:
        """Each member fitted alone; `start` may be an earlier fit of this law."""
        starts = start.members if isinstance(start, FittedAverage) else (None,) * len(self.members)
        fits = [law.fit(weights, losses, own=own, start=s) for law, s in zip(self.members, starts, strict=True)]
        return FittedAverage(tuple(fits))
