"""What becomes of documents that hold text of evaluation items: dropped, masked or only marked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from midmix.config import Config
from midmix.config.leaks import Policy
from midmix.curation.decide.judged import files_of_part
from midmix.table_files import read_file
from midmix.table_manifest import load_manifest
from midmix.tables import CONTAMINATION, CUTS, EVALUATION_ITEMS

# What stands where a masked item was: no trainer should read the words around it as one sentence.
MASK = "[masked]"
PRODUCER = "leaks"
_NGRAM = re.compile(r"(\d+)-gram")
_COLUMNS = ["doc", "set", "item", "layer", "label", "overlap", "start_byte", "end_byte"]


def leak_settings(config: Config) -> dict[str, Any]:
    """What the policies on leaks depend on, as JSON."""
    keep = {name: sorted(b.keep) for name, b in sorted(config.benchmarks.items()) if b.keep}
    return {**config.leaks.model_dump(mode="json", exclude={"embeddings"}), "keep": keep}


class LeakPolicies:
    """The config's policies on CONTAMINATION, a row at a time."""

    def __init__(self, folder: Path, config: Config) -> None:
        self._folder, self._leaks = folder, config.leaks
        self._contamination = load_manifest(folder, CONTAMINATION.name)
        self._kept = _items_of_splits(folder, {name: b.keep for name, b in config.benchmarks.items() if b.keep})

    def of_part(self, part: int) -> dict[Policy, pa.Table]:
        """Rows (doc, start_byte, end_byte, reason) of the part's contamination by policy: `drop` and `mask`.

        What is only marked has no row: benchmarks' splits that may be kept, and n-grams below the least overlap.
        """
        files = files_of_part(self._folder, self._contamination, part)
        empty = CONTAMINATION.schema().empty_table().select(_COLUMNS)
        found = pa.concat_tables([empty, *(read_file(file, _COLUMNS) for file in files)])
        found = found.filter(pa.array(found["doc"].to_numpy() >> np.uint64(32) == part))
        found = found.filter(pa.array(~self._may_stay(found)))
        reasons = pc.binary_join_element_wise(found["label"], found["set"], ".")
        rows = found.select(["doc", "start_byte", "end_byte"]).append_column("reason", reasons)
        policies = self._policies(found)
        return {policy: rows.filter(pa.array(policies == policy)) for policy in ("drop", "mask")}

    def _may_stay(self, found: pa.Table) -> np.ndarray:
        stays = np.zeros(found.num_rows, np.bool_)
        for name, items in self._kept.items():
            stays |= pc.equal(found["set"], name).to_numpy() & np.isin(found["item"].to_numpy(), items)
        return stays

    def _policies(self, found: pa.Table) -> np.ndarray:
        """The policy on each row: object [n]."""
        overlap = found["overlap"].to_numpy()
        policies = np.full(found.num_rows, "mark", object)
        layers, variant = found["layer"].combine_chunks(), pc.equal(found["label"], "variant").to_numpy()
        for layer in pc.unique(layers).to_pylist():
            mine = pc.equal(layers, layer).to_numpy(zero_copy_only=False)
            if ngram := _NGRAM.fullmatch(layer):
                mine &= overlap >= self._leaks.min_overlap
                policies[mine] = self._leaks.ngrams.get(int(ngram[1]), "mark")
            else:
                policies[mine & ~variant] = self._leaks.policy
                policies[mine & variant] = self._leaks.variants
        return policies


def _items_of_splits(folder: Path, splits: Mapping[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    """Items of the named splits of each set: int64."""
    files = load_manifest(folder, EVALUATION_ITEMS.name).paths(folder) if splits else ()
    columns = ["set", "item", "split"]
    items = pa.concat_tables(
        [EVALUATION_ITEMS.schema().empty_table().select(columns), *(read_file(f, columns) for f in files)]
    )
    return {
        name: items.filter(
            pc.and_(pc.equal(items["set"], name), pc.is_in(items["split"], pa.array(chosen, pa.string())))
        )["item"].to_numpy()
        for name, chosen in splits.items()
    }


def mask_cuts(masked: pa.Table) -> pa.Table:
    """Rows of CUTS, in any order, for rows (doc, start_byte, end_byte, reason)."""
    for name, value in (("replacement", MASK), ("producer", PRODUCER)):
        masked = masked.append_column(name, pa.array([value] * masked.num_rows, pa.string()))
    return masked.select(CUTS.schema().names).cast(CUTS.schema())
