"""MaxText: the stage pre-mixed as ArrayRecord files of token ids, read in order by its grain pipeline.

MaxText weighs records of ArrayRecord files alone, before packing, and rounds weights in one of its forms; a stage that is
written out needs no weights. A record is a `tf.train.Example` with the ids of a sequence under `text`.
Source: MaxText/input_pipeline/_grain_data_processing.py (`get_datasets`, `ParseFeatures` with tokenize false).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from midmix.mixer.export.exporter import Exporter, Part
from midmix.mixer.export.materialise import FILE_BYTES, Rows, materialised_part, read_back
from midmix.mixer.export.materialise import LOST as MATERIALISED_LOST
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage

LOST = (
    "the learning rate's schedule: MaxText has a warm-up and a cosine, or one of its own; its rate is given",
    "the label of a sequence's last token: records have sequence_length tokens and are shifted inside",
    *MATERIALISED_LOST,
)
README = """\
# Stage {stage}, pre-mixed, for MaxText

`train-*.array_record` hold {sequences} records of {length} token ids in the order to train them, repeats written out.
`arguments.txt` has what to add to MaxText's command line. `order.bin` has the source (a place in `mixture.json`) and the
sequence of each, as two uint32. Plan {plan}.
"""


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    part = materialised_part(_write_records, README, plan, stage)
    prefix = f"{root}/" if root else ""
    rate, rope = stage.learning_rate, stage.rope
    lines = [
        "dataset_type=grain",
        "grain_file_type=arrayrecord",
        f"grain_train_files={prefix}train-*.array_record",
        "train_data_columns=['text']",
        "tokenize_train_data=False",
        "packing=False",
        "num_epoch=1",
        "enable_data_shuffling=False",
        f"data_shuffle_seed={stage.seed}",
        f"max_target_length={stage.sequence_length}",
        f"steps={stage.sequences // stage.global_batch_sequences}",
        f"learning_rate={rate.start}",
    ]
    words = [f"per_device_batch_size: {stage.global_batch_sequences} / number of devices"]
    words.append(f"learning rate {rate.schedule} from {rate.start} to {rate.end}")
    if rope is not None:
        lines.append(f"rope_max_timescale={rope.base:.0f}")
        if rope.factor is not None:
            words.append(f"RoPE scaling {rope.scaling}, factor {rope.factor:g} of {rope.original_length} positions")
    text = "\n".join([f"# Plan {plan.hash[:12]}, stage {stage.id}", *lines, *(f"# By hand: {w}" for w in words), ""])
    return Part(part.texts | {"arguments.txt": text}, part.links, (*part.notes, *words), part.writers, part.sequences)


def read_maxtext(folder: Mapping[str, str]) -> StageRead:
    """A stage as its files in the folder have it."""
    read = read_back(folder)
    given = dict(line.split("=", 1) for line in folder["arguments.txt"].splitlines() if not line.startswith("#"))
    return StageRead(
        sequence_length=int(given["max_target_length"]),
        global_batch_sequences=read.sequences // int(given["steps"]),
        sequences=read.sequences,
        seed=int(given["data_shuffle_seed"]),
        start=float(given["learning_rate"]),
        end=read.end,
        draws=read.draws,
    )


def example(ids: npt.NDArray[np.int32]) -> bytes:
    """A serialized `tf.train.Example` of one feature `text`, an int64 list. Protobuf's wire format, lengths as varints."""
    numbers = _field(1, _varints(ids))  # Int64List.value, packed
    feature = _field(3, numbers)  # Feature.int64_list
    entry = _field(1, b"text") + _field(2, feature)  # an entry of Features.feature
    return _field(1, _field(1, entry))  # Example.features, Features.feature


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varints(np.array([len(content)])) + content


def _varints(values: npt.NDArray[Any]) -> bytes:
    """Non-negative numbers below 2^35 in seven bits a byte, the last byte of each without its high bit."""
    wide = values.astype(np.int64)
    groups = wide[:, None] >> np.arange(0, 35, 7) & 0x7F
    count = np.maximum(1, (groups > 0).astype(int).cumsum(axis=1).argmax(axis=1) + 1)
    places = np.arange(5)
    more = places < count[:, None] - 1
    kept: npt.NDArray[np.uint8] = (groups | more << 7).astype(np.uint8)[places < count[:, None]]
    return kept.tobytes()


def _write_records(folder: Any, rows: Rows, mixture: dict[str, Any], end_of_text: int) -> list[str]:
    from array_record.python.array_record_module import ArrayRecordWriter

    per_file = max(1, FILE_BYTES // (mixture["sequence_length"] * 4))
    names: list[str] = []
    writer: Any = None
    for number, (_, _, ids) in enumerate(rows):
        if number % per_file == 0:
            if writer is not None:
                writer.close()
            names.append(f"train-{len(names):05d}.array_record")
            writer = ArrayRecordWriter(str(folder / names[-1]), "group_size:1")
        writer.write(example(ids))
    if writer is not None:
        writer.close()
    return names


MAXTEXT = Exporter(
    target="maxtext",
    target_version="0a65506b",
    unit_conversion="every sequence is written as a record as often as it is drawn",
    lost=LOST,
    stage=_stage,
    read_back=read_maxtext,
    scripts={"load.py": "maxtext_load.py"},
    needs=("array_record", "array-record"),
)
