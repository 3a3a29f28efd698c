"""Which document repeats which: verified pairs, cut down to what the rules let through. Out of core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.config import Config
from midmix.config.dedup import SourceDedup
from midmix.curation.decide.edges import RELATIONS, TEMPLATE, Pairs
from midmix.curation.decide.one_pass import ACROSS, EVERYWHERE, NOWHERE, WITHIN, Policies
from midmix.curation.decide.outcome import Survivors
from midmix.curation.decide.survivors import CHUNK_ROWS, Candidates, choose_survivors, survivor_order
from midmix.curation.decide.templates import TemplatePolicy, load_content_hashes
from midmix.curation.dedup.exchange import Workspace
from midmix.parts import Part
from midmix.tables import DOCUMENTS, KEY, doc_key

SCOPES = {"everywhere": EVERYWHERE, "within": WITHIN, "across": ACROSS, "nowhere": NOWHERE}
_KEYED = np.dtype([("doc", np.uint64)])
_NAMES = pa.array(RELATIONS)


def duplicate_settings(config: Config) -> dict[str, Any]:
    """What a verdict on duplicates depends on beside pairs and survivor order, as JSON."""
    return {
        "sources": {name: source.dedup.model_dump(mode="json") for name, source in sorted(config.read_sources.items())},
        "templates": config.dedup.templates.model_dump(mode="json"),
    }


@dataclass(frozen=True)
class DuplicatePairs:
    """Pairs in files of PAIRS and SEMANTIC_PAIRS; `documents` are the keys in them, ascending and distinct, on disk.

    `relations` are the places in RELATIONS of those that there are.
    """

    files: tuple[Path, ...]
    documents: npt.NDArray[np.uint64]
    relations: frozenset[int]

    def batches(self) -> Iterator[Pairs]:
        """The pairs, their documents by place in `documents`."""
        for relation, rows in _related(self.files, ["doc", "earlier", "relation", "jaccard", "containment", "cosine"]):
            yield Pairs(
                later=np.searchsorted(self.documents, rows["doc"].to_numpy()),
                earlier=np.searchsorted(self.documents, rows["earlier"].to_numpy()),
                relation=relation,
                jaccard=_numbers(rows, "cosine" if "cosine" in rows.schema.names else "jaccard"),
                containment=_numbers(rows, "containment"),
            )

    def span(self, part: int) -> tuple[int, int]:
        """Places in `documents` of a part's first document and past its last one."""
        first, last = np.searchsorted(self.documents, [np.uint64(doc_key(part, 0)), np.uint64(doc_key(part + 1, 0))])
        return int(first), int(last)


def _numbers(rows: pa.RecordBatch, name: str) -> npt.NDArray[np.float64]:
    """A column of numbers, NaN where it is NULL."""
    return np.asarray(rows[name].to_numpy(zero_copy_only=False), np.float64)


def _related(files: Sequence[Path], columns: list[str]) -> Iterator[tuple[npt.NDArray[np.uint8], pa.RecordBatch]]:
    """Rows of pairs of the relations in RELATIONS, with the place of each one's: not those that were found apart."""
    for path in files:
        with pq.ParquetFile(path) as file:
            known_columns = [name for name in columns if name in file.schema_arrow.names]
            for batch in file.iter_batches(CHUNK_ROWS, columns=known_columns, use_threads=False):
                relation = pc.index_in(batch["relation"], _NAMES)
                known = pc.is_valid(relation)
                yield relation.filter(known).to_numpy().astype(np.uint8), batch.filter(known)


def load_pairs(files: Sequence[Path], num_parts: int, work: Workspace) -> DuplicatePairs:
    """The pairs that say something of a document. Parts have ids below `num_parts`."""
    keys = work.exchange("keys", _KEYED, doc_key(num_parts, 0))
    rows, relations = 0, set()
    for relation, batch in _related(files, ["doc", "earlier", "relation"]):
        keys.append(np.unique(np.concatenate([batch["doc"].to_numpy(), batch["earlier"].to_numpy()])))
        rows += 2 * len(batch)
        relations |= set(np.unique(relation).tolist())
    documents = work.array("documents", np.uint64, rows)
    filled = 0
    for records in keys.sorted_ranges():
        found = np.unique(records["doc"])
        documents[filled : filled + len(found)] = found
        filled += len(found)
    return DuplicatePairs(tuple(files), documents[:filled], frozenset(relations))


@dataclass(frozen=True)
class Sources:
    """Numbers of the run's sources in the order of their parts, and what each allows."""

    of_part: npt.NDArray[np.int32]
    policies: Policies


def number_sources(config: Config, parts: Sequence[Part]) -> Sources:
    """Sources by number. One that the config no longer names has the default policy."""
    names = dict.fromkeys(part.source for part in parts)
    numbers = {name: number for number, name in enumerate(names)}
    found = [config.sources[name].dedup if name in config.sources else SourceDedup() for name in names]
    of_part = np.zeros(1 + max((part.id for part in parts), default=0), np.int32)
    for part in parts:
        of_part[part.id] = numbers[part.source]
    scopes = np.array([SCOPES[policy.scope] for policy in found], np.int8)
    return Sources(of_part, Policies(scopes, np.array([policy.copies for policy in found], np.int64)))


def choose(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    sources: Sources,
    pairs: DuplicatePairs,
    passed: npt.NDArray[np.bool_],
    files: Mapping[str, Any],
    work: Workspace,
) -> Survivors:
    """Who survives of the documents that have a pair; `passed` by place in `pairs.documents`."""
    source = work.array("source_of", np.int32, len(pairs.documents))
    for first in range(0, len(source), CHUNK_ROWS):
        some = slice(first, first + CHUNK_ROWS)
        source[some] = sources.of_part[(pairs.documents[some] >> np.uint64(32)).astype(np.int64)]
    order = survivor_order(connection, pairs.documents, files, work)
    given = Candidates(order, passed, source, sources.policies, pairs.relations, pairs.batches)
    return choose_survivors(given, work, _template_policy(config, pairs, files, work))


def _template_policy(
    config: Config, pairs: DuplicatePairs, files: Mapping[str, Any], work: Workspace
) -> TemplatePolicy:
    templates = config.dedup.templates
    if templates.policy == "keep" or TEMPLATE not in pairs.relations:
        return TemplatePolicy()
    if templates.policy == "cap":
        return TemplatePolicy(cap=templates.cap)
    return TemplatePolicy(
        exponent=templates.exponent,
        content_hashes=lambda: load_content_hashes(files[DOCUMENTS.name], pairs.documents, work),
    )


def repeats_of_part(pairs: DuplicatePairs, survivors: Survivors, part: int) -> pa.Table:
    """What DECISIONS says of duplicates and templates, with the reason of a drop, of every document of the part that
    has a pair, by key."""
    first, last = pairs.span(part)
    found = survivors.verdicts(first, last)

    def key(places: npt.NDArray[np.int64]) -> pa.Array:
        return pa.array(pairs.documents[np.maximum(places, 0)], KEY, mask=places < 0)

    def number(values: npt.NDArray[np.float64]) -> pa.Array:
        return pa.array(values, pa.float64(), mask=np.isnan(values))

    def size(values: npt.NDArray[np.int64]) -> pa.Array:
        return pa.array(values, pa.int64(), mask=values == 0)

    return pa.table(
        {
            "doc": pa.array(pairs.documents[first:last], KEY),
            "reason": pa.array(found.reason, pa.string()),
            "repeats": key(found.repeats),
            "relation": pa.array(found.relation, pa.string()),
            "jaccard": number(found.jaccard),
            "containment": number(found.containment),
            "cosine": number(found.cosine),
            "cluster": key(found.cluster),
            "cluster_size": size(found.cluster_size),
            "template": key(found.template),
            "template_size": size(found.template_size),
        }
    )
