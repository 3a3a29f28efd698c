"""What a run will cost, from the footers alone: parts, bytes read and written, memory and time per step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from midmix.config import Config
from midmix.errors import InputError
from midmix.flow import Step

# Measured on the demo corpus (34 MB), one core at 2.1 GHz: MB of text per second of processor time, start of workers
# included, and bytes written per byte of text.
RATES: dict[str, tuple[float, float]] = {
    "ingest": (33.0, 0.05),
    "score": (11.0, 0.32),
    "classify": (5.2, 0.01),
    "dedup": (27.0, 0.17),
    "decontaminate": (48.0, 0.01),
    "decide": (13.6, 0.01),
    "apply": (56.0, 0.24),
    "tokenize": (3.2, 1.24),
}
# Tokens per second of processor time that a proxy of the demo's shape (2 layers, width 64) trains on.
PROXY_TOKENS_PER_SECOND = 22_000


@dataclass(frozen=True)
class StepCost:
    """The cost of one step."""

    step: str
    parts: int
    bytes_read: int
    bytes_written: int
    memory_bytes: int
    seconds: float


@dataclass(frozen=True)
class SourceCost:
    """What a source brings."""

    source: str
    files: int
    parts: int
    rows: int
    text_bytes: int
    largest_part_bytes: int
    unreadable: tuple[str, ...]


def survey(config: Config) -> list[SourceCost]:
    """Read the footers of all sources; files that must be converted first count with their size on disk."""
    from midmix.curation.ingest.cut import cut_file
    from midmix.curation.ingest.files import list_files

    costs = []
    for name, source in config.read_sources.items():
        files = list_files(name, source, config)
        parts = rows = text = largest = 0
        bad = []
        for path, location in files:
            try:
                if source.messages or source.template or not path.lower().endswith((".parquet", ".pq")):
                    size = _size(location)
                    parts, text, largest = (
                        parts + max(size // config.part_bytes, 1),
                        text + size,
                        max(largest, config.part_bytes),
                    )
                    continue
                for cut in cut_file(location, source.text_column, config.part_bytes):
                    parts, rows, text = parts + 1, rows + cut.rows, text + cut.text_bytes
                    largest = max(largest, cut.text_bytes)
            except InputError as error:
                bad.append(str(error))
        costs.append(SourceCost(name, len(files), parts, rows, text, largest, tuple(bad)))
    return costs


def _size(location: str) -> int:
    import fsspec

    if "://" not in location:
        try:
            return os.path.getsize(location)
        except OSError as error:
            raise InputError(f"{location}: {error.strerror}") from None
    filesystem, path = fsspec.core.url_to_fs(location)
    return int(filesystem.size(path) or 0)


def step_costs(config: Config, steps: Sequence[Step], workers: int, sources: Sequence[SourceCost]) -> list[StepCost]:
    """The cost of each step; training by its tokens, the rest of the mixer is small."""
    text, parts = sum(s.text_bytes for s in sources), sum(s.parts for s in sources)
    largest = max((s.largest_part_bytes for s in sources), default=0)
    costs = []
    for step in steps:
        if step.name in RATES:
            speed, written = RATES[step.name]
            memory = 300_000_000 + workers * (200_000_000 + 8 * largest)
            seconds = text / 1e6 / speed / workers
            costs.append(StepCost(step.name, parts, text, int(text * written), memory, seconds))
        elif step.name == "train" and config.proxy:
            tokens = config.proxy.tokens * (config.proxy.runs + 2 * (config.proxy.seeds - 1))
            costs.append(
                StepCost(step.name, 0, 2 * tokens, 0, 1_000_000_000, tokens / PROXY_TOKENS_PER_SECOND / workers)
            )
        else:
            costs.append(StepCost(step.name, 0, 0, 0, 500_000_000, 5.0))
    return costs
