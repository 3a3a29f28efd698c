"""The checkpoint that jobs start from, known by its files. What is in it the trainer's own loader reads, in the job."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.errors import ConfigError

TRAIN_MODULE = "TransformerTrainModuleConfig"
LATEST = "latest_checkpointed_iteration.txt"
ITERATION = "iter_"


@dataclass(frozen=True)
class Checkpoint:
    """Folder that the trainer is told to load, absolute; for Megatron the iteration that is loaded from it."""

    folder: Path
    iteration: int | None = None

    @property
    def saved(self) -> Path:
        """The folder of the step that is loaded."""
        return self.folder if self.iteration is None else self.folder / f"{ITERATION}{self.iteration:07d}"


def olmo_core_checkpoint(path: Path) -> Checkpoint:
    """A `stepN` folder of OLMo-core with the config that it was trained by. Raises ConfigError."""
    if not (path / "model_and_optim" / ".metadata").is_file():
        steps = sorted(p.name for p in path.glob("step*") if (p / "model_and_optim").is_dir()) if path.is_dir() else []
        found = f"it holds {', '.join(steps[-3:])}: name one of them" if steps else "give the folder of one step"
        raise ConfigError(f"--checkpoint {path}: no OLMo-core checkpoint (no model_and_optim/.metadata); {found}")
    file = path / "config.json"
    config = _config(file)
    missing = [name for name in ("model", "train_module") if not isinstance(config.get(name), dict)]
    if missing:
        raise ConfigError(
            f"--checkpoint: {file} has no {' and no '.join(missing)}, which the jobs take from it. ConfigSaverCallback "
            f"writes them; or put the experiment's as_config_dict() there."
        )
    kind = str(config["train_module"].get("_CLASS_", "nothing")).rpartition(".")[2]
    if kind != TRAIN_MODULE:
        raise ConfigError(f"--checkpoint: {file} has a train_module of {kind}, expected {TRAIN_MODULE}")
    return Checkpoint(path.resolve())


def _config(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--checkpoint: {file} cannot be read as JSON ({error}), and the jobs take model and optimizer from it"
        ) from None
    return config if isinstance(config, dict) else {}


def megatron_checkpoint(path: Path) -> Checkpoint:
    """A folder that Megatron saved to, or one iteration in it. Raises ConfigError."""
    if path.name.startswith(ITERATION) and path.name.removeprefix(ITERATION).isdecimal():
        folder, iteration = path.parent, int(path.name.removeprefix(ITERATION))
    else:
        folder, iteration = path, _latest(path)
    found = Checkpoint(folder.resolve(), iteration)
    saved = found.saved
    if not (saved / "common.pt").is_file() and not any(saved.glob("mp_rank_*/model_optim_rng.pt")):
        raise ConfigError(
            f"--checkpoint {path}: {saved} holds no Megatron checkpoint (no common.pt, no mp_rank_*/model_optim_rng.pt)"
        )
    return found


def _latest(path: Path) -> int:
    file = path / LATEST
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--checkpoint {path}: no Megatron checkpoint ({file.name} names no iteration: {error}). Give the folder that "
            f"Megatron saved to, or its iter_0000000."
        ) from None
