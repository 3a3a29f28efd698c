"""MinHash parameters from the config's `dedup` section."""

from __future__ import annotations

from midmix.config import Dedup
from midmix.curation.dedup.signatures import SignatureSettings


def signature_settings(dedup: Dedup) -> SignatureSettings:
    """Bands and rows as the config gives them, or, where it gives `permutations`, as datasketch chooses them.

    datasketch's choice minimizes false positives plus false negatives at the threshold (its `MinHashLSH.b` and `.r`),
    so it finds fewer pairs near the threshold than the default 20 bands of 5 rows.
    """
    bands, rows = dedup.bands, dedup.rows
    if dedup.permutations is not None:
        from datasketch import MinHashLSH

        chosen = MinHashLSH(threshold=dedup.jaccard, num_perm=dedup.permutations)
        bands, rows = chosen.b, chosen.r
    return SignatureSettings(ngram=dedup.ngram, bands=bands, rows=rows, seed=dedup.seed)
