"""Megatron's shuffles and blend: values as megatron-core 0.16.1 gave them, written down."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.exposure.blend import blending, normalised
from midmix.mixer.exposure.megatron import LABELS, shuffled
from midmix.mixer.exposure.stream import Stream

LENGTHS = np.array([5, 9, 3, 7])


@pytest.mark.parametrize(
    ("samples", "seed", "documents", "sequences"),
    [
        (5, 11, [2, 3, 0, 1], [2, 0, 4, 3, 1]),
        # Three epochs, the last one shuffled apart: it gives 2 of its 5 samples.
        (
            13, 11, [2, 2, 0, 1, 3, 3, 0, 1, 3, 0, 2, 1],
            [9, 6, 3, 5, 7, 1, 8, 2, 4, 10, 0, 16, 13, 11, 14, 12, 15],
        ),
        # Three epochs in one shuffle: the last one gives all its samples.
        (
            16, 3, [1, 0, 1, 2, 3, 2, 3, 0, 3, 1, 0, 2],
            [11, 9, 12, 3, 15, 16, 13, 2, 1, 8, 14, 4, 0, 6, 7, 5, 10],
        ),
    ],
)  # fmt: skip
def test_a_shard_is_shuffled_as_megatron_does(
    samples: int, seed: int, documents: list[int], sequences: list[int]
) -> None:
    stream = shuffled(LENGTHS, samples, 4, seed)
    assert stream.documents.tolist() == documents
    assert stream.sequences is not None and stream.sequences.tolist() == sequences


def test_a_sample_holds_the_tokens_that_megatron_gave() -> None:
    starts = np.cumsum(LENGTHS) - LENGTHS
    stream = shuffled(LENGTHS, 13, 4, 11)
    texts = [
        [starts[read.document] + i for read in stream.reads(draw) for i in range(read.first, read.end)]
        for draw in range(3)
    ]
    assert texts == [[2, 3, 4, 5, 6], [21, 22, 23, 17, 18], [6, 7, 8, 9, 10]]
    # The last token of a sample is a label: of the second, 21 to 23 of one document and 17 of the next are input.
    assert [read.tokens for read in stream.reads(1)] == [3, 1]


def test_a_label_alone_counts_as_read_without_a_token() -> None:
    stream = Stream(np.array([0, 1]), np.array([4, 5]), 4, LABELS)
    assert [(read.document, read.tokens) for read in stream.reads(0)] == [(0, 4), (1, 0)]
    tokens, read = stream.tokens(np.array([False, True]), np.array([0]))
    assert (tokens.tolist(), read.tolist()) == ([0], [True])


@pytest.mark.parametrize(
    ("counts", "streams", "draws"),
    [
        ([5, 2, 4], [0, 2, 1, 0, 2, 0, 2, 1, 0, 2, 0], [0, 0, 0, 1, 1, 2, 2, 1, 3, 3, 4]),
        ([1, 3], [1, 0, 1, 1], [0, 0, 1, 2]),  # the first sample is the largest one's
        ([1, 1], [0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2]),  # of those as far behind the first
    ],
)
def test_samples_are_blended_as_megatron_does(counts: list[int], streams: list[int], draws: list[int]) -> None:
    weights = normalised(normalised(np.array(counts, np.float64)))
    stream_of, draw_of = blending(weights, len(streams))
    assert stream_of.tolist() == streams
    assert draw_of.tolist() == draws


def test_weights_are_normalised() -> None:
    assert normalised(np.array([1.0, 3.0])).tolist() == [0.25, 0.75]
