"""What was trained before: tokens by name from a Megatron blend or an OLMo-core source mixture, and by domain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import yaml

from midmix.config import Config, Earlier
from midmix.disk import sha256_of
from midmix.errors import ConfigError
from midmix.mixer.plan.checks import is_number
from midmix.mixer.plan.models import EarlierStage, Seen


def read_earlier(config: Config, known: Sequence[str]) -> tuple[EarlierStage, ...]:
    """The earlier stages of the config, in order; `known` are the domains of this run. Raises ConfigError."""
    stages = declared_earlier(config)
    check_known(stages, known)
    return stages


def declared_earlier(config: Config) -> tuple[EarlierStage, ...]:
    """The same, before anything is known of the run's domains. Raises ConfigError for a file that cannot be read."""
    stages = []
    for earlier in config.earlier:
        shares: Mapping[str, Fraction]
        if earlier.file is None:
            tokens, digest = earlier.seen, None
        else:
            path = Path(config.resolve(earlier.file))
            shares, digest = read_shares(path, earlier), sha256_of(path)
            tokens = {name: int(share * earlier.tokens) for name, share in shares.items()}
        stages.append(_stage(earlier, tokens, digest))
    return tuple(stages)


def check_known(stages: Sequence[EarlierStage], known: Sequence[str]) -> None:
    """Raise ConfigError for what an earlier stage read that is no domain of this run and was not said to be none."""
    for stage in stages:
        for seen in stage.seen:
            if seen.domain is not None and seen.domain not in known:
                raise ConfigError(
                    f"earlier.{stage.id}: {seen.name!r} is no domain of this run ({', '.join(known)}); map it under names "
                    f"to one of them, or to null where this run has none of it"
                )


def read_shares(path: Path, earlier: Earlier) -> dict[str, Fraction]:
    """Shares of the tokens by name in the file of an earlier stage; they sum to 1. Raises ConfigError."""
    where = f"earlier.{earlier.name}: {path}"
    try:
        text = path.read_text(encoding="utf-8")
        weights = megatron_weights(text) if earlier.format == "megatron" else olmo_core_weights(text)
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{where}: no {earlier.format} mixture that can be read ({error})") from None
    total = sum(weights.values())
    if not total:
        raise ConfigError(f"{where}: its weights sum to 0")
    return {name: weight / total for name, weight in weights.items() if weight}


def megatron_weights(text: str) -> dict[str, Fraction]:
    """Weights by prefix in a blend: `{"train": [weight, prefix, ...]}` as JSON, or the same list as words.

    Megatron normalises them. Raises ValueError for a list that Megatron would read as one without weights.
    """
    words = json.loads(text)["train"] if text.lstrip().startswith("{") else text.split()
    if len(words) % 2 or not words:
        raise ValueError(f"got {len(words)} words, expected pairs of a weight and a prefix")
    weights: dict[str, Fraction] = {}
    for weight, prefix in zip(words[::2], words[1::2], strict=True):
        if not is_number(str(weight)):
            raise ValueError(f"got {weight!r}, expected a weight before {prefix!r}")
        name = _short(str(prefix))
        weights[name] = weights.get(name, Fraction(0)) + Fraction(str(weight))
    return weights


def olmo_core_weights(text: str) -> dict[str, Fraction]:
    """Target ratios by source_name in a source mixture (YAML)."""
    weights: dict[str, Fraction] = {}
    for source in yaml.safe_load(text)["sources"]:
        name = str(source["source_name"])
        weights[name] = weights.get(name, Fraction(0)) + Fraction(str(source["target_ratio"]))
    return weights


def _short(prefix: str) -> str:
    """The last part of a prefix, without what Megatron's preprocessing puts at its end."""
    return Path(prefix).name.removesuffix("_text_document")


def _stage(earlier: Earlier, tokens: Mapping[str, int], digest: str | None) -> EarlierStage:
    return EarlierStage(
        id=earlier.name,
        tokens=earlier.tokens,
        declared_by=earlier.format or "config",
        file_sha256=digest,
        learning_rate_end=earlier.learning_rate,
        global_batch_tokens=earlier.global_batch_tokens,
        seen=tuple(
            Seen(name=name, domain=earlier.names.get(name, name), tokens=number) for name, number in tokens.items()
        ),
    )
