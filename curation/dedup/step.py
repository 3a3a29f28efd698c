"""The dedup step: SIGNATURES per part, then PAIRS over all of them. It drops nothing; `decide` does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.artifact import load_manifest
from midmix.curation.clean import clean_documents, clean_rows
from midmix.curation.dedup.candidates import PAIRED, RELATED, find_candidates, group_texts, load_order
from midmix.curation.dedup.exchange import Workspace
from midmix.curation.dedup.parameters import signature_settings
from midmix.curation.dedup.signatures import SignatureSettings, sign
from midmix.curation.dedup.verify import ReadTexts, pair_rows, recall_verified, split_known, verify
from midmix.parts import Part
from midmix.query import connect_capped
from midmix.step import Context
from midmix.tables import DOCUMENTS, PAIRS, PARTS, SIGNATURES, SOURCES, SPANS
from midmix.task import Output, Task

VERSION = 1
# The file beside PAIRS that says of which signatures its pairs were verified: part to sha256.
VERIFIED_ON = "verified-on.json"


@dataclass(frozen=True)
class Pairing:
    """What pairing needs beside the tables: where texts and their spans lie, by part, and what was verified before."""

    parts: dict[int, Part]
    spans: dict[int, tuple[Path, ...]]
    signatures: dict[str, str]
    verified_on: Path | None


def run(context: Context) -> None:
    """Write SIGNATURES and PAIRS of the run."""
    dedup = context.config.dedup
    settings = asdict(signature_settings(dedup)) | {"edits": sorted(context.config.edits)}
    context.per_part(sign_part, writes=(SIGNATURES,), units={"": settings}, reads=(DOCUMENTS, SPANS))
    context.gather(
        pair_all,
        writes=(PAIRS,),
        settings=settings | {"jaccard": dedup.jaccard},
        reads=(SIGNATURES, DOCUMENTS, PARTS, SOURCES, SPANS),
        extra=_pairing(context),
    )


def _pairing(context: Context) -> Pairing:
    spans: dict[int, tuple[Path, ...]] = {}
    for entry in load_manifest(context.folder, SPANS.name).files:
        if entry.part is not None:
            spans[entry.part] = (*spans.get(entry.part, ()), context.folder / entry.path)
    signed = load_manifest(context.folder, SIGNATURES.name).files
    verified_on = load_manifest(context.folder, PAIRS.name).attachments.get(VERIFIED_ON)
    return Pairing(
        parts={part.id: part for part in context.parts},
        spans=spans,
        signatures={str(entry.part): entry.sha256 for entry in signed},
        verified_on=context.folder / verified_on if verified_on else None,
    )


def sign_part(task: Task, output: Output) -> None:
    """Signatures of one part's clean text."""
    settings = dict(task.settings)
    documents = clean_documents(task, settings.pop("edits"))
    output.table(SIGNATURES, sign(documents.keys, documents.texts, SignatureSettings(**settings)))
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))


def pair_all(task: Task, output: Output) -> None:
    """Exact, near, apart and template pairs of the whole run."""
    given: Pairing = task.extra
    edits = task.settings["edits"]

    def read_texts(part: int, keys: npt.NDArray[np.uint64]) -> pa.LargeStringArray:
        texts = clean_rows(given.parts[part], keys, given.spans.get(part, ()), edits)
        output.read_text(texts.nbytes)
        return texts

    task.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dedup-", dir=task.scratch) as name:
        work = Workspace(Path(name), task.memory_bytes // 4)
        output.table(PAIRS, _compare_all(task, work, _unchanged(given), read_texts))
    output.attach(PAIRS, VERIFIED_ON, lambda path: _write_json(path, given.signatures))


def _compare_all(task: Task, work: Workspace, unchanged: list[int], read_texts: ReadTexts) -> Iterator[pa.Table]:
    """Rows of PAIRS in the order of keys."""
    signatures, ngram, threshold = task.inputs["signatures"], task.settings["ngram"], task.settings["jaccard"]
    with connect_capped(task.memory_bytes // 2, work.folder / "spill") as connection:
        order = load_order(connection, task.inputs, work)
    related = work.exchange("related", RELATED, len(order.docs))
    waiting = work.exchange("waiting", PAIRED, len(order.docs))
    texts = group_texts(signatures, order, related, work)
    candidates = find_candidates(signatures, order, texts, threshold, work)
    known = recall_verified(task.previous["pairs"], unchanged, order, work)
    needed = work.array("needed", np.bool_, len(order.docs))
    split_known(candidates, known, related, waiting, threshold=threshold, needed=needed)
    verify(waiting, related, read_texts, order, work, needed=needed, ngram=ngram, threshold=threshold)
    return pair_rows(related, order)


def _unchanged(given: Pairing) -> list[int]:
    """Parts whose signatures are those that the earlier PAIRS was verified on."""
    if given.verified_on is None:
        return []
    before: dict[str, Any] = json.loads(given.verified_on.read_text(encoding="utf-8"))
    return [int(part) for part, digest in given.signatures.items() if before.get(part) == digest]


def _write_json(path: Path, value: dict[str, str]) -> None:
    path.write_text(json.dumps(value, sort_keys=True) + "\n", encoding="utf-8")
