"""tokenize: token ids of every kept document, once; then shards of one domain and split in a seeded permutation.

Encoding is done per part and tokenizer, so a part that did not change is not encoded again. The shards are made again
whenever any of it changes, documents of a group joined: that moves tokens, and reads no text.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.columns import groups_of
from midmix.config import Config
from midmix.curation.decide.sql import judged_schema
from midmix.curation.tokenize.domains import Domain, check_name, parse_domains
from midmix.curation.tokenize.encode import TokenizerFolder, open_folders, why_slow
from midmix.curation.tokenize.exchange import Exchange
from midmix.curation.tokenize.fill_in_middle import NEEDS, FillInMiddle, encode_documents, open_fill_in_middle
from midmix.curation.tokenize.grouping import Grouping, open_groupings, read_groups, split_hashes
from midmix.curation.tokenize.scatter import scatter
from midmix.curation.tokenize.separator import open_separators
from midmix.curation.tokenize.shards import TokenFiles, token_file_name, write_shards
from midmix.errors import StepError
from midmix.parts import Part
from midmix.step import Context
from midmix.table_files import read_file
from midmix.table_manifest import load_manifest
from midmix.tables import CURATED, DOCUMENTS, PARTS, SOURCES, TOKEN_PARTS, TOKENS
from midmix.task import JSON, Output, Task

VERSION = 1


class Encoding(NamedTuple):
    """How text becomes tokens; `groupings` by source, since FIM leaves held-out groups as they are."""

    folder: TokenizerFolder
    fim: FillInMiddle | None
    groupings: dict[str, Grouping]


def run(context: Context) -> None:
    """Write TOKEN_PARTS per part and tokenizer, then TOKENS and its shards. Raises ConfigError before any work."""
    config = context.config
    domains = check_domains(config)
    named = {column for domain in domains for column in domain.columns}
    groupings = open_groupings(config)
    separators = open_separators(config, open_folders(config)) if groupings else {}
    tokenizers = encode_parts(context)
    context.gather(
        arrange,
        writes=(TOKENS,),
        settings={
            "seed": config.seed,
            "heldout_fraction": config.heldout_fraction,
            "shard_tokens": config.shard_tokens,
            "domains": dict(config.domains),
            "tokenizers": tokenizers,
            "groups": {source: grouping.settings() for source, grouping in groupings.items()},
            "separators": separators,
        },
        reads=(TOKEN_PARTS, CURATED, DOCUMENTS, PARTS, SOURCES),
        groups=groups_of(config, named),
        extra=config,
    )


def encode_parts(context: Context) -> dict[str, JSON]:
    """Write TOKEN_PARTS of the context's parts; what the tokens of each tokenizer depend on. Raises ConfigError."""
    config = context.config
    folders, groupings = open_folders(config), open_groupings(config)
    for name, folder in folders.items():
        if reason := why_slow(folder):
            context.say(f"tokenizers.{name}: {reason}; the library itself encodes, at a twentieth of the speed")
    fim = open_fill_in_middle(config, folders)
    tokenizers: dict[str, JSON] = {
        name: folder.settings() | ({"fim": fim[name].settings()} if name in fim else {})
        for name, folder in folders.items()
    }

    def units(part: Part) -> dict[str, JSON]:
        grouping = groupings.get(part.source)
        own = {"group": grouping.settings()} if grouping else {}
        return {name: settings | (own if name in fim else {}) for name, settings in tokenizers.items()}

    extra = {name: Encoding(folder, fim.get(name), groupings) for name, folder in folders.items()}
    reads = (CURATED, DOCUMENTS) if fim and groupings else (CURATED,)
    context.per_part(encode_part, writes=(TOKEN_PARTS,), units=units, reads=reads, extra=extra)
    return tokenizers


def check_domains(config: Config) -> tuple[Domain, ...]:
    """The declared domains. Raises ConfigError when one, or a source that is one by default, cannot be."""
    for name in config.sources:
        check_name(name)
    return parse_domains(config.domains, judged_schema(config))


def encode_part(task: Task, output: Output) -> None:
    """Write the token ids of the part's kept documents, for each tokenizer that is to be done."""
    encodings: dict[str, Encoding] = task.extra
    files = task.inputs[CURATED.name]
    columns = ["doc", "source", "num_bytes"]
    empty = CURATED.schema().empty_table().select(columns)
    documents = pa.concat_tables([empty, *(pq.read_table(file, columns=columns) for file in files)])
    lengths: list[npt.NDArray[np.int32]] = []
    for name in task.units:
        lengths.clear()
        hashes = _split_hashes(task, encodings[name])
        write = partial(_write_tokens, files=files, encoding=encodings[name], lengths=lengths, split_hashes=hashes)
        output.attach(TOKEN_PARTS, token_file_name(task.item, name), write, unit=name)
        output.table(TOKEN_PARTS, _token_parts(name, documents, lengths), unit=name)
        output.read_text(int(documents.column("num_bytes").to_numpy().sum()))
    if documents.num_rows:
        output.count(documents.column("source")[0].as_py(), documents.num_rows, documents.num_rows)


def _split_hashes(task: Task, encoding: Encoding) -> pa.FixedSizeBinaryArray | None:
    """What the split of the part's kept documents is drawn by, where FIM must know and it is not their content."""
    assert task.part is not None
    grouping = encoding.groupings.get(task.part.source)
    if encoding.fim is None or grouping is None:
        return None
    kept = pa.concat_tables([read_file(file, ["doc", "content_hash"]) for file in task.inputs[CURATED.name]])
    groups = read_groups(grouping, task.inputs[DOCUMENTS.name], kept.column("doc").to_numpy())
    return split_hashes(task.part.source, groups.column("group"), kept.column("content_hash").combine_chunks())


def _write_tokens(
    path: Path,
    files: Sequence[Path],
    encoding: Encoding,
    lengths: list[npt.NDArray[np.int32]],
    split_hashes: pa.FixedSizeBinaryArray | None = None,
) -> None:
    """Write the raw token file of a part to `path`; tokens per document are appended to `lengths`."""
    columns = ["text"] if encoding.fim is None else list(NEEDS)
    row = 0
    with path.open("wb") as stream:
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(columns=columns, use_threads=False):
                hashes = None if split_hashes is None else split_hashes.slice(row, batch.num_rows)
                row += batch.num_rows
                for tokens, per_document in encode_documents(encoding.folder, encoding.fim, batch, hashes):
                    stream.write(tokens.data)
                    lengths.append(per_document)


def _token_parts(tokenizer: str, documents: pa.Table, lengths: Sequence[npt.NDArray[np.int32]]) -> pa.Table:
    num_tokens = np.concatenate([np.empty(0, np.int32), *lengths])
    if len(num_tokens) != documents.num_rows:
        raise StepError(f"tokenizer {tokenizer!r} gave {len(num_tokens)} lists for {documents.num_rows} documents")
    offsets = np.cumsum(num_tokens, dtype=np.int64) - num_tokens
    columns = [
        pa.array([tokenizer] * len(num_tokens), pa.string()),
        documents.column("doc").combine_chunks(),
        pa.array(offsets),
        pa.array(num_tokens),
    ]
    return pa.Table.from_arrays(columns, schema=TOKEN_PARTS.schema())


def arrange(task: Task, output: Output) -> None:
    """Make every shard from the token files. Memory is bounded by one bucket's records and one part's columns.

    Raises ConfigError where no document of a source has the group that it names.
    """
    settings = task.settings
    documents = sum(f.rows for f in load_manifest(task.folder, CURATED.name).files)
    task.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=task.scratch) as scratch:
        exchange = Exchange(Path(scratch), documents, task.memory_bytes // 4)
        for series in scatter(task, exchange):
            dtype = np.dtype(settings["tokenizers"][series.tokenizer]["dtype"])
            files = TokenFiles(task.folder, series.tokenizer, dtype, settings["separators"].get(series.tokenizer))
            rows = write_shards(exchange, series, settings["shard_tokens"], files, output)
            output.table(TOKENS, rows, stem="/".join(series))
