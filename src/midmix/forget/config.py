"""The config of a run that has forgotten a source."""

from __future__ import annotations

from typing import Any

from midmix.config import Config, nearest, parse_config
from midmix.errors import ConfigError

# What of a mixture is by source or domain. Targets stay: they are measured, not drawn from.
SHARES = ("max_epochs", "spent_epochs", "minimum", "baseline", "replay", "web")


def config_without(config: Config, source: str) -> Config:
    """The config with `source` marked as forgotten and named in no share. Raises ConfigError where it cannot be left out.

    Its name stays among the sources, since raters that were trained with it are frozen and say so.
    """
    if source not in config.sources:
        raise ConfigError(f"--source: no source {source!r}{nearest(source, config.sources)}")
    if set(config.read_sources) <= {source}:
        raise ConfigError(f"--source: {source!r} is the only source that the run reads; delete the run instead")
    values = config.model_dump(mode="json", exclude_unset=True)
    values["sources"][source]["forgotten"] = True
    if values.get("mixture"):
        _leave_out(values["mixture"], source)
    for stage in values.get("stages", ()):
        if isinstance(stage.get("weights"), dict):
            stage["weights"] = _rescaled(stage["weights"], source, f"stages.{stage['name']}.weights")
    for earlier in values.get("earlier", ()):
        # What was read before stays told, under its own name.
        named = {name for name, domain in earlier.get("names", {}).items() if domain == source}
        earlier["names"] = earlier.get("names", {}) | dict.fromkeys({*named, source})
    return parse_config(values, base=config.base, name="the config without it")


def _leave_out(mixture: dict[str, Any], source: str) -> None:
    for field in SHARES:
        if source in (shares := mixture.get(field) or {}):
            rest = {name: share for name, share in shares.items() if name != source}
            if field in ("baseline", "replay", "web") and not any(rest.values()):
                raise ConfigError(
                    f"mixture.{field} is {source!r} alone; change it in the config before it is forgotten"
                )
            mixture[field] = rest
    groups = [{name: share for name, share in group.items() if name != source} for group in mixture.get("frozen", ())]
    mixture["frozen"] = [group for group in groups if len(group) > 1 and any(group.values())]


def _rescaled(weights: dict[str, float], source: str, where: str) -> dict[str, float]:
    """The other shares, so large that they sum to what all did."""
    rest = {name: share for name, share in weights.items() if name != source}
    if len(rest) == len(weights):
        return weights
    if not any(rest.values()):
        raise ConfigError(f"{where} is {source!r} alone; change it in the config before the source is forgotten")
    scale = sum(weights.values()) / sum(rest.values())
    return {name: share * scale for name, share in rest.items()}
