import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from midmix.proxy_train.order import choose_domains, pool_blocks, pool_size, visit_order
from midmix.proxy_train.texts import answer_windows, document_windows, whole_within

weights = st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda values: sum(values) > 1e-3)


@given(weights, st.integers(1, 300))
def test_every_prefix_has_the_shares_within_one_sequence(values: list[float], sequences: int) -> None:
    shares = np.array(values) / sum(values)
    chosen = choose_domains(np.array([values]), sequences)[0]
    counts = np.cumsum(np.eye(len(values))[chosen], axis=0)
    lag = counts - np.arange(1, sequences + 1)[:, None] * shares
    assert np.abs(lag).max() < 1 + 1e-6
    assert counts[:, shares == 0].sum() == 0


@given(weights)
def test_realised_shares_after_120_sequences_are_within_a_hundredth(values: list[float]) -> None:
    chosen = choose_domains(np.array([values]), 120)[0]
    realised = np.bincount(chosen, minlength=len(values)) / 120
    assert np.abs(realised - np.array(values) / sum(values)).max() < 0.01


@given(st.integers(1, 400), st.integers(0, 2**63 - 1), st.text(max_size=8))
def test_an_epoch_visits_each_block_once(size: int, seed: int, domain: str) -> None:
    order = visit_order(np.arange(2 * size), size, seed=seed, domain=domain)
    assert sorted(order[:size].tolist()) == list(range(size))
    assert sorted(order[size:].tolist()) == list(range(size))


@given(st.integers(1, 5000), st.integers(1, 10**7), st.integers(1, 10**7), st.integers(0, 1000))
def test_a_pool_holds_different_blocks_in_order(available: int, proxy: int, target: int, seed: int) -> None:
    size = pool_size(available, proxy_tokens=proxy, target_tokens=target, minimum=4)
    blocks = pool_blocks(available, size, seed=seed, domain="web")
    assert len(blocks) == size >= min(4, available)
    assert (np.diff(blocks) > 0).all()
    assert blocks[0] >= 0 and blocks[-1] < available


ids = st.lists(st.integers(1, 9), min_size=1, max_size=40).map(lambda values: np.array(values, np.int64))


@given(st.lists(ids, min_size=1, max_size=6), st.integers(1, 12))
def test_windows_over_documents_measure_every_token_once(documents: list[np.ndarray], length: int) -> None:
    windows = document_windows(documents, 0, length)
    assert np.concatenate([w.measured for w in windows]).tolist() == np.concatenate(documents).tolist()
    assert max(len(w.ids) for w in windows) <= length + 1


@given(st.lists(st.integers(1, 9), max_size=40), ids, st.integers(1, 12))
def test_windows_of_an_item_measure_the_answer_once(question: list[int], answer: np.ndarray, length: int) -> None:
    windows = answer_windows(np.array(question, np.int64), answer, 0, length)
    assert np.concatenate([w.measured for w in windows]).tolist() == answer.tolist()
    assert max(len(w.ids) for w in windows) <= length + 1
    context = windows[0].ids[: len(windows[0].ids) - len(windows[0].measured)].tolist()
    assert context == [0, *question][len(question) + 1 - len(context) :]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 200))
def test_whole_items_fill_the_budget(sizes: list[int], budget: int) -> None:
    chosen = whole_within(sizes, budget)
    total = sum(sizes[i] for i in chosen)
    assert chosen == sorted(set(chosen))
    if min(sizes) <= budget:
        assert total <= budget
        assert all(sizes[i] > budget - total for i in range(len(sizes)) if i not in chosen)
    else:
        assert [sizes[i] for i in chosen] == [min(sizes)]
