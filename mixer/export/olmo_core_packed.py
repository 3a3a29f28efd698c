"""OLMo-core's form of a packed stage: files of exactly the rows drawn, each with a mask of the labels to train on.

A source mixture takes no label masks, so what it would say is said by the files: an entry is one pass, or a part of
one, over one shard, and its file holds those rows and no other.
Source: NumpyFSLDatasetConfig.validate of olmo_core/data/numpy_dataset.py, ai2-olmo-core 3.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from midmix.mixer.export.exporter import Part, Tell, padding_notes
from midmix.mixer.export.folder import json_text
from midmix.mixer.plan.best_fit import PADDING, run_blocks
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import ITEM_BYTES, Shard, Stage, TokenFile


def packed_part(plan: Plan, stage: Stage, root: str, dataset: Mapping[str, Any], heldout: dict[str, TokenFile]) -> Part:
    """The stage's folder, from what `dataset.json` says of any stage and the held-out files that it links."""
    shards = {f"{share.domain}.{shard.index:05d}": shard for share in stage.mixture for _, shard in plan.drawn(share)}
    files: dict[str, tuple[Shard, int]] = {}
    paths = []
    for name, count in dataset["sources"].items():
        shard_name = name.rpartition(".")[0]
        path = f"tokens/{stage.id}-{shard_name}.{count}.npy"
        files[path] = shards[shard_name], count
        paths.append(f"{root}/{path}" if root else path)
    settings = {**dataset, "paths": paths, "label_mask_paths": [_mask_of(path) for path in paths]}
    writer = partial(_write, files, ITEM_BYTES[plan.tokenizer.dtype], stage.sequence_length)
    texts = {"dataset.json": json_text(settings), "README.md": _readme(plan, stage)}
    return Part(texts, heldout, padding_notes(stage, "the label masks leave them out"), (writer,), stage.sequences)


def packed_draws(settings: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    """Rows drawn of every shard, by the files that the dataset has."""
    draws: dict[tuple[str, int], int] = {}
    for name, path in zip(settings["sources"], settings["paths"], strict=True):
        domain, shard, _ = name.rsplit(".", 2)
        draws[domain, int(shard)] = draws.get((domain, int(shard)), 0) + int(path.rsplit(".", 2)[1])
    return draws


def _mask_of(path: str) -> str:
    return f"{path.removesuffix('.npy')}.mask.npy"


def _write(
    files: Mapping[str, tuple[Shard, int]],
    item_bytes: int,
    sequence_length: int,
    folder: Path,
    token_files: Mapping[str, Path],
    tell: Tell,
) -> list[str]:
    """The head of every shard as raw ids, and whether each is a label to train on, a byte each."""
    (folder / "tokens").mkdir(exist_ok=True)
    for path, (shard, rows) in files.items():
        assert shard.packed is not None
        tokens = np.memmap(token_files[shard.bin.name], dtype=f"V{item_bytes}", mode="r")
        tokens[: rows * sequence_length].tofile(folder / path)
        runs = np.fromfile(token_files[shard.packed.runs.name], "<i8").reshape(-1, 3)
        runs = runs[: np.searchsorted(np.cumsum(runs[:, 2]), rows * sequence_length) + 1]
        with (folder / _mask_of(path)).open("wb") as stream:
            for part in run_blocks(runs[:, 2]):
                np.repeat(runs[part, 0] != PADDING, runs[part, 2]).tofile(stream)
        tell(rows)
    return [name for path in files for name in (path, _mask_of(path))]


def _readme(plan: Plan, stage: Stage) -> str:
    rate = stage.learning_rate
    return f"""\
# Stage {stage.id} for OLMo-core, packed best-fit

`load.py` builds the dataset: `python load.py WORK_DIR` prints its size, `from load import load_config` gives the
`NumpyFSLDatasetConfig`. `tokens` holds exactly the rows drawn, raw token ids without a NumPy header, and beside each
file a mask that leaves out the ids that fill rows up (`label_mask_paths`); a row is {stage.sequence_length} tokens. Give
every stage a fresh work folder. Learning rate: {rate.schedule} from {rate.start} to {rate.end} over
{stage.sequences // stage.global_batch_sequences} steps; load the checkpoint with `load_trainer_state=False`. Plan {plan.hash}.
"""
