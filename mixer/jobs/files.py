"""What one job's folder holds before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from midmix.mixer.plan.models import TokenFile


@dataclass(frozen=True)
class JobFiles:
    """`texts` by path in the job's folder, `links` token files by path, which jobs of the same pools share."""

    texts: Mapping[str, str]
    links: Mapping[str, TokenFile]
