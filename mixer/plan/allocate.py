"""Integer apportionment: whole global batches, sequences per domain within caps, sequences per shard.

Everything here is exact integer arithmetic, so the plan depends on no rounding mode and on no order of summation.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from midmix.errors import ConfigError


def available_sequences(num_tokens: int, sequence_length: int) -> int:
    """Whole training sequences in one pass over a shard of `num_tokens`; the last label needs one token more."""
    return max(0, num_tokens - 1) // sequence_length


def padding_of(num_tokens: int, file_tokens: int, text_tokens: int) -> int:
    """Tokens of `num_tokens` that fill rows up, where `text_tokens` of the files drawn from are text; rounded up."""
    return -(-num_tokens * (file_tokens - text_tokens) // file_tokens)


def whole_batches(
    tokens: int, sequence_length: int, global_batch_sequences: int, setting: str = "mixture.tokens"
) -> int:
    """Sequences of a stage: `tokens` rounded down to whole global batches, so never more than was asked for.

    Raises ConfigError, which names `setting`, when `tokens` does not fill one global batch.
    """
    batch_tokens = sequence_length * global_batch_sequences
    if tokens < batch_tokens:
        raise ConfigError(
            f"{setting} is {tokens:,}, below one global batch of {batch_tokens:,} tokens "
            f"({global_batch_sequences:,} sequences x {sequence_length:,}). "
            f"Raise {setting} or lower global_batch_sequences."
        )
    return tokens // batch_tokens * global_batch_sequences


def cap_sequences(available: int, max_epochs: float) -> int:
    """Most sequences that `max_epochs` passes over `available` ones allow, read as the decimal that was written."""
    return int(Fraction(repr(float(max_epochs))) * available)


def allocate(budget: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Sequences per domain that sum to `budget`: the shares of `weights` with none above its cap.

    `weights` are relative integers of any scale. What a capped domain cannot take goes to the others in proportion to
    their weights. The exact shares are rounded by largest remainder, equal remainders to the larger weight, then to
    the earlier domain; so each count is the exact share rounded down or up. A domain of weight 0 gets nothing.
    Raises ValueError when the domains with a weight cannot hold `budget`.
    """
    active = [i for i, weight in enumerate(weights) if weight > 0]
    if sum(caps[i] for i in active) < budget:
        raise ValueError(f"caps of the domains with a weight sum to {sum(caps[i] for i in active)}, budget is {budget}")
    counts = [0] * len(weights)
    left = budget
    while active:
        total = sum(weights[i] for i in active)
        full = {i for i in active if left * weights[i] >= caps[i] * total}
        if not full:
            break
        for i in full:
            counts[i] = caps[i]
        left -= sum(caps[i] for i in full)
        active = [i for i in active if i not in full]
    for i, count in zip(active, largest_remainder(left, [weights[i] for i in active]), strict=True):
        counts[i] = count
    return counts


def spread(sequences: int, available: Sequence[int]) -> list[int]:
    """Sequences per shard of a domain, in proportion to what one pass over each gives.

    Epochs of the shards then differ by less than one sequence each; a shard without a whole sequence gets none.
    Raises ValueError when there is something to spread and nothing to spread it over.
    """
    if sequences and not sum(available):
        raise ValueError(f"got {sequences} sequences for shards that hold no whole one")
    return largest_remainder(sequences, available)


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in integers in proportion to `weights`: rounded down, the rest by largest remainder (Hamilton).

    Equal remainders go to the larger weight, then to the earlier place. All zeros when `total` is 0.
    """
    if total == 0:
        return [0] * len(weights)
    scale = sum(weights)
    counts = [total * weight // scale for weight in weights]
    missing = total - sum(counts)
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % scale), -weights[i], i))
    for i in order[:missing]:
        counts[i] += 1
    return counts
