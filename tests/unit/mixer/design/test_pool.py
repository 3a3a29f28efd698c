"""Random mixtures, flat and in groups."""

from __future__ import annotations

import numpy as np

from midmix.mixer.design.pool import dirichlet_pool, group_numbers

TOKENS = np.array([8_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000])
DOMAINS = ("code", *(f"web.{i}" for i in range(7)))


def test_domains_that_share_the_word_before_the_dot_are_one_group() -> None:
    assert group_numbers(("web.a", "code", "web.b", "maths.web")).tolist() == [0, 1, 0, 2]


def test_a_source_cut_into_topics_keeps_its_weight_in_the_pool() -> None:
    caps = np.ones(8)
    flat = dirichlet_pool(TOKENS, caps, 4000, 1)
    nested = dirichlet_pool(TOKENS, caps, 4000, 1, group_numbers(DOMAINS))
    two_level = np.arange(4000) // 2 % 2 == 1
    assert flat[:, 0].mean() < 0.25  # one of eight, and tempered
    assert abs(nested[two_level, 0].mean() - 0.5) < 0.03  # one of two
    np.testing.assert_array_equal(nested[~two_level], flat[~two_level])


def test_two_level_draws_keep_to_the_caps_and_sum_to_one() -> None:
    caps = np.array([0.3, *[0.15] * 7])
    pool = dirichlet_pool(TOKENS, caps, 512, 3, group_numbers(DOMAINS))
    assert (pool <= caps + 1e-12).all() and (pool >= 0).all()
    np.testing.assert_allclose(pool.sum(axis=1), 1.0)


def test_one_group_alone_or_each_domain_its_own_changes_nothing() -> None:
    caps = np.ones(8)
    for groups in (np.zeros(8, dtype=np.int64), np.arange(8)):
        np.testing.assert_array_equal(dirichlet_pool(TOKENS, caps, 64, 1, groups), dirichlet_pool(TOKENS, caps, 64, 1))
