"""What the decision benchmark declares before any run: objectives, bound, sizes, budgets and seeds.

`FINAL` is what is reported. Its budgets were found by pilots on another seed (`--seed`), whose mixtures, order of text and
starting weights are others.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from midmix.errors import InputError
from midmix.proxy_train.shape import Shape

TARGETS: dict[str, dict[str, float]] = {
    "word_problems": {"set:word_problems": 1.0},
    "math": {"domain:math_high": 0.5, "domain:proofs": 0.5},
    "code": {"domain:repos": 1.0},
    "conversations": {"domain:chats": 1.0},
}
# Metric -> weight; the last is the mean of the others. Answers given the question, and held-out text of the pool.
OBJECTIVES = {
    **TARGETS,
    "mean": {metric: weight / len(TARGETS) for target in TARGETS.values() for metric, weight in target.items()},
}
RETAINED = "general"
MAX_RISE = 0.1  # bits per byte on the retained set over 100% replay, at the end of the same decay
MAIN, HALF = "main", "proxy"  # tokenizers: the demo's, and one of half its vocabulary
SEQUENCE_LENGTH = 128


@dataclass(frozen=True)
class Size:
    """One shape of proxy with its tokenizer and peak learning rate."""

    layers: int
    width: int
    heads: int
    learning_rate: float
    tokenizer: str = MAIN

    @property
    def name(self) -> str:
        """Unique among the sizes, such as L2-d64-main."""
        return f"L{self.layers}-d{self.width}-{self.tokenizer}"

    def shape(self, vocabulary: int) -> Shape:
        """The feed-forward part is three times as wide."""
        return Shape(self.layers, self.width, 3 * self.width, self.heads, vocabulary)


@dataclass(frozen=True)
class Setting:
    """Sizes from small to large, the larger one last; runs and budgets.

    A base of each size trains `base_steps` on replay, without decay; each branch then `steps` with a linear decay to 0.
    """

    seed: int = 1
    ladder: tuple[Size, ...] = (Size(2, 32, 2, 0.016), Size(2, 48, 2, 0.014), Size(2, 64, 2, 0.012))
    larger: Size = Size(4, 96, 3, 0.008)
    other_vocabulary: Size = Size(2, 64, 2, 0.012, HALF)
    mixtures: int = 24
    seeds: int = 5
    anchors: int = 5  # designed mixtures that the larger proxy trains on beside replay, so that losses can be foretold
    base_steps: int = 1200
    steps: int = 80
    batch_sequences: int = 4
    heldout_tokens: int = 4096
    rows_per_batch: int = 20
    target_tokens: int = 800_000  # below the supply of every domain, so that no cap binds and nothing repeats

    @property
    def tokens(self) -> int:
        """Tokens of a branch."""
        return self.steps * self.batch_sequences * SEQUENCE_LENGTH

    @property
    def deciding(self) -> Size:
        """The size whose runs the mixtures are chosen by: the largest of the ladder."""
        return self.ladder[-1]

    @property
    def sizes(self) -> tuple[Size, ...]:
        """All of them."""
        return (*self.ladder, self.other_vocabulary, self.larger)

    def stream(self, seed: int) -> int:
        """The number that a run's order and sample of text come from."""
        return 1000 * self.seed + seed


FINAL = Setting()


def keep_setting(out: Path, setting: Setting) -> None:
    """Write the setting, before any run. Raises InputError where `out` holds runs of another one."""
    path, text = out / "setting.json", json.dumps(asdict(setting), indent=1) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(f"{path}: runs of another setting lie here. Give --out a new folder.")
    path.write_text(text, encoding="utf-8")
