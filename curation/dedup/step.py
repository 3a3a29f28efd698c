"""The dedup step: signatures and bands per part, then PAIRS over all of them. It drops nothing; `decide` does.

Text is read twice at most: all of it to be signed, and that of documents in candidate pairs to be compared. What lies
between goes by tables that are sorted and read by range, so every stage is a set of tasks that hold their range alone;
those tables go when PAIRS is there, and nothing is done again until something that PAIRS rests on changes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from midmix.curation.clean import clean_documents
from midmix.curation.dedup.candidates import pair_buckets
from midmix.curation.dedup.equals import EQUALS, HASH_BITS, key_part, pair_equals
from midmix.curation.dedup.keys import KEY_BITS, band_rows
from midmix.curation.dedup.known import compared_by, recall_pairs, signed_parts
from midmix.curation.dedup.overlap import Bounds
from midmix.curation.dedup.parameters import signature_settings
from midmix.curation.dedup.places import gather_facts, order_documents
from midmix.curation.dedup.ranges import task_ranges
from midmix.curation.dedup.signatures import SignatureSettings, sign
from midmix.curation.dedup.sketches import MOST, sketch_rows
from midmix.curation.dedup.stored import find_needed, shingle_part
from midmix.curation.dedup.verify import compare_pairs
from midmix.curation.order import write_scores
from midmix.parts import Part
from midmix.step import Context
from midmix.table_manifest import load_manifest
from midmix.tables import (
    APART,
    BANDS,
    CANDIDATES,
    DOCUMENTS,
    NEEDED,
    PAIRS,
    PARTS,
    PLACES,
    SHINGLES,
    SIGNATURES,
    SKETCHES,
    SOURCES,
    SPANS,
    SURVIVOR_SCORES,
    TEXT_KEYS,
)
from midmix.task import JSON, Output, Task

VERSION = 2
BETWEEN = (TEXT_KEYS, PLACES, CANDIDATES, NEEDED, SHINGLES)
# Groups of parts that pairs are put together by; more would open more files than they read.
_MOST_GROUPS = 128


def run(context: Context) -> None:
    """Write SIGNATURES, BANDS and PAIRS of the run; with `dedup.containment` SKETCHES as well."""
    write_scores(context)
    dedup = context.config.dedup
    context.per_part(
        sign_part,
        writes=(SIGNATURES, BANDS, SKETCHES),
        units=lambda part: _signing(context, part),
        reads=(DOCUMENTS, SPANS),
    )
    settings = {"jaccard": dedup.jaccard, "containment": dedup.containment, "url": dedup.url}
    rests_on = (SIGNATURES, BANDS, SKETCHES, DOCUMENTS, PARTS, SOURCES, SURVIVOR_SCORES)
    goal = {"settings": settings, "inputs": context.digests(*rests_on)}
    if not context.is_reached("pairs", goal, PAIRS, APART):
        _pair(context, settings)
        context.note_reached("pairs", goal, PAIRS, APART)
    context.discard(*BETWEEN)


def _signing(context: Context, part: Part) -> dict[str, JSON]:
    settings = _text_settings(context, part)
    return {"": settings} | ({"sketch": settings} if context.config.dedup.containment is not None else {})


def _text_settings(context: Context, part: Part) -> dict[str, JSON]:
    settings = signature_settings(context.config.dedup, part.kind)  # type: ignore[arg-type]
    return asdict(settings) | {"edits": sorted(context.config.edits)}


def sign_part(task: Task, output: Output) -> None:
    """Signatures and bands of one part's clean text, and its sketches where they are to be made."""
    settings = dict(next(iter(task.units.values())))
    documents = clean_documents(task, settings.pop("edits"))
    how = SignatureSettings(**settings)
    if "" in task.units:
        signed = sign(documents.keys, documents.texts, how)
        output.table(SIGNATURES, signed.rows)
        output.table(BANDS, band_rows(signed, how))
    if "sketch" in task.units:
        output.table(SKETCHES, sketch_rows(documents.texts, how), unit="sketch")
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))


def _pair(context: Context, settings: dict[str, Any]) -> None:
    """All stages from signatures to PAIRS."""
    context.gather(
        order_documents,
        writes=(PLACES,),
        settings={},
        reads=(DOCUMENTS, PARTS, SOURCES, SURVIVOR_SCORES),
        inputs=context.digests(SIGNATURES),
    )
    relations = [name for name in EQUALS if name != "url" or settings["url"]]
    units: dict[str, JSON] = {EQUALS[relation]: {} for relation in relations}
    context.per_part(key_part, writes=(TEXT_KEYS,), units=units, reads=(SIGNATURES, DOCUMENTS), over_text=False)
    _pair_by_equality(context, ["exact"])
    context.gather(
        gather_facts,
        writes=(PLACES,),
        settings={},
        inputs=context.digests(SIGNATURES, PLACES, CANDIDATES),
    )
    _pair_by_equality(context, relations[1:])
    _pair_by_buckets(context, settings)
    _compare(context, settings)


def _pair_by_equality(context: Context, relations: list[str]) -> None:
    keys = load_manifest(context.folder, TEXT_KEYS.name)
    items = {}
    for relation in relations:
        rows = sum(entry.rows for entry in keys.of_units([EQUALS[relation]]).files)
        for number, of in enumerate(task_ranges(HASH_BITS, rows, context.memory_bytes)):
            items[f"{relation}-{number:04d}"] = {"relation": relation, "range": [of.low, of.high]}
    context.batches(pair_equals, writes=(CANDIDATES,), items=items, inputs=context.digests(TEXT_KEYS, PLACES))


def _pair_by_buckets(context: Context, settings: dict[str, Any]) -> None:
    bounds = Bounds(settings["jaccard"], settings["containment"])
    by = {
        BANDS: {"key": "band", "sizes_ratio": bounds.least_ratio, "most": 0, "count": False},
        SKETCHES: {"key": "shingle", "sizes_ratio": 0.0, "most": MOST, "count": True},
    }
    if settings["containment"] is None:
        del by[SKETCHES]
    items = {}
    for table, how in by.items():
        rows = sum(entry.rows for entry in load_manifest(context.folder, table.name).files)
        for number, of in enumerate(task_ranges(KEY_BITS, rows, context.memory_bytes)):
            items[f"{table.name}-{number:04d}"] = {**how, "table": table.name, "range": [of.low, of.high]}
    context.batches(pair_buckets, writes=(CANDIDATES,), items=items, inputs=context.digests(*by, PLACES))


def _compare(context: Context, settings: dict[str, Any]) -> None:
    """Compare the candidates that no earlier state of the run compared, and write PAIRS."""
    before, signed = compared_by(context.folder), signed_parts(context.folder)
    bounds = {"jaccard": settings["jaccard"], "containment": settings["containment"]}
    texts = {part.id: {**_text_settings(context, part), "signatures": signed[part.id]} for part in context.parts}
    unchanged = [part for part, text in texts.items() if before.get(part, {}).get("text") == text]
    apart = all(_no_lower(bounds, before[part]["bounds"]) for part in unchanged)
    groups = _groups(list(texts))
    recalled = {"unchanged": unchanged, "apart": apart}
    context.batches(
        recall_pairs,
        writes=(CANDIDATES,),
        items={f"known-{n:04d}": {**recalled, "parts": parts} for n, parts in enumerate(groups)} if unchanged else {},
        inputs=context.digests(PAIRS, APART, PLACES),
    )
    found = context.digests(PLACES, CANDIDATES)
    context.batches(
        find_needed,
        writes=(NEEDED,),
        items={f"needed-{n:04d}": {**bounds, "parts": parts} for n, parts in enumerate(groups)},
        inputs=found,
    )
    context.per_part(
        shingle_part,
        writes=(SHINGLES,),
        units=lambda part: {"shingles": _text_settings(context, part)},
        reads=(DOCUMENTS, SPANS),
        over_text=False,
        inputs=context.digests(PLACES, NEEDED),
    )
    context.batches(
        compare_pairs,
        writes=(PAIRS, APART),
        items={
            f"pairs-{n:04d}": {
                **bounds,
                "parts": parts,
                "compared_by": {str(part): {"text": texts[part], "bounds": bounds} for part in parts},
            }
            for n, parts in enumerate(groups)
        },
        inputs=found | context.digests(SHINGLES),
    )


def _no_lower(bounds: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether what was apart under the bounds of before is so now."""
    if bounds["jaccard"] < before["jaccard"]:
        return False
    now, then = bounds["containment"], before["containment"]
    return now is None or (then is not None and now >= then)


def _groups(parts: list[int]) -> list[list[int]]:
    """Consecutive parts, in no more groups than pairs are put together by."""
    size = -(-len(parts) // _MOST_GROUPS)
    return [parts[first : first + size] for first in range(0, len(parts), size)] if parts else []
