"""Models that the user gives: what identifies them, and whether they fit what the config asks, before any work."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from midmix.config import Config, nearest
from midmix.config.raters import Rater
from midmix.curation.classify.fasttext.model import load_fasttext
from midmix.curation.classify.fasttext.normalize import LABEL
from midmix.curation.classify.ratings import class_names
from midmix.disk import sha256_of
from midmix.errors import ConfigError, InputError

# Files that transformers reads from a checkpoint's folder.
_SUFFIXES = (".json", ".safetensors", ".bin", ".txt", ".model")
_WEIGHTS = (".safetensors", ".bin")
HEAD = "ForSequenceClassification"


def given_model(config: Config, name: str, rater: Rater) -> tuple[Path, str]:
    """Where a given model lies, and the hash that identifies it. Raises ConfigError where it cannot do what is asked."""
    assert rater.model is not None
    location = config.resolve(rater.model)
    if "://" in location:
        raise ConfigError(f"raters.{name}.model: {location} is no local path; fetch the model and name its path")
    path = Path(location)
    if rater.form == "transformers":
        check_checkpoint(name, rater, path)
        return path, folder_hash(path)
    try:
        check_label(name, rater.label, class_names(load_fasttext(path)))
        return path, sha256_of(path)
    except (InputError, OSError) as error:
        raise ConfigError(f"raters.{name}.model: {error}") from None


def check_label(name: str, label: str | None, labels: list[str]) -> None:
    """Raise ConfigError where the model has no such label."""
    if label is not None and plain(label) not in labels:
        known = ", ".join(labels[:20]) + (f" and {len(labels) - 20} more" if len(labels) > 20 else "")
        close = nearest(plain(label), labels).partition("; known")[0]
        raise ConfigError(f"raters.{name}.label: the model has no label {label!r}{close}; its labels are {known}")


def plain(label: str) -> str:
    """A label without fastText's mark."""
    return label.removeprefix(LABEL)


def check_checkpoint(name: str, rater: Rater, folder: Path) -> None:
    """Raise ConfigError unless the folder holds a sequence classifier with its tokenizer that gives what is asked."""
    where = f"raters.{name}.model: {folder}"
    about = _json(folder / "config.json", where)
    if not (folder / "tokenizer.json").is_file():
        raise ConfigError(
            f"{where} has no tokenizer.json; save the tokenizer there: `tokenizer.save_pretrained(folder)`"
        )
    if not any(path.suffix in _WEIGHTS for path in folder.iterdir()):
        raise ConfigError(f"{where} has no weights (*.safetensors or *.bin); save the model there")
    heads = about.get("architectures") or []
    if about.get("auto_map"):
        raise ConfigError(
            f"{where} needs code of its own (auto_map), which midmix does not run; convert the checkpoint"
        )
    if not any(str(head).endswith(HEAD) for head in heads):
        raise ConfigError(
            f"{where} has the head {', '.join(map(str, heads)) or 'unknown'}, expected one ending in {HEAD}: "
            f"without it the scores would be of random weights"
        )
    labels = checkpoint_labels(about)
    if (rater.output == "score") != (len(labels) == 1):
        what = (
            "one output, a score: add 'output: score'"
            if len(labels) == 1
            else f"{len(labels)} labels: take out 'output'"
        )
        raise ConfigError(f"{where} has {what}")
    check_label(name, rater.label, labels)
    _check_length(rater.max_tokens, about, folder, where)


def _check_length(max_tokens: int, about: dict[str, Any], folder: Path, where: str) -> None:
    tokenizer = folder / "tokenizer_config.json"
    limits = [about.get("max_position_embeddings")]
    if tokenizer.is_file():
        limits.append(_json(tokenizer, where).get("model_max_length"))
    longest = min((int(limit) for limit in limits if isinstance(limit, int | float) and limit > 0), default=max_tokens)
    if max_tokens > longest:
        raise ConfigError(f"{where} reads at most {longest} tokens, 'max_tokens' is {max_tokens}; lower it")


def checkpoint_labels(about: dict[str, Any]) -> list[str]:
    """Labels of a checkpoint by number, from its config.json; transformers writes none for the default of two."""
    names = about.get("id2label")
    if names:
        return [str(names[number]) for number in sorted(names, key=int)]
    return [f"LABEL_{number}" for number in range(about.get("num_labels", 2))]


def _json(path: Path, where: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return value
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{where}: {path.name}: {reason}; expected a folder that transformers saved") from None


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and hashes of the files that make up a checkpoint."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())
    listed = "\n".join(f"{path.name} {sha256_of(path)}" for path in files)
    return hashlib.sha256(listed.encode()).hexdigest()
