"""Claims about the optimum: distances by hand, and gains judged by their 95% interval and the noise."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.optimum import extrapolation, gain_sd, gains
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.optimize.posterior import Interval
from midmix.mixer.optimize.recommend import Recommendation

# On two domains, sqrt weights lie on a quarter circle: mixtures at 0, 20 and 40 degrees, the first run twice.
ANGLES = np.radians([0.0, 20.0, 40.0, 0.0])


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)) ** 2, np.sin(np.radians(degrees)) ** 2])


SWARM = Swarm(
    ("a", "b"),
    ("set:x",),
    (0, 1, 2, 3),
    np.column_stack([np.cos(ANGLES) ** 2, np.sin(ANGLES) ** 2]),
    np.zeros((4, 1)),
    (False,) * 4,
    {},
)


@pytest.mark.parametrize(
    ("degrees", "spacings", "verdict"), [(20.0, 0.0, SUPPORTED), (60.0, 1.0, SUPPORTED), (90.0, 2.5, WEAK)]
)
def test_the_distance_is_counted_in_spacings_of_the_runs(degrees: float, spacings: float, verdict: str) -> None:
    claim = extrapolation(SWARM, at(degrees))
    chord = 2 * np.sin(np.radians(spacings * 20) / 2) / (2 * np.sin(np.radians(20) / 2))
    assert claim.value == pytest.approx(chord, abs=1e-6)
    assert claim.verdict == verdict
    assert ("beyond what they have seen" in claim.words) == (degrees == 90)


def recommendation(value: float, sd: float) -> Recommendation:
    interval = Interval(value, value - 1.6448536 * sd, value + 1.6448536 * sd)
    return Recommendation(at(20.0), gains={("natural", "overall"): interval})


@pytest.mark.parametrize(
    ("value", "sd", "noise", "verdict"),
    [
        (0.20, 0.10, 0.01, SUPPORTED),
        (0.19, 0.10, 0.01, WEAK),  # its 90% interval is clear of 0, its 95% interval is not
        (0.20, 0.10, 0.30, WEAK),  # less than one training's noise
        (0.05, 0.10, 0.01, NOT_SUPPORTED),
        (-0.50, 0.10, 0.01, NOT_SUPPORTED),  # surely a loss
    ],
)
def test_gains_are_judged_by_the_95_percent_interval(value: float, sd: float, noise: float, verdict: str) -> None:
    (claim,) = gains(recommendation(value, sd), noise, "nats per token")
    assert claim.verdict == verdict and f"{abs(value):.4f} nats per token" in claim.words
    assert gain_sd(recommendation(value, sd).gains["natural", "overall"]) == pytest.approx(sd)
