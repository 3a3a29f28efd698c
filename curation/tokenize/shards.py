"""Token shards of one series, written as Megatron files from the token files of parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.tokenize.exchange import Exchange, Records
from midmix.curation.tokenize.scatter import Series
from midmix.curation.tokenize.shuffle import num_shards
from midmix.megatron_index import write_index
from midmix.table_manifest import load_manifest
from midmix.tables import TOKEN_PARTS, TOKENS
from midmix.task import Output

# Rows of TOKENS that are made at a time.
_ROWS = 65_536


def token_file_name(item: str, tokenizer: str) -> str:
    """Name of the token file of a part (`p00000003`), beside TOKEN_PARTS."""
    return f"{item}.{tokenizer}.bin"


def shard_name(series: Series, shard: int, suffix: str) -> str:
    """Name of a shard's file, beside TOKENS; `suffix` is `.bin` or `.idx`."""
    return f"{series.tokenizer}/{series.domain}/{series.split}-{shard:05d}{suffix}"


class TokenFiles:
    """The token files of all parts of one tokenizer, and the id that stands between documents of a group."""

    def __init__(self, folder: Path, tokenizer: str, dtype: np.dtype[np.generic], separator: int | None = None) -> None:
        self._folder, self._tokenizer, self.dtype, self.separator = folder, tokenizer, dtype, separator
        self._paths = load_manifest(folder, TOKEN_PARTS.name).attachments

    def of_part(self, part: int) -> npt.NDArray[np.generic]:
        """Token ids of a part that has some, mapped from its file."""
        name = token_file_name(f"p{part:08d}", self._tokenizer)
        return np.asarray(np.memmap(self._folder / self._paths[name], self.dtype, mode="r"))


def write_shards(
    exchange: Exchange, series: Series, shard_tokens: int, files: TokenFiles, output: Output
) -> Iterator[pa.RecordBatch]:
    """Write the shards of a series; yields their rows of TOKENS.

    Shards are equal ranges of the key space in its order, so every prefix of their concatenation is a random sample.
    A range without a document makes no shard.
    """
    ranges = num_shards(exchange.num_tokens(series), shard_tokens)
    shard = 0
    for index in range(ranges):
        records = exchange.read(series, index, ranges)
        if len(records):
            _write_shard(series, shard, records, files, output, exchange.chunk)
            yield from _rows(series, shard, records)
            shard += 1


def _chunks(records: Records, size: int) -> Iterator[tuple[Records, npt.NDArray[np.int64]]]:
    """(records, first token of each in the shard), at most `size` at a time."""
    filled = 0
    for first in range(0, len(records), size):
        some = records[first : first + size]
        ends = filled + np.cumsum(some["num_tokens"], dtype=np.int64)
        yield some, ends - some["num_tokens"]
        filled = int(ends[-1])


def _write_shard(
    series: Series, shard: int, records: Records, files: TokenFiles, output: Output, documents_at_once: int
) -> None:
    def write_tokens(path: Path) -> None:
        copy_tokens(path, records, files, documents_at_once)

    output.attach(TOKENS, shard_name(series, shard, ".bin"), write_tokens)
    output.attach(
        TOKENS,
        shard_name(series, shard, ".idx"),
        lambda path: write_index(path, records["entry_tokens"][records["before"] == 0], files.dtype),
    )


def copy_tokens(path: Path, records: Records, files: TokenFiles, documents_at_once: int) -> None:
    """Write the tokens of the records, in their order, to `path`; one part's file is mapped at a time.

    Where an entry goes on, the separator takes the place of the end-of-text id.
    """
    total = int(records["num_tokens"].sum(dtype=np.int64))
    shard = np.asarray(np.memmap(path, files.dtype, mode="w+", shape=(total,)))
    for some, starts in _chunks(records, documents_at_once):
        parts = (some["doc"] >> np.uint64(32)).astype(np.int64)
        by_part = np.argsort(parts, kind="stable")
        cuts = np.flatnonzero(np.diff(parts[by_part])) + 1
        for chosen in np.split(by_part, cuts):
            tokens = files.of_part(int(parts[chosen[0]]))
            columns = (starts[chosen], some["offset"][chosen], some["num_tokens"][chosen])
            for to, start, length in zip(*(column.tolist() for column in columns), strict=True):
                shard[to : to + length] = tokens[start : start + length]
        if files.separator is not None:
            shard[(starts + some["num_tokens"] - 1)[_goes_on(some)]] = files.separator


def _goes_on(records: Records) -> npt.NDArray[np.bool_]:
    """Whether an entry has further documents after each of its own."""
    return np.asarray(records["before"] + records["num_tokens"] < records["entry_tokens"])


def _rows(series: Series, shard: int, records: Records) -> Iterator[pa.RecordBatch]:
    for some, starts in _chunks(records, _ROWS):
        count = len(some)
        alone = some["entry_tokens"] == some["num_tokens"]
        columns = [
            *(pa.array([value] * count, pa.string()) for value in series),
            pa.array(np.full(count, shard, np.int32)),
            pa.array(starts),
            pa.array(some["num_tokens"].astype(np.int32)),
            pa.array(some["num_bytes"].astype(np.int64)),
            pa.array(some["doc"].astype(np.uint64)),
            pa.array(starts - some["before"], mask=alone),
            pa.array(some["entry_tokens"].astype(np.int32), mask=alone),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=TOKENS.schema())
