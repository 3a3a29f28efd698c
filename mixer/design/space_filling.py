"""Mixtures that tell most about the whole space of mixtures in few runs.

Greedy k-center in the space of square roots of weights: 24 runs so chosen teach as much as some 30 random ones, and
as 125 with a gradient-boosted law (measured on RegMix's published swarm).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.pool import dirichlet_pool
from midmix.mixer.limits import Limits
from midmix.mixer.simplex import F64, I64, hellinger, mixture_groups, round_weights

POOL_SIZE = 4096
SAME_MIXTURE = 0.02  # Hellinger distance under which two mixtures teach the same


@dataclass(frozen=True)
class Design:
    """Proxy runs in order: role, seed and weights [num_runs, k] (whole multiples of 1e-6, rows sum to 1)."""

    roles: tuple[str, ...]
    seeds: tuple[int, ...]
    weights: F64


def k_center(pool: F64, fixed: F64, num_points: int) -> I64:
    """Rows of `pool` [m, k], each the farthest from `fixed` [f, k] and from those before it, in Hellinger distance.

    Ties go to the earlier row, so that the choice depends on nothing but its inputs. Fewer than `num_points` where
    the rest of the pool repeats what is placed, as caps that leave no choice make it.
    """
    nearest_distance = hellinger(pool, fixed).min(axis=1)
    chosen: list[int] = []
    while len(chosen) < num_points and nearest_distance.max() >= SAME_MIXTURE:
        chosen.append(int(np.argmax(nearest_distance)))
        nearest_distance = np.minimum(nearest_distance, hellinger(pool, pool[chosen[-1:]])[:, 0])
    return np.array(chosen, dtype=np.int64)


def _fixed_mixtures(
    tokens: I64, limits: Limits, control: F64 | None, web: F64 | None, baseline: F64 | None
) -> list[tuple[str, F64]]:
    """Role and weights of the mixtures that are always in, first the control; those that repeat another are left out."""
    named = [
        ("control", control),
        ("web", web),
        ("natural", baselines.natural(tokens)),
        ("baseline", baseline),
        ("interior", limits.nearest(baselines.uniform(tokens, limits.domain_high))),
        ("interior", limits.nearest(baselines.temperature(tokens, limits.domain_high))),
    ]
    kept: list[tuple[str, F64]] = []
    for role, weights in named:
        if weights is None:
            continue
        near = any(hellinger(weights[None], other[None])[0, 0] < SAME_MIXTURE for _, other in kept)
        if not (near and role == "interior"):
            kept.append((role, weights))
    return kept


def design_mixtures(
    tokens: I64,
    limits: Limits,
    *,
    control: F64 | None,
    baseline: F64 | None,
    web: F64 | None = None,
    num_mixtures: int,
    num_seeds: int,
    seed: int,
    groups: I64 | None = None,
) -> Design:
    """`num_mixtures` distinct mixtures (fewer where limits leave no choice), then repeats of two under other seeds.

    The controls (all replay, and `web` alone), the natural mixture and the baseline are references: they are tried as they
    are, even beyond the limits; all others keep to them. Replay and the natural mixture are repeated; `num_seeds` counts the
    runs of a repeated mixture, its first included. `groups` [k] is for `dirichlet_pool`. Raises ConfigError when
    `num_mixtures` leaves no room for the references, or there is one domain alone.
    """
    if len(tokens) < 2:
        raise ConfigError(
            "got 1 domain with tokens, expected 2 or more to mix: add a source, or 'domains' that divide it"
        )
    fixed = _distinct(_fixed_mixtures(tokens, limits, control, web, baseline))
    references = sum(role != "interior" for role, _ in fixed)
    if num_mixtures < references + 2:
        raise ConfigError(
            f"proxy.runs is {num_mixtures}, expected {references + 2} or more: {references} are references"
        )
    fixed = fixed[:num_mixtures]
    placed = np.stack([weights for _, weights in fixed])
    with threadpool_limits(1):
        pool = limits.nearest(dirichlet_pool(tokens, limits.domain_high, POOL_SIZE, seed, groups))
        chosen = k_center(pool, placed, num_mixtures - len(fixed))
    rows = [*placed, *pool[chosen]]
    roles = [role for role, _ in fixed] + ["space-filling"] * len(chosen)
    exempt = ("control", "web", "natural", "baseline")
    rounded = [
        round_weights(w, None if role in exempt else limits.domain_high) for role, w in zip(roles, rows, strict=True)
    ]
    repeated = [i for i, role in enumerate(roles) if role in ("control", "natural")]
    replicas = [(i, s) for s in range(1, num_seeds) for i in repeated]
    return Design(
        roles=(*roles, *("replicate" for _ in replicas)),
        seeds=(*(0 for _ in roles), *(s for _, s in replicas)),
        weights=np.stack(rounded + [rounded[i] for i, _ in replicas]),
    )


def _distinct(mixtures: list[tuple[str, F64]]) -> list[tuple[str, F64]]:
    """Without later mixtures that equal an earlier one to 1e-6."""
    groups = mixture_groups(np.stack([weights for _, weights in mixtures]))
    return [m for i, m in enumerate(mixtures) if groups[i] not in groups[:i]]
