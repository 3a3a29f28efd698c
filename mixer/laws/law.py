"""What a law is: losses as a function of domain weights, fitted on proxy runs.

Arrays: `weights` float64 [n, k], rows on the simplex; `losses` float64 [n], in one unit (bits per byte here). Every fit
is a pure function of its arguments; callers hold the linear algebra to one thread, so that bytes repeat.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from midmix.mixer.simplex import F64


class Fitted(Protocol):
    """A law with its parameters."""

    def predict(self, weights: F64) -> F64:
        """Expected loss [m] at `weights` [m, k]."""
        ...

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the law's own standard deviation of it [m], noise of single runs left out."""
        ...

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the covariance [m, m] of its errors, noise of single runs left out."""
        ...


@runtime_checkable
class Differentiable(Protocol):
    """A fitted law that knows its slope."""

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss by each weight, the weights taken as free of one another."""
        ...


class Law(Protocol):
    """A form of law. `name` is what LAWS calls it."""

    @property
    def name(self) -> str:
        """Name in LAWS."""
        ...

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> Fitted:
        """The law fitted on n runs.

        `own` is the domain whose held-out text the losses are of, where there is one. `start` is a fit on nearly the
        same runs: its hyper-parameters are where the search begins, or are kept, which makes refits cheap.
        """
        ...
