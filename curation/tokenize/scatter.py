"""Which tokenizer, domain and split a kept document belongs to, and where it stands in their permutation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.config import Config
from midmix.curation.decide.judged import JudgedParts
from midmix.curation.decide.sql import judged_schema
from midmix.curation.tokenize.domains import Domain, DomainAssigner, check_name, parse_domains
from midmix.curation.tokenize.entries import Entries
from midmix.curation.tokenize.exchange import RECORD, Exchange
from midmix.curation.tokenize.grouping import Groups, split_hashes
from midmix.curation.tokenize.shuffle import draw, is_heldout
from midmix.errors import StepError
from midmix.table_files import read_table
from midmix.table_manifest import Manifest, load_manifest
from midmix.tables import CURATED, PARTS, TOKEN_PARTS
from midmix.task import Task

_TOKENS = ["doc", "offset", "num_tokens"]


class Series(NamedTuple):
    """What shares shards."""

    tokenizer: str
    domain: str
    split: str


@dataclass(frozen=True)
class Kept:
    """Kept documents of one part: names of their domains and splits, both draws of each, and whether it is of a group.

    `ties` are the draws for the split; `group_orders`, by which a group is ordered, are None where the source has none.
    """

    part: int
    curated: pa.Table
    domains: npt.NDArray[np.object_]
    splits: npt.NDArray[np.object_]
    ties: npt.NDArray[np.uint64]
    places: npt.NDArray[np.uint64]
    grouped: npt.NDArray[np.bool_]
    group_orders: pa.ChunkedArray | None


def scatter(task: Task, exchange: Exchange) -> list[Series]:
    """Put a record of every kept document and tokenizer into the exchange; returns the series, sorted."""
    curated, token_parts = (load_manifest(task.folder, t.name) for t in (CURATED, TOKEN_PARTS))
    config: Config = task.extra
    domains = parse_domains(config.domains, judged_schema(config))
    ranks = _part_ranks(task.folder)
    series: set[Series] = set()
    entries = Entries(exchange.folder, list(task.settings["tokenizers"]), task.memory_bytes)
    groups = Groups(task.folder, config)
    judged = JudgedParts(task.folder, config, memory_bytes=task.memory_bytes, scratch=task.scratch)
    with judged, DomainAssigner(domains) as assigner:
        for part in sorted({f.part for f in curated.files if f.part is not None and f.rows}):
            documents = _read(curated, task.folder, part, ["doc", "source", "content_hash", "num_bytes"])
            names = _domain_names(judged, assigner, domains, part, documents)
            kept = _kept(task, part, documents, names, groups)
            by_tokenizer = [
                _records(kept, name, _read(token_parts, task.folder, part, _TOKENS, name), ranks[part])
                for name in task.settings["tokenizers"]
            ]
            for tokenizer, records in zip(task.settings["tokenizers"], by_tokenizer, strict=True):
                series |= _add_alone(exchange, tokenizer, kept, records)
            _add_grouped(entries, kept, by_tokenizer)
    groups.refuse_none()
    for tokenizer, domain, split, records in entries.records(task.settings["shard_tokens"]):
        exchange.add(Series(tokenizer, domain, split), records)
        series.add(Series(tokenizer, domain, split))
    return sorted(series)


def _part_ranks(folder: Path) -> dict[int, int]:
    """Rank of every part by (source, path, first row): the same whatever the ids are."""

    def place(part: dict[str, Any]) -> tuple[str, str, int, int]:
        return part["source"], part["path"], part["first_row"], part["part"]

    parts = read_table(folder, PARTS).select(["source", "path", "first_row", "part"]).to_pylist()
    return {part["part"]: rank for rank, part in enumerate(sorted(parts, key=place))}


def _read(manifest: Manifest, folder: Path, part: int, columns: list[str], unit: str | None = None) -> pa.Table:
    tables = [pq.read_table(path, columns=columns) for path in manifest.paths(folder, part=part, unit=unit)]
    if not tables:
        raise StepError(f"part {part}: table {manifest.table} has no file of {unit or 'it'}; run its step again")
    return pa.concat_tables(tables)


def _domain_names(
    judged: JudgedParts, assigner: DomainAssigner, domains: Sequence[Domain], part: int, curated: pa.Table
) -> npt.NDArray[np.object_]:
    """Name of the domain of each kept document: the declared one that takes it, else its source."""
    names = np.array([*(d.name for d in domains), curated.column("source")[0].as_py()], dtype=object)
    if not domains:
        return np.repeat(names, curated.num_rows)
    judged.show(part, " ".join(domain.sql for domain in domains))
    judged.connection.register("kept", curated.select(["doc"]))
    columns = sorted({column for domain in domains for column in domain.columns} - {"doc"})
    found = judged.table(f"SELECT {', '.join(['doc', *columns])} FROM judged SEMI JOIN kept USING (doc) ORDER BY doc")
    judged.connection.unregister("kept")
    if not np.array_equal(found.column("doc").to_numpy(), curated.column("doc").to_numpy()):
        raise StepError(f"part {part}: curated documents are not among its documents; run the step 'apply' again")
    return np.asarray(names[assigner.assign(found)], object)


def _kept(task: Task, part: int, curated: pa.Table, domains: npt.NDArray[np.object_], groups: Groups) -> Kept:
    for domain in sorted(set(domains.tolist())):
        check_name(domain)
    hashes = curated.column("content_hash").combine_chunks()
    grouped, group_orders = np.zeros(len(domains), np.bool_), None
    found = groups.of_part(part, curated)
    if found is not None:
        hashes = split_hashes(curated.column("source")[0].as_py(), found.column("group"), hashes)
        grouped = found.column("group").is_valid().to_numpy()
        group_orders = found.column("group_order")
    ties, places = draw(hashes, task.seed)
    splits = np.where(is_heldout(ties, task.settings["heldout_fraction"]), "heldout", "train").astype(object)
    return Kept(part, curated, domains, splits, ties, places, grouped, group_orders)


def _records(kept: Kept, tokenizer: str, tokens: pa.Table, part_rank: int) -> npt.NDArray[np.void]:
    doc = kept.curated.column("doc").to_numpy()
    if not np.array_equal(tokens.column("doc").to_numpy(), doc):
        raise StepError(
            f"part {kept.part}: tokens of {tokenizer!r} are of other documents; run 'tokenize' with --rerun"
        )
    records = np.zeros(len(doc), RECORD)
    records["doc"], records["place"], records["tie"], records["part_rank"] = doc, kept.places, kept.ties, part_rank
    records["num_bytes"] = kept.curated.column("num_bytes").to_numpy()
    records["offset"] = tokens.column("offset").to_numpy()
    records["num_tokens"] = tokens.column("num_tokens").to_numpy()
    return records


def _add_alone(exchange: Exchange, tokenizer: str, kept: Kept, records: npt.NDArray[np.void]) -> set[Series]:
    added = set()
    for domain in sorted(set(kept.domains.tolist())):
        for split in ("heldout", "train"):
            mine = (kept.splits == split) & (kept.domains == domain) & ~kept.grouped
            if mine.any():
                exchange.add(Series(tokenizer, domain, split), records[mine])
                added.add(Series(tokenizer, domain, split))
    return added


def _add_grouped(entries: Entries, kept: Kept, by_tokenizer: Sequence[npt.NDArray[np.void]]) -> None:
    """Hand the documents of groups on, to be put in order with those of other parts."""
    if kept.group_orders is None or not kept.grouped.any():
        return
    first = by_tokenizer[0][kept.grouped]
    columns = {name: pa.array(first[name]) for name in ("place", "tie", "doc", "num_bytes", "part_rank")}
    columns["group_order"] = kept.group_orders.filter(pa.array(kept.grouped))
    for index, records in enumerate(by_tokenizer):
        columns |= {f"{name}_{index}": pa.array(records[name][kept.grouped]) for name in ("offset", "num_tokens")}
    names = list(zip(kept.domains[kept.grouped].tolist(), kept.splits[kept.grouped].tolist(), strict=True))
    entries.add(kept.part, names, pa.table(columns))
