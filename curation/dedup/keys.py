"""The keys that documents are exchanged by: some bits of their band hashes and of the shingles of their sketches."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.parameters import SignatureSettings
from midmix.curation.dedup.radix import sort_keys
from midmix.curation.dedup.signatures import Signed
from midmix.tables import BANDS

# Fewer bits take less room. Of 10^11 keys about one in a million falls together with another one by chance; what falls
# together is only compared.
KEY_BITS = 56


def salted_keys(hashes: npt.NDArray[np.int64], settings: SignatureSettings) -> npt.NDArray[np.int64]:
    """KEY_BITS of each hash, so that texts which are shingled in different ways share no key."""
    how = json.dumps([settings.profile, settings.unit, settings.ngram])
    salt = int.from_bytes(hashlib.blake2b(how.encode(), digest_size=8).digest(), "little", signed=True)
    return (hashes ^ np.int64(salt)) >> np.int64(64 - KEY_BITS)


def sorted_rows(
    hashes: npt.NDArray[np.int64], rows: npt.NDArray[np.int32], settings: SignatureSettings, schema: pa.Schema
) -> pa.Table:
    """(key, row) in their order, for hashes whose rows ascend."""
    order, keys = sort_keys(salted_keys(hashes, settings))
    return pa.Table.from_arrays([pa.array(keys), pa.array(rows[order])], schema=schema)


def band_rows(signed: Signed, settings: SignatureSettings) -> pa.Table:
    """Rows of BANDS of a part, in their order."""
    rows = np.flatnonzero(signed.banded).astype(np.int32)
    hashes = signed.bands if len(rows) == len(signed.banded) else signed.bands[rows]
    return sorted_rows(hashes.reshape(-1), np.repeat(rows, signed.bands.shape[1]), settings, BANDS.schema())
