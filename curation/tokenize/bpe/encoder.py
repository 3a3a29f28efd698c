"""Texts to ids with kernels, for one tokenizer that they cover."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.tokenize.bpe import blocks
from midmix.curation.tokenize.bpe.dictionary import LONG_BYTES, Dictionary
from midmix.curation.tokenize.bpe.merges import Merges, byte_characters
from midmix.curation.tokenize.bpe.pattern import NotCovered, read_cut, read_nfc
from midmix.curation.tokenize.bpe.reserved import Reserved

# Bytes that the kernels may read beyond a text, and ids that they may write beyond the last one.
SPARE = 16
# What is done to ids or offsets after BPE; with no special token asked for, none of these does anything to ids.
_HARMLESS = {"ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing"}


class Encoder:
    """A tokenizer by its `tokenizer.json`, read with `json`. Raises NotCovered.

    `dictionary` is for tests; results never depend on it.
    """

    def __init__(self, tokenizer: Mapping[str, Any], dictionary: Dictionary | None = None) -> None:
        model = tokenizer["model"]
        _check_model(model)
        _check_post_processor(tokenizer["post_processor"])
        is_nfc = read_nfc(tokenizer["normalizer"])
        cut = read_cut(tokenizer["pre_tokenizer"])
        self.merges = Merges(model["vocab"], [_pair(merge) for merge in model["merges"]])
        self._known = _unmerged(self.merges, model) if model["ignore_merges"] else []
        self._dictionary = dictionary or Dictionary(self._known)
        self._reserved = Reserved(tokenizer["added_tokens"], is_nfc=is_nfc)
        self._classes = cut.classes()
        self._block = np.empty(blocks.BLOCK * blocks.ENTRY, np.int64)
        self._state = np.zeros(blocks.FIELDS, np.int64)
        self._state[[blocks.CUT, blocks.MAX_DIGITS]] = cut.kind, cut.max_digits
        self._state[blocks.CLASSES] = self._classes.ctypes.data
        self._state[blocks.BLOCK_BASE] = self._block.ctypes.data
        self._lock = threading.Lock()  # the dictionary and the scratch space are the encoder's

    def forget(self) -> None:
        """Begin with an empty dictionary again."""
        self._dictionary = Dictionary(self._known)

    def reserved(self, texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
        """Which of the texts only the tokenizer itself may encode: bool[n]."""
        return self._reserved.find(with_spare(texts))

    def encode(
        self, texts: pa.LargeStringArray, end_of_text: int, dtype: np.dtype[np.generic]
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int32]]:
        """(ids of all texts, each followed by `end_of_text`; int32 ids per text). `texts` has no NULL.

        `dtype` is uint16 or uint32, and holds every id.
        """
        offsets, data = text_buffers(with_spare(texts))
        lengths = np.empty(len(texts), np.int32)
        # Every id stands for a byte at least.
        ids = np.empty(int(offsets[-1] - offsets[0]) + len(texts) + SPARE, dtype)
        with self._lock:
            count = self._run(offsets, data, ids, lengths, end_of_text) if len(texts) else 0
        return ids[:count], lengths

    def _run(
        self,
        offsets: npt.NDArray[np.int64],
        data: npt.NDArray[np.uint8],
        ids: npt.NDArray[np.generic],
        lengths: npt.NDArray[np.int32],
        end_of_text: int,
    ) -> int:
        state = self._state
        state[blocks.END_OF_TEXT], state[blocks.IS_WIDE] = end_of_text, ids.itemsize == 4
        state[blocks.OFFSETS], state[blocks.DATA] = offsets.ctypes.data, data.ctypes.data
        state[blocks.DOCUMENTS], state[blocks.DOCUMENT] = len(lengths), 0
        state[blocks.AT] = data.ctypes.data + offsets[0]
        state[blocks.OUT], state[blocks.LENGTHS] = ids.ctypes.data, lengths.ctypes.data
        state[[blocks.WRITTEN, blocks.FILLED, blocks.STARTED]] = 0
        while status := blocks.run(state.ctypes.data, self.merges.address, self._dictionary.address):
            if status == blocks.MORE_ROOM:
                self.merges.make_room(2 * int(state[blocks.NEEDED]))
            else:
                self._dictionary.make_room()
        return int(state[blocks.FILLED])


def with_spare(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """The texts, copied where their buffer ends less than SPARE bytes behind them."""
    offsets, data = text_buffers(texts)
    begin, end = int(offsets[0]), int(offsets[-1])
    if end + SPARE <= len(data):
        return texts
    copied = np.concatenate([data[begin:end], np.zeros(SPARE, np.uint8)])
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets - begin), pa.py_buffer(copied))


def _check_model(model: Mapping[str, Any]) -> None:
    if model["type"] != "BPE":
        raise NotCovered(f"its model is {model['type']}, not BPE")
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"):
        if model[name]:
            raise NotCovered(f"its model has {name}")


def _check_post_processor(part: Mapping[str, Any] | None) -> None:
    inner = [] if part is None else part["processors"] if part["type"] == "Sequence" else [part]
    for step in inner:
        if step["type"] not in _HARMLESS:
            raise NotCovered(f"its post-processor is {step['type']}")


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _unmerged(merges: Merges, model: Mapping[str, Any]) -> list[tuple[bytes, int]]:
    """Tokens that merges do not make, with their ids; with `ignore_merges` a chunk that is a token has its id."""
    byte_of = {char: byte for byte, char in enumerate(byte_characters())}
    found = []
    for token, number in model["vocab"].items():
        if not token or not byte_of.keys() >= set(token):
            continue
        chunk = bytes(byte_of[char] for char in token)
        if merges.chunk_ids(chunk) != [number]:
            if len(chunk) > LONG_BYTES:
                raise NotCovered(f"it has ignore_merges and a token of {len(chunk)} bytes")
            found.append((chunk, number))
    return found
