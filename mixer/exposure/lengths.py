"""Tokens of every document of the plan's shards, from their indices in the run."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from midmix.artifact import has_size, load_manifest
from midmix.errors import InputError
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.simplex import I64
from midmix.tables import PLAN, TOKENS

# Tokens of every document of a shard (domain, number), int64[documents].
Lengths = Callable[[tuple[str, int]], I64]


def open_lengths(folder: Path, plan: Plan) -> Lengths:
    """Lengths by shard of the plan, the last few kept.

    Raises InputError where the run's tokens are others than the plan was made of; so do they where a file is gone.
    """
    tokens = load_manifest(folder, TOKENS.name)
    if tokens.digest != plan.inputs[TOKENS.name]:
        raise InputError(f"{folder}: holds other tokens than the plan counts. Run the step plan again.")
    attached = {a.name: a for a in (*tokens.attached, *load_manifest(folder, PLAN.name).attached)}
    shards = {(domain.id, shard.index): shard for domain in plan.domains for shard in domain.shards}

    @lru_cache(maxsize=64)
    def lengths(place: tuple[str, int]) -> I64:
        index = shards[place].idx
        path = folder / attached[index.name].path
        if not has_size(path, index.bytes):
            raise InputError(f"{path}: gone, or not {index.bytes} bytes. Run the step that made it again.")
        return read_lengths(path)

    return lengths
