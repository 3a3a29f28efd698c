"""MinHash signatures beside rensa's and datasketch's: shingling included on every side, texts in memory, in turn.

All make 100 permutations of word 5-grams of the lower-cased text, each by its fastest way for strings: rensa by its
RMinHash objects (its `rho` path looks at 15 of a document's shingles and finds no edited copy at all), datasketch by
`MinHash.bulk` with xxh32 in place of SHA-1. Ours makes, besides, band hashes and two hashes of the text.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from dedup_truth import NGRAM

BATCH = 500


def _shingles(texts: Sequence[str]) -> list[list[str]]:
    found = []
    for text in texts:
        words = text.lower().split()
        found.append(list(map(" ".join, zip(*(words[i:] for i in range(NGRAM)), strict=False))))
    return found


def rensa(texts: Sequence[str], permutations: int) -> None:
    """rensa's ordinary path."""
    from rensa import RMinHash

    for shingles in _shingles(texts):
        sketch = RMinHash(num_perm=permutations, seed=1)
        sketch.update(shingles)
        sketch.digest()


def datasketch(texts: Sequence[str], permutations: int) -> None:
    """datasketch's bulk path."""
    import xxhash
    from datasketch import MinHash

    shingles = [[shingle.encode() for shingle in some] for some in _shingles(texts)]
    MinHash.bulk(shingles, num_perm=permutations, seed=1, hashfunc=xxhash.xxh32_intdigest)


PEERS = {"rensa": rensa, "datasketch": datasketch}


def compare(texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Ratios and MB/s of both peers; a peer that is not installed is said and left out."""
    from midmix.config import Dedup
    from midmix.curation.dedup.parameters import signature_settings
    from midmix.curation.dedup.signatures import sign

    settings = signature_settings(Dedup(), "prose")
    column, keys = pa.array(texts, pa.large_string()), np.arange(len(texts), dtype=np.uint64)
    size = column.nbytes / 1e6

    def ours() -> None:
        sign(keys, column, settings)

    def theirs(peer: Callable[[Sequence[str], int], None]) -> None:
        for start in range(0, len(texts), BATCH):
            peer(texts[start : start + BATCH], settings.bands * settings.rows)

    spent: dict[str, list[float]] = {"ours": []}
    ours()
    for _ in range(rounds):
        spent["ours"].append(_seconds(ours))
        for name, peer in PEERS.items():
            try:
                spent.setdefault(name, []).append(_seconds(lambda peer=peer: theirs(peer)))
            except ImportError as missing:
                spent.pop(name)
                print(f"{name} is left out: {missing}", file=sys.stderr)
    figures = {f"mb_per_s_signatures_{name}": size / statistics.median(times) for name, times in spent.items()}
    for name in PEERS:
        if name in spent:
            ratios = [theirs / mine for theirs, mine in zip(spent[name], spent["ours"], strict=True)]
            figures |= {f"ratio_{name}": statistics.median(ratios)}
            figures |= {f"ratio_{name}_min": min(ratios), f"ratio_{name}_max": max(ratios)}
    return figures | {"signatures_documents": len(texts), "signatures_megabytes": size}


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
