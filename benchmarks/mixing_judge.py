"""The judges of proposed mixtures: laws fitted on all 768 runs, which stand in for training the proposal.

The judge is the mean of two Gaussian processes, on logarithms and on square roots of weights, fitted on
the objective itself: that alone gives the natural mixture its 5.387 on Pile-CC and 4.7205 on the mean. The second judge
is the power law, metric by metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mixing_data import RegMix
from scipy.optimize import minimize

from midmix.mixer.laws import LAWS
from midmix.mixer.laws.average import FittedAverage
from midmix.mixer.laws.features import LOG, SQRT, Features
from midmix.mixer.laws.gaussian_process import PRIOR, FittedProcess, GaussianProcess
from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.process import fit_process, objective
from midmix.mixer.laws.trend import Constant
from midmix.mixer.simplex import F64

STEPS = 60  # of the search for hyper-parameters on all runs; the product's fit of so many runs stops after eight


def all_runs(data: RegMix) -> tuple[F64, F64]:
    """Weights [768, 17] and losses [768, 13]."""
    return np.vstack([data.train, data.test]), np.vstack([data.train_losses, data.test_losses])


def process_judge(data: RegMix, combination: F64) -> FittedAverage:
    """The Gaussian processes' judge of a combination [13] of losses."""
    weights, losses = all_runs(data)
    return FittedAverage(tuple(_converged(weights, losses @ combination, form) for form in (LOG, SQRT)))


def _converged(weights: F64, losses: F64, form: Features) -> FittedProcess:
    start = GaussianProcess(form).fit(weights, losses, own=None).process
    n, mean, spread = len(losses), float(losses.mean()), float(losses.std())
    target = objective(start.inputs, (losses - mean) / spread, np.zeros((n, n)), np.zeros(n), PRIOR)
    found = minimize(target, start.hyper, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return FittedProcess(fit_process(weights, losses, Constant(mean), form, PRIOR, hyper=found.x, steps=0))


def power_judge(data: RegMix) -> list[Fitted]:
    """The power law of each of the 13 losses."""
    weights, losses = all_runs(data)
    return [LAWS["power"].fit(weights, losses[:, metric], own=own) for metric, own in enumerate(data.own)]


@dataclass(frozen=True)
class Certain:
    """A law taken at its word: no deviation. It makes plug-in bounds, and lets a judge optimise for itself."""

    fitted: Fitted

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        return self.fitted.predict(weights)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and zeros [m]."""
        return self.fitted.predict(weights), np.zeros(len(weights))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and zeros [m, m]."""
        return self.fitted.predict(weights), np.zeros((len(weights), len(weights)))

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss."""
        gradient: F64 = self.fitted.gradient(weights)  # type: ignore[attr-defined]
        return gradient
