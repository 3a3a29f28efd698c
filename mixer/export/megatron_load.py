"""The stage's blend as Megatron builds it (megatron-core 0.16.1), from `blend.json` and `arguments.txt` beside this script.

`build(work_dir)` gives the train dataset; `count` and `sequences` are what `verify.py` asks for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DOMAIN = re.compile(r"tokens/(.+)-train-\d+$")
DISTRIBUTION = "megatron-core"


class Tokenizer:
    """What Megatron asks of a tokenizer to build a dataset. `eod` matters to masks alone, not to what is drawn."""

    pad = -1
    vocab_size = 1 << 31
    unique_identifiers = {"class": "none"}  # noqa: RUF012

    def __init__(self, eod: int) -> None:
        self.eod = eod


def end_of_text(folder: Path = HERE) -> int:
    """The id that ends documents, by the comment on the tokenizer in `arguments.txt`."""
    found = re.search(r"end of text\n# (\d+)", (folder / "arguments.txt").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{folder / 'arguments.txt'}: got no end-of-text id; export again")
    return int(found[1])


def arguments(folder: Path = HERE) -> dict[str, str]:
    """Launch arguments by name, those without a value as ""."""
    lines = (folder / "arguments.txt").read_text(encoding="utf-8").splitlines()
    given = (line.partition(" ") for line in lines if line.startswith("--"))
    return {name: value for name, _, value in given}


def build(work_dir: str, folder: Path = HERE) -> Any:
    """The blended train dataset, its indices cached in `work_dir`; relative prefixes start at `folder`."""
    import torch
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.utils import get_blend_from_list

    if not torch.distributed.is_initialized():
        store = torch.distributed.HashStore()  # type: ignore[attr-defined]
        torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    given = arguments(folder)
    train = json.loads((folder / "blend.json").read_text(encoding="utf-8"))["train"]
    blend = [str(folder / word) if place % 2 else word for place, word in enumerate(train)]
    masked = "--eod-mask-loss" in given
    config = GPTDatasetConfig(
        random_seed=int(given["--seed"]),
        sequence_length=int(given["--seq-length"]),
        blend_per_split=[get_blend_from_list(blend), None, None],
        path_to_cache=work_dir,
        tokenizer=Tokenizer(end_of_text(folder) if masked else -1),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=masked,
    )
    sizes = [int(given["--train-samples"]), 0, 0]
    return BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()[0]


def domains(dataset: Any, samples: int) -> list[str]:
    """Domain of each of the first samples."""
    names = [DOMAIN.search(source.dataset_path)[1] for source in dataset.datasets]  # type: ignore[index]
    return [names[number] for number in dataset.dataset_index[:samples]]


def count(work_dir: str) -> dict[str, int]:
    """Samples that Megatron draws from each domain, by its own index."""
    dataset = build(work_dir)
    return dict(Counter(domains(dataset, int(arguments()["--train-samples"]))))


def sequences(work_dir: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Domain and token ids of every sample in Megatron's order."""
    dataset = build(work_dir)
    for number, domain in enumerate(domains(dataset, int(arguments()["--train-samples"]))):
        yield domain, dataset[number]["tokens"].numpy()
