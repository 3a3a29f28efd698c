"""Index files read back by their documented layout give what was written."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from midmix.megatron_index import DTYPE_CODES, write_index


@given(st.lists(st.integers(0, 2**31 - 1), max_size=50), st.sampled_from(["<u2", "<u4"]))
def test_round_trip(lengths: list[int], dtype: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.idx"
        write_index(path, np.array(lengths, np.int32), np.dtype(dtype))
        data = path.read_bytes()
    magic, version, code, sequences, documents = struct.unpack_from("<9sQBQQ", data)
    assert (magic, version, code) == (b"MMIDIDX\x00\x00", 1, DTYPE_CODES[np.dtype(dtype)])
    assert (sequences, documents) == (len(lengths), len(lengths) + 1)
    assert len(data) == 34 + 20 * len(lengths) + 8
    read = np.frombuffer(data, "<i4", sequences, 34)
    pointers = np.frombuffer(data, "<i8", sequences, 34 + 4 * sequences)
    ends = np.frombuffer(data, "<i8", documents, 34 + 12 * sequences)
    assert read.tolist() == lengths
    expected = [sum(lengths[:i]) * np.dtype(dtype).itemsize for i in range(len(lengths))]
    assert pointers.tolist() == expected
    assert ends.tolist() == list(range(len(lengths) + 1))
