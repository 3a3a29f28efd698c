"""Cells and pairs of embeddings: exact tiny values, and every pair that a slow comparison finds."""

import numpy as np
import pytest

from midmix.curation.semantic import pairs as pairs_module
from midmix.curation.semantic.cells import make_centres, nearest
from midmix.curation.semantic.embed import directions
from midmix.curation.semantic.pairs import alike


def test_vectors_without_a_direction_are_left_out() -> None:
    known, found = directions(np.array([[3, 4], [0, 0], [np.nan, 1], [0, -2]], np.float32))
    assert known.tolist() == [True, False, False, True]
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, -1]])


def test_each_vector_goes_to_the_centre_of_greatest_cosine_the_first_among_equals() -> None:
    centres = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    assert nearest(centres, np.array([[0.8, 0.6], [0.6, 0.8], [-1, 0]], np.float32)).tolist() == [0, 1, 1]


def test_centres_follow_from_sample_and_seed_and_are_no_more_than_there_are_vectors() -> None:
    sample = np.repeat(np.eye(4, dtype=np.float32), 3, axis=0)
    centres = make_centres(sample, 9, 1)
    assert centres.shape == (4, 4)
    np.testing.assert_allclose(np.sort(centres.argmax(axis=1)), np.arange(4))
    assert np.array_equal(centres, make_centres(sample, 9, 1))


def test_pairs_are_those_of_a_slow_comparison() -> None:
    rng = np.random.default_rng(3)
    _, vectors = directions(rng.normal(size=(60, 3)).astype(np.float32))
    later, earlier, cosine = alike(vectors, 0.95)
    slow = {(i, j) for i in range(60) for j in range(i) if float(vectors[i] @ vectors[j]) >= 0.95}
    assert slow and set(zip(later.tolist(), earlier.tolist(), strict=True)) == slow
    np.testing.assert_allclose(cosine, np.sum(vectors[later] * vectors[earlier], axis=1), rtol=1e-6)


def test_a_crowd_costs_no_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_module, "MOST_PAIRS", 3)
    monkeypatch.setattr(pairs_module, "MOST_COMPARED", 10)
    later, earlier, _ = alike(np.ones((50, 1), np.float32), 0.9)
    assert np.bincount(later).tolist() == [0, 1, 2, *[3] * 47]
    assert earlier.max() == 2
