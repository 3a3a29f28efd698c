"""The token files of the small plan: token k of the n-th shard of the plan is 100 n + k."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from midmix.megatron_index import write_index
from midmix.mixer.plan.manifest import Plan


@pytest.fixture
def token_files(tmp_path: Path) -> Callable[[Plan], dict[str, Path]]:
    """Writes the files of a plan's train shards, documents of 4 tokens, and gives them by their names."""

    def write(plan: Plan) -> dict[str, Path]:
        files: dict[str, Path] = {}
        shards = [shard for domain in plan.domains for shard in domain.shards]
        for number, shard in enumerate(shards):
            tokens = np.arange(100 * number, 100 * number + shard.tokens, dtype="<u2")
            lengths = np.diff([*range(0, shard.tokens, 4), shard.tokens])
            files[shard.bin.name], files[shard.idx.name] = tmp_path / f"{number}.bin", tmp_path / f"{number}.idx"
            files[shard.bin.name].write_bytes(tokens.tobytes())
            write_index(files[shard.idx.name], lengths, "uint16")
        return files

    return write
