"""Loads this export with the trainer's own loader, counts tokens per domain and writes `realized.json` beside this file.

    python verify.py                  # run it where the trainer is installed; needs nothing of midmix
    python verify.py --read all       # read every sequence through the loader, not the first 1,000 of each stage alone

Of every stage the loader's own index is counted, and sequences are read: their length, the domain that they count for
and the highest id are checked. Exit status 0: every domain has its planned tokens; 1: some has not. A run takes the
file back with `midmix results add RUN realized.json`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import itertools
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def check_files(files: dict[str, dict[str, Any]]) -> None:
    """Exit with a message where a file of the export is gone or has another size."""
    for name, file in files.items():
        path = HERE / name
        found = path.stat().st_size if path.is_file() else None
        if found != file["bytes"]:
            raise SystemExit(f"{path}: {found or 'no'} bytes, expected {file['bytes']}; copy or export it again")


def load_script(folder: Path, name: str) -> Any:
    """The module `load.py` of a stage. Exits where the package that it loads by is not installed."""
    spec = importlib.util.spec_from_file_location(name, folder / "load.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder}: got no load.py; export again")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    needed = module.DISTRIBUTION
    if not any(importlib.metadata.distributions(name=needed)):
        raise SystemExit(f"{needed} is not installed here. Run this where the trainer is, or: pip install {needed}")
    return module


def verify_stage(stage: dict[str, Any], number: int, vocabulary_size: int, limit: int | None) -> dict[str, Any]:
    """Planned and realised sequences and tokens of a stage's domains, and what the sequences that were read hold."""
    loader = load_script(HERE / stage["folder"], f"stage_{number}")
    length = stage["sequence_length"]
    with tempfile.TemporaryDirectory() as work:
        counts = loader.count(f"{work}/count")
        read: Counter[str] = Counter()
        highest = -1
        for domain, ids in itertools.islice(loader.sequences(f"{work}/read"), limit):
            if len(ids) != length:
                raise SystemExit(f"stage {stage['stage']}: got a sequence of {len(ids)} tokens, expected {length}")
            read[domain] += 1
            highest = max(highest, int(ids.max()))
    if highest >= vocabulary_size:
        raise SystemExit(
            f"stage {stage['stage']}: got id {highest}, the tokenizer has {vocabulary_size} ids: another dtype?"
        )
    return {
        "stage": stage["stage"],
        "sequence_length": length,
        "planned": stage["sequences"],
        "realized": {domain: int(counts.get(domain, 0)) for domain in sorted({*stage["sequences"], *counts})},
        "tokens": {domain: int(counts[domain]) * length for domain in sorted(counts)},
        "read": dict(sorted(read.items())),
        "highest_id": highest,
        "loader": loader.DISTRIBUTION,
        "loader_version": importlib.metadata.version(loader.DISTRIBUTION),
    }


def main() -> int:
    """Verify every stage, write `realized.json`, print a line per domain; 1 where a count is not the planned one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--read", default="1000", help="sequences of each stage to read, or all (default: 1000)")
    parser.add_argument(
        "--out", default=str(HERE / "realized.json"), help="file to write (default: realized.json here)"
    )
    given = parser.parse_args()
    limit = None if given.read == "all" else int(given.read)
    record = json.loads((HERE / "EXPORT.json").read_text(encoding="utf-8"))
    check_files(record["files"])
    size = record["tokenizer"]["vocabulary_size"]
    stages = [verify_stage(stage, number, size, limit) for number, stage in enumerate(record["stages"])]
    exact = all(stage["realized"] == stage["planned"] for stage in stages)
    realized = {
        "format": "midmix-realized",
        "target": record["target"],
        "plan_hash": record["plan_hash"],
        "exact": exact,
        "stages": stages,
    }
    Path(given.out).write_text(json.dumps(realized, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for stage in stages:
        for domain, found in stage["realized"].items():
            planned = stage["planned"].get(domain, 0)
            sys.stdout.write(f"{stage['stage']} {domain}: {found} sequences, planned {planned}\n")
    sys.stdout.write(f"{'exact' if exact else 'NOT AS PLANNED'}: {given.out}\n")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
