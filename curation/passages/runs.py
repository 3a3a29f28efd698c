"""Windows that several documents have, put together to substrings.

Of neighbouring windows those that the same documents have at the same distances make one run, so that every document
that has a substring has the same runs of it, under the same names.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.passages.groups import Groups, passage_ids
from midmix.tables import REPEATED_PASSAGES, SHARED_WINDOWS

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def shared_windows(rows: pa.Table, groups: Groups) -> pa.Table:
    """Rows of SHARED_WINDOWS, in key order, of the windows `rows` (as in PASSAGES) that `groups` names."""
    chosen = rows.take(pa.array(groups.rows))
    docs, starts = chosen.column("doc").to_numpy(), chosen.column("start_byte").to_numpy()
    table = chosen.append_column("documents", pa.array(groups.documents))
    table = table.append_column("company", pa.array(_company(docs, starts, groups)))
    order = np.lexsort((starts, docs))
    return table.select(SHARED_WINDOWS.schema().names).take(pa.array(order))


def _company(docs: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64], groups: Groups) -> npt.NDArray[np.int64]:
    """A number that stays the same from one window to the next as long as the same documents go along with it."""
    index = np.cumsum(groups.firsts == np.arange(len(groups.firsts))) - 1
    opens = np.flatnonzero(groups.firsts == np.arange(len(groups.firsts)))
    if not len(opens):
        return np.zeros(0, np.int64)
    spread = docs * _SPREAD
    spread ^= spread >> np.uint64(29)
    members = np.add.reduceat(spread * _SPREAD, opens)[index]
    size = np.diff(np.append(opens, len(docs)))[index]
    ahead = np.add.reduceat(starts, opens)[index] - size * starts
    return np.asarray((members + ahead.view(np.uint64) * _SPREAD).view(np.int64))


def join_windows(windows: pa.Table) -> pa.Table:
    """Rows of REPEATED_PASSAGES, unit substring, in key order, from rows of SHARED_WINDOWS of whole documents, in order."""
    docs, starts, ends = (windows.column(name).to_numpy() for name in ("doc", "start_byte", "end_byte"))
    company, documents = windows.column("company").to_numpy(), windows.column("documents").to_numpy()
    opens = np.ones(len(docs), np.bool_)
    opens[1:] = (
        (docs[1:] != docs[:-1]) | (company[1:] != company[:-1]) | (documents[1:] != documents[:-1])
        | (starts[1:] > ends[:-1])
    )  # fmt: skip
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(docs)) - 1
    hashes, checks = (windows.column(name).to_numpy()[first] for name in ("hash", "check"))
    order = np.lexsort((starts[first], docs[first], checks, hashes))
    first, last = first[order], last[order]
    columns = [
        pa.array(["substring"] * len(first), pa.string()),
        passage_ids(hashes[order], checks[order]),
        pa.array(docs[first]),
        pa.array(starts[first]),
        pa.array(ends[last]),
        pa.array(documents[first]),
    ]
    return pa.table(columns, schema=REPEATED_PASSAGES.schema())
