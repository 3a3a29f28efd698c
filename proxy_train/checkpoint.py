"""Files of tensors with facts about them: safetensors, named by a format and checked by a hash of their content.

Torch is imported where tensors are touched: the run itself reads facts alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from midmix.disk import write_atomically
from midmix.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

_NOTE = "midmix"


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors on the CPU, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}|{tensor.dtype}|{list(tensor.shape)}|".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, form: str) -> None:
    """Write tensors on the CPU and facts (plain values) to `path`, which a reader asks for as `form`."""
    note = {"form": form, "facts": facts, "sha256": content_hash(tensors)}
    # one entry, since safetensors writes several in no fixed order
    metadata = {_NOTE: json.dumps(note, sort_keys=True)}
    write_safetensors(path, tensors, metadata)


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A safetensors file with the permissions of any other file: its own writer lets the owner alone read it."""
    from safetensors.torch import save_file

    path.touch()
    mode = path.stat().st_mode
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, dict(metadata))
    path.chmod(mode)


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, form: str, scratch: Path
) -> None:
    """The same, atomically and to the disk."""
    write_atomically(path, lambda temporary: write_tensors(temporary, tensors, facts, form=form), scratch=scratch)


def read_facts(path: Path, *, form: str) -> dict[str, Any]:
    """The facts of a file, its tensors unread. Raises InputError where it is no such file, or is cut short."""
    facts: dict[str, Any] = _note(path, form)["facts"]
    return facts


def _note(path: Path, form: str) -> dict[str, Any]:
    try:
        with safe_open(path, framework="np") as file:
            note: dict[str, Any] = json.loads((file.metadata() or {}).get(_NOTE, "{}"))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a whole safetensors file of midmix") from None
    if note.get("form") != form:
        raise InputError(
            f"{path}: a safetensors file, but not {form!r} of midmix. "
            f"A Hugging Face checkpoint is given by its folder, which holds config.json."
        )
    return note


def read_tensors(path: Path, *, form: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file. Raises InputError where its content is not what was written."""
    note = _note(path, form)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    if content_hash(tensors) != note["sha256"]:
        raise InputError(f"{path}: its content has changed since it was written; copy or make it anew")
    return tensors, note["facts"]
