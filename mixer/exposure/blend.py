"""Megatron's blend: which dataset every sample is drawn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.jit import njit
from midmix.mixer.simplex import F64, I64


def normalised(weights: F64) -> F64:
    """Weights divided by their sum, as Megatron rounds it."""
    return weights / np.sum(weights)


@njit
def blend(weights: npt.NDArray[np.float64], stream_of: npt.NDArray[np.int64], draw_of: npt.NDArray[np.int64]) -> None:
    """Fill the dataset of every sample and how many samples that dataset gave before, int64[samples] each.

    A sample goes to the dataset that is furthest behind its share of the samples so far, equal ones to the first.
    Source: build_blending_indices of megatron/core/datasets/helpers.cpp of 0.16.1, in the same float64 operations.
    """
    drawn = np.zeros(len(weights), np.int64)
    for sample in range(len(stream_of)):
        so_far = max(float(sample), 1.0)
        chosen = 0
        most = weights[0] * so_far - float(drawn[0])
        for dataset in range(1, len(weights)):
            behind = weights[dataset] * so_far - float(drawn[dataset])
            if behind > most:
                most, chosen = behind, dataset
        stream_of[sample] = chosen
        draw_of[sample] = drawn[chosen]
        drawn[chosen] += 1


def blending(weights: F64, samples: int) -> tuple[I64, I64]:
    """Dataset of every sample and its draw from that dataset, int64[samples] each, for weights that sum to 1."""
    stream_of, draw_of = np.zeros(samples, np.int64), np.zeros(samples, np.int64)
    blend(weights, stream_of, draw_of)
    return stream_of, draw_of


def warm_up() -> None:
    """Compile the kernel of this module."""
    blending(np.ones(1), 1)
