"""What shares a mixture may have: caps, minima, and groups of domains frozen in given proportions.

A frozen group is one variable: its domains keep their proportions to each other, as when an earlier mixture is reused
while new domains are weighed against it (Olmix, arXiv 2602.12237). Everything is done in the g free variables, each a
box [low, high], and expanded to the k domains: weights = values x share, values summed over each group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from midmix.config import nearest
from midmix.errors import ConfigError
from midmix.mixer.simplex import F64, I64, within_caps

SLACK = 1e-9  # limits that meet exactly are no clash


@dataclass(frozen=True)
class Limits:
    """Box of each free variable (`low`, `high` [g]), the variable of each domain (`group` [k]) and its `share` of it [k]."""

    low: F64
    high: F64
    group: I64
    share: F64

    @property
    def free(self) -> int:
        """Number of free variables."""
        return len(self.low)

    @property
    def domain_low(self) -> F64:
        """Least share of each domain [k]."""
        return self.expand(self.low)

    @property
    def domain_high(self) -> F64:
        """Largest share of each domain [k]."""
        return self.expand(self.high)

    def expand(self, values: F64) -> F64:
        """Weights [n, k] or [k] of the domains from values [n, g] or [g] of the free variables."""
        weights: F64 = values[..., self.group] * self.share
        return weights

    def reduce(self, weights: F64) -> F64:
        """Values [n, g] or [g] of the free variables: the sums over each group of weights [n, k] or [k]."""
        rows = np.atleast_2d(weights)
        values = np.zeros((len(rows), self.free))
        np.add.at(values.T, self.group, rows.T)
        return values.reshape(*np.shape(weights)[:-1], self.free)

    def collect(self, slope: F64) -> F64:
        """Derivative [g] by the free variables from the derivative [k] by the weights."""
        return self.reduce(slope * self.share)

    def nearest(self, weights: F64) -> F64:
        """Weights [n, k] or [k] that keep to all limits: what is above the minima, scaled and capped in proportion.

        Weights that keep to the limits come back as they are.
        """
        return self.expand(self.nearest_values(self.reduce(weights)))

    def nearest_values(self, values: F64) -> F64:
        """The same in the free variables: values [n, g] or [g], which need not be normalised."""
        spare = 1.0 - self.low.sum()
        if spare <= SLACK:
            fixed: F64 = np.broadcast_to(self.low / self.low.sum(), values.shape).copy()
            return fixed
        above = np.maximum(values / values.sum(axis=-1, keepdims=True) - self.low, 0.0)
        nearest: F64 = self.low + spare * within_caps(above, (self.high - self.low) / spare)
        return nearest

    def broken(self, weights: F64) -> float:
        """By how much weights [k] leave the limits at worst, as a share of tokens; 0 or less where all are kept."""
        values = self.reduce(weights)
        outside = max(float((self.low - values).max()), float((values - self.high).max()))
        return max(outside, float(np.abs(self.expand(values) - weights).max()))


def make_limits(
    domains: Sequence[str],
    caps: F64,
    minimum: Mapping[str, float] | None = None,
    frozen: Sequence[Mapping[str, float]] = (),
) -> Limits:
    """The limits over `domains` (k) from caps [k], minima by domain and frozen groups (domain -> proportion).

    Raises ConfigError that names the limits which clash, by how much, and what would mend it.
    """
    for section, names in (("minimum", minimum or {}), *((f"frozen[{i}]", group) for i, group in enumerate(frozen))):
        for name in names:
            if name not in domains:
                raise ConfigError(f"mixture.{section}: no domain {name!r} has tokens{nearest(name, domains)}")
    least = np.array([(minimum or {}).get(domain, 0.0) for domain in domains])
    group, share = _groups(domains, frozen)
    used = share > 0
    high = np.full(int(group.max()) + 1, np.inf)
    low = np.zeros_like(high)
    np.minimum.at(high, group[used], caps[used] / share[used])
    np.maximum.at(low, group[used], least[used] / share[used])
    high = np.minimum(high, 1.0)
    _refuse_domain_clashes(domains, caps, least, share)
    _refuse_group_clashes(domains, caps, least, group, share, low, high)
    if low.sum() > 1 + SLACK:
        raise ConfigError(
            f"mixture.minimum: the least shares sum to {low.sum():.4f}, {low.sum() - 1:.4f} above 1. Lower them by that much"
            f"{' (a frozen group takes as much of each domain as its proportions ask for)' if frozen else ''}."
        )
    if high.sum() < 1 - SLACK:
        raise ConfigError(
            f"mixture: the largest shares sum to {high.sum():.4f}, {1 - high.sum():.4f} short of 1. Lower mixture.tokens, "
            f"raise mixture.max_epochs, add sources{', or let a frozen group change its proportions' if frozen else ''}."
        )
    return Limits(np.minimum(low, high), high, group, share)


def _groups(domains: Sequence[str], frozen: Sequence[Mapping[str, float]]) -> tuple[I64, F64]:
    """Variable [k] of each domain, numbered by first sight, and its share [k] of that variable."""
    place = {domain: j for j, domain in enumerate(domains)}
    leader, share = np.arange(len(domains)), np.ones(len(domains))
    for proportions in frozen:
        total = sum(proportions.values())
        first = min(place[domain] for domain in proportions)
        for domain, proportion in proportions.items():
            leader[place[domain]], share[place[domain]] = first, proportion / total
    _, group = np.unique(leader, return_inverse=True)
    return group.astype(np.int64), share


def _refuse_domain_clashes(domains: Sequence[str], caps: F64, least: F64, share: F64) -> None:
    for j, domain in enumerate(domains):
        if least[j] > caps[j] + SLACK:
            raise ConfigError(
                f"mixture.minimum.{domain} is {least[j]:.4f}, {least[j] - caps[j]:.4f} above its cap of {caps[j]:.4f} "
                f"(its tokens x the epochs left). Lower it to {caps[j]:.4f}, or raise mixture.max_epochs of {domain} by a "
                f"factor of {least[j] / max(caps[j], 1e-12):.2f}."
            )
        if least[j] > 0 and share[j] == 0:
            raise ConfigError(f"mixture.minimum.{domain} is {least[j]:.4f}, but its proportion in mixture.frozen is 0")


def _refuse_group_clashes(
    domains: Sequence[str], caps: F64, least: F64, group: I64, share: F64, low: F64, high: F64
) -> None:
    for variable in np.flatnonzero(low > high + SLACK):
        members = np.flatnonzero((group == variable) & (share > 0))
        tight = members[np.argmin(caps[members] / share[members])]
        asks = members[np.argmax(least[members] / share[members])]
        raise ConfigError(
            f"mixture.frozen: at a share of {least[asks]:.4f} for {domains[asks]} (mixture.minimum) the frozen group has "
            f"{low[variable]:.4f} of all tokens, but {domains[tight]} with its cap of {caps[tight]:.4f} allows it "
            f"{high[variable]:.4f}, {low[variable] - high[variable]:.4f} less. Lower the minimum to "
            f"{high[variable] * share[asks]:.4f}, or raise mixture.max_epochs of {domains[tight]}."
        )
