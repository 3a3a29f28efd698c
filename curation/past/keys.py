"""Keys by which documents meet those of an earlier corpus: their bands, and one of the whole text, which any text has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.keys import KEY_BITS
from midmix.curation.dedup.places import halves
from midmix.curation.dedup.radix import sort_keys
from midmix.tables import BANDS, PAST_KEYS


def text_keys(clean_hashes: pa.Array) -> npt.NDArray[np.int64]:
    """The first KEY_BITS of 128-bit hashes."""
    return np.asarray(halves(clean_hashes)[0] >> np.int64(64 - KEY_BITS))


def text_key_rows(clean_hashes: pa.Array) -> pa.Table:
    """Rows of PAST_KEYS of a part, in their order."""
    order, keys = sort_keys(text_keys(clean_hashes))
    return pa.Table.from_arrays([pa.array(keys), pa.array(order.astype(np.int32))], schema=PAST_KEYS.schema())


def all_key_rows(bands: pa.Table, clean_hashes: pa.Array) -> pa.Table:
    """Rows of BANDS of a part with the keys of whole texts among them, in their order."""
    texts = text_key_rows(clean_hashes).rename_columns(BANDS.schema().names)
    keys, rows = (np.concatenate([bands[n].to_numpy(), texts[n].to_numpy()]) for n in BANDS.schema().names)
    order = np.lexsort((rows, keys))
    return pa.Table.from_arrays([pa.array(keys[order]), pa.array(rows[order])], schema=BANDS.schema())
