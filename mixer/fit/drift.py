"""What a law of small runs mapped to a larger scale does not know of that scale: its line, and what no line can say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.fit.calibration import Calibrated
from midmix.mixer.fit.swarm import Line
from midmix.mixer.simplex import F64, hellinger

WIDTH = (
    0.8  # Hellinger distance over which one mixture's residual says something of another's: that of two typical ones
)
RUN_NOISE = 0.3  # of the residual's variance, what one large run leaves open at its own mixture


@dataclass(frozen=True)
class Drift:
    """Covariance of a calibration's error: level and slope of its line, and a smooth residual that anchors [a, k] pin down."""

    line: Line
    anchors: F64

    def covariance(self, weights: F64, mean: F64) -> F64:
        """Covariance [m, m] of the error at `weights` [m, k], where the law expects `mean` [m]."""
        tilt, to_anchors, pull = self._parts(weights, mean)
        covariance: F64 = (
            self.line.level_sd**2
            + np.outer(tilt, tilt)
            + self.line.residual**2 * (_smooth(weights, weights) - to_anchors @ pull)
        )
        return covariance

    def variance(self, weights: F64, mean: F64) -> F64:
        """The diagonal [m] of `covariance`."""
        tilt, to_anchors, pull = self._parts(weights, mean)
        left = np.maximum(1.0 - np.einsum("ma,am->m", to_anchors, pull), 0.0)
        variance: F64 = self.line.level_sd**2 + tilt**2 + self.line.residual**2 * left
        return variance

    def _parts(self, weights: F64, mean: F64) -> tuple[F64, F64, F64]:
        """Error by the slope's [m], nearness to the anchors [m, a], and that through the anchors' own [a, m]."""
        tilt = (mean - self.line.level) * min(self.line.slope_sd / max(abs(self.line.slope), 1e-12), 1.0)
        to_anchors = _smooth(weights, self.anchors)
        known = _smooth(self.anchors, self.anchors) + RUN_NOISE * np.eye(len(self.anchors))
        pull: F64 = np.linalg.solve(known, to_anchors.T).astype(np.float64)
        return tilt, to_anchors, pull


def _smooth(left: F64, right: F64) -> F64:
    kernel: F64 = np.exp(-0.5 * (hellinger(left, right) / WIDTH) ** 2)
    return kernel


@dataclass(frozen=True)
class Drifting(Calibrated):
    """A calibrated law whose deviations at the larger scale include the drift."""

    drift: Drift

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        mean, sd = super().predict_with_sd(weights)
        return mean, np.sqrt(sd**2 + self.drift.variance(weights, mean))

    def predict_outcome(self, weights: F64) -> tuple[F64, F64]:
        mean, sd = super().predict_outcome(weights)
        return mean, np.sqrt(sd**2 + self.drift.variance(weights, mean))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        mean, covariance = super().predict_joint(weights)
        return mean, covariance + self.drift.covariance(weights, mean)


def with_drift(calibrated: Calibrated, line: Line, anchors: F64) -> Calibrated:
    """The same law, at the larger scale that `line` leads to and `anchors` [a, k] were run at."""
    return Drifting(**vars(calibrated), drift=Drift(line, anchors))
