"""The stage as a source of torchtitan's grain data loader, over the token files beside this script.

SingleDatasetConfig(source=StageSource(), sample_processor=token_sample)      # torchtitan/components/data
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "grain"


def rows_script(folder: Path) -> Any:
    """The module `rows.py` of a folder: the order of the rows, and a reader of the token files."""
    name = f"rows_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, folder / "rows.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{folder}: no rows.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class StageRows:
    """Rows of the stage by number: {"token_ids", "loss_mask", "domain"}. 16 bytes of memory a row.

    `token_ids` are int32[sequence length + 1], `loss_mask` is bool of the same length: false where a packed row is
    filled up, and for the label of its last token, which is another row's.
    """

    def __init__(self, folder: Path = HERE) -> None:
        script = rows_script(folder)
        self.mixture = script.read_mixture(folder)
        self.shards, self.numbers = script.row_order(self.mixture, "train")
        self.reader = script.Reader(folder, self.mixture, "train")

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, index: Any) -> dict[str, Any]:
        shard, number = int(self.shards[index]), int(self.numbers[index])
        ids = self.reader.row(shard, number, labels=1)
        mask = np.ones(ids.shape, dtype=np.bool_)
        if self.reader.is_packed:
            mask[len(ids) - 1 - self.reader.padding(ids[:-1]) :] = False
        return {"token_ids": ids, "loss_mask": mask, "domain": self.reader.entries[shard]["domain"]}


class StageSource:
    """torchtitan's `SourceConfig` of the stage."""

    def __init__(self, folder: Path = HERE) -> None:
        self.folder = folder

    def build(self) -> StageRows:
        """The rows, in the order of training."""
        return StageRows(self.folder)

    def fingerprint(self) -> str:
        """Stable identity for resuming: what the stage draws of which files."""
        return hashlib.sha256((self.folder / "mixture.json").read_bytes()).hexdigest()


def token_sample(row: dict[str, Any]) -> Any:
    """torchtitan's `TokenSample` of a row; every token is trained on but those that fill a packed row up."""
    from torchtitan.components.data.dataset import TokenSample

    return TokenSample(token_ids=row["token_ids"], loss_mask=row["loss_mask"])


def count(work_dir: str) -> dict[str, int]:
    """Rows of each domain; nothing is written to `work_dir`."""
    rows = StageSource().build()
    return dict(Counter(rows.reader.entries[shard]["domain"] for shard in rows.shards.tolist()))


def sequences(work_dir: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Domain and token ids of every row through grain, without the label of the last token."""
    import grain

    for row in grain.MapDataset.source(StageSource().build()):
        yield row["domain"], row["token_ids"][:-1]
