"""The stage as MosaicML streaming reads it (mosaicml-streaming 0.13.0), from `train.yaml` beside this script.

dataset = build(batch_size=8)           # a StreamingDataset: {"tokens": uint16 or int32 array}, one epoch is the stage
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "mosaicml-streaming"


def settings(folder: Path = HERE) -> dict[str, Any]:
    """The dataset's settings."""
    import yaml

    text = yaml.safe_load((folder / "train.yaml").read_text(encoding="utf-8"))
    dataset: dict[str, Any] = text["train_loader"]["dataset"]
    return dataset


def build(batch_size: int = 1, folder: Path = HERE, dataset_class: Any = None) -> Any:
    """The `StreamingDataset` of the stage; relative paths start at `folder`, `batch_size` is that of one device."""
    from streaming import Stream, StreamingDataset

    given = settings(folder)
    streams = [
        Stream(local=str(folder / stream["local"]), split=stream["split"], choose=stream["choose"])
        for stream in given["streams"].values()
    ]
    return (dataset_class or StreamingDataset)(
        streams=streams, shuffle=given["shuffle"], shuffle_seed=given["shuffle_seed"], batch_size=batch_size
    )


def domain_of(dataset: Any, sample: int) -> str:
    """The domain of a sample, by the stream that its shard belongs to."""
    names: list[str] = list(settings()["streams"])
    shard, _ = dataset.spanner[sample]
    return names[int(dataset.stream_per_shard[shard])].rpartition("-")[0]


def count(work_dir: str) -> dict[str, int]:
    """Samples of the first epoch from each domain, by the dataset's own sampling; nothing is written to `work_dir`."""
    dataset = build()
    _, samples = dataset.resample_streams(0)
    numbers, counts = np.unique(samples, return_counts=True)
    domains: Counter[str] = Counter()
    for sample, found in zip(numbers, counts, strict=True):
        domains[domain_of(dataset, int(sample))] += int(found)
    return dict(domains)


def sequences(work_dir: str) -> Iterator[tuple[str, Any]]:
    """Domain and token ids of every sample of the epoch as the dataset yields them."""
    from streaming import StreamingDataset

    class Tagged(StreamingDataset):  # type: ignore[misc]
        """Samples with their domain."""

        def get_item(self, sample_id: int, retry: int = 7) -> Any:
            return domain_of(self, sample_id), super().get_item(sample_id, retry)["tokens"]

    yield from build(dataset_class=Tagged)
