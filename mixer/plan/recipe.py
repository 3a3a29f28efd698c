"""Published recipes as plans without token files: supply, stages, and the figures that the plan must reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from midmix.config import Mixture, StageSection, Target
from midmix.config.section import Section
from midmix.config.stages import check_chain
from midmix.config.text import read_yaml
from midmix.errors import ConfigError
from midmix.mixer.plan.buckets import Stock
from midmix.mixer.plan.draft import Draft, make_draft
from midmix.mixer.plan.models import EarlierStage, Stage
from midmix.mixer.plan.pool import Bucket, Piece, Pool, make_buckets
from midmix.mixer.plan.schedule import rate_at
from midmix.mixer.plan.wishes import make_wishes
from midmix.mixer.simplex import I64

# A domain stands as equal shards, each of so many sequences at least that their last, unfinished ones count for little.
MOST_SHARDS = 1_000
LEAST_SEQUENCES = 500
# A recipe is checked with documents of this size where stages need parts of one shard.
DOCUMENT_TOKENS = 1_000


class Published(Section):
    """One published figure: `field` of the plan, its value, how far it was rounded, and where it stands."""

    field: str
    value: float
    within: float = Field(default=1e-3, gt=0)
    source: str


class Recipe(Section):
    """A recipe file. `supply` is in tokens by domain, or by domain and length bucket; null where it was not published."""

    recipe: str
    about: str
    supply: dict[str, int | dict[str, int | None] | None]
    max_epochs: float = 4.0
    length_buckets: dict[str, int] = Field(default_factory=dict)
    earlier_tokens: int | None = None
    earlier_rate: float | None = None
    stages: tuple[StageSection, ...] = Field(min_length=1)
    published: tuple[Published, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Compiled:
    """A recipe as a plan in numbers."""

    recipe: Recipe
    draft: Draft
    stocks: tuple[Stock, ...]
    earlier: tuple[EarlierStage, ...]


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file. Raises ConfigError that names every fault."""
    try:
        recipe = Recipe.model_validate(read_yaml(path))
        check_chain(recipe.stages, (), recipe.length_buckets)
    except (ValidationError, ValueError) as error:
        raise ConfigError(f"{path}: no valid recipe: {error}") from None
    return recipe


def compile_recipe(recipe: Recipe) -> Compiled:
    """The recipe's stages in integers. Raises ConfigError where they cannot be."""
    buckets = make_buckets(recipe.length_buckets)
    pools = [_pool(name, recipe, buckets) for name in recipe.supply]
    earlier: tuple[EarlierStage, ...] = ()
    if recipe.earlier_tokens is not None:
        earlier = (_before(recipe.earlier_tokens, recipe.earlier_rate),)
    # Every stage of a recipe names its own budget, length, batch and rate; nothing of this is used.
    mixture = Mixture(tokens=1, learning_rate=1.0, targets={"any": Target(domain="any")})
    wishes = make_wishes(recipe.stages, mixture, earlier, {}, _normalised)
    draft = make_draft(
        pools,
        buckets,
        wishes,
        earlier,
        intervals={},
        seed=1,
        lengths=lambda domain, shard: _lengths(pools, domain, shard),
    )
    stocks = tuple(
        Stock(pool.domain, recipe.max_epochs, 0.0, tuple((p.shard, p.tokens, p.documents) for p in pool.pieces))
        for pool in pools
    )
    return Compiled(recipe, draft, stocks, earlier)


def figures(compiled: Compiled) -> dict[str, float]:
    """What the plan says, by the names that recipes use: `anneal.tokens`, `anneal.share.web`, `anneal.rate.0.5`."""
    found: dict[str, float] = {}
    supply = {stock.domain: stock.tokens for stock in compiled.stocks}
    for stage in compiled.draft.stages:
        found |= {f"{stage.id}.{name}": value for name, value in _stage_figures(stage, supply).items()}
    return found


def _stage_figures(stage: Stage, supply: Mapping[str, int]) -> dict[str, float]:
    found: dict[str, float] = {
        "tokens": stage.token_budget,
        "start_tokens": stage.start_tokens,
        "steps": stage.sequences // stage.global_batch_sequences,
        "sequence_length": stage.sequence_length,
        "batch_tokens": stage.global_batch_tokens,
        "weights_sum": stage.weights_sum,
    }
    found |= {f"rate.{x:g}": rate_at(stage, int(x * stage.token_budget)) for x in (0, 0.25, 0.5, 0.75, 1)}
    if stage.learning_rate.warmup_tokens:
        found["rate.warm"] = rate_at(stage, stage.learning_rate.warmup_tokens)
        found["warmup_steps"] = stage.learning_rate.warmup_tokens / stage.global_batch_tokens
    if stage.rope is not None:
        found["rope.base"] = stage.rope.base
        found |= {"rope.factor": stage.rope.factor} if stage.rope.factor is not None else {}
    found |= {f"length.{length.bucket}": length.sequences / stage.sequences for length in stage.lengths}
    for share in stage.mixture:
        found[f"share.{share.domain}"] = share.weight
        found[f"epochs.{share.domain}"] = share.tokens / supply[share.domain]
    return found


def _normalised(shares: Mapping[str, float], where: str) -> dict[str, float]:
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _before(tokens: int, rate: float | None) -> EarlierStage:
    return EarlierStage(
        id="before",
        tokens=tokens,
        declared_by="config",
        file_sha256=None,
        learning_rate_end=rate,
        global_batch_tokens=None,
        seen=(),
    )


def _pool(name: str, recipe: Recipe, buckets: tuple[Bucket, ...]) -> Pool:
    supply = recipe.supply[name]
    parts = supply if isinstance(supply, dict) else {None: supply}
    pieces: list[Piece] = []
    for bucket_name, tokens in parts.items():
        bucket = next((b for b in buckets if b.name == bucket_name), None)
        if bucket_name is not None and bucket is None:
            raise ConfigError(f"recipe {recipe.recipe}: supply.{name}: no length bucket {bucket_name!r}")
        pieces += _pieces(tokens if tokens is not None else _enough(recipe), recipe, bucket, len(pieces))
    return Pool(name, Fraction(repr(recipe.max_epochs)), tuple(pieces))


def _enough(recipe: Recipe) -> int:
    """A supply that was not published: enough for all stages to draw from it alone."""
    return 2 * sum(stage.tokens or 0 for stage in recipe.stages)


def _pieces(tokens: int, recipe: Recipe, bucket: Bucket | None, first: int) -> list[Piece]:
    longest = max(stage.sequence_length or 0 for stage in recipe.stages)
    count = max(1, min(MOST_SHARDS, tokens // (LEAST_SEQUENCES * longest)))
    sizes = [tokens // count + (i < tokens % count) for i in range(count)]
    return [Piece(first + i, size, -(-size // DOCUMENT_TOKENS), bucket) for i, size in enumerate(sizes)]


def _lengths(pools: list[Pool], domain: str, shard: int) -> I64:
    tokens = next(p.tokens for pool in pools if pool.domain == domain for p in pool.pieces if p.shard == shard)
    whole, rest = divmod(tokens, DOCUMENT_TOKENS)
    return np.array([DOCUMENT_TOKENS] * whole + [rest] * (rest > 0), dtype=np.int64)
