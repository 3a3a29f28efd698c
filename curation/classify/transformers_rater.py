"""Sequence classifiers and regressors of transformers, applied to many texts in batches of about one length.

The logits of a text do not depend on its batch but for rounding: in float32 on a CPU within 1e-4 of a batch of its own,
in bfloat16 on CUDA to about two digits. Batches are made from the texts of one call in an order that follows from them
alone, and on a CPU one thread computes, so the same texts give the same bytes whatever else runs.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.classify.ratings import Ratings
from midmix.curation.clean import is_blank
from midmix.errors import ConfigError, StepError

# Characters that a tokenizer is given at a time: it needs a hundred times as many bytes.
PIECE_CHARS = 1 << 20
TEXTS_AT_A_TIME = 256
# Characters per token beyond which the rest of a text is not read when its first tokens alone are wanted.
CHARS_PER_TOKEN = 16
MARGIN_TOKENS = 16

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Reading:
    """How texts are read: the first `max_tokens` tokens, or windows of so many, whose logits are averaged or maximised.

    A batch holds at most `batch_tokens` tokens, padding included, or one window.
    """

    windows: Literal["first", "mean", "max"] = "first"
    max_tokens: int = 512
    batch_tokens: int = 16_384
    device: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class Checkpoint:
    """A model with its tokenizer, ready on its device."""

    model: Any
    tokenizer: Any
    device: str
    pad: int


def rate_with_transformers(
    folder: Path, identity: str, texts: pa.LargeStringArray, reading: Reading, *, label: str | None, score: bool
) -> Ratings:
    """What the checkpoint in `folder` says of n texts, NaN and None for those without a word.

    With `score` the regressor's output as it is; with `label` the probability of that class; else the most probable
    class and its probability. `identity` is the hash of the folder. Raises ConfigError where the folder cannot be
    loaded, StepError where an output is no number.
    """
    checkpoint = load_checkpoint(folder, identity, reading.device)
    config = checkpoint.model.config
    rows = np.flatnonzero(~is_blank(texts))
    logits = logits_of(checkpoint, texts.take(pa.array(rows)), reading)
    if not np.isfinite(logits).all():
        bad = int(rows[np.flatnonzero(~np.isfinite(logits).all(axis=1))[0]])
        raise StepError(f"{folder}: the output for text {bad} is no number; the weights do not fit {checkpoint.device}")
    names = [str(config.id2label[number]) for number in range(config.num_labels)]
    values = np.full(len(texts), np.nan)
    if score:
        values[rows] = logits[:, 0]
        return Ratings(values)
    chances = _probabilities(logits, several=config.problem_type == "multi_label_classification")
    if label is not None:
        values[rows] = chances[:, names.index(label)]
        return Ratings(values)
    classes: list[str | None] = [None] * len(texts)
    for row, best in zip(rows.tolist(), chances.argmax(axis=1).tolist(), strict=True):
        classes[row] = names[best]
    values[rows] = chances.max(axis=1)
    return Ratings(values, classes)


def _probabilities(logits: npt.NDArray[np.float64], *, several: bool) -> npt.NDArray[np.float64]:
    """float64 [n, labels]: each by itself where a text may have several labels, else a distribution over them."""
    if several:
        return np.asarray(1 / (1 + np.exp(-logits)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@functools.lru_cache(maxsize=2)
def load_checkpoint(folder: Path, identity: str, device: str) -> Checkpoint:
    """The checkpoint in a folder, loaded once per process: bfloat16 on CUDA, float32 on a CPU. Raises ConfigError."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ConfigError(f"{folder}: 'device' is cuda, but torch sees no GPU here; say auto or cpu")
    where = "cpu" if device == "cpu" or not has_cuda else f"cuda:{os.getpid() % torch.cuda.device_count()}"
    dtype = torch.bfloat16 if where.startswith("cuda") else torch.float32
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, dtype=dtype, output_loading_info=True
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ConfigError(f"{folder}: transformers cannot load it: {str(error).splitlines()[0]}") from None
    if loaded["missing_keys"]:
        raise ConfigError(
            f"{folder}: its weights lack {', '.join(sorted(loaded['missing_keys'])[:3])}; the scores would be of random weights"
        )
    if not tokenizer.is_fast:
        raise ConfigError(f"{folder}: its tokenizer is none of the tokenizers library; convert it and save it there")
    pad = next(
        (i for i in (tokenizer.pad_token_id, model.config.pad_token_id, tokenizer.eos_token_id) if i is not None), 0
    )
    if model.config.pad_token_id is None:
        model.config.pad_token_id = pad
    return Checkpoint(model.to(where).eval(), tokenizer, where, pad)


def logits_of(checkpoint: Checkpoint, texts: pa.LargeStringArray, reading: Reading) -> npt.NDArray[np.float64]:
    """float64 [n, labels]: the logits of each text, over its windows if it has several."""
    windows, owners = windows_of(checkpoint.tokenizer, texts, reading)
    by_length = np.array(sorted(range(len(windows)), key=lambda i: (len(windows[i]), i)), np.int64)
    found = np.zeros((len(windows), checkpoint.model.config.num_labels))
    for batch in batches([len(windows[i]) for i in by_length], reading.batch_tokens):
        mine = by_length[batch]
        found[mine] = _forward(checkpoint, [windows[i] for i in mine])
    return _join(found, owners, len(texts), reading.windows)


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[slice]:
    """Runs of windows, whose lengths ascend, that fit `batch_tokens` when padded to the longest; at least one each."""
    first = 0
    for number, length in enumerate(lengths):
        if number > first and length * (number - first + 1) > batch_tokens:
            yield slice(first, number)
            first = number
    if first < len(lengths):
        yield slice(first, len(lengths))


def _join(found: npt.NDArray[np.float64], owners: Sequence[int], count: int, windows: str) -> npt.NDArray[np.float64]:
    """Logits per text [count, labels] from those per window; a text's windows follow one another."""
    if windows == "first":
        return found
    starts = np.searchsorted(np.array(owners, np.int64), np.arange(count))
    if count == 0 or windows == "max":
        return np.maximum.reduceat(found, starts, axis=0) if count else found
    sizes = np.diff([*starts.tolist(), len(owners)])
    return np.asarray(np.add.reduceat(found, starts, axis=0) / sizes[:, None])


def windows_of(tokenizer: Any, texts: pa.LargeStringArray, reading: Reading) -> tuple[list[Tokens], list[int]]:
    """Token ids of the windows to be read, special tokens included, and which text each is of, ascending."""
    windows: list[Tokens] = []
    owners: list[int] = []
    for first in range(0, len(texts), TEXTS_AT_A_TIME):
        for number, text in enumerate(texts.slice(first, TEXTS_AT_A_TIME).to_pylist(), first):
            mine = _first(tokenizer, text, reading) if reading.windows == "first" else _all(tokenizer, text, reading)
            windows += mine
            owners += [number] * len(mine)
    return windows, owners


def _first(tokenizer: Any, text: str, reading: Reading) -> list[Tokens]:
    """The first tokens; of a long text a beginning is tokenised that holds enough of them."""
    wanted = reading.max_tokens + MARGIN_TOKENS
    start = text[: cut_at_space(text, CHARS_PER_TOKEN * wanted)]
    if len(start) < len(text) and len(tokenizer(start, truncation=True, max_length=wanted)["input_ids"]) < wanted:
        start = text
    ids = tokenizer(start, truncation=True, max_length=reading.max_tokens)["input_ids"]
    return [np.array(ids, np.int32)]


def _all(tokenizer: Any, text: str, reading: Reading) -> list[Tokens]:
    """Windows over the whole text; a very long one is tokenised in pieces, each with a last window of its own."""
    windows: list[Tokens] = []
    while not windows or not (text == "" or text.isspace()):
        end = cut_at_space(text, PIECE_CHARS)
        encoded = tokenizer(
            text[:end], truncation=True, max_length=reading.max_tokens, stride=0, return_overflowing_tokens=True
        )
        windows += [np.array(ids, np.int32) for ids in encoded["input_ids"]]
        text = text[end:]
    return windows


def cut_at_space(text: str, most: int) -> int:
    """Where to cut so that no word is cut: the end of the last whole word within `most` characters, or of the text.

    A text without white space there is cut after `most` characters.
    """
    if len(text) <= most:
        return len(text)
    end = most
    while end > 0 and not text[end].isspace():
        end -= 1
    while end > 0 and text[end - 1].isspace():
        end -= 1
    return end or most


def _forward(checkpoint: Checkpoint, windows: Sequence[Tokens]) -> npt.NDArray[np.float64]:
    """float64 [windows, labels]: logits of one batch, padded on the right."""
    import torch

    longest = max(len(ids) for ids in windows)
    ids = np.full((len(windows), longest), checkpoint.pad, np.int64)
    mask = np.zeros((len(windows), longest), np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window)], mask[row, : len(window)] = window, 1
    with one_thread(), torch.inference_mode():
        given = {name: torch.from_numpy(array).to(checkpoint.device) for name, array in (("ids", ids), ("mask", mask))}
        logits = checkpoint.model(input_ids=given["ids"], attention_mask=given["mask"]).logits
    return np.asarray(logits.float().cpu().numpy(), np.float64).reshape(len(windows), -1)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bar and no warnings of transformers: what matters in them is raised."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def one_thread() -> Iterator[None]:
    """Threads change the order of sums; put back, since the process does other work too."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
