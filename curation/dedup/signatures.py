"""Signatures: what dedup compares, of the clean text. MinHash bands, a hash of the text, and one of its frame.

MinHash: each permutation of the 32-bit shingle space is `a * x + b` mod 2^32 with odd a, the signature its minimum
over the shingles; `rows` minima hashed together make a band. Two texts of Jaccard J share a band with probability
J^rows, and at least one of `bands` with 1 - (1 - J^rows)^bands: 0.9996 at J = 0.8 for 20 bands of 5 rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.dedup.shingles import Shingles, mix64, shingle, text_batches
from midmix.jit import njit
from midmix.tables import HASH, SIGNATURES, TEXT

_ZERO, _NINE, _COMMA, _FULL_STOP = b"09,."


@dataclass(frozen=True, kw_only=True)
class SignatureSettings:
    """How signatures are made: words per shingle, bands, minima per band, seed of the permutations."""

    ngram: int
    bands: int
    rows: int
    seed: int


def permutations(settings: SignatureSettings) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """(multipliers, odd; addends) of `bands * rows` permutations, uint32."""
    rng = np.random.default_rng(settings.seed)
    count = settings.bands * settings.rows
    multipliers = rng.integers(0, 2**31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return multipliers, rng.integers(0, 2**32, count, dtype=np.uint32)


@njit
def _minima(
    offsets: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    multipliers: npt.NDArray[np.uint32],
    addends: npt.NDArray[np.uint32],
    out: npt.NDArray[np.uint32],
) -> None:
    """out[doc, k]: minimum of permutation k over the document's shingles."""
    for doc in range(offsets.size - 1):
        minima = out[doc]
        for i in range(offsets[doc], offsets[doc + 1]):
            x = np.uint32(hashes[i] >> np.uint64(32))
            for k in range(minima.size):
                minima[k] = min(minima[k], np.uint32(multipliers[k] * x + addends[k]))


@njit
def _band_hashes(minima: npt.NDArray[np.uint32], rows: int, out: npt.NDArray[np.int64]) -> None:
    """out[doc, band]: a 64-bit hash of the band's number and its `rows` minima."""
    for doc in range(minima.shape[0]):
        for band in range(out.shape[1]):
            value = mix64(np.uint64(band) + np.uint64(1))
            for k in range(band * rows, (band + 1) * rows):
                value = mix64(value ^ np.uint64(minima[doc, k]))
            out[doc, band] = np.int64(value)


def minima(shingles: Shingles, settings: SignatureSettings) -> npt.NDArray[np.uint32]:
    """MinHash signatures, uint32 [documents, bands * rows]; all ones where a document has no shingle."""
    multipliers, addends = permutations(settings)
    out = np.full((len(shingles.num_words), len(multipliers)), np.uint32(0xFFFFFFFF))
    _minima(shingles.offsets, shingles.hashes, multipliers, addends, out)
    return out


def band_hashes(shingles: Shingles, settings: SignatureSettings) -> npt.NDArray[np.int64]:
    """Band hashes, int64 [documents, bands]; without meaning where a document has no shingle."""
    out = np.empty((len(shingles.num_words), settings.bands), np.int64)
    _band_hashes(minima(shingles, settings), settings.rows, out)
    return out


@njit
def _frames(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
    out_offsets: npt.NDArray[np.int64],
) -> None:
    filled = 0
    for doc in range(offsets.size - 1):
        at, end = offsets[doc], offsets[doc + 1]
        while at < end:
            byte = data[at]
            at += 1
            if byte < _ZERO or byte > _NINE:
                out[filled] = byte
                filled += 1
                continue
            out[filled] = _ZERO
            filled += 1
            while at < end:
                byte = data[at]
                if _ZERO <= byte <= _NINE:
                    at += 1
                elif byte in (_COMMA, _FULL_STOP) and at + 1 < end and _ZERO <= data[at + 1] <= _NINE:
                    at += 2
                else:
                    break
        out_offsets[doc + 1] = filled


def frames(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """The texts with every number (ASCII digits, `.` or `,` between digits included) replaced by `0`."""
    bounds, data = text_buffers(texts)
    out = np.empty(int(bounds[-1] - bounds[0]), np.uint8)
    offsets = np.zeros(len(texts) + 1, np.int64)
    _frames(data, bounds, out, offsets)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(out))


def text_hashes(texts: pa.LargeStringArray) -> pa.FixedSizeBinaryArray:
    """BLAKE2b-128 of the UTF-8 of each text."""
    bounds, data = text_buffers(texts)
    view = data.data
    limits = bounds.tolist()
    digests = b"".join(hashlib.blake2b(view[start:end], digest_size=16).digest() for start, end in pairwise(limits))
    return pa.FixedSizeBinaryArray.from_buffers(HASH, len(texts), [None, pa.py_buffer(digests)])


def _sign(keys: npt.NDArray[np.uint64], texts: pa.LargeStringArray, settings: SignatureSettings) -> pa.Table:
    shingles = shingle(texts, settings.ngram)
    counts = np.diff(shingles.offsets)
    has_bands = counts > 0
    offsets = np.concatenate([[0], np.cumsum(has_bands * settings.bands)]).astype(np.int32)
    values = band_hashes(shingles, settings)[has_bands].reshape(-1)
    columns = [
        pa.array(keys),
        text_hashes(texts),
        text_hashes(frames(texts)),
        pa.array(shingles.num_words.astype(np.int32)),
        pa.array(counts.astype(np.int32)),
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)),
    ]
    return pa.table(columns, names=SIGNATURES.schema().names).cast(SIGNATURES.schema())


def sign(keys: npt.NDArray[np.uint64], texts: pa.LargeStringArray, settings: SignatureSettings) -> pa.Table:
    """Rows of SIGNATURES for documents `keys` with clean `texts`, in their order; scratch is bounded by batches."""
    batches = [_sign(keys[s], texts[s], settings) for s in text_batches(texts.cast(TEXT))]
    return pa.concat_tables(batches) if batches else SIGNATURES.schema().empty_table()
