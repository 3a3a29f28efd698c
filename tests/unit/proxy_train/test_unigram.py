import math

import numpy as np
import pytest

from midmix.proxy_train.unigram import cross_entropy, mixed_share, token_counts, unigram_share


def test_counts_stop_at_the_limit_over_all_files() -> None:
    arrays = [np.array([0, 1, 1], np.uint16), np.array([2, 2, 3], np.uint16)]
    assert token_counts(arrays, 5).tolist() == [1, 2, 2, 1, 0]
    assert token_counts(arrays, 5, limit=4).tolist() == [1, 2, 1, 0, 0]


def test_entropy_of_tiny_text_exactly() -> None:
    # counts 1, 2, 0 and one more each: 2/6, 3/6, 1/6
    share = unigram_share(np.array([1, 2, 0]))
    assert share.tolist() == [2 / 6, 3 / 6, 1 / 6]
    expected = -(math.log(1 / 3) + 2 * math.log(1 / 2) + math.log(1 / 6)) / 4
    assert cross_entropy(share, np.array([0, 1, 1, 2])) == pytest.approx(expected, rel=1e-15)


def test_a_mixture_weighs_the_shares() -> None:
    shares = {"a": np.array([1.0, 0.0]), "b": np.array([0.5, 0.5]), "c": np.array([0.0, 1.0])}
    assert mixed_share(shares, {"a": 3.0, "b": 1.0, "c": 0.0}).tolist() == [0.875, 0.125]
