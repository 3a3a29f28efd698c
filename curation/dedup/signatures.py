"""Signatures: what dedup compares, of the clean text. MinHash bands, a hash of the text, and one of its frame.

`rows` minima hashed together make a band. Two texts of Jaccard J share a band with probability J^rows, and at least one
of `bands` with 1 - (1 - J^rows)^bands: 0.9996 at J = 0.8 for 20 bands of 5 rows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.hashes import hash_texts
from midmix.curation.dedup.lanes import EIGHT
from midmix.curation.dedup.minima import Permutations, narrow_permutations, put_bands, put_minima, wide_permutations
from midmix.curation.dedup.parameters import SignatureSettings as SignatureSettings
from midmix.curation.dedup.profiles.batch import PADDING
from midmix.curation.dedup.shingles import LOCK, SCRATCH, Cut, distinct, put_shingles, text_batches
from midmix.curation.score.words.memory import get64, put64
from midmix.jit import njit
from midmix.tables import HASH, SIGNATURES, TEXT

ROWS = pa.schema([field for field in SIGNATURES.schema() if field.name != "bands"])


@dataclass(frozen=True)
class Signed:
    """Signatures of n documents.

    rows: the columns of SIGNATURES but bands; bands: int64 [n, bands], 0 where `banded`, bool [n], is False because a
    document is shorter than a shingle.
    """

    rows: pa.Table
    bands: npt.NDArray[np.int64]
    banded: npt.NDArray[np.bool_]


@functools.cache
def permutations(settings: SignatureSettings) -> Permutations:
    """The `bands * rows` permutations: datatrove's for the profile `prose`, else our own."""
    make = wide_permutations if settings.profile == "prose" else narrow_permutations
    return make(settings.bands * settings.rows, settings.seed)


@njit
def _sign(batch, hashing, ngram, recent, seen, shingles, permuted, narrowed, minima, shape, out):  # type: ignore[no-untyped-def]
    """Fill the number of distinct shingles and, where there are any, minima and bands of the documents of a batch."""
    documents, text, starts, ends, firsts = batch
    multipliers, addends, permutations, wide = permuted
    num_bands, rows, first_row = shape
    counts, bands = out
    for document in range(documents):
        first, last = get64(firsts, document), get64(firsts, document + 1)
        count = put_shingles(hashing, text, starts, ends, first, last, ngram, recent, shingles)
        count = distinct(shingles, count, seen)
        if count:
            row = minima + first_row * document
            put_minima(shingles, count, multipliers, addends, permutations, wide, narrowed, row)
            put_bands(row, num_bands, rows, wide, bands + 8 * num_bands * document)
        put64(counts, document, count)


class _Signer:
    """The kernel with what it needs for some settings."""

    def __init__(self, settings: SignatureSettings) -> None:
        self.settings = settings
        self.permutations = permutations(settings)
        given = self.permutations
        self.lanes = len(given.multipliers)
        self.places = (given.multipliers.ctypes.data, given.addends.ctypes.data, given.count, given.wide)

    def sign(self, cut: Cut, counts: int, bands: int, minima: int, first_row: int) -> None:
        """Fill at these addresses counts, bands and minima of a batch; rows of minima are `first_row` bytes apart."""
        settings = self.settings
        shingles = SCRATCH.array("shingles", cut.longest + EIGHT, np.uint64).ctypes.data
        narrowed = SCRATCH.array("narrowed", cut.longest, np.uint32).ctypes.data
        shape = (settings.bands, settings.rows, first_row)
        _sign(
            *(cut.addresses, settings.hashing, settings.ngram, cut.recent, cut.seen, shingles),
            *(self.places, narrowed, minima, shape, (counts, bands)),
        )


def minima(texts: pa.LargeStringArray, settings: SignatureSettings) -> npt.NDArray[np.unsignedinteger]:
    """MinHash signatures [documents, bands * rows], uint32, or uint64 for `prose`; all ones where there is no shingle."""
    signer = _Signer(settings)
    kind = signer.permutations.multipliers.dtype
    out = np.full((len(texts), signer.lanes), np.iinfo(kind).max, kind)
    counts, bands = np.zeros(len(texts), np.int64), np.zeros((len(texts), settings.bands), np.int64)
    with LOCK:
        for some in text_batches(texts.cast(TEXT)):
            cut = Cut(texts[some], settings)
            row = out[some].ctypes.data
            signer.sign(cut, counts[some].ctypes.data, bands[some].ctypes.data, row, out.strides[0])
    return out[:, : signer.permutations.count]


def sign(keys: npt.NDArray[np.uint64], texts: pa.LargeStringArray, settings: SignatureSettings) -> Signed:
    """Signatures of documents `keys` with clean `texts`, in their order; scratch is bounded by the longest text."""
    texts = texts.cast(TEXT)
    signer, total = _Signer(settings), len(texts)
    clean, frames = np.empty((total, 2), np.uint64), np.empty((total, 2), np.uint64)
    words, counts = np.empty(total, np.int32), np.empty(total, np.int64)
    bands = np.zeros((total, settings.bands), np.int64)
    with LOCK:
        row = SCRATCH.array("minima", signer.lanes, np.uint64).ctypes.data
        for some in text_batches(texts):
            cut = Cut(texts[some], settings)
            batch = cut.batch
            words[some] = cut.num_words
            signer.sign(cut, counts[some].ctypes.data, bands[some].ctypes.data, row, 0)
            frame = SCRATCH.array("frame", batch.longest + PADDING, np.uint8).ctypes.data
            hashed = (clean[some].ctypes.data, frames[some].ctypes.data)
            hash_texts(batch.raw, batch.offsets, batch.documents, frame, *hashed)
            SCRATCH.forget()
            row = SCRATCH.array("minima", signer.lanes, np.uint64).ctypes.data
    hashes = [pa.FixedSizeBinaryArray.from_buffers(HASH, total, [None, pa.py_buffer(h)]) for h in (clean, frames)]
    columns = [pa.array(keys), *hashes, pa.array(words), pa.array(counts.astype(np.int32))]
    return Signed(pa.table(columns, schema=ROWS), bands, counts > 0)
