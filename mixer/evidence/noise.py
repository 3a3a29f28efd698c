"""How much runs of one mixture differ: measured between seeds where a mixture was repeated, else inferred by the laws."""

from __future__ import annotations

import math

import numpy as np

from midmix.mixer.fit.swarm import noise_sd
from midmix.mixer.optimize.problem import Evidenced
from midmix.mixer.simplex import F64


def noise_of_run(evidence: Evidenced, combination: F64) -> float:
    """Standard deviation of a combination [t] of the metrics of one run, in their unit."""
    measured = noise_sd(evidence.losses @ combination, evidence.swarm.replicates)
    return inferred_noise(evidence, combination) if measured is None else measured


def inferred_noise(evidence: Evidenced, combination: F64) -> float:
    """The same by what the laws leave over, its correlation over metrics that of their errors."""
    noise = np.array([fit.calibrated.noise_sd for fit in evidence.fits]) * combination
    return math.sqrt(max(float(noise @ evidence.predictor().correlation @ noise), 0.0))
