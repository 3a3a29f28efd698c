"""What all runs start from: a checkpoint of midmix or of Hugging Face, as settings of a batch and as tensors.

Letters: P parameters of a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midmix.config import Proxy
from midmix.disk import sha256_of
from midmix.errors import InputError
from midmix.proxy_train.checkpoint import read_facts, read_tensors, write_tensors
from midmix.proxy_train.llama import CONFIG, read_shape, weight_files
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.tokens import tokenizer_identity
from midmix.tables.proxies import CHECKPOINT, SEED

if TYPE_CHECKING:
    from torch import Tensor

FORM = "proxy-1"
# A vocabulary may be larger than its tokenizer by what pads it to a round number: Megatron's default is a multiple of 128.
PADDED_TO = 128
FROM_SEED = {"kind": SEED, "sha256": None, "moments": "zero", "tokens": 0}


@dataclass(frozen=True)
class Start:
    """Weights [P], and the optimizer's moments [P] and steps where they are carried on."""

    row_P: Tensor
    mean_P: Tensor | None = None
    square_P: Tensor | None = None
    steps: int = 0


def write_proxy(path: Path, start: Start, shape: Shape, facts: Mapping[str, Any]) -> None:
    """A proxy as a file of midmix. `facts` are tokenizer_identity, tokens, sequence_length and end_of_text."""
    tensors = {"weights": start.row_P, "mean": start.mean_P, "square": start.square_P}
    found = {name: tensor.detach().float().cpu() for name, tensor in tensors.items() if tensor is not None}
    whole = {**facts, "shape": shape.as_values(), "steps": start.steps, "moments": "mean" in found}
    write_tensors(path, found, whole, form=FORM)


def read_start(path: Path, shape: Shape) -> Start:
    """The tensors of a checkpoint on the CPU in fp32. Raises InputError where it is damaged or of another shape."""
    if path.is_dir():
        from midmix.proxy_train.llama_weights import read_row

        return Start(read_row(weight_files(path), shape))
    tensors, facts = read_tensors(path, form=FORM)
    if (found := Shape.from_values(facts["shape"])) != shape:
        raise InputError(f"{path}: a proxy of shape {found.name}, expected {shape.name}; run it again")
    moments = tensors.get("mean"), tensors.get("square")
    return Start(tensors["weights"], *moments, facts["steps"] if moments[0] is not None else 0)


def checkpoint_settings(path: Path, tokenizer: Path, num_ids: int) -> dict[str, Any]:
    """Shape and start of runs that branch from a checkpoint, its weights unread; `tokenizer` is the run's tokenizer.json.

    Raises InputError where proxies cannot have its shape, or its vocabulary is not the run's.
    """
    if not path.exists():
        raise InputError(
            f"proxy.checkpoint: nothing at {path}; expected a Hugging Face Llama folder, or a .safetensors file of midmix"
        )
    if path.is_dir():
        shape, theirs = read_shape(path), path / "tokenizer.json"
        _check_vocabulary(shape.vocabulary, theirs if theirs.is_file() else None, tokenizer, num_ids, path)
        files = (path / CONFIG, *weight_files(path))
        digest = hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()
        start = {"kind": CHECKPOINT, "sha256": digest, "moments": "zero", "tokens": None}
        return {"shape": shape.as_values(), "start": start}
    facts = read_facts(path, form=FORM)
    if facts["tokenizer_identity"] != tokenizer_identity(tokenizer):
        raise InputError(_other_tokenizer(path, facts["tokenizer_identity"], tokenizer))
    return {"shape": facts["shape"], "start": file_start(path, CHECKPOINT)}


def file_start(path: Path, kind: str) -> dict[str, Any]:
    """What a batch's settings say of a start from a file of midmix."""
    facts = read_facts(path, form=FORM)
    moments = "carried" if facts["moments"] else "zero"
    return {"kind": kind, "sha256": sha256_of(path), "moments": moments, "tokens": facts["tokens"]}


def schedule_settings(proxy: Proxy, start: Mapping[str, Any]) -> dict[str, Any]:
    """The learning rate's course. From a checkpoint it only decays; without moments it warms up first."""
    scratch, moments = start["kind"] == SEED, start["moments"] == "carried"
    warmup, decay = 0.0 if moments else 0.05, 0.5 if scratch else 1.0
    return {
        "warmup_fraction": warmup if proxy.warmup_fraction is None else proxy.warmup_fraction,
        "decay_fraction": decay if proxy.decay_fraction is None else proxy.decay_fraction,
        "decay": proxy.decay,
        "end_fraction": proxy.end_fraction,
    }


def _check_vocabulary(vocabulary: int, theirs: Path | None, ours: Path, num_ids: int, folder: Path) -> None:
    if theirs is not None and tokenizer_identity(theirs) != tokenizer_identity(ours):
        raise InputError(_other_tokenizer(theirs, tokenizer_identity(theirs), ours))
    padded = -(-num_ids // PADDED_TO) * PADDED_TO
    if vocabulary < num_ids or (theirs is None and vocabulary > padded):
        raise InputError(
            f"proxy.checkpoint: {folder} has a vocabulary of {vocabulary:,}, the run's tokenizer {ours} {num_ids:,} ids; "
            f"expected {num_ids:,} to {padded:,}. Name the checkpoint's own tokenizer under tokenizers and tokenize again."
        )


def _other_tokenizer(theirs: Path, identity: str, ours: Path) -> str:
    return (
        f"proxy.checkpoint: {theirs} goes with the tokenizer {identity[:12]}, but the run's tokens are by "
        f"{ours} ({tokenizer_identity(ours)[:12]}). Name the checkpoint's own tokenizer under tokenizers (as `proxy`, where "
        f"the plan's is another) and tokenize again."
    )
