"""The stages as they were asked for, every default filled in: what the config says and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from midmix.config import Mixture, StageSection
from midmix.config.stages import Rate
from midmix.errors import ConfigError
from midmix.mixer.plan.allocate import whole_batches
from midmix.mixer.plan.chain import Request
from midmix.mixer.plan.models import EarlierStage, LearningRate, Packing, Replay
from midmix.mixer.plan.schedule import power

ANNEAL = StageSection(name="anneal")
# Declared shares may miss 1 by this much, as published mixtures do; they are divided by their sum, which is reported.
SUM_TOLERANCE = 0.02
# Resolution of shares that are declared, not optimised.
SHARE_UNITS = 10**9

# Shares of sources and domains by name, and what they are for -> shares of domains that sum to 1.
Spread = Callable[[Mapping[str, float], str], Mapping[str, float]]


@dataclass(frozen=True)
class Wish:
    """One stage as asked for. `units` are relative integer weights of domains, `lengths` of length buckets."""

    section: StageSection
    tokens: int
    sequences: int
    sequence_length: int
    global_batch_sequences: int
    start_tokens: int
    rate: LearningRate
    weights_from: Literal["optimum", "declared"]
    weights_sum: float
    replay: Replay | None
    units: Mapping[str, int]
    lengths: Mapping[str, int]

    @property
    def packing(self) -> Packing:
        """How documents become sequences."""
        return Packing(method=self.section.packing, document_mask=self.section.document_mask)

    def request(self, setting: str) -> Request:
        """What the planner needs of it."""
        return Request(
            self.section.name,
            self.sequences,
            self.sequence_length,
            self.units,
            self.lengths,
            repeats=self.section.data == "repeat",
            packed=self.section.packing == "best-fit",
            setting=setting,
        )


def make_wishes(
    sections: Sequence[StageSection],
    mixture: Mixture,
    earlier: Sequence[EarlierStage],
    optimum: Mapping[str, int],
    spread: Spread,
) -> list[Wish]:
    """Every stage with its defaults, in order. Raises ConfigError."""
    wishes: list[Wish] = []
    tokens = sum(stage.tokens for stage in earlier)
    rate = earlier[-1].learning_rate_end if earlier else None
    mixtures: dict[str, Mapping[str, float]] = {e.id: _seen(e) for e in earlier}
    for section in sections:
        wish = _wish(section, mixture, tokens, rate, optimum, spread, mixtures)
        wishes.append(wish)
        mixtures[section.name] = {name: float(unit) for name, unit in wish.units.items()}
        tokens, rate = tokens + wish.sequences * wish.sequence_length, wish.rate.end
    return wishes


def _seen(earlier: EarlierStage) -> dict[str, float]:
    shares: dict[str, float] = {}
    for seen in earlier.seen:
        if seen.domain is not None:
            shares[seen.domain] = shares.get(seen.domain, 0.0) + seen.tokens
    return shares


def _wish(
    section: StageSection,
    mixture: Mixture,
    before: int,
    rate: float | None,
    optimum: Mapping[str, int],
    spread: Spread,
    mixtures: Mapping[str, Mapping[str, float]],
) -> Wish:
    length = section.sequence_length or mixture.sequence_length
    batch = section.global_batch_sequences or _same_batch(section, mixture, length)
    tokens = section.tokens or mixture.tokens
    sequences = whole_batches(tokens, length, batch, setting_of(section))
    units, total = _units(section, optimum, spread)
    replay = None
    if section.replay:
        of, shares = _replayed(section, mixture, spread, mixtures)
        units, replay = _blend(units, shares, section.replay), Replay(share=section.replay, of=of)
    return Wish(
        section=section,
        tokens=tokens,
        sequences=sequences,
        sequence_length=length,
        global_batch_sequences=batch,
        start_tokens=before,
        rate=_rate(section, mixture, rate, before, sequences * length),
        weights_from="optimum" if section.weights == "optimum" else "declared",
        weights_sum=total,
        replay=replay,
        units=units,
        lengths=_lengths(section),
    )


def setting_of(section: StageSection) -> str:
    """What the config calls the token budget of the stage."""
    return "mixture.tokens" if section.tokens is None else f"stages.{section.name}.tokens"


def _same_batch(section: StageSection, mixture: Mixture, length: int) -> int:
    tokens = mixture.global_batch_sequences * mixture.sequence_length
    if tokens % length:
        raise ConfigError(
            f"stages.{section.name}: a batch of {tokens:,} tokens, as mixture has it, is no whole number of sequences of "
            f"{length:,}; give global_batch_sequences"
        )
    return tokens // length


def _units(section: StageSection, optimum: Mapping[str, int], spread: Spread) -> tuple[dict[str, int], float]:
    """Relative weights of domains, and what the shares summed to."""
    if isinstance(section.weights, str):
        return dict(optimum), 1.0
    where = f"stages.{section.name}.weights"
    total = _checked_sum(section.weights, where)
    return {name: round(share * SHARE_UNITS) for name, share in spread(section.weights, where).items()}, total


def _checked_sum(shares: Mapping[str, float], where: str) -> float:
    total = sum(shares.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise ConfigError(f"{where}: shares sum to {total:.6g}, expected 1 (within {SUM_TOLERANCE:g})")
    return total


def _lengths(section: StageSection) -> dict[str, int]:
    if not section.lengths:
        return {}
    total = _checked_sum(section.lengths, f"stages.{section.name}.lengths")
    return {name: round(share / total * SHARE_UNITS) for name, share in section.lengths.items() if share}


def _replayed(
    section: StageSection, mixture: Mixture, spread: Spread, mixtures: Mapping[str, Mapping[str, float]]
) -> tuple[str, Mapping[str, float]]:
    """What is replayed, by name and as shares of domains."""
    if section.replay_of is None and mixture.replay:
        return "mixture.replay", spread(mixture.replay, "mixture.replay")
    of = section.replay_of or next(reversed(list(mixtures)), None)
    if of is None:
        raise ConfigError(
            f"stages.{section.name}.replay: nothing to replay; declare mixture.replay, an earlier stage, or replay_of"
        )
    if not any(mixtures[of].values()):
        raise ConfigError(f"stages.{section.name}.replay: stage {of!r} read no domain of this run; map its names")
    return of, mixtures[of]


def _blend(units: Mapping[str, int], replayed: Mapping[str, float], share: float) -> dict[str, int]:
    own, old = sum(units.values()), sum(replayed.values())
    names = [*units, *(name for name in replayed if name not in units)]
    return {
        name: round(((1 - share) * units.get(name, 0) / own + share * replayed.get(name, 0.0) / old) * SHARE_UNITS)
        for name in names
    }


def _rate(
    section: StageSection, mixture: Mixture, before: float | None, start_tokens: int, budget: int
) -> LearningRate:
    rate = section.learning_rate
    start = rate.start or before
    if start is None:
        start = mixture.learning_rate
    if not start:
        raise ConfigError(
            f"stages.{section.name}: the stage before ends at learning rate 0; give learning_rate.start and "
            f"boundary.learning_rate: restart"
        )
    fields = rate.model_dump(exclude={"start", "end"})
    end = rate.end if rate.end is not None else _end(rate, start, start_tokens + budget)
    return LearningRate(**fields, start=start, end=end)


def _end(rate: Rate, start: float, tokens: int) -> float:
    """The end of a schedule that does not name it: 0, but for those that cannot end there."""
    if rate.schedule == "constant":
        return start
    if rate.schedule == "power":
        fields = rate.model_dump(exclude={"start", "end"})
        return power(LearningRate(**fields, start=start, end=start), tokens)
    return 0.0
