"""Signatures: hashes against xxhash, MinHash by hand, against true Jaccard and against datasketch; the parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasketch import MinHash

from midmix.config import Dedup
from midmix.curation.dedup.hashes import SEED_1, SEED_2
from midmix.curation.dedup.minima import put_minima, wide_permutations
from midmix.curation.dedup.overlap import jaccards
from midmix.curation.dedup.parameters import SignatureSettings, signature_settings
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import ROWS, minima, permutations, sign
from midmix.curation.dedup.vectors import MERSENNE
from midmix.tables import TEXT

SETTINGS = SignatureSettings(ngram=5, bands=20, rows=5, seed=1)


def hash_128(text: str) -> bytes:
    return b"".join(xxhash.xxh64_intdigest(text.encode(), seed).to_bytes(8, "little") for seed in (SEED_1, SEED_2))


def test_rows() -> None:
    texts = ["one two three four five", "one two three four", "", "one two three four five", "One two three four 5"]
    signed = sign(np.arange(5, dtype=np.uint64) + np.uint64(7 << 32), pa.array(texts, TEXT), SETTINGS)
    assert signed.rows.schema == ROWS
    rows = signed.rows.to_pylist()
    assert [r["doc"] for r in rows] == [(7 << 32) + i for i in range(5)]
    assert [r["clean_hash"] for r in rows] == [hash_128(t) for t in texts]
    frames = [*texts[:4], "N two three four 0"]
    assert [r["frame_hash"] for r in rows] == [hash_128(t) for t in frames]
    assert [r["num_words"] for r in rows] == [5, 4, 0, 5, 5]
    assert [r["num_shingles"] for r in rows] == [1, 0, 0, 1, 1]
    assert signed.banded.tolist() == [True, False, False, True, True]
    assert signed.bands.shape == (5, 20)
    assert signed.bands.dtype == np.int64
    assert signed.bands[0].tolist() == signed.bands[3].tolist()
    assert not signed.bands[~signed.banded].any()
    assert not set(signed.bands[0].tolist()) & set(signed.bands[4].tolist())
    assert len(set(signed.bands[0].tolist())) == 20


def test_rows_do_not_depend_on_slices() -> None:
    texts = pa.array([f"{i} " + "word " * (i % 9) + "x y z" for i in range(50)], TEXT)
    keys = np.arange(50, dtype=np.uint64)
    whole = sign(keys, texts, SETTINGS)
    pieces = [sign(keys[a:b], texts[a:b], SETTINGS) for a, b in ((0, 1), (1, 17), (17, 50))]
    assert pa.concat_tables([piece.rows for piece in pieces]).equals(whole.rows)
    assert np.array_equal(np.concatenate([piece.bands for piece in pieces]), whole.bands)


def test_no_documents() -> None:
    signed = sign(np.zeros(0, np.uint64), pa.array([], TEXT), SETTINGS)
    assert signed.rows.num_rows == 0
    assert signed.bands.shape == (0, 20)


def test_permutations_are_bijections_and_follow_the_seed() -> None:
    given = permutations(SETTINGS)
    multipliers = given.multipliers[: given.count]
    assert (multipliers % 2 == 1).all()
    assert given.count == 100 == len(set(multipliers.tolist()))
    other = permutations(replace(SETTINGS, seed=2)).multipliers[:100]
    assert (other != multipliers).sum() > 90


@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, profile="prose", bands=3, rows=3)])
def test_minima_by_hand(settings: SignatureSettings) -> None:
    texts = pa.array(["a b c d e f g", "a b", "b c d e f g h i a"], TEXT)
    found, given = shingle(texts, settings), permutations(settings)
    out = minima(texts, settings)
    for number in (0, 2):
        values = [int(h) for h in found.hashes[found.offsets[number] : found.offsets[number + 1]]]
        for k in range(given.count):
            a, b = int(given.multipliers[k]), int(given.addends[k])
            wide = [(a * x + b) % 2**64 % MERSENNE for x in values]
            narrow = [(a * (x >> 32) + b) % 2**32 for x in values]
            assert out[number, k] == min(wide if given.wide else narrow)
    assert (out[1] == np.iinfo(out.dtype).max).all()


@pytest.mark.parametrize("value", [MERSENNE - 1, MERSENNE, MERSENNE + 1, 2 * MERSENNE, 2**64 - 1, 8 * MERSENNE])
def test_values_next_to_multiples_of_the_prime(value: int) -> None:
    given = wide_permutations(8, 1)
    hashes = np.array([5 << 40, value % 2**64, 1 << 50], np.uint64)
    multipliers, addends = np.ones_like(given.multipliers), np.zeros_like(given.addends)
    out = np.zeros(8, np.uint64)
    places = [array.ctypes.data for array in (multipliers, addends)]
    put_minima(hashes.ctypes.data, 3, *places, 8, True, 0, out.ctypes.data)
    assert out.tolist() == [min(int(h) % MERSENNE for h in hashes)] * 8


def make_pairs(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts two by two, the second with 0-12% of the words of the first replaced; and the pairs (2i + 1, 2i)."""
    rng = np.random.default_rng(seed)
    texts = []
    for i in range(count):
        words = rng.integers(0, 5000, int(rng.integers(60, 400)))
        edited = words.copy()
        chosen = rng.random(len(words)) < rng.uniform(0, 0.12)
        edited[chosen] = rng.integers(5000, 10_000, chosen.sum())
        texts += [" ".join(f"w{w}" for w in words), " ".join(f"w{w}" for w in edited) + f" end{i}"]
    return texts, np.array([[2 * i + 1, 2 * i] for i in range(count)])


def test_estimate_is_as_good_as_independent_permutations() -> None:
    texts, pairs = make_pairs(600, 5)
    column = pa.array(texts, TEXT)
    sets = shingle(column, SETTINGS)
    true = jaccards(sets, pairs)
    signatures = minima(column, SETTINGS)
    estimate = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1)
    binomial = np.sqrt(np.mean(true * (1 - true)) / signatures.shape[1])
    assert np.sqrt(np.mean((estimate - true) ** 2)) < 1.15 * binomial
    assert abs(np.mean(estimate - true)) < 4 * binomial / np.sqrt(len(true))


def test_estimate_agrees_with_datasketch() -> None:
    texts, pairs = make_pairs(40, 6)
    column = pa.array(texts, TEXT)
    sets = shingle(column, SETTINGS)
    signatures = minima(column, SETTINGS)
    ours = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1)
    theirs = []
    for later, earlier in pairs:
        sketches = []
        for text in (texts[later], texts[earlier]):
            words = text.split()
            sketch = MinHash(num_perm=100, seed=1)
            sketch.update_batch([" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)])
            sketches.append(sketch)
        theirs.append(sketches[0].jaccard(sketches[1]))
    true = jaccards(sets, pairs)
    spread = np.sqrt(np.mean(true * (1 - true)) / 100)
    assert np.sqrt(np.mean((ours - np.array(theirs)) ** 2)) < 1.5 * np.sqrt(2) * spread


def test_bands_are_shared_as_often_as_the_formula_says() -> None:
    texts, pairs = make_pairs(1500, 7)
    column = pa.array(texts, TEXT)
    sets = shingle(column, SETTINGS)
    true = jaccards(sets, pairs)
    bands = sign(np.arange(len(texts), dtype=np.uint64), column, SETTINGS).bands
    shared = (bands[pairs[:, 0]] == bands[pairs[:, 1]]).any(axis=1)
    expected = 1 - (1 - true**5) ** 20
    middle = (true > 0.3) & (true < 0.7)
    deviation = np.sqrt(np.sum(expected[middle] * (1 - expected[middle])))
    assert abs(shared[middle].sum() - expected[middle].sum()) < 4 * deviation
    assert shared[true >= 0.8].mean() > 0.995


def test_parameters() -> None:
    assert signature_settings(Dedup(), "code") == SETTINGS
    chosen = signature_settings(Dedup(jaccard=0.8, permutations=128, seed=3), "prose")
    assert (chosen.bands, chosen.rows, chosen.seed) == (9, 13, 3)
    by_kind = Dedup(profile={"math": "math", "prose": "prose"}, unit="characters", bands=14, rows=8)
    found = {kind: signature_settings(by_kind, kind) for kind in ("prose", "math", "code")}
    assert {kind: one.profile for kind, one in found.items()} == {"prose": "prose", "math": "math", "code": "plain"}
    assert {(one.unit, one.bands, one.rows) for one in found.values()} == {("characters", 14, 8)}
