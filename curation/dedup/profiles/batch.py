"""A batch of documents as a profile sees it: a padded copy of their bytes, and the tokens that the profile finds.

Kernels are given bare addresses; what lies behind them is kept and used again by the next batch, since fresh memory costs
a quarter of the time. Reading or writing a block beyond the last byte of a text stays within the padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers

PADDING = 128  # bytes; more than any block of `vectors`
KEPT_BYTES = 128 << 20
MAX_BYTES = 1 << 31  # places of tokens are 32 bits wide, and a text may double in length


class Scratch:
    """Arrays by name that grow and are used again."""

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, size: int, kind: type[np.generic]) -> npt.NDArray[Any]:
        """The array of this name with room for at least `size` numbers; what it holds is lost where it grows."""
        held = self._arrays.get(name)
        if held is None or len(held) < size:
            held = self._arrays[name] = np.zeros(size + size // 4, kind)
        return held

    def forget(self) -> None:
        """Give memory back where a long document took more than KEPT_BYTES."""
        if sum(array.nbytes for array in self._arrays.values()) > KEPT_BYTES:
            self._arrays = {}


class Batch:
    """Texts, and their tokens once a profile has cut them.

    raw: address of the UTF-8, offsets: of int64 [documents + 1]. A profile fills: text, the normalised bytes, in which token
    t is bytes starts[t] to ends[t] (uint32); firsts: int64 [documents + 1], the first token of each document.
    """

    def __init__(self, scratch: Scratch, texts: pa.LargeStringArray) -> None:
        bounds, data = text_buffers(texts)
        first, last = int(bounds[0]), int(bounds[-1])
        self.documents, self.num_bytes = len(texts), last - first
        if self.num_bytes > MAX_BYTES:
            raise ValueError(
                f"got a text of {self.num_bytes} bytes, but dedup takes up to {MAX_BYTES}; cut it in parts"
            )
        self.scratch = scratch
        raw = scratch.array("raw", self.num_bytes + PADDING, np.uint8)
        raw[: self.num_bytes] = data[first:last]
        raw[self.num_bytes : self.num_bytes + PADDING] = 0
        self.longest = int(np.diff(bounds).max(initial=0))
        offsets = scratch.array("offsets", self.documents + 1, np.int64)
        np.subtract(bounds, first, out=offsets[: self.documents + 1])
        self.raw, self.offsets = raw.ctypes.data, offsets.ctypes.data
        self.text = self.starts = self.ends = 0
        self.first_tokens = scratch.array("firsts", self.documents + 1, np.int64)
        self.firsts: int = self.first_tokens.ctypes.data

    def room(self, text_bytes: int, tokens: int) -> None:
        """Give `text`, `starts` and `ends` room for so much."""
        self.text = self.scratch.array("text", text_bytes + PADDING, np.uint8).ctypes.data
        self.starts = self.scratch.array("starts", tokens + PADDING, np.uint32).ctypes.data
        self.ends = self.scratch.array("ends", tokens + PADDING, np.uint32).ctypes.data

    def token_bytes(self) -> npt.NDArray[np.int64]:
        """Bytes from the first token to the last of each document, int64 [documents]; once a profile has cut it."""
        firsts = self.first_tokens[: self.documents + 1]
        some = np.diff(firsts) > 0
        starts, ends = (self.scratch.array(name, 0, np.uint32) for name in ("starts", "ends"))
        sizes = np.zeros(self.documents, np.int64)
        sizes[some] = ends[firsts[1:][some] - 1].astype(np.int64) - starts[firsts[:-1][some]]
        return sizes
