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

from midmix.artifact import Manifest, load_manifest, read_table
from midmix.config import Config
from midmix.curation.decide.judged import JudgedParts
from midmix.curation.decide.sql import judged_schema
from midmix.curation.tokenize.domains import Domain, DomainAssigner, check_name, parse_domains
from midmix.curation.tokenize.exchange import RECORD, Exchange
from midmix.curation.tokenize.shuffle import draw, is_heldout
from midmix.errors import StepError
from midmix.tables import CURATED, PARTS, TOKEN_PARTS
from midmix.task import Task


class Group(NamedTuple):
    """What shares shards."""

    tokenizer: str
    domain: str
    split: str


@dataclass(frozen=True)
class Kept:
    """Kept documents of one part: names of their domains, whether they are held out, and their place."""

    curated: pa.Table
    domains: npt.NDArray[np.object_]
    heldout: npt.NDArray[np.bool_]
    places: npt.NDArray[np.uint64]


def scatter(task: Task, exchange: Exchange) -> list[Group]:
    """Put a record of every kept document and tokenizer into the exchange; returns the groups, sorted."""
    curated, token_parts = (load_manifest(task.folder, t.name) for t in (CURATED, TOKEN_PARTS))
    config: Config = task.extra
    domains = parse_domains(config.domains, judged_schema(config))
    ranks = _part_ranks(task.folder)
    groups: set[Group] = set()
    judged = JudgedParts(task.folder, config, memory_bytes=task.memory_bytes, scratch=task.scratch)
    with judged, DomainAssigner(domains) as assigner:
        for part in sorted({f.part for f in curated.files if f.part is not None and f.rows}):
            documents = _read(curated, task.folder, part, ["doc", "source", "content_hash", "num_bytes"])
            names = _domain_names(judged, assigner, domains, part, documents)
            split_draws, places = draw(documents.column("content_hash"), task.seed)
            kept = Kept(documents, names, is_heldout(split_draws, task.settings["heldout_fraction"]), places)
            for tokenizer in task.settings["tokenizers"]:
                tokens = _read(token_parts, task.folder, part, ["doc", "offset", "num_tokens"], tokenizer)
                groups |= _add(exchange, tokenizer, kept, _records(part, tokenizer, kept, tokens, ranks[part]))
    return sorted(groups)


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


def _records(part: int, tokenizer: str, kept: Kept, tokens: pa.Table, part_rank: int) -> npt.NDArray[np.void]:
    doc = kept.curated.column("doc").to_numpy()
    if not np.array_equal(tokens.column("doc").to_numpy(), doc):
        raise StepError(f"part {part}: tokens of {tokenizer!r} are of other documents; run 'tokenize' with --rerun")
    records = np.empty(len(doc), RECORD)
    records["doc"], records["place"], records["part_rank"] = doc, kept.places, part_rank
    records["num_bytes"] = kept.curated.column("num_bytes").to_numpy()
    records["offset"] = tokens.column("offset").to_numpy()
    records["num_tokens"] = tokens.column("num_tokens").to_numpy()
    return records


def _add(exchange: Exchange, tokenizer: str, kept: Kept, records: npt.NDArray[np.void]) -> set[Group]:
    added = set()
    for domain in sorted(set(kept.domains.tolist())):
        check_name(domain)
        for split, chosen in (("heldout", kept.heldout), ("train", ~kept.heldout)):
            mine = chosen & (kept.domains == domain)
            if mine.any():
                exchange.add(Group(tokenizer, domain, split), records[mine])
                added.add(Group(tokenizer, domain, split))
    return added
