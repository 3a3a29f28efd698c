"""An index of the documents that a finished run kept: hashes alone, about 1.3 KB a document, no text.

Its folder has tables like a run's, one file per part: SIGNATURES; BANDS, with a key of every whole text among them, so
that copies of texts too short for a band are found; and beside SHINGLES all shingles in 32 bits. `index.json` is written
last and names all of it, so its hash stands for the index.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.book import Book
from midmix.config import KINDS, Config
from midmix.curation.dedup.keys import band_rows
from midmix.curation.dedup.parameters import signature_settings
from midmix.curation.dedup.shingles import shingle, text_batches
from midmix.curation.dedup.signatures import SignatureSettings, sign
from midmix.curation.past.folded import Folded, fold
from midmix.curation.past.keys import all_key_rows
from midmix.disk import write_json
from midmix.errors import InputError
from midmix.parts import load_parts
from midmix.pool import Pool
from midmix.run import Run
from midmix.step import Context
from midmix.table_files import sweep
from midmix.table_manifest import is_made, load_manifest
from midmix.tables import BANDS, CURATED, SHINGLES, SIGNATURES
from midmix.task import Output, Task

FORMAT = 1
STEP = "index"
FILE = "index.json"
TABLES = (SIGNATURES, BANDS, SHINGLES)


def signing(config: Config, kind: str) -> dict[str, Any]:
    """How documents of a kind are signed, as JSON."""
    return asdict(signature_settings(config.dedup, kind))  # type: ignore[arg-type]


def make_index(run: Run, folder: Path, pool: Pool) -> int:
    """Write the index of a run into `folder`, doing only what is not done yet; the documents in it.

    Raises InputError where the run has not come as far as `apply`.
    """
    if not is_made(run.folder, CURATED.name):
        raise InputError(
            f"{run.folder}: no table '{CURATED.name}', which step apply makes: there is nothing to index. "
            f"Run midmix with this folder as far as apply."
        )
    curated = load_manifest(run.folder, CURATED.name).by_part
    items = {
        part.item: {
            "part": part.id,
            "files": [[entry.path, entry.sha256] for entry in curated[part.id]],
            "signing": signing(run.config, part.kind),
        }
        for part in load_parts(run.folder, run.config)
        if part.id in curated
    }
    context = Context(folder, run.config, STEP, FORMAT, pool, Book(folder, (STEP,)))
    context.batches(index_part, writes=TABLES, items=items, extra=run.folder)
    manifests = [load_manifest(folder, table.name) for table in TABLES]
    documents = sum(entry.rows for entry in manifests[0].files)
    value = {
        "format": FORMAT,
        "name": run.folder.resolve().name,
        "documents": documents,
        "signing": {kind: signing(run.config, kind) for kind in KINDS},
        "tables": {manifest.table: manifest.digest for manifest in manifests},
    }
    write_json(folder / FILE, value, scratch=folder / "scratch")
    sweep(folder, {name for m in manifests for name in ({f.path for f in m.files} | set(m.attachments.values()))})
    return documents


def index_part(task: Task, output: Output) -> None:
    """Signatures, keys and shingles of the documents that one part of the earlier run kept."""
    settings = task.settings
    how = SignatureSettings(**settings["signing"])
    schema = CURATED.schema()
    files = [
        pq.read_table(task.extra / path, columns=["doc", "text"], use_threads=False) for path, _ in settings["files"]
    ]
    documents = pa.concat_tables(files).cast(pa.schema([schema.field("doc"), schema.field("text")]))
    texts = documents["text"].combine_chunks()
    texts = texts if isinstance(texts, pa.Array) else pa.concat_arrays(texts.chunks)
    output.read_text(texts.nbytes)
    signed = sign(documents["doc"].to_numpy(), texts, how)
    output.table(SIGNATURES, signed.rows, part=settings["part"])
    rows = all_key_rows(band_rows(signed, how), signed.rows["clean_hash"].combine_chunks())
    output.table(BANDS, rows, part=settings["part"])
    folded = Folded.concat([fold(shingle(texts[some], how)) for some in text_batches(texts)])
    output.attach(SHINGLES, f"{task.item}.bin", folded.write)
