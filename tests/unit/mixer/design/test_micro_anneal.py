"""Candidates beside replay."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.errors import ConfigError
from midmix.mixer.design.micro_anneal import candidate_weights, micro_anneals, variant_of
from midmix.mixer.design.supply import Supply

# proofs has two domains to itself, crawl shares talk with chats
SUPPLY = Supply(
    ("crawl", "proofs", "chats", "gone"),
    ("lemmas", "maths", "talk", "web"),
    np.array([[0, 0, 5, 9], [1, 3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0]]),
)
REPLAY, WEB = np.array([0.0, 0.1, 0.2, 0.7]), np.array([0.0, 0.0, 0.0, 1.0])


def test_a_source_is_its_domains_by_tokens_and_a_domain_itself() -> None:
    assert candidate_weights("source=proofs", SUPPLY)[1].tolist() == [0.25, 0.75, 0, 0]
    assert candidate_weights("domain=talk", SUPPLY)[1].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("source=crawl", "shares talk with other sources"),
        ("source=gone", "no token in the train split"),
        ("source=proof", "no such source, did you mean|no such source.*proofs"),
        ("maths", "expected source=NAME"),
    ],
)
def test_what_cannot_be_tried_is_refused(what: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        candidate_weights(what, SUPPLY)


def test_controls_come_first_then_each_share_and_part_with_every_seed() -> None:
    name, weights = candidate_weights("source=proofs", SUPPLY)
    runs = micro_anneals({name: weights}, REPLAY, WEB, shares=[0.5], pools=[0.25, 1.0], seeds=range(2))
    assert [(run.seed, run.candidate) for run in runs] == [
        *[(0, None)] * 2,
        *[(1, None)] * 2,
        *[(0, name), (1, name)] * 2,
    ]
    np.testing.assert_allclose(runs[4].weights, [0.125, 0.425, 0.1, 0.35])
    assert [run.pools.tolist() for run in (runs[4], runs[6])] == [[1] * 4, [0.25, 0.25, 1, 1]]


def test_a_variant_is_read_back_from_its_weights() -> None:
    name, weights = candidate_weights("source=proofs", SUPPLY)
    for run in micro_anneals({name: weights}, REPLAY, None, shares=[0.3], pools=[1.0, 0.5], seeds=[0])[1:]:
        found = variant_of(run.weights, run.pools, REPLAY, SUPPLY.tokens, 100)
        assert found.share == 0.3 and found.pool == run.pools[0]
        # 0.3 of proofs and 0.07 of maths by replay: 37 tokens over 4, or over 2
        assert found.epochs == pytest.approx(37 / 4 / found.pool)


def test_a_variant_is_read_back_where_replay_has_a_domain_of_a_few_tokens() -> None:
    control = np.array([2e-6, 0.0, 0.3, 0.7 - 2e-6])
    (_, run) = micro_anneals({"maths": np.eye(4)[1]}, control, None, shares=[0.5], pools=[1.0], seeds=[0])
    found = variant_of(run.weights, run.pools, control, SUPPLY.tokens, 100)
    assert found.share == 0.5 and found.epochs == pytest.approx(50 / 3)


def test_without_replay_or_beyond_it_there_is_nothing_to_compare() -> None:
    with pytest.raises(ConfigError, match=r"no mixture\.replay"):
        micro_anneals({"web": WEB}, None, None, shares=[0.5], pools=[1.0], seeds=[0])
    with pytest.raises(ConfigError, match="replay is all web"):
        micro_anneals({"web": WEB}, WEB, None, shares=[0.5], pools=[1.0], seeds=[0])
    with pytest.raises(ConfigError, match=r"--share: got 1, expected a number from 0\.01 to 0\.99"):
        micro_anneals({"talk": REPLAY}, WEB, None, shares=[1.0], pools=[1.0], seeds=[0])
