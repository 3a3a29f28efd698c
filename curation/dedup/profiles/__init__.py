"""Normalisation profiles: how a text is normalised and cut into tokens before it is compared, one file each."""

from __future__ import annotations

from collections.abc import Callable

from midmix.config.dedup import Profile
from midmix.curation.dedup.profiles import code, math, plain, prose
from midmix.curation.dedup.profiles.batch import Batch

PROFILES: dict[Profile, Callable[[Batch], None]] = {
    "plain": plain.cut,
    "prose": prose.cut,
    "math": math.cut,
    "code": code.cut,
}
