"""What the sections of a config share, and its text: YAML in which no key stands twice, and assignments on top of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict

from midmix.errors import ConfigError

# What every section of a config is: frozen, and closed to unknown keys.
SECTION = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, ser_json_inf_nan="strings")


class Loader(yaml.SafeLoader):
    """YAML in which no key stands twice: the later one would silently take the place of the earlier."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping. Raises ConstructorError, which names the line, on a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises ConfigError that names the file, and the line where there is one."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except OSError as error:
        raise ConfigError(f"config {path}: {error.strerror}. `midmix init` writes an example.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path}: no valid YAML: {error}") from None


def assign(values: dict[str, Any], assignment: str) -> None:
    """Set what `assignment`, such as dedup.jaccard=0.7, says in nested `values`. Raises ConfigError."""
    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set: got {assignment!r}, expected key=value such as dedup.jaccard=0.7")
    # The names of rules hold dots of their own.
    *outer, last = key.split(".", 1) if key.startswith("thresholds.") else key.split(".")
    section: Any = values
    for name in outer:
        if section.get(name) is None:
            section[name] = {}
        section = section[name]
        if not isinstance(section, dict):
            raise ConfigError(f"--set: {key!r} goes through {name!r}, which is no section")
    try:
        section[last] = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set: {assignment!r} has no valid YAML after '=': {error}") from None
