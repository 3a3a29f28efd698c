"""The files of a plan's joints, made beside an export for as long as it is written: its folders link to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from midmix.artifact import sha256_of
from midmix.megatron_index import write_index
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.joined import Joint, join
from midmix.mixer.plan.manifest import Plan


@contextmanager
def joined_files(
    plan: Plan, joints: tuple[Joint, ...], token_files: Mapping[str, Path], folder: Path
) -> Iterator[tuple[Plan, Mapping[str, Path]]]:
    """The plan with its `joints` for shards, and its token files by name, those of the joints in `folder`.

    The folder is gone at the end; with nothing to join it is not made.
    """
    made: dict[str, Path] = {}
    try:
        for joint in joints:
            made |= _write(joint, plan.tokenizer.dtype, token_files, folder)
        yield join(plan, joints, {name: sha256_of(path) for name, path in made.items()}), {**token_files, **made}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(joint: Joint, dtype: str, token_files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """The `.bin` and the `.idx` of a joint by their names."""
    paths = {name: folder / name for name in joint.file_names}
    tokens, index = paths.values()
    tokens.parent.mkdir(parents=True, exist_ok=True)
    with tokens.open("wb") as stream:
        for shard in joint.shards:
            with token_files[shard.bin.name].open("rb") as small:
                shutil.copyfileobj(small, stream)
    lengths = [read_lengths(token_files[shard.idx.name]) for shard in joint.shards]
    write_index(index, np.concatenate(lengths), dtype)
    return paths
