"""Documents of a run with what its plan reads of them: one document, a source, or all that touch a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from midmix.config import nearest
from midmix.errors import ConfigError
from midmix.explain import find_document
from midmix.mixer.exposure.counts import BY_PLAN, Exposure, named_before
from midmix.mixer.exposure.replay import Replay
from midmix.query import quoted
from midmix.run import Run
from midmix.show import rows_of
from midmix.tables import PARTS, parse_key

# Documents that touch a benchmark: its items, the labels, the largest overlap, and whether what matches was masked.
_HITS = """
SELECT doc, list_sort(list_distinct(list(item))), string_agg(DISTINCT label, ' and ' ORDER BY label), max(overlap),
  doc IN (SELECT doc FROM cuts WHERE reason IN ('leak.' || {name}, 'variant.' || {name}))
FROM contamination WHERE "set" = {name} GROUP BY doc"""


@dataclass(frozen=True)
class Leaks:
    """Documents that touch a benchmark: how many do, how many are kept to train on, and those that a stage draws from."""

    touching: int
    kept: int
    documents: list[dict[str, Any]]


def exposed_document(run: Run, replay: Replay, name: str) -> tuple[dict[str, Any], list[Exposure]]:
    """Facts of a document, and what is read of it; where nothing is, the facts say why. Raises as `find_document`."""
    key = find_document(run, name)
    facts = document_facts(run, [key])[key]
    rows = replay.places.tokens_of(np.array([key], np.uint64))
    if rows.height:
        return facts | {"tokens": int(rows["num_tokens"][0])}, replay.exposures(replay.places.held(rows))
    kept = run.sql(f"SELECT keep, reason FROM decisions WHERE doc = {key}").fetchall()
    held_out = replay.places.tokens_of(np.array([key], np.uint64), split="heldout").height
    why = "held out: never trained on" if held_out else f"dropped: {kept[0][1]}" if kept and not kept[0][0] else None
    return facts | {"not_in_the_plan": why or "not among the tokens"}, []


def exposed_source(run: Run, replay: Replay, name: str) -> tuple[dict[str, Any], list[Exposure]]:
    """Size of a source, or of a domain of token files, and what is read of it. Raises ConfigError for an unknown one."""
    parts = run.table(PARTS.name).collect().filter(source=name)["part"].to_list()
    given = [d for d in replay.plan.domains if d.id == name and name in run.config.token_files]
    earlier = named_before(replay.plan.earlier, name)
    if not parts and not given and not earlier and name not in run.config.sources:
        raise ConfigError(f"--source: no source {name!r}{nearest(name, run.config.sources)}")
    if given:
        held = replay.places.whole(given[0])
        documents, tokens = given[0].documents, given[0].tokens
    else:
        rows = replay.places.tokens_of_parts(parts)
        held, documents, tokens = replay.places.held(rows), rows.height, int(rows["num_tokens"].sum())
    facts = {"source": name, "documents": documents, "tokens": tokens}
    return facts, [*earlier, *replay.exposures(held)]


def exposed_leaks(run: Run, replay: Replay, name: str) -> Leaks:
    """What is read of documents that touch the benchmark `name`. Raises ConfigError for an unknown one."""
    if name not in run.config.evaluation_sets:
        raise ConfigError(f"--contaminated: no benchmark {name!r}{nearest(name, run.config.evaluation_sets)}")
    hits = {row[0]: row[1:] for row in run.sql(_HITS.format(name=quoted(name))).fetchall()}
    rows = replay.places.tokens_of(np.array(sorted(hits), np.uint64))
    facts = document_facts(run, rows["doc"].to_list())
    found = []
    for row in rows.partition_by("doc", maintain_order=True):
        stages = replay.exposures(replay.places.held(row))
        if any(exposure.trained == BY_PLAN for exposure in stages):
            items, labels, overlap, masked = hits[row["doc"][0]]
            told = {"items": items, "labels": labels, "overlap": overlap, "masked": masked}
            found.append(facts[row["doc"][0]] | told | {"tokens": int(row["num_tokens"][0]), "stages": stages})
    return Leaks(len(hits), rows.height, found)


def document_facts(run: Run, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Source, place and names of documents by key."""
    found: dict[int, dict[str, Any]] = {}
    for first in range(0, len(keys), 1000):
        listed = ", ".join(str(int(key)) for key in keys[first : first + 1000])
        query = f"SELECT doc, source, path, row, user_id, url FROM documents WHERE doc IN ({listed})"
        found |= {parse_key(row["doc"]): row for row in rows_of(run.sql(query))}
    return found
