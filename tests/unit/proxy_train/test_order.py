import numpy as np

from midmix.proxy_train.order import choose_domains, occurrences, pool_blocks, pool_size, visit_order


def test_domains_alternate_by_their_weights() -> None:
    weights = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    chosen = choose_domains(weights, 8)
    assert chosen[0].tolist() == [0, 1, 2, 0, 0, 1, 2, 0]
    assert chosen[1].tolist() == [1] * 8


def test_weights_need_not_sum_to_one() -> None:
    assert np.array_equal(choose_domains(np.array([[2.0, 6.0]]), 20), choose_domains(np.array([[0.25, 0.75]]), 20))


def test_occurrences_count_earlier_draws_of_the_same_domain() -> None:
    assert occurrences(np.array([2, 0, 2, 2, 0]), 3).tolist() == [0, 0, 1, 2, 1]


def test_epochs_visit_all_blocks_each_in_an_order_of_its_own() -> None:
    order = visit_order(np.arange(3 * 101), 101, seed=4, domain="web").reshape(3, 101)
    assert all(sorted(epoch.tolist()) == list(range(101)) for epoch in order)
    assert not np.array_equal(order[0], order[1])


def test_order_is_the_same_however_a_domain_is_drawn() -> None:
    whole = visit_order(np.arange(50), 20, seed=4, domain="web")
    some = np.array([3, 4, 17, 41])
    assert np.array_equal(visit_order(some, 20, seed=4, domain="web"), whole[some])
    assert not np.array_equal(visit_order(np.arange(50), 20, seed=5, domain="web"), whole)
    assert not np.array_equal(visit_order(np.arange(50), 20, seed=4, domain="code"), whole)


def test_pool_is_the_share_that_makes_epochs_match_the_target() -> None:
    # a proxy of 1/50 of the target's tokens sees 1/50 of the blocks
    assert pool_size(5000, proxy_tokens=200_000, target_tokens=10_000_000, minimum=16) == 100
    assert pool_size(5001, proxy_tokens=200_000, target_tokens=10_000_000, minimum=16) == 101


def test_pool_keeps_a_minimum_and_never_more_than_there_is() -> None:
    assert pool_size(300, proxy_tokens=1, target_tokens=100, minimum=16) == 16
    assert pool_size(9, proxy_tokens=1, target_tokens=100, minimum=16) == 9
    assert pool_size(300, proxy_tokens=500, target_tokens=100, minimum=16) == 300


def test_pool_is_spread_over_all_blocks_without_repeats() -> None:
    blocks = pool_blocks(1000, 10, seed=1, domain="web")
    assert [block // 100 for block in blocks] == list(range(10))
    assert pool_blocks(7, 7, seed=1, domain="web").tolist() == list(range(7))
    assert not np.array_equal(pool_blocks(1000, 10, seed=2, domain="web"), blocks)
