"""Old documents whose verdict a newcomer changes: those of parts whose decisions differ from the run's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.table_manifest import load_manifest
from midmix.tables import DECISIONS, KEY

COLUMNS = ("doc", "keep", "reason", "repeats")
CHANGES = pa.schema(
    [("doc", KEY), ("keep", pa.bool_()), ("reason", pa.string()), ("repeats", KEY)]
)  # `keep` is the verdict with the newcomer


def changed_verdicts(base: Path, layer: Path) -> pa.Table:
    """(doc, keep, reason, repeats) of the run's documents that are kept in one of the two and not in the other."""
    return pa.concat_tables([CHANGES.empty_table(), *_changes(base, layer)])


def _changes(base: Path, layer: Path) -> Iterator[pa.Table]:
    before, now = (load_manifest(folder, DECISIONS.name) for folder in (base, layer))
    for part, files in before.by_part.items():
        others = now.by_part.get(part, [])
        if not others or [f.sha256 for f in files] == [f.sha256 for f in others]:  # none: its source was forgotten
            continue
        old, new = (
            pa.concat_tables([pq.read_table(folder / f.path, columns=list(COLUMNS)) for f in found])
            for folder, found in ((base, files), (layer, others))
        )
        joined = new.join(old.select(["doc", "keep"]), "doc", join_type="inner", right_suffix="_before")
        changed = joined.filter(pa.compute.not_equal(joined["keep"], joined["keep_before"]))
        yield changed.select(list(COLUMNS)).cast(CHANGES).sort_by("doc")
