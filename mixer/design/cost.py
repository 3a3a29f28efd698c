"""What a design costs: floating-point operations (6 x parameters x tokens), by what they are for, and bytes that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from midmix.config import Proxy
from midmix.mixer.design.space_filling import Design
from midmix.mixer.simplex import F64, mixture_groups
from midmix.tables.mixture import CANDIDATE_ROLES

FLOPS = 6  # of a parameter and token, forward and backward
WEIGHT_BYTES = 4  # of a parameter in what train keeps: fp32
MOMENTS = 2  # AdamW's, kept of a base beside its weights


@dataclass(frozen=True)
class Check:
    """A larger check of the recommendation: so many runs of a model of so many parameters on so many tokens."""

    runs: int
    parameters: int
    tokens: int


@dataclass(frozen=True)
class Cost:
    """Operations of one run at every size, and of all that is trained; bytes of the weights that stay in the run folder.

    Every run of a candidate mixture is counted with the share of its tokens that halving leaves it on average.
    """

    run: float
    mixtures: float
    replicates: float
    base: float
    check: float
    kept_bytes: int

    @property
    def total(self) -> float:
        """Operations of everything."""
        return self.mixtures + self.replicates + self.base + self.check


def cost_of(design: Design, proxy: Proxy, parameters: Sequence[int], check: Check | None) -> Cost:
    """Cost of a design whose proxies have `parameters` at each size of the ladder."""
    run = float(FLOPS * sum(parameters) * proxy.tokens)
    shares, left = halved(design.roles, proxy.halving)
    repeated = np.zeros(len(shares), np.bool_)
    repeated[np.setdiff1d(np.arange(len(shares)), np.unique(mixture_groups(design.weights), return_index=True)[1])] = (
        True
    )
    base_tokens = proxy.base.tokens if proxy.base else 0
    bases = (1 + MOMENTS) * bool(proxy.base)
    return Cost(
        run=run,
        mixtures=run * float(shares[~repeated].sum()),
        replicates=run * float(shares[repeated].sum()),
        base=float(FLOPS * sum(parameters) * base_tokens),
        check=float(check.runs * FLOPS * check.parameters * check.tokens) if check else 0.0,
        kept_bytes=WEIGHT_BYTES * sum(parameters) * (left * proxy.keep_weights + bases),
    )


def halved(roles: Sequence[str], fractions: Sequence[float]) -> tuple[F64, int]:
    """Share of its tokens that each run trains on average [n], and how many runs reach the end, as if in one batch.

    Where there are several batches, each rounds its better half up, so a few more go on.
    """
    candidate = np.isin(roles, CANDIDATE_ROLES)
    shares, left = np.ones(len(roles)), int(candidate.sum())
    if left:
        trained, candidates = 0.0, left
        for begin, end in pairwise((0.0, *fractions, 1.0)):
            trained += (end - begin) * left / candidates
            left = -(-left // 2) if end < 1 else left
        shares[candidate] = trained
    return shares, left + int((~candidate).sum())
