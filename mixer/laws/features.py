"""The two forms in which processes see weights: logarithms tell small shares apart, square roots large ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.simplex import F64

FLOOR = 5e-4  # published swarms store smaller weights as 0
STEEPEST = 1e-6  # weight under which the slope of the square root is held


@dataclass(frozen=True)
class Features:
    """One form. `name` is "log" or "sqrt"."""

    name: str

    def of(self, weights: F64) -> F64:
        """Features [m, k] of weights [m, k]."""
        positive = np.maximum(weights, 0.0)
        features: F64 = np.log(positive + FLOOR) if self.name == "log" else np.sqrt(positive)
        return features

    def slope(self, weights: F64) -> F64:
        """Derivative [m, k] of each feature by its weight; that of the square root is held below a weight of 1e-6."""
        if self.name == "log":
            return 1.0 / (np.maximum(weights, 0.0) + FLOOR)
        return 0.5 / np.sqrt(np.maximum(weights, STEEPEST))


LOG, SQRT = Features("log"), Features("sqrt")


@dataclass(frozen=True)
class Scaling:
    """Features standardised by the columns of the runs."""

    features: Features
    centre: F64
    scale: F64

    @classmethod
    def of(cls, features: Features, weights: F64) -> Scaling:
        """The scaling by the runs' weights [n, k]; a column that hardly varies keeps a thousandth of the widest."""
        values = features.of(weights)
        sd = values.std(axis=0)
        return cls(features, values.mean(axis=0), np.maximum(sd, 1e-3 * max(float(sd.max()), 1e-9)))

    def inputs(self, weights: F64) -> F64:
        """Standardised features [m, k]."""
        return (self.features.of(weights) - self.centre) / self.scale

    def slope(self, weights: F64) -> F64:
        """Derivative [m, k] of each input by its weight."""
        return self.features.slope(weights) / self.scale
