"""What a sequence reads of a shard's documents."""

from __future__ import annotations

import numpy as np

from midmix.mixer.exposure.stream import Read, Stream


def stream(labels: int = 0) -> Stream:
    """Documents 1 (3 tokens), 0 (6 tokens), 2 (3 tokens), in sequences of 4."""
    return Stream(np.array([1, 0, 2]), np.array([3, 6, 3]), 4, labels)


def test_reads_name_document_and_tokens_in_order() -> None:
    assert list(stream().reads(0)) == [Read(1, 0, 3, 3), Read(0, 0, 1, 1)]
    assert list(stream().reads(1)) == [Read(0, 1, 5, 4)]
    assert list(stream().reads(2)) == [Read(0, 5, 6, 1), Read(2, 0, 3, 3)]


def test_a_label_is_read_beyond_the_inputs() -> None:
    assert list(stream(labels=1).reads(0)) == [Read(1, 0, 3, 3), Read(0, 0, 2, 1)]
    # A shard that ends with the sequence has no label left.
    assert list(stream(labels=1).reads(2)) == [Read(0, 5, 6, 1), Read(2, 0, 3, 3)]


def test_draws_go_by_the_shuffled_sequences() -> None:
    shuffled = Stream(np.array([1, 0, 2]), np.array([3, 6, 3]), 4, 0, np.array([2, 0, 1]))
    assert list(shuffled.reads(0)) == list(stream().reads(2))


def test_tokens_of_some_documents_by_draw() -> None:
    tokens, read = stream().tokens(np.array([True, False, True]), np.array([0, 1, 2, 0]))
    assert tokens.tolist() == [1, 4, 4, 1]
    assert read.all()
    tokens, read = stream().tokens(np.array([False, True, False]), np.array([0, 1, 2]))
    assert tokens.tolist() == [3, 0, 0]
    assert read.tolist() == [True, False, False]
