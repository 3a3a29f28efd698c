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
from midmix.mixer.simplex import F64, I64, hellinger, mixture_groups, round_weights, within_caps

POOL_SIZE = 4096
MIN_WEIGHT = 2e-3  # smaller shares cannot be told from none in a short run
SAME_MIXTURE = 0.02  # Hellinger distance under which two mixtures teach the same


@dataclass(frozen=True)
class Design:
    """Proxy runs in order: role, seed and weights [num_runs, k] (whole multiples of 1e-6, rows sum to 1)."""

    roles: tuple[str, ...]
    seeds: tuple[int, ...]
    weights: F64


def dirichlet_pool(tokens: I64, caps: F64, size: int, seed: int) -> F64:
    """`size` random mixtures [size, k] within the caps: half around the tempered supply, half around uniform.

    Strengths are spread from 0.3 (near corners) to 10 (near the centre) times k. Shares below 0.002 become 0 where the
    caps of the others have room.
    """
    rng = np.random.default_rng(seed)
    k = len(tokens)
    centres = np.stack([baselines.temperature(tokens, np.ones(k)), np.full(k, 1.0 / k)])
    strengths = k * np.geomspace(0.3, 10.0, 8)
    chosen = centres[np.arange(size) % 2] * strengths[np.arange(size) // 2 % len(strengths)][:, None]
    draws = rng.standard_gamma(np.maximum(chosen, 1e-3))
    draws = np.maximum(draws, 1e-12)
    draws /= draws.sum(axis=1, keepdims=True)
    return within_caps(np.where(draws < min(MIN_WEIGHT, 0.5 / k), 0.0, draws), caps)


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


def _fixed_mixtures(tokens: I64, caps: F64, control: F64 | None, baseline: F64 | None) -> list[tuple[str, F64]]:
    """Role and weights of the mixtures that are always in, first the control; those that repeat another are left out."""
    named = [
        ("control", control),
        ("natural", baselines.natural(tokens)),
        ("baseline", baseline),
        ("interior", baselines.uniform(tokens, caps)),
        ("interior", baselines.temperature(tokens, caps)),
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
    tokens: I64, caps: F64, *, control: F64 | None, baseline: F64 | None, num_mixtures: int, num_seeds: int, seed: int
) -> Design:
    """`num_mixtures` distinct mixtures (fewer where caps leave no choice), then repeats of the control and the natural one under other seeds.

    The control (all replay), the natural mixture and the baseline are references: they are tried as they are, even
    beyond the caps; all others keep to the caps. `num_seeds` counts the runs of a repeated mixture, its first included.
    Raises ConfigError when `num_mixtures` leaves no room for the references, or there is one domain alone.
    """
    if len(tokens) < 2:
        raise ConfigError(
            "got 1 domain with tokens, expected 2 or more to mix: add a source, or 'domains' that divide it"
        )
    fixed = _distinct(_fixed_mixtures(tokens, caps, control, baseline))
    references = sum(role != "interior" for role, _ in fixed)
    if num_mixtures < references + 2:
        raise ConfigError(
            f"proxy.runs is {num_mixtures}, expected {references + 2} or more: {references} are references"
        )
    fixed = fixed[:num_mixtures]
    placed = np.stack([weights for _, weights in fixed])
    with threadpool_limits(1):
        pool = dirichlet_pool(tokens, caps, POOL_SIZE, seed)
        chosen = k_center(pool, placed, num_mixtures - len(fixed))
    rows = [*placed, *pool[chosen]]
    roles = [role for role, _ in fixed] + ["space-filling"] * len(chosen)
    exempt = ("control", "natural", "baseline")
    rounded = [round_weights(w, None if role in exempt else caps) for role, w in zip(roles, rows, strict=True)]
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
