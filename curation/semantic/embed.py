"""Embeddings of documents: a column of the source, or the mean of a checkpoint's last hidden states."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.classify.given import folder_hash
from midmix.curation.classify.transformers_rater import Reading, batches, one_thread, quiet_transformers, windows_of
from midmix.errors import ConfigError, InputError
from midmix.parts import ROW_MASK, Part, read_column

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoder:
    """A sentence-embedding model with its tokenizer."""

    model: Any
    tokenizer: Any


def column_vectors(part: Part, column: str, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.bool_], Vectors]:
    """(which documents have an embedding, bool [n]; these, float32 [m, dimensions]) of a part's column.

    Raises InputError where the column is missing, or its lists are no numbers or not of one length.
    """
    try:
        found = read_column(part, column).take(pa.array((keys & np.uint64(ROW_MASK)).astype(np.int64)))
    except (IndexError, KeyError):
        raise InputError(f"{part.path}: no column {column!r} with embeddings; correct 'semantic.column'") from None
    if not (
        pa.types.is_list(found.type) or pa.types.is_large_list(found.type) or pa.types.is_fixed_size_list(found.type)
    ):
        raise InputError(f"{part.path}: column {column!r} holds {found.type}, expected lists of numbers")
    rows = found.drop_null()
    lengths = np.unique(np.array([len(row) for row in rows]))
    if len(lengths) > 1:
        raise InputError(f"{part.path}: embeddings in {column!r} have {lengths.min()} to {lengths.max()} numbers")
    values = rows.flatten()
    if values.null_count or not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        raise InputError(f"{part.path}: embeddings in {column!r} hold NULL or {values.type}, expected numbers")
    width = int(lengths[0]) if len(lengths) else 0
    return found.is_valid().to_numpy(zero_copy_only=False), values.to_numpy().astype(np.float32).reshape(
        len(rows), width
    )


@functools.lru_cache(maxsize=1)
def load_encoder(folder: Path, identity: str, setting: str) -> Encoder:
    """The checkpoint in a folder, in float32 on the CPU; `identity` is its hash, `setting` what names it in the config.

    Raises ConfigError where it is no model that reads text and gives a state for each token.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
            model, loaded = AutoModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ConfigError(f"{setting} {folder}: transformers cannot load it: {str(error).splitlines()[0]}") from None
    missing = sorted(name for name in loaded["missing_keys"] if not name.startswith("pooler"))
    if missing:
        raise ConfigError(f"{setting} {folder}: its weights lack {', '.join(missing[:3])}; embeddings would be random")
    if model.config.is_encoder_decoder or not hasattr(model.config, "hidden_size"):
        raise ConfigError(
            f"{setting} {folder}: {type(model).__name__} is no sentence-embedding model; name one with an encoder alone"
        )
    return Encoder(model.float().eval(), tokenizer)


def model_hash(folder: Path, setting: str) -> str:
    """What identifies the checkpoint in a folder. Raises InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{setting} {folder}: no such folder. Correct the path in the config.")
    return folder_hash(folder)


def check_length(encoder: Encoder, max_tokens: int, where: str) -> None:
    """Raise ConfigError where the model has positions for fewer tokens than it is to read."""
    positions = getattr(encoder.model.config, "max_position_embeddings", None)
    if isinstance(positions, int) and max_tokens > positions:
        raise ConfigError(f"{where} reads at most {positions} tokens, 'max_tokens' is {max_tokens}; lower it")


def text_vectors(encoder: Encoder, texts: pa.LargeStringArray, max_tokens: int) -> Vectors:
    """float32 [n, dimensions]: mean of the last hidden states over the first `max_tokens` tokens of each text."""
    import torch

    reading = Reading(windows="first", max_tokens=max_tokens)
    windows, _ = windows_of(encoder.tokenizer, texts, reading)
    by_length = np.array(sorted(range(len(windows)), key=lambda i: (len(windows[i]), i)), np.int64)
    found = np.zeros((len(windows), encoder.model.config.hidden_size), np.float32)
    for batch in batches([len(windows[i]) for i in by_length], reading.batch_tokens):
        mine = by_length[batch]
        longest = max(len(windows[i]) for i in mine)
        ids, mask = np.zeros((len(mine), longest), np.int64), np.zeros((len(mine), longest), np.int64)
        for row, number in enumerate(mine):
            ids[row, : len(windows[number])], mask[row, : len(windows[number])] = windows[number], 1
        with one_thread(), torch.inference_mode():
            weights = torch.from_numpy(mask)
            states = encoder.model(input_ids=torch.from_numpy(ids), attention_mask=weights).last_hidden_state
            sums = (states * weights[:, :, None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1)
        found[mine] = sums.numpy()
    return found


def directions(vectors: Vectors) -> tuple[npt.NDArray[np.bool_], Vectors]:
    """(which vectors have a direction, bool [n]; these at unit length, float32 [m, dimensions])."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    known = np.isfinite(lengths) & (lengths > 0)
    return known, (vectors[known] / lengths[known, None]).astype(np.float32)
