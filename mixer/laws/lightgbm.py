"""RegMix's gradient-boosted trees: 1000 rounds at rate 0.01, seed 42, all else LightGBM's defaults.

With its 20 runs per leaf it predicts a constant below some 40 runs, so it is no choice for few runs. Source: sail-sg/regmix
`regression_fitting/`, without early stopping on the test set. It has no deviation of its own but the errors that it left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from midmix.errors import ConfigError
from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64

ROUNDS = 1000
PARAMETERS = {
    "objective": "regression", "learning_rate": 0.01, "seed": 42, "verbosity": -1,
    "num_threads": 1, "deterministic": True, "force_row_wise": True,
}  # fmt: skip


@dataclass(frozen=True)
class FittedTrees:
    """The booster and the deviation of its errors."""

    booster: Any
    sd: float

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        return np.asarray(self.booster.predict(weights), dtype=np.float64)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and one deviation for all [m]."""
        return self.predict(weights), np.full(len(weights), self.sd)

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m]; errors are taken for independent, for want of better."""
        return self.predict(weights), self.sd**2 * np.eye(len(weights))


class LightGBM:
    """Needs the package lightgbm, which only the extra `laws` brings."""

    name = "lightgbm"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedTrees:
        """A fit from nothing. Raises ConfigError where lightgbm is not installed."""
        try:
            import lightgbm
        except ImportError as error:
            raise ConfigError("the law 'lightgbm' needs the package: pip install 'midmix[laws]'") from error
        booster = lightgbm.train(PARAMETERS, lightgbm.Dataset(weights, losses), ROUNDS)
        errors = np.asarray(booster.predict(weights)) - losses
        return FittedTrees(booster, float(errors.std()))
