"""How documents are compared, from the config's `dedup` section.

Two texts of Jaccard J share one of b bands of r rows with probability 1 - (1 - J^r)^b, which is one half near J =
(1 / b)^(1 / r): 0.55 for our 20 bands of 5, 0.72 for datatrove's 14 of 8 (`profile: prose, bands: 14, rows: 8`). At J =
0.8 the two find 0.9996 and 0.924 of the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from midmix.config.dedup import Dedup, Profile
from midmix.config.section import Kind

Unit = Literal["words", "characters"]

# How a shingle is hashed: from hashes of its tokens, as its tokens with spaces between, from its characters.
TOKENS, JOINED, CHARACTERS = range(3)


@dataclass(frozen=True, kw_only=True)
class SignatureSettings:
    """How signatures are made: normalisation, unit and length of shingles, bands, minima per band, seed."""

    profile: Profile = "plain"
    unit: Unit = "words"
    ngram: int
    bands: int
    rows: int
    seed: int

    @property
    def hashing(self) -> int:
        """TOKENS, JOINED or CHARACTERS."""
        if self.unit == "characters":
            return CHARACTERS
        return JOINED if self.profile == "prose" else TOKENS


def signature_settings(dedup: Dedup, kind: Kind) -> SignatureSettings:
    """The settings for sources of a kind: bands and rows as the config gives them, or for `permutations` the best split.

    A kind that a config with profiles by kind leaves out has the profile `plain`.
    """
    profile = dedup.profile if isinstance(dedup.profile, str) else dedup.profile.get(kind, "plain")
    bands, rows = dedup.bands, dedup.rows
    if dedup.permutations is not None:
        bands, rows = best_split(dedup.jaccard, dedup.permutations)
    return SignatureSettings(
        profile=profile, unit=dedup.unit, ngram=dedup.ngram, bands=bands, rows=rows, seed=dedup.seed
    )


def best_split(threshold: float, permutations: int) -> tuple[int, int]:
    """(bands, rows) within so many permutations, as datasketch's MinHashLSH chooses them.

    It makes the sum of false positives and false negatives around the threshold least, and so finds fewer of the pairs
    close above it than 20 bands of 5 rows.
    """
    from datasketch import MinHashLSH

    chosen = MinHashLSH(threshold=threshold, num_perm=permutations)
    return chosen.b, chosen.r
