"""Loads this folder with OLMo-core (ai2-olmo-core 3.0.0): `python load.py WORK_DIR` prints sequences per domain.

From Python: `load_config(work_dir)` gives the stage's `NumpyFSLDatasetConfig`. The work folder must be a fresh one
for every stage, since OLMo-core caches indices there by path.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "ai2-olmo-core"


def load_config(work_dir: str, folder: Path = HERE) -> Any:
    """The `NumpyFSLDatasetConfig` of the stage; `.build()` makes the dataset. Relative paths start at `folder`."""
    from olmo_core.data import NumpyFSLDatasetConfig, TokenizerConfig

    settings = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    common = {
        "tokenizer": TokenizerConfig(**settings["tokenizer"]),
        "sequence_length": settings["sequence_length"],
        "dtype": settings["dtype"],
        "generate_doc_lengths": settings["document_mask"],
        "work_dir": work_dir,
    }
    if "label_mask_paths" in settings:
        files = {name: [str(folder / path) for path in settings[name]] for name in ("paths", "label_mask_paths")}
        return NumpyFSLDatasetConfig(**files, **common)
    return NumpyFSLDatasetConfig.from_src_mix(source_mixture(settings, folder), **common)


def source_mixture(settings: dict[str, Any], folder: Path) -> Any:
    """The mixture of `mixture.yaml`, its paths starting at `folder`."""
    import yaml
    from olmo_core.data.source_mixture import SourceMixtureDatasetConfig, SourceMixtureList

    mixture = yaml.safe_load((folder / "mixture.yaml").read_text(encoding="utf-8"))
    for source in mixture["sources"]:
        source["paths"] = [str(folder / path) for path in source["paths"]]
    return SourceMixtureDatasetConfig(
        source_list=SourceMixtureList.from_dict(mixture),
        requested_tokens=settings["requested_tokens"],
        global_batch_size=settings["global_batch_size"],
        seed=settings["seed"],
        render_tables=False,
        quiet=True,
    )


def domains(dataset: Any, folder: Path = HERE) -> list[tuple[str, int, int]]:
    """Domain, first and past-the-last sequence of every entry of the mixture in the dataset."""
    settings = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    names = [entry.rsplit(".", 2)[0] for entry in settings["sources"]]
    if len(dataset.offsets) != len(names):
        raise ValueError(f"OLMo-core built {len(dataset.offsets)} sources, {len(names)} are in the mixture")
    return [(name, start, end) for name, (start, end) in zip(names, dataset.offsets, strict=True)]


def count(work_dir: str) -> dict[str, int]:
    """Sequences that the built dataset draws from each domain; the plan's are in `dataset.json`."""
    counts: Counter[str] = Counter()
    for domain, start, end in domains(prepared(work_dir)):
        counts[domain] += end - start
    return dict(counts)


def sequences(work_dir: str) -> Iterator[tuple[str, Any]]:
    """Domain and token ids of every sequence of the dataset; the data loader orders them anew by the seed."""
    dataset = prepared(work_dir)
    for domain, start, end in domains(dataset):
        for number in range(start, end):
            yield domain, dataset[number]["input_ids"].numpy()


def prepared(work_dir: str) -> Any:
    """The built dataset, its indices written to `work_dir`."""
    dataset = load_config(work_dir).build()
    dataset.prepare()
    return dataset


def main() -> int:
    """Build the dataset, print planned and built sequences per domain; 1 when they differ."""
    planned = json.loads((HERE / "dataset.json").read_text(encoding="utf-8"))["sequences"]
    built = count(sys.argv[1])
    sys.stdout.write(json.dumps({"planned": planned, "built": built}) + "\n")
    return 0 if built == planned else 1


if __name__ == "__main__":
    sys.exit(main())
