"""The permutation: a function of texts and seed alone, in ranges that lose nothing, random in every prefix."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.tokenize.exchange import RECORD, Exchange
from midmix.curation.tokenize.shuffle import draw, is_heldout, num_shards, permutation, shard_of

UINT64 = st.integers(0, 2**64 - 1)


def hashes(texts: list[str]) -> pa.Array:
    return pa.array([hashlib.blake2b(t.encode(), digest_size=16).digest() for t in texts], pa.binary(16))


def records(places: list[int], num_tokens: int = 3) -> np.ndarray:
    found = np.zeros(len(places), RECORD)
    found["place"], found["doc"], found["num_tokens"] = places, np.arange(len(places)), num_tokens
    return found


@given(st.lists(st.text(max_size=5), max_size=30), st.randoms(use_true_random=False), st.integers(0, 2**63 - 1))
def test_a_document_draws_the_same_wherever_it_stands(texts: list[str], random: object, seed: int) -> None:
    split, place = draw(hashes(texts), seed)
    shuffled = list(range(len(texts)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other_split, other_place = draw(hashes([texts[i] for i in shuffled]), seed)
    assert np.array_equal(split[shuffled], other_split)
    assert np.array_equal(place[shuffled], other_place)


@given(
    st.lists(st.tuples(*(st.integers(0, most) for most in (3, 1, 2, 2, 5))), unique=True, min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_order_does_not_depend_on_the_order_of_input(rows: list[tuple[int, ...]], random: object) -> None:
    def ordered(given_rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        place, tie, before, rank, row = (np.array(c) for c in zip(*given_rows, strict=True))
        return [given_rows[i] for i in permutation(place.astype(np.uint64), tie, before, rank, row)]

    expected = ordered(rows)
    assert expected == sorted(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ordered(shuffled) == expected


@given(st.lists(UINT64, min_size=1, max_size=50), st.integers(1, 2000))
def test_shards_are_ranges_of_the_key_space_in_order(places: list[int], shards: int) -> None:
    found = shard_of(np.array(places, np.uint64), shards)
    assert found.tolist() == [(p >> 32) * shards >> 32 for p in places]
    in_order = found[np.argsort(np.array(places, np.uint64), kind="stable")]
    assert (np.diff(in_order) >= 0).all()
    assert (found >= 0).all()
    assert (found < shards).all()


@given(st.lists(st.lists(UINT64, max_size=20), min_size=1, max_size=4), st.integers(1, 7), st.integers(1, 9 * 160))
def test_the_exchange_gives_every_record_back_once_in_order(
    batches: list[list[int]], shards: int, memory_bytes: int
) -> None:
    total = sum(map(len, batches))
    with tempfile.TemporaryDirectory() as folder:
        exchange = Exchange(Path(folder), total, memory_bytes)
        for batch in batches:
            exchange.add("a", records(batch))
            exchange.add("b", records(batch[:1]))
        assert exchange.num_tokens("a") == 3 * total
        assert exchange.num_tokens("c") == 0
        if not total:
            return
        found = []
        for shard in range(shards):
            places = exchange.read("a", shard, shards)["place"]
            assert (shard_of(places, shards) == shard).all()
            found += places.tolist()
        assert found == sorted(p for b in batches for p in b)


@given(st.integers(1, 10**12), st.integers(1, 10**9))
def test_shards_hold_about_what_was_asked_for(num_tokens: int, shard_tokens: int) -> None:
    shards = num_shards(num_tokens, shard_tokens)
    assert shards * shard_tokens >= num_tokens
    assert (shards - 1) * shard_tokens < num_tokens


def test_every_prefix_is_a_random_sample_and_splits_are_of_the_declared_size() -> None:
    count = 20_000
    texts = [str(n) for n in range(count)]
    split, place = draw(hashes(texts), 7)
    heldout = is_heldout(split, 0.1)
    assert abs(heldout.mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / count)
    zero = np.zeros(count, np.int64)
    order = permutation(place, zero, zero, zero, np.arange(count))
    for prefix in (200, 2000, 10_000):
        # Mean of the numbers in a prefix drawn without replacement: that of all, within four deviations.
        deviation = np.sqrt((count**2 - 1) / 12 / prefix * (1 - (prefix - 1) / (count - 1)))
        assert abs(order[:prefix].mean() - (count - 1) / 2) < 4 * deviation
    # Independent draws: the held-out ones stand everywhere.
    assert abs(np.argsort(order)[heldout].mean() / count - 0.5) < 4 * np.sqrt(1 / 12 / heldout.sum())


@given(st.lists(st.text(max_size=3), min_size=1, max_size=20), st.floats(0.001, 0.499))
def test_copies_of_a_text_share_a_split(texts: list[str], fraction: float) -> None:
    heldout = is_heldout(draw(hashes(texts), 3)[0], fraction)
    by_text: dict[str, set[bool]] = {}
    for text, held in zip(texts, heldout.tolist(), strict=True):
        by_text.setdefault(text, set()).add(held)
    assert all(len(found) == 1 for found in by_text.values())
