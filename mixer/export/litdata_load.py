"""The stage as litdata reads it (litdata 0.2.76), from `mixture.json` and the optimized folders beside this script.

dataset = build()                       # a CombinedStreamingDataset of blocks: sequence length + 1 token ids
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "litdata"


def sources(folder: Path = HERE, tag: Callable[[str, Any], Any] | None = None) -> list[Any]:
    """A `StreamingDataset` per source; `tag` gets a block's domain and the block, and gives what is yielded."""
    from litdata.streaming import StreamingDataset
    from litdata.streaming.item_loader import TokensLoader

    mixture = json.loads((folder / "mixture.json").read_text(encoding="utf-8"))
    return [
        StreamingDataset(
            str(folder / source["folder"]),
            item_loader=TokensLoader(block_size=mixture["sequence_length"] + 1),
            shuffle=True,
            seed=mixture["seed"],
            subsample=source["subsample"],
            **({"transform": partial(tag, source["domain"])} if tag else {}),
        )
        for source in mixture["sources"]
    ]


def build(folder: Path = HERE, tag: Callable[[str, Any], Any] | None = None) -> Any:
    """The stage: every source gives its blocks, drawn by size until all have ended."""
    from litdata.streaming import CombinedStreamingDataset

    mixture = json.loads((folder / "mixture.json").read_text(encoding="utf-8"))
    return CombinedStreamingDataset(sources(folder, tag), seed=mixture["seed"], iterate_over_all=True)


def count(work_dir: str) -> dict[str, int]:
    """Blocks that litdata draws from each domain, by the lengths of its datasets; nothing is written to `work_dir`."""
    mixture = json.loads((HERE / "mixture.json").read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    for source, dataset in zip(mixture["sources"], sources(), strict=True):
        counts[source["domain"]] += len(dataset)
    return dict(counts)


def sequences(work_dir: str) -> Iterator[tuple[str, Any]]:
    """Domain and token ids of every block in litdata's order, without the label of the last token."""
    for domain, block in build(tag=tagged):
        yield domain, block[:-1].numpy()


def tagged(domain: str, block: Any) -> tuple[str, Any]:
    """A block with its domain."""
    return domain, block
