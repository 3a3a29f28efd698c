"""Receipts of sources that were purged from a run, and the guard that keeps them from coming back unseen."""

from __future__ import annotations

from pathlib import Path

from midmix.config import Config
from midmix.errors import ConfigError

# Below the run: a receipt per source, and what a purge that is under way must still know.
RECEIPTS = Path("state") / "forgotten"
BEGUN = Path("state") / "forgetting"


def refuse_forgotten(folder: Path, config: Config) -> None:
    """Raise ConfigError where the config reads a source that was purged, or is being purged."""
    for name in config.read_sources:
        if (folder / RECEIPTS / f"{name}.json").exists():
            raise ConfigError(
                f"sources.{name}: was purged from {folder}; the receipt is {folder / RECEIPTS / f'{name}.json'}. Add "
                f"`forgotten: true` to it, or give it another name if it may come back."
            )
        if (folder / BEGUN / f"{name}.json").exists():
            raise ConfigError(
                f"sources.{name}: its purge was begun. Finish it: midmix forget {folder} --source {name} --purge"
            )
