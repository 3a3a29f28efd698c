"""Token shards of one group, written as Megatron files from the token files of parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.artifact import load_manifest
from midmix.curation.tokenize.exchange import Exchange
from midmix.curation.tokenize.groups import Group
from midmix.curation.tokenize.megatron import write_index
from midmix.curation.tokenize.shuffle import num_shards, permutation
from midmix.parts import ROW_MASK
from midmix.step import Output
from midmix.tables import TOKEN_PARTS, TOKENS


def token_file_name(item: str, tokenizer: str) -> str:
    """Name of the token file of a part (`p00000003`), beside TOKEN_PARTS."""
    return f"{item}.{tokenizer}.bin"


def shard_name(group: Group, shard: int, suffix: str) -> str:
    """Name of a shard's file, beside TOKENS; `suffix` is `.bin` or `.idx`."""
    return f"{group.tokenizer}/{group.domain}/{group.split}-{shard:05d}{suffix}"


class TokenFiles:
    """The token files of all parts of one tokenizer."""

    def __init__(self, folder: Path, tokenizer: str, dtype: np.dtype[np.generic]) -> None:
        self._folder, self._tokenizer, self.dtype = folder, tokenizer, dtype
        self._paths = load_manifest(folder, TOKEN_PARTS.name).attachments

    def of_part(self, part: int) -> np.memmap[tuple[int], np.dtype[np.generic]]:
        """Token ids of a part that has some, mapped from its file."""
        name = token_file_name(f"p{part:08d}", self._tokenizer)
        return np.memmap(self._folder / self._paths[name], self.dtype, mode="r")


def write_shards(
    exchange: Exchange, group: Group, shard_tokens: int, files: TokenFiles, output: Output
) -> Iterator[pa.RecordBatch]:
    """Write the shards of a group; yields their rows of TOKENS, one batch per shard.

    Shards are equal ranges of the key space in its order, so every prefix of their concatenation is a random sample.
    A range without a document makes no shard.
    """
    ranges = num_shards(exchange.num_tokens(group), shard_tokens)
    shard = 0
    for index in range(ranges):
        records = exchange.read(group, index, ranges)
        if not len(records):
            continue
        rows = records["doc"] & np.uint64(ROW_MASK)
        records = records[permutation(records["place"], records["part_rank"], rows)]
        _write_shard(group, shard, records, files, output)
        yield _rows(group, shard, records)
        shard += 1


def _starts(records: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    ends = np.cumsum(records["num_tokens"], dtype=np.int64)
    return np.asarray(ends - records["num_tokens"], np.int64)


def _write_shard(group: Group, shard: int, records: npt.NDArray[np.void], files: TokenFiles, output: Output) -> None:
    lengths = records["num_tokens"].astype(np.int32)
    output.attach(TOKENS, shard_name(group, shard, ".bin"), lambda path: copy_tokens(path, records, files))
    output.attach(TOKENS, shard_name(group, shard, ".idx"), lambda path: write_index(path, lengths, files.dtype))


def copy_tokens(path: Path, records: npt.NDArray[np.void], files: TokenFiles) -> None:
    """Write the tokens of the records, in their order, to `path`; one part's file is mapped at a time."""
    starts = _starts(records)
    total = int(records["num_tokens"].sum(dtype=np.int64))
    shard = np.memmap(path, files.dtype, mode="w+", shape=(total,))
    parts = (records["doc"] >> np.uint64(32)).astype(np.int64)
    by_part = np.argsort(parts, kind="stable")
    cuts = np.flatnonzero(np.diff(parts[by_part])) + 1
    for chosen in np.split(by_part, cuts):
        tokens = files.of_part(int(parts[chosen[0]]))
        columns = (starts[chosen], records["offset"][chosen], records["num_tokens"][chosen])
        for to, start, length in zip(*(column.tolist() for column in columns), strict=True):
            shard[to : to + length] = tokens[start : start + length]
    shard.flush()


def _rows(group: Group, shard: int, records: npt.NDArray[np.void]) -> pa.RecordBatch:
    count = len(records)
    columns = [
        *(pa.array([value] * count, pa.string()) for value in group),
        pa.array(np.full(count, shard, np.int32)),
        pa.array(_starts(records)),
        pa.array(records["num_tokens"].astype(np.int32)),
        pa.array(records["num_bytes"].astype(np.int64)),
        pa.array(records["doc"].astype(np.uint64)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TOKENS.schema())
