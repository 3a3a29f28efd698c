"""How a batch of proxies trains."""

from __future__ import annotations

from dataclasses import dataclass

from midmix.proxy_train.schedule import wsd


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a batch trains. `learning_rates` and `clips` have one value per run."""

    steps: int
    learning_rates: tuple[float, ...]
    clips: tuple[float, ...]
    warmup_fraction: float
    decay_fraction: float
    weight_decay: float
    decay: str = "linear"
    end_fraction: float = 0.0

    def factor(self, step: int) -> float:
        """What the learning rates are multiplied by at a step (from 0)."""
        return wsd(
            step,
            self.steps,
            warmup_fraction=self.warmup_fraction,
            decay_fraction=self.decay_fraction,
            decay=self.decay,
            end=self.end_fraction,
        )
