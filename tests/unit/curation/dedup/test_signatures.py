"""Signatures: hashes against hashlib and a regular expression, MinHash against true Jaccard and against datasketch."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash

from midmix.config import Dedup
from midmix.curation.dedup.parameters import signature_settings
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import (
    SignatureSettings,
    band_hashes,
    frames,
    minima,
    permutations,
    sign,
    text_hashes,
)
from midmix.curation.dedup.verify import jaccards
from midmix.tables import SIGNATURES, TEXT

SETTINGS = SignatureSettings(ngram=5, bands=20, rows=5, seed=1)
NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")


def blake(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("x = 17", "x = 0"),
        ("3.14 and 1,000,000.5", "0 and 0"),
        ("3. 4 .5 6,", "0. 0 .0 0,"),
        ("a1b22.c", "a0b0.c"),
        ("1..2 1.,2", "0..0 0.,0"),
        ("٣ ½ é9", "٣ ½ é0"),
        ("", ""),
    ],
)
def test_frame(text: str, frame: str) -> None:
    assert frames(pa.array(["7", text, "8."], TEXT)[1:2]).to_pylist() == [frame]
    assert NUMBER.sub("0", text) == frame


def test_rows() -> None:
    texts = ["one two three four five", "one two three four", "", "one two three four five", "One two three four 5"]
    table = sign(np.arange(5, dtype=np.uint64) + np.uint64(7 << 32), pa.array(texts, TEXT), SETTINGS)
    assert table.schema == SIGNATURES.schema()
    rows = table.to_pylist()
    assert [r["doc"] for r in rows] == [(7 << 32) + i for i in range(5)]
    assert [r["clean_hash"] for r in rows] == [blake(t) for t in texts]
    assert [r["frame_hash"] for r in rows] == [blake(NUMBER.sub("0", t)) for t in texts]
    assert [r["num_words"] for r in rows] == [5, 4, 0, 5, 5]
    assert [r["num_shingles"] for r in rows] == [1, 0, 0, 1, 1]
    assert [len(r["bands"]) for r in rows] == [20, 0, 0, 20, 20]
    assert rows[0]["bands"] == rows[3]["bands"]
    assert not set(rows[0]["bands"]) & set(rows[4]["bands"])
    assert len(set(rows[0]["bands"])) == 20


def test_rows_do_not_depend_on_slices() -> None:
    texts = pa.array([f"{i} " + "word " * (i % 9) + "x y z" for i in range(50)], TEXT)
    keys = np.arange(50, dtype=np.uint64)
    pieces = [sign(keys[a:b], texts[a:b], SETTINGS) for a, b in ((0, 1), (1, 17), (17, 50))]
    assert pa.concat_tables(pieces).equals(sign(keys, texts, SETTINGS))


def test_no_documents() -> None:
    assert sign(np.zeros(0, np.uint64), pa.array([], TEXT), SETTINGS).num_rows == 0


def test_text_hashes_of_a_slice() -> None:
    texts = pa.array(["skip", "été", "", "x" * 5000], TEXT)[1:]
    assert text_hashes(texts).to_pylist() == [blake(t) for t in texts.to_pylist()]


def test_permutations_are_bijections_and_follow_the_seed() -> None:
    multipliers, addends = permutations(SETTINGS)
    assert (multipliers % 2 == 1).all()
    assert len(multipliers) == len(addends) == len(set(multipliers.tolist())) == 100
    other, _ = permutations(SignatureSettings(ngram=5, bands=20, rows=5, seed=2))
    assert (other != multipliers).sum() > 90


def test_minima_by_hand() -> None:
    found = shingle(pa.array(["a b c d e f g"], TEXT), 5)
    multipliers, addends = permutations(SETTINGS)
    values = [int(h) >> 32 for h in found.hashes]
    expected = [min((int(a) * x + int(b)) % 2**32 for x in values) for a, b in zip(multipliers, addends, strict=True)]
    assert minima(found, SETTINGS)[0].tolist() == expected


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
    sets = shingle(pa.array(texts, TEXT), 5)
    true = jaccards(sets, pairs)
    signatures = minima(sets, SETTINGS)
    estimate = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1)
    binomial = np.sqrt(np.mean(true * (1 - true)) / signatures.shape[1])
    assert np.sqrt(np.mean((estimate - true) ** 2)) < 1.15 * binomial
    assert abs(np.mean(estimate - true)) < 4 * binomial / np.sqrt(len(true))


def test_estimate_agrees_with_datasketch() -> None:
    texts, pairs = make_pairs(40, 6)
    sets = shingle(pa.array(texts, TEXT), 5)
    signatures = minima(sets, SETTINGS)
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
    sets = shingle(pa.array(texts, TEXT), 5)
    true = jaccards(sets, pairs)
    bands = band_hashes(sets, SETTINGS)
    shared = (bands[pairs[:, 0]] == bands[pairs[:, 1]]).any(axis=1)
    expected = 1 - (1 - true**5) ** 20
    middle = (true > 0.3) & (true < 0.7)
    deviation = np.sqrt(np.sum(expected[middle] * (1 - expected[middle])))
    assert abs(shared[middle].sum() - expected[middle].sum()) < 4 * deviation
    assert shared[true >= 0.8].mean() > 0.995


def test_parameters() -> None:
    assert signature_settings(Dedup()) == SETTINGS
    chosen = signature_settings(Dedup(jaccard=0.8, permutations=128, seed=3))
    assert (chosen.bands, chosen.rows, chosen.seed) == (9, 13, 3)
