"""How Llama's rotary frequencies are stretched for longer text: the two ways that are read here.

Known without torch, since the shape of a model is. Letters: K width of a head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midmix.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

BASE = 10_000.0
_FIELDS = {
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}


@dataclass(frozen=True)
class Scaling:
    """`kind` linear: every frequency over `factor`. llama3: those of long waves alone, with a ramp between (Llama 3.1).

    A wave is short below `original_length` / `high`, long above `original_length` / `low`, in positions.
    """

    kind: str
    factor: float
    low: float = 1.0
    high: float = 4.0
    original_length: int = 8192

    def scaled(self, frequencies: Tensor) -> Tensor:
        """Frequencies [K/2] in radians per position, scaled."""
        if self.kind == "linear":
            return frequencies / self.factor
        turns = self.original_length * frequencies / (2 * math.pi)
        kept = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return frequencies * (kept + (1 - kept) / self.factor)

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> Scaling | None:
        """From `rope_scaling` or `rope_parameters` of a config.json; None for plain positions. Raises InputError."""
        kind = values.get("rope_type", values.get("type", "default"))
        if kind == "default":
            return None
        if kind not in _FIELDS:
            raise InputError(
                f"{where}: rope type {kind!r}; expected default, {' or '.join(_FIELDS)}. "
                f"Take a checkpoint from before its context was extended, or a stand-in (proxy.base)."
            )
        if missing := [name for name in _FIELDS[kind] if name not in values]:
            raise InputError(f"{where}: rope type {kind!r} lacks {', '.join(missing)}; copy config.json anew")
        if kind == "linear":
            return cls(kind, float(values["factor"]))
        factor, low, high, length = (values[name] for name in _FIELDS[kind])
        return cls(kind, float(factor), float(low), float(high), int(length))

    def as_config(self) -> dict[str, Any]:
        """As in a config.json."""
        values = {"factor": self.factor, "low_freq_factor": self.low, "high_freq_factor": self.high}
        values["original_max_position_embeddings"] = self.original_length
        return {"rope_type": self.kind} | {name: values[name] for name in _FIELDS[self.kind]}
