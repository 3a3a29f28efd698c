"""Loads this folder with OLMo-core (ai2-olmo-core 3.0.0): `python load.py WORK_DIR` prints sequences per domain.

From Python: `load_config(work_dir)` gives the stage's `NumpyFSLDatasetConfig`. The work folder must be a fresh one
for every stage, since OLMo-core caches indices there by path.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def load_config(work_dir: str, folder: Path = HERE) -> Any:
    """The `NumpyFSLDatasetConfig` of the stage; `.build()` makes the dataset. Relative paths start at `folder`."""
    import yaml
    from olmo_core.data import NumpyFSLDatasetConfig, TokenizerConfig
    from olmo_core.data.source_mixture import SourceMixtureDatasetConfig, SourceMixtureList

    settings = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    mixture = yaml.safe_load((folder / "mixture.yaml").read_text(encoding="utf-8"))
    for source in mixture["sources"]:
        source["paths"] = [str(folder / path) for path in source["paths"]]
    source_mixture = SourceMixtureDatasetConfig(
        source_list=SourceMixtureList.from_dict(mixture),
        requested_tokens=settings["requested_tokens"],
        global_batch_size=settings["global_batch_size"],
        seed=settings["seed"],
        render_tables=False,
        quiet=True,
    )
    return NumpyFSLDatasetConfig.from_src_mix(
        source_mixture,
        tokenizer=TokenizerConfig(**settings["tokenizer"]),
        sequence_length=settings["sequence_length"],
        dtype=settings["dtype"],
        generate_doc_lengths=settings["document_mask"],
        work_dir=work_dir,
    )


def count_sequences(dataset: Any, folder: Path = HERE) -> dict[str, int]:
    """Sequences that the built dataset draws from each domain; the plan's are in `dataset.json`."""
    settings = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    entries = list(settings["sources"])
    ends = [end - start for start, end in dataset.offsets]
    if len(ends) != len(entries):
        raise ValueError(f"OLMo-core built {len(ends)} sources, {len(entries)} are in the mixture")
    counts: Counter[str] = Counter()
    for entry, count in zip(entries, ends, strict=True):
        counts[entry.rsplit(".", 2)[0]] += count
    return dict(counts)


def main() -> int:
    """Build the dataset, print planned and built sequences per domain; 1 when they differ."""
    dataset = load_config(sys.argv[1]).build()
    dataset.prepare()
    planned = json.loads((HERE / "dataset.json").read_text(encoding="utf-8"))["sequences"]
    built = count_sequences(dataset)
    sys.stdout.write(json.dumps({"planned": planned, "built": built}) + "\n")
    return 0 if built == planned else 1


if __name__ == "__main__":
    sys.exit(main())
