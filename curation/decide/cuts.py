"""CUTS: what decisions take out of kept documents, whoever found it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from midmix.tables import CUTS


def cuts_of_part(decisions: pa.Table, *found: pa.Table) -> pa.Table:
    """Rows of CUTS of one part in key order, each once: those of `found` whose document is kept.

    decisions: (doc, keep); found: rows with the columns of CUTS, in any order. What two of them cut alike is the first's.
    """
    kept = decisions.filter(decisions["keep"])["doc"]
    rows = pa.concat_tables([CUTS.schema().empty_table(), *found])
    rows = rows.filter(pc.is_in(rows["doc"], kept.combine_chunks()))
    # A stable sort, so that of equal keys the first one found comes first.
    rows = rows.take(pc.sort_indices(rows, [(name, "ascending") for name in CUTS.key]))
    return rows if not rows.num_rows else rows.filter(_is_first(rows))


def _is_first(rows: pa.Table) -> pa.Array:
    """Whether each row's key is another than that of the row before."""
    same = None
    for name in CUTS.key:
        column = rows[name].combine_chunks()
        equal = pc.equal(column[1:], column[:-1])
        same = equal if same is None else pc.and_(same, equal)
    return pa.concat_arrays([pa.array([True]), pc.invert(same)])
