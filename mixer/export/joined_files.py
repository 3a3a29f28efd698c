"""The files of a plan's joints, made beside an export for as long as it is written: its folders link to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from midmix.disk import sha256_of
from midmix.megatron_index import write_index
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.joined import Joint, join
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Shard


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
            paths = {name: folder / name for name in joint.file_names}
            write_end_to_end(joint.shards, plan.tokenizer.dtype, token_files, *paths.values())
            made |= paths
        yield join(plan, joints, {name: sha256_of(path) for name, path in made.items()}), {**token_files, **made}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_end_to_end(
    shards: Sequence[Shard], dtype: str, token_files: Mapping[str, Path], tokens: Path, index: Path
) -> None:
    """Write shards one after the other as one `.bin`, `tokens`, with its `.idx`; `token_files` are theirs by name."""
    tokens.parent.mkdir(parents=True, exist_ok=True)
    with tokens.open("wb") as stream:
        for shard in shards:
            with token_files[shard.bin.name].open("rb") as small:
                shutil.copyfileobj(small, stream)
    lengths = [read_lengths(token_files[shard.idx.name]) for shard in shards]
    write_index(index, np.concatenate(lengths), dtype)
