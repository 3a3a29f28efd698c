"""Our side of benchmarks/decontaminate.py: what midmix finds in texts, and what it says it can find."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from leaks.figures import Hit
from midmix.curation.decontaminate.coverage import coverage
from midmix.curation.decontaminate.find import build_index, find_leaks_in, ngram_layer
from midmix.tables import TEXT


class Engine:
    """The index of some items: rows of EVALUATION_ITEMS; `ngrams` are lengths of exact n-grams to look for besides."""

    def __init__(self, items: pa.Table, ngrams: Collection[int] = ()) -> None:
        self._index = build_index(items, ngrams)
        self.exact = {ngram_layer(length) for length in ngrams}
        names = pc.unique(items.column("set")).to_pylist()
        self._num_items = {name: pc.sum(pc.equal(items.column("set"), name)).as_py() for name in names}
        rows = [coverage(name, items.filter(pc.equal(items.column("set"), name)), ()) for name in names]
        self._fields = pa.concat_tables(rows).select(["set", "item", "field", "detectable"]).to_pylist()
        self.coverage = {(row["set"], row["item"], row["field"]) for row in self._fields if row["detectable"]}

    def column(self, texts: Sequence[str]) -> pa.LargeStringArray:
        """The texts as they are searched."""
        return pa.array(texts, TEXT)

    def search(self, column: pa.LargeStringArray) -> pa.Table:
        """The search alone, for timing."""
        return find_leaks_in(column, self._index)

    def find(self, texts: Sequence[str]) -> list[Hit]:
        """Every place of an item in the texts."""
        found = self.search(self.column(texts))
        names = ("document", "set", "item", "field", "layer", "label", "rule", "start_byte", "end_byte")
        columns = (found.column(name).to_pylist() for name in names)
        return [Hit(*row) for row in zip(*columns, strict=True)]

    def shares(self) -> dict[str, float]:
        """Share of each set's items that are detectable by some field, and of its fields by name."""
        items: dict[str, set[int]] = defaultdict(set)
        fields: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for row in self._fields:
            fields[row["set"], row["field"]].append(row["detectable"])
            if row["detectable"]:
                items[row["set"]].add(row["item"])
        found = {f"detectable_items_{name}": len(items[name]) / count for name, count in self._num_items.items()}
        return found | {f"detectable_{name}_{field}": sum(each) / len(each) for (name, field), each in fields.items()}
