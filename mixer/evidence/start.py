"""What the proxies started from: the checkpoint that is to be trained, a stand-in for it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from midmix.mixer.evidence.claim import SUPPORTED, WEAK, Claim
from midmix.tables.proxies import BASE_RUN, CHECKPOINT, SEED, STAND_IN


def start_claims(proxies: pa.Table) -> list[Claim]:
    """One claim for each start among the runs of PROXIES; the overall verdict does not rest on them.

    A stand-in base is no checkpoint: what it has not seen yet teaches it more than it would the checkpoint, so shares
    of new data come out too high rather than too low. Random weights have that fault to the full.
    """
    rows = [row for row in proxies.to_pylist() if row["run"] != BASE_RUN]
    claims = []
    for start in (CHECKPOINT, STAND_IN, SEED):
        own = [row for row in rows if row["start"] == start]
        if own:
            verdict = SUPPORTED if start == CHECKPOINT else WEAK
            words = f"{len(own)} proxies start from {_words(start, own)}."
            claims.append(Claim(f"start:{start}", "start", verdict, words, float(len(own)), unit="proxies"))
    return claims


def _words(start: str, rows: Sequence[dict[str, Any]]) -> str:
    tokens = sorted({row["start_tokens"] for row in rows if row["start_tokens"] is not None})
    seen = f" of {' and '.join(f'{number:,}' for number in tokens)} tokens" if tokens else ""
    moments = "its optimizer's moments" if all(row["moments"] == "carried" for row in rows) else "moments of zero"
    if start == CHECKPOINT:
        return f"a checkpoint{seen}, with {moments}"
    if start == STAND_IN:
        return f"a stand-in base{seen} of the replay mixture, with {moments}, and not from the checkpoint that is to be trained"
    return "random weights, and not from the checkpoint that is to be trained; give proxy.checkpoint, or proxy.base for a stand-in"
