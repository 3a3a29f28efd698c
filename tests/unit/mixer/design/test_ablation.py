"""With and without a domain."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.errors import ConfigError
from midmix.mixer.design.ablation import ablated, ablation_runs, domain_of
from midmix.mixer.design.supply import Supply

# crawl lies in two domains, proofs and chats each in one, which chats shares with crawl
SUPPLY = Supply(
    ("crawl", "proofs", "chats", "gone"),
    ("maths", "talk", "web"),
    np.array([[0, 5, 9], [7, 0, 0], [0, 4, 0], [0, 0, 0]]),
)


def test_the_others_take_the_share_in_proportion() -> None:
    np.testing.assert_allclose(ablated(np.array([0.2, 0.3, 0.5]), 0), [0.0, 0.375, 0.625])


def test_both_mixtures_run_with_every_seed() -> None:
    runs = ablation_runs(np.array([0.2, 0.3, 0.5]), 0, "maths", range(2))
    assert [(run.seed, run.weights[0]) for run in runs] == [(0, 0.2), (0, 0.0), (1, 0.2), (1, 0.0)]
    assert all(run.weights.sum() == pytest.approx(1) for run in runs)


def test_a_source_is_left_out_by_the_domain_that_it_alone_fills() -> None:
    assert domain_of("proofs", "source", SUPPLY) == 0
    assert domain_of("talk", "domain", SUPPLY) == 1


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("source", "crawl", "tokens lie in talk, web"),
        ("source", "chats", "tokens lie in talk, with those of other sources"),
        ("source", "gone", "no token in the train split"),
        ("source", "maths", "no such source; there are crawl"),
        ("domain", "crawl", "no such domain; there are maths"),
    ],
)
def test_a_part_of_a_domain_cannot_be_left_out(kind: str, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        domain_of(name, kind, SUPPLY)


def test_a_mixture_without_the_domain_or_of_it_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no share of maths"):
        ablation_runs(np.array([0.0, 0.5, 0.5]), 0, "maths", range(1))
    with pytest.raises(ConfigError, match="is all maths"):
        ablation_runs(np.array([1.0, 0.0, 0.0]), 0, "maths", range(1))
