"""The rows of DECISIONS of one part: everything that speaks against each document, and the first of it as the reason."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def decisions_of_part(fired: pa.Table, leaked: pa.Table, repeats: pa.Table) -> pa.Table:
    """The columns of DECISIONS with source and num_bytes beside them, by key.

    fired: (doc, source, num_bytes, fired) of every document by key; leaked: (doc, reason) in any order; repeats: what
    DECISIONS says of duplicates and templates with the reason of a drop, of some documents. After the rules leaks and
    copies of earlier corpora are listed by name, a duplicate last.
    """
    keys = fired["doc"].to_numpy()
    lists = fired["fired"].combine_chunks()
    named = repeats.filter(pc.is_valid(repeats["reason"]))
    listed = [(pc.list_parent_indices(lists).to_numpy(), lists.flatten())]
    listed += [_reasons(keys, rows) for rows in (_distinct_by_name(leaked), named)]
    of, names = (np.concatenate([of for of, _ in listed]), pa.concat_arrays([names for _, names in listed]))
    names = names.take(pa.array(np.argsort(of, kind="stable")))
    counts = np.bincount(of, minlength=len(keys))
    starts = np.cumsum(counts) - counts
    offsets = pa.array(np.append(starts, len(names)), pa.int32())
    columns = {
        **{name: fired[name] for name in ("source", "num_bytes", "doc")},
        "fired": pa.ListArray.from_arrays(offsets, names),
        "keep": pa.array(counts == 0),
        "reason": names.take(pa.array(starts, mask=counts == 0)),
    }
    known = repeats.drop_columns(["doc", "reason"]).take(_places(repeats["doc"].to_numpy(), keys))
    return pa.table(columns | dict(zip(known.column_names, known.columns, strict=True)))


def _distinct_by_name(leaked: pa.Table) -> pa.Table:
    """Each (doc, reason) once, reasons ascending."""
    return leaked.group_by(["doc", "reason"]).aggregate([]).sort_by("reason") if leaked.num_rows else leaked


def _reasons(keys: npt.NDArray[np.uint64], rows: pa.Table) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """(place in `keys`, reason) of the rows (doc, reason) of these documents."""
    places = _places(keys, rows["doc"].to_numpy())
    found = pc.is_valid(places)
    return places.filter(found).to_numpy(), rows["reason"].filter(found).combine_chunks()


def _places(keys: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> pa.Array:
    """Where each wanted key stands among `keys`, which ascend: int64, NULL where it does not."""
    places = np.searchsorted(keys, wanted)
    inside = places < len(keys)
    inside[inside] = keys[places[inside]] == wanted[inside]
    return pa.array(places, pa.int64(), mask=~inside)
