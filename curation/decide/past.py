"""What becomes of documents that an earlier corpus has already: they are dropped, whatever else the run has of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.decide.judged import files_of_part
from midmix.table_files import read_file
from midmix.table_manifest import load_manifest
from midmix.tables import PAST_PAIRS


class PastCopies:
    """The documents of PAST_PAIRS, with the reason that names the corpus."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._pairs = folder, load_manifest(folder, PAST_PAIRS.name)

    def of_part(self, part: int) -> pa.Table:
        """Rows (doc, reason) of a part."""
        columns = ["doc", "corpus"]
        empty = PAST_PAIRS.schema().empty_table().select(columns)
        files = files_of_part(self._folder, self._pairs, part)
        found = pa.concat_tables([empty, *(read_file(file, columns) for file in files)])
        reasons = pc.binary_join_element_wise("past", found["corpus"], ".")
        return found.select(["doc"]).append_column("reason", reasons)
