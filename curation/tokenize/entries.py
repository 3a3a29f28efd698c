"""Documents of groups, put in the order of their groups out of core, and cut into entries of shards.

An entry is what a trainer takes for one document. A group is one, unless it has more tokens than a shard should: it is
then cut between documents into several, each with a place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.tokenize.exchange import RECORD, Records
from midmix.jit import njit

# Tokens of an entry of Megatron's index are an int32.
MOST_TOKENS = 2**31 - 1
# Documents of an entry: their records are in memory together.
MOST_DOCUMENTS = 1 << 20
_ROWS = 65_536
# 2^64 over the golden ratio: entries of one group are spread over the key space.
_STEP = np.uint64(0x9E3779B97F4A7C15)
# Numbers by value, then other texts by their bytes.
_SORTED = r"""
SELECT * EXCLUDE (group_order) FROM read_parquet(?) ORDER BY series, tie, place,
  TRY_CAST(CASE WHEN regexp_full_match(group_order, '-?[0-9]+([.][0-9]+)?') THEN group_order END AS DOUBLE) NULLS LAST,
  group_order NULLS LAST, part_rank, doc"""


class Entries:
    """Collects documents of groups below `folder`; `tokenizers` names what their tokens are counted by."""

    def __init__(self, folder: Path, tokenizers: Sequence[str], memory_bytes: int) -> None:
        self._folder, self._tokenizers, self._memory_bytes = folder, tuple(tokenizers), memory_bytes
        self._numbers: dict[tuple[str, str], int] = {}
        self._files: list[str] = []

    def add(self, part: int, names: Sequence[tuple[str, str]], columns: pa.Table) -> None:
        """Take documents of groups in a part, with their (domain, split).

        `columns` are group_order (string), RECORD's place, tie, doc, num_bytes and part_rank, and offset_I and num_tokens_I
        by the I-th tokenizer.
        """
        if not names:
            return
        for name in sorted(set(names)):
            self._numbers.setdefault(name, len(self._numbers))
        series = np.array([self._numbers[name] for name in names], np.int32)
        path = self._folder / f"groups-{part}.parquet"
        pq.write_table(columns.append_column("series", pa.array(series)), path, compression="zstd")
        self._files.append(str(path))

    def records(self, most_tokens: int) -> Iterator[tuple[str, str, str, Records]]:
        """(tokenizer, domain, split, records), every document once; entries of `most_tokens`, or of one longer document."""
        if not self._files:
            return
        cutters = [_Cutter(min(most_tokens, MOST_TOKENS)) for _ in self._tokenizers]
        names = {number: name for name, number in self._numbers.items()}
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET threads = 1")
            connection.execute(f"SET memory_limit = '{max(self._memory_bytes, 64 << 20)}B'")
            spill = str(self._folder / "spill").replace("'", "''")
            connection.execute(f"SET temp_directory = '{spill}'")
            for batch in connection.sql(_SORTED, params=[self._files]).to_arrow_reader(_ROWS):
                columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names}
                for index, (tokenizer, cutter) in enumerate(zip(self._tokenizers, cutters, strict=True)):
                    records = cutter.cut(columns, columns[f"offset_{index}"], columns[f"num_tokens_{index}"])
                    for number in np.unique(columns["series"]).tolist():
                        yield tokenizer, *names[number], records[columns["series"] == number]


class _Cutter:
    """Cuts groups that come one after the other into entries, batch by batch, for one tokenizer."""

    def __init__(self, most_tokens: int) -> None:
        self._most_tokens = most_tokens
        self._last: tuple[int, ...] = ()
        # Tokens and documents of the entry so far, and its number in the group.
        self._so_far = np.zeros(3, np.int64)

    def cut(
        self, columns: dict[str, npt.NDArray[Any]], offset: npt.NDArray[np.int64], tokens: npt.NDArray[np.int32]
    ) -> Records:
        records = np.zeros(len(tokens), RECORD)
        for name in ("doc", "num_bytes", "part_rank", "tie"):
            records[name] = columns[name]
        records["offset"], records["num_tokens"] = offset, tokens
        number = np.empty(len(tokens), np.uint64)
        cut_groups(self._is_new(columns), tokens, self._most_tokens, self._so_far, records["before"], number)
        records["place"] = columns["place"] + number * _STEP
        return records

    def _is_new(self, columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
        """Whether each row is of another group than the one before it."""
        keys = [columns[name] for name in ("series", "tie", "place")]
        new = np.ones(len(keys[0]), np.bool_)
        new[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
        new[0] = tuple(int(key[0]) for key in keys) != self._last
        self._last = tuple(int(key[-1]) for key in keys)
        return new


@njit
def cut_groups(
    new: npt.NDArray[np.bool_],
    num_tokens: npt.NDArray[np.int32],
    most_tokens: int,
    so_far: npt.NDArray[np.int64],
    before: npt.NDArray[np.int32],
    number: npt.NDArray[np.uint64],
) -> None:
    """Fill the tokens `before` each document in its entry, and the number of the entry in its group.

    `so_far` has tokens, documents and number of the entry that goes on, and is left as the next batch needs it.
    """
    tokens, documents, entry = so_far[0], so_far[1], so_far[2]
    for i in range(len(new)):
        if new[i]:
            tokens, documents, entry = 0, 0, 0
        elif tokens + num_tokens[i] > most_tokens or documents == MOST_DOCUMENTS:
            tokens, documents, entry = 0, 0, entry + 1
        before[i], number[i] = tokens, entry
        tokens += num_tokens[i]
        documents += 1
    so_far[0], so_far[1], so_far[2] = tokens, documents, entry


def warm_up() -> None:
    """Compile the kernel of this module, for columns as Arrow gives them."""
    tokens = pa.array([1], pa.int32()).to_numpy()
    columns = dict.fromkeys(("doc", "num_bytes", "part_rank", "tie", "place", "series"), np.zeros(1, np.uint64))
    _Cutter(1).cut(columns, np.zeros(1, np.int64), tokens)
