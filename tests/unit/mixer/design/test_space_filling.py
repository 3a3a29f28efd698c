"""Which mixtures are tried."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.errors import ConfigError
from midmix.mixer.design.pool import dirichlet_pool
from midmix.mixer.design.space_filling import Design, design_mixtures, k_center
from midmix.mixer.limits import make_limits
from midmix.mixer.simplex import hellinger, mixture_groups

TOKENS = np.array([5_000_000, 2_000_000, 800_000, 400_000, 200_000])
CAPS = np.array([1.0, 0.8, 0.5, 0.3, 0.1])
REPLAY = np.array([0.8, 0.2, 0.0, 0.0, 0.0])
BASELINE = np.array([0.6, 0.1, 0.1, 0.1, 0.1])
NAMES = ("a", "b", "c", "d", "e")


def make(num_mixtures: int = 14, num_seeds: int = 3, seed: int = 1, caps: np.ndarray = CAPS) -> Design:
    limits = make_limits(NAMES, caps)
    return design_mixtures(
        TOKENS, limits, control=REPLAY, baseline=BASELINE, num_mixtures=num_mixtures, num_seeds=num_seeds, seed=seed
    )


def test_the_farthest_candidate_comes_first_and_ties_go_to_the_earlier() -> None:
    pool = np.array([[0.5, 0.5], [0.0, 1.0], [0.0, 1.0], [0.9, 0.1]])
    assert k_center(pool, np.array([[1.0, 0.0]]), 2).tolist() == [1, 0]


def test_candidates_that_repeat_what_is_placed_are_not_taken() -> None:
    assert k_center(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.5, 0.5]]), 2).tolist() == []


def test_references_come_first_and_repeats_last() -> None:
    design = make()
    assert design.roles == (
        *("control", "natural", "baseline", "interior", "interior"), *["space-filling"] * 9, *["replicate"] * 4
    )  # fmt: skip
    assert design.seeds == (*[0] * 14, 1, 1, 2, 2)
    np.testing.assert_allclose(design.weights[0], REPLAY)
    np.testing.assert_allclose(design.weights[1], TOKENS / TOKENS.sum(), atol=1e-6)
    np.testing.assert_allclose(design.weights[2], BASELINE)
    assert mixture_groups(design.weights)[14:].tolist() == [0, 1, 0, 1]


def test_all_but_references_keep_to_the_caps_and_rows_are_whole_millionths() -> None:
    design = make()
    units = np.rint(design.weights * 1e6).astype(int)
    assert (units.sum(axis=1) == 1_000_000).all()
    assert (design.weights == units / 1_000_000).all()
    chosen = [i for i, role in enumerate(design.roles) if role in ("interior", "space-filling")]
    assert (design.weights[chosen] <= CAPS + 1e-9).all()


def test_minima_and_frozen_groups_bind_all_but_the_references() -> None:
    limits = make_limits(NAMES, CAPS, minimum={"d": 0.05}, frozen=[{"b": 3.0, "c": 1.0}])
    design = design_mixtures(
        TOKENS, limits, control=REPLAY, baseline=BASELINE, num_mixtures=14, num_seeds=1, seed=1
    )  # fmt: skip
    chosen = design.weights[3:]
    assert (chosen[:, 3] >= 0.05 - 1e-6).all()
    np.testing.assert_allclose(chosen[:, 1], 3 * chosen[:, 2], atol=4e-6)
    np.testing.assert_allclose(design.weights[0], REPLAY)


def test_the_same_seed_gives_the_same_design_and_another_one_another() -> None:
    assert (make(seed=3).weights == make(seed=3).weights).all()
    assert (make(seed=3).weights != make(seed=4).weights).any()


def test_the_design_covers_the_simplex_better_than_as_many_random_mixtures() -> None:
    probe = dirichlet_pool(TOKENS, CAPS, 2000, seed=99)
    chosen = make(num_mixtures=20, num_seeds=1).weights
    random = [hellinger(probe, dirichlet_pool(TOKENS, CAPS, 20, seed=s)).min(axis=1).max() for s in range(5)]
    assert hellinger(probe, chosen).min(axis=1).max() < 0.9 * min(random)


def test_a_reference_that_repeats_another_is_tried_once() -> None:
    natural = TOKENS / TOKENS.sum()
    design = design_mixtures(
        TOKENS, make_limits(NAMES, CAPS), control=natural, baseline=natural, num_mixtures=8, num_seeds=2, seed=1
    )
    assert design.roles[:2] == ("control", "interior")
    assert len(set(mixture_groups(design.weights[:8]).tolist())) == 8


def test_caps_that_leave_one_mixture_give_no_more_than_that_beside_the_references() -> None:
    only = np.array([0.5, 0.2, 0.2, 0.05, 0.05])
    design = make(caps=only, num_seeds=1)
    assert design.roles == ("control", "natural", "baseline", "interior")
    np.testing.assert_allclose(design.weights[3], only, atol=1e-6)


def test_too_few_runs_or_domains_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"proxy\.runs is 4, expected 5 or more: 3 are references"):
        make(num_mixtures=4)
    with pytest.raises(ConfigError, match="got 1 domain"):
        one = make_limits(("a",), np.ones(1))
        design_mixtures(np.array([10]), one, control=None, baseline=None, num_mixtures=8, num_seeds=1, seed=1)


def test_the_web_control_is_a_reference_beyond_the_limits_and_not_repeated() -> None:
    web = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    design = design_mixtures(
        TOKENS,
        make_limits(NAMES, CAPS),
        control=REPLAY,
        baseline=BASELINE,
        web=web,
        num_mixtures=14,
        num_seeds=2,
        seed=1,
    )
    assert design.roles[:4] == ("control", "web", "natural", "baseline")
    np.testing.assert_allclose(design.weights[1], web)
    assert mixture_groups(design.weights)[14:].tolist() == [0, 2]
    same = design_mixtures(
        TOKENS, make_limits(NAMES, CAPS), control=web, baseline=None, web=web, num_mixtures=8, num_seeds=1, seed=1
    )
    assert same.roles[:2] == ("control", "natural")
