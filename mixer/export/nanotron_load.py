"""What nanotron would draw of this stage, from `nanotron.yaml` beside this script, with datatrove's dataset of the files.

nanotron's blend is the same rule as Megatron's: sample k goes to the folder that is furthest behind its share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "datatrove"


def stage(folder: Path = HERE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration, and the dataset of its last stage."""
    import yaml

    config = yaml.safe_load((folder / "nanotron.yaml").read_text(encoding="utf-8"))
    return config, config["data_stages"][-1]["data"]["dataset"]


def blend(weights: list[int]) -> list[int]:
    """Folder of every sample: `build_blending_indices` of nanotron/data/nemo_dataset/helpers.cpp."""
    shares = np.array(weights, dtype=np.float64) / sum(weights)
    drawn = np.zeros(len(weights))
    order = []
    for sample in range(sum(weights)):
        order.append(int(np.argmax(shares * max(sample, 1) - drawn)))
        drawn[order[-1]] += 1
    return order


def domain_of(path: str) -> str:
    """The domain of a dataset's folder."""
    return Path(path).name.rpartition("-")[0]


def count(work_dir: str) -> dict[str, int]:
    """Samples from each domain by the weights; nothing is written to `work_dir`."""
    _, dataset = stage()
    folders = dataset["dataset_folder"]
    return dict(Counter(domain_of(folders[number]) for number in blend(dataset["dataset_weights"])))


def sequences(work_dir: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Domain and token ids of every sample, without the label of the last token; a folder that ends starts again."""
    from datatrove.utils.dataset import DatatroveFolderDataset

    config, dataset = stage()
    length = config["tokens"]["sequence_length"]
    size = dataset["token_size_in_bytes"]
    folders = [str(HERE / path) for path in dataset["dataset_folder"]]
    files = [DatatroveFolderDataset(path, length, token_size=size) for path in folders]
    seen = [0] * len(files)
    for number in blend(dataset["dataset_weights"]):
        ids = files[number][seen[number] % len(files[number])]["input_ids"].numpy()
        seen[number] += 1
        yield domain_of(folders[number]), ids[:-1]
