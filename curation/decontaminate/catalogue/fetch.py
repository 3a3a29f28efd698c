"""Fetch a benchmark with the `datasets` library, as a parquet file that a config can name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.decontaminate.catalogue.fields import item_of
from midmix.curation.decontaminate.catalogue.recipe import Recipe
from midmix.errors import InputError

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("passage", pa.string()),
        ("choices", pa.list_(pa.string())),
    ]
)
_ROWS = 4096
Load = Callable[..., Iterable[dict[str, Any]]]


@dataclass(frozen=True)
class Fetched:
    """A benchmark that was fetched: its file, and its items per split."""

    name: str
    path: Path
    items: dict[str, int]
    keep: tuple[str, ...]

    def config_line(self) -> str:
        """What to write under `benchmarks:` in a config."""
        path = json.dumps(str(self.path), ensure_ascii=False)
        if not self.keep:
            return f"  {self.name}: {path}"
        return f"  {self.name}: {{path: {path}, keep: [{', '.join(self.keep)}]}}"


def fetch(name: str, recipe: Recipe, out: Path, *, train: bool = False) -> Fetched:
    """Write OUT/NAME.parquet: the recipe's splits, and its train splits when asked for.

    Raises InputError when `datasets` is not installed, cannot load the dataset, or gives other fields than the recipe
    names; then no file is written, and one that was there stays as it was.
    """
    load = _library()
    counts: dict[str, int] = {}
    path = out / f"{name}.parquet"
    partial = out / f".{name}.{os.getpid()}.part"
    facts = {"dataset": recipe.dataset, "revision": recipe.revision, "license": recipe.license}
    schema = SCHEMA.with_metadata({"midmix.benchmark": json.dumps({"name": name, **facts})})
    try:
        out.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for split in (*recipe.splits, *(recipe.train if train else ())):
                rows = _items(name, recipe, split, load)
                counts[split] = 0
                while batch := list(islice(rows, _ROWS)):
                    counts[split] += len(batch)
                    writer.write_table(pa.Table.from_pylist(batch, schema))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return Fetched(name, path, counts, recipe.train if train else ())


def _library() -> Load:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise InputError(
            f"fetching benchmarks needs the `datasets` library ({error}). "
            "Install it: python -m pip install 'midmix[benchmarks]'"
        ) from None
    return load_dataset  # type: ignore[no-any-return]


def _items(name: str, recipe: Recipe, split: str, load: Load) -> Iterator[dict[str, Any]]:
    """Items of one split, of all configs in turn."""
    for config in recipe.configs or (None,):
        place = f"{name} ({recipe.dataset}{f', {config}' if config else ''}, split {split})"
        for number, row in enumerate(_rows(recipe, config, split, load, place)):
            item = item_of(row, recipe.fields, f"{place}, row {number}")
            if item["question"] is None:
                raise InputError(
                    f"{place}, row {number}: no question. The dataset is not what the recipe was made for."
                )
            yield {"split": split, **item}


def _rows(recipe: Recipe, config: str | None, split: str, load: Load, place: str) -> Iterable[dict[str, Any]]:
    try:
        if recipe.files:
            base = f"hf://datasets/{recipe.dataset}@{recipe.revision}"
            return load("json", data_files={split: [f"{base}/{file}" for file in recipe.files]}, split=split)
        return load(recipe.dataset, config, split=split, revision=recipe.revision)
    except Exception as error:  # the library raises its own, the hub client's and the operating system's
        mend = "Is the network there, and the dataset still?"
        if recipe.gated:
            address = f"https://huggingface.co/datasets/{recipe.dataset}"
            mend = f"It is gated: accept its terms at {address}, then log in with `hf auth login`."
        raise InputError(f"{place}: cannot be fetched: {type(error).__name__}: {error}. {mend}") from error
