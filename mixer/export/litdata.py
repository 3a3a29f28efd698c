"""litdata and litgpt: one optimized folder per shard, combined so that each gives exactly its blocks.

`CombinedStreamingDataset` with weights draws at random and stops at the first source that ends. Without weights and
with `iterate_over_all` it draws by size until every source has ended; `subsample` sets each source's size to the
planned one, above 1 as repeats. A block is one sequence and the label of its last token, which is the next block's
first token: litgpt reads blocks of sequence length + 1 that do not overlap.
Source: litdata/streaming/{combined,item_loader,writer}.py and utilities/dataset_utilities.py of litdata 0.2.76.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from midmix.mixer.export.drawn import Drawn, drawn, sequence_blocks, stage_settings
from midmix.mixer.export.exporter import TRAINED_ON, Exporter, Part, Tell, padding_notes
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.readback import StageRead, from_settings
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage

CHUNK_BYTES = 1 << 26
HEADER = np.dtype("<u4")
# Of `_TORCH_DTYPES_MAPPING` in litdata/constants.py.
DATA_FORMATS = {"uint16": "no_header_tensor:20", "int32": "no_header_tensor:15"}
LEAF = '[1, {"type": null, "context": null, "children_spec": []}]'
LOST = (
    "even mixing to the end: litdata draws sources by size at random, the last samples are what is left of them",
    "caps on epochs: repeats are written as subsample; nothing stops a trainer from a second pass",
    "batch size, learning rate and RoPE: arguments of the trainer; `mixture.json` has them",
    "document masks; tokenizer identity: not checked",
    "intervals, evidence, provenance",
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    entries = drawn(plan, stage)
    sources = [
        {"domain": entry.domain, "shard": entry.shard, "folder": f"tokens/{entry.name}"}
        | {"sequences": entry.sequences, "distinct": entry.distinct, "subsample": subsample(entry)}
        for entry in entries
    ]
    texts = {
        "mixture.json": json_text(stage_settings(plan, stage) | {"sources": sources}),
        "README.md": _readme(plan, stage),
    }
    writers = tuple(partial(_write_source, entry, plan.tokenizer.dtype, stage.sequence_length) for entry in entries)
    notes = ("attention stops at no end of a document: blocks hold no mask",) if stage.packing.document_mask else ()
    notes = (*notes, *padding_notes(stage, TRAINED_ON))
    return Part(texts, {}, notes, writers, sum(entry.distinct for entry in entries))


def subsample(entry: Drawn) -> float:
    """litdata's multiple of the source's blocks that gives exactly those drawn; it rounds down, hence the half."""
    passes, rest = divmod(entry.sequences, entry.distinct)
    return float(passes) + ((rest + 0.5) / entry.distinct if rest else 0.0)


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its file in the folder has it: blocks that litdata makes of each source's `subsample`."""
    mixture = json.loads(folder["mixture.json"])
    draws = {(s["domain"], s["shard"]): int(s["distinct"] * s["subsample"]) for s in mixture["sources"]}
    return from_settings(mixture, draws)


def _write_source(
    entry: Drawn, dtype: str, sequence_length: int, folder: Path, token_files: Mapping[str, Path], tell: Tell
) -> list[str]:
    """The chunks of one source and its `index.json`; a chunk holds one item, all its blocks end to end."""
    target = folder / "tokens" / entry.name
    target.mkdir(parents=True)
    block = sequence_length + 1
    per_chunk = max(1, CHUNK_BYTES // (block * np.dtype(dtype).itemsize))
    path = token_files[entry.bin.name]
    rows = (row for rows in sequence_blocks(path, dtype, sequence_length, entry.distinct, labels=1) for row in rows)
    chunks = []
    for number, first in enumerate(range(0, entry.distinct, per_chunk)):
        count = min(per_chunk, entry.distinct - first)
        num_bytes = count * block * np.dtype(dtype).itemsize
        name = f"chunk-0-{number}.bin"
        with (target / name).open("wb") as stream:
            stream.write(np.array([1, 12, 12 + num_bytes], HEADER).tobytes())
            for _ in range(count):
                stream.write(next(rows).tobytes())
        tell(count)
        chunks.append({"chunk_bytes": 12 + num_bytes, "chunk_size": 1, "dim": count * block, "filename": name})
    config = {
        "chunk_bytes": CHUNK_BYTES,
        "chunk_size": None,
        "compression": None,
        "encryption": None,
        "data_format": [DATA_FORMATS[dtype]],
        "data_spec": LEAF,
        "item_loader": "TokensLoader",
    }
    index = json.dumps({"chunks": chunks, "config": config}, sort_keys=True)
    (target / "index.json").write_text(index, encoding="utf-8")
    return [f"tokens/{entry.name}/{name}" for name in [*(str(c["filename"]) for c in chunks), "index.json"]]


def _readme(plan: Plan, stage: Stage) -> str:
    return f"""\
# Stage {stage.id} for litdata and litgpt

    from load import build
    train = StreamingDataLoader(build(), batch_size=...)       # {stage.sequences} blocks, one pass is the stage

A block has {stage.sequence_length} tokens and the label of the last one, {stage.sequence_length + 1} ids, as litgpt reads them. Plan {plan.hash}.
"""


LITDATA = Exporter(
    target="litdata",
    target_version="0.2.76",
    unit_conversion="subsample = blocks drawn / blocks of the source; one block is one sequence and a label token",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "litdata_load.py"},
)
