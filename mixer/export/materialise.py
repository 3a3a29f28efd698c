"""One pre-mixed dataset per stage, for every trainer without a mixture of its own: the order in which to train it.

Every pass over a repeated shard is written out, in the order of `hf_load.row_blocks`: mixed by the seed, planned shares
in every stretch. Memory: a block of sequences, and 4 bytes for each of a pass; never the dataset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.megatron_index import write_index
from midmix.mixer.export.drawn import Drawn, drawn, stage_settings
from midmix.mixer.export.exporter import TRAINED_ON, Exporter, Part, Tell, Writer, padding_notes
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.hf_load import IGNORED, Reader, padding_of, row_blocks
from midmix.mixer.export.readback import StageRead, from_settings
from midmix.mixer.plan.files import link_or_copy
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage

FILE_BYTES = 1 << 30
ROWS_PER_GROUP = 1024
ORDER = np.dtype([("source", "<u4"), ("sequence", "<u4")])
LOST = (
    "which domain a sequence is of, for the trainer: it reads one dataset; order.bin and mixture.json have it",
    "caps on epochs: repeats are written out; nothing stops a trainer from a second pass",
    "batch size, learning rate and RoPE: arguments of the trainer; `mixture.json` has them",
    "document masks; tokenizer identity: not checked",
    "intervals, evidence, provenance",
)
Rows = Iterator[tuple[Drawn, int, npt.NDArray[np.int32]]]


Write = Callable[[Path, Rows, dict[str, Any], int], list[str]]


def materialised_part(write: Write, readme: str, plan: Plan, stage: Stage, padding: str = TRAINED_ON) -> Part:
    """A stage whose sequences `write` puts into files: it gets a folder, the rows, the settings and the end of text.

    `padding` says what is done with ids that fill up rows.
    """
    entries = drawn(plan, stage)
    sources = [
        {"domain": entry.domain, "shard": entry.shard, "sequences": entry.sequences, "available": entry.available}
        for entry in entries
    ]
    mixture = stage_settings(plan, stage) | {"sources": sources}
    words = readme.format(stage=stage.id, sequences=stage.sequences, length=stage.sequence_length, plan=plan.hash)
    texts = {"mixture.json": json_text(mixture), "README.md": words}
    writer: Writer = partial(_write, write, entries, mixture, plan.tokenizer.eos_id)
    notes = ("attention stops at no end of a document: sequences hold no mask",) if stage.packing.document_mask else ()
    return Part(texts, {}, (*notes, *padding_notes(stage, padding)), (writer,), stage.sequences)


def parquet_part(plan: Plan, stage: Stage) -> Part:
    """The stage as parquet files."""
    return materialised_part(_write_parquet, PARQUET_README, plan, stage, "`labels` and `loss_weights` leave them out")


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its file in the folder has it: sequences of each shard in the order that was written."""
    mixture = json.loads(folder["mixture.json"])
    return from_settings(mixture, {(s["domain"], s["shard"]): s["sequences"] for s in mixture["sources"]})


def _write(
    write: Write,
    entries: Sequence[Drawn],
    mixture: dict[str, Any],
    end_of_text: int,
    folder: Path,
    token_files: Mapping[str, Path],
    tell: Tell,
) -> list[str]:
    """The dataset, and `order.bin`: source and sequence of every row, 8 bytes each."""
    train = [
        {"tokens": str(token_files[entry.bin.name]), "sequences": entry.sequences, "available": entry.available}
        for entry in entries
    ]
    settings = mixture | {"splits": {"train": train}}
    with (folder / "order.bin").open("wb") as order:
        names = write(folder, _rows(entries, settings, order, tell), mixture, end_of_text)
    return [*names, "order.bin"]


def _rows(entries: Sequence[Drawn], settings: dict[str, Any], order: Any, tell: Tell) -> Rows:
    reader = Reader(".", settings, "train")
    for shards, sequences in row_blocks(settings, "train"):
        block = np.empty(len(shards), ORDER)
        block["source"], block["sequence"] = shards, sequences
        order.write(block.tobytes())
        for shard, sequence in zip(shards.tolist(), sequences.tolist(), strict=True):
            tell(1)
            yield entries[shard], sequence, reader.row(shard, sequence)


def _write_tokens(folder: Path, rows: Rows, mixture: dict[str, Any], end_of_text: int) -> list[str]:
    """Raw token files of whole sequences. One id more at the end of each file is the label of its last token.

    The `.idx` calls a file one document, so that Megatron leaves its sequences whole; `.npy` is another name of `.bin`.
    """
    item = np.dtype(mixture["dtype"]).newbyteorder("<")
    length = mixture["sequence_length"]
    per_file = max(1, FILE_BYTES // (length * item.itemsize))
    names: list[str] = []
    left = sum(source["sequences"] for source in mixture["sources"])
    while left:
        count = min(per_file, left)
        left -= count
        stem = f"train-{len(names) // 3:05d}"
        with (folder / f"{stem}.bin").open("wb") as stream:
            for _ in range(count):
                stream.write(next(rows)[2].astype(item).tobytes())
            stream.write(np.array([end_of_text], item).tobytes())
        write_index(folder / f"{stem}.idx", np.array([count * length + 1]), item)
        link_or_copy(folder / f"{stem}.bin", folder / f"{stem}.npy")
        names += [f"{stem}.bin", f"{stem}.idx", f"{stem}.npy"]
    return names


def _write_parquet(folder: Path, rows: Rows, mixture: dict[str, Any], end_of_text: int) -> list[str]:
    """Parquet files of `input_ids` (list of int32) and `domain`; of packed rows also `labels` and `loss_weights`."""
    packed = mixture["packing"] == "best-fit"
    fields = [("input_ids", pa.list_(pa.int32())), ("domain", pa.string())]
    masks = [("labels", pa.list_(pa.int32())), ("loss_weights", pa.list_(pa.float32()))] if packed else []
    schema = pa.schema([*fields, *masks])
    length = mixture["sequence_length"]
    groups_per_file = max(1, FILE_BYTES // (length * 4 * ROWS_PER_GROUP))
    names: list[str] = []
    writer: pq.ParquetWriter | None = None
    for number, group in enumerate(_groups(rows)):
        if number % groups_per_file == 0:
            if writer is not None:
                writer.close()
            names.append(f"train-{len(names):05d}.parquet")
            writer = pq.ParquetWriter(folder / names[-1], schema, compression="zstd")
        assert writer is not None
        ids = np.concatenate([tokens for _, _, tokens in group])
        offsets = np.arange(len(group) + 1, dtype=np.int32) * length
        columns = [pa.ListArray.from_arrays(offsets, ids), pa.array([entry.domain for entry, _, _ in group])]
        if packed:
            columns += [pa.ListArray.from_arrays(offsets, flat) for flat in _masks(group, end_of_text)]
        writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROWS_PER_GROUP)
    if writer is not None:
        writer.close()
    return names


def _masks(
    group: Sequence[tuple[Drawn, int, npt.NDArray[np.int32]]], end_of_text: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Labels and loss weights of packed rows, end to end: ids with -100, and 0 for a token, where the next fills up."""
    labels = np.stack([tokens for _, _, tokens in group])
    for row in labels:
        row[len(row) - padding_of(row, end_of_text) :] = IGNORED
    weights = np.zeros(labels.shape, np.float32)
    weights[:, :-1] = labels[:, 1:] != IGNORED
    return labels.ravel(), weights.ravel()


def _groups(rows: Rows) -> Iterator[list[tuple[Drawn, int, npt.NDArray[np.int32]]]]:
    group = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group


TOKENS_README = """\
# Stage {stage}, pre-mixed, as token files

`train-*.bin` hold {sequences} sequences of {length} tokens end to end, in the order to train them, repeats written out, and one
id more at the end of each file, the label of its last token. The same bytes are `train-*.npy` (raw, as OLMo-core reads
them) and, with `train-*.idx`, an indexed dataset of Megatron of one document. `order.bin` has the source (a place in
`mixture.json`) and the sequence of each, as two uint32. Read without shuffling, or shuffle: the counts stay. Plan {plan}.
"""
PARQUET_README = """\
# Stage {stage}, pre-mixed, as parquet

`train-*.parquet` hold {sequences} rows of {length} `input_ids` in the order to train them, repeats written out, and their
`domain`. `order.bin` has the source (a place in `mixture.json`) and the sequence of each, as two uint32. Rows packed
best-fit have `labels` (-100 where a row is filled up) and `loss_weights` (0 for a token whose next one fills up). Plan {plan}.
"""

MATERIALISED = Exporter(
    target="materialised tokens",
    target_version="1",
    unit_conversion="every sequence is written as often as it is drawn",
    lost=("the label of a sequence's last token is the first token of the sequence after it", *LOST),
    stage=lambda plan, stage, root: materialised_part(_write_tokens, TOKENS_README, plan, stage),
    read_back=read_back,
    scripts={"load.py": "materialise_load.py"},
)
PARQUET = Exporter(
    target="materialised parquet",
    target_version="1",
    unit_conversion="every sequence is written as a row as often as it is drawn",
    lost=("the label of a sequence's last token: rows have sequence_length tokens", *LOST),
    stage=lambda plan, stage, root: parquet_part(plan, stage),
    read_back=read_back,
    scripts={"load.py": "parquet_load.py"},
)
