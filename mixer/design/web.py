"""What the web-only control trains on, where the config does not say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from midmix.mixer.design.supply import Supply
from midmix.mixer.simplex import F64


def web_shares(supply: Supply, prose: Collection[str], mixtures: Sequence[F64 | None]) -> F64 | None:
    """All of one source of `prose` as weights [k]: the one with the largest share of the first of the `mixtures` [k].

    By tokens where there is no mixture, or it has no prose; of equals the one named first in the config. A source's share
    of a mixture is its part of each domain's tokens. None without prose.
    """
    held = [i for i, name in enumerate(supply.sources) if name in prose and supply.by_source[i].any()]
    if not held:
        return None
    per_source = supply.by_source[held] / np.maximum(supply.tokens, 1)
    known = [mixture for mixture in mixtures if mixture is not None]
    shares = [per_source @ mixture for mixture in (*known, supply.tokens.astype(np.float64))]
    most = next(share for share in shares if share.any())
    row: F64 = supply.by_source[held[int(np.argmax(most))]].astype(np.float64)
    weights: F64 = row / row.sum()
    return weights
