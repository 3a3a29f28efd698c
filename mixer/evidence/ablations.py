"""What a domain is worth by runs with and without it: measured, no law needed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import t as student

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, Claim
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.simplex import F64, I64

SAME_WEIGHT = 2e-6  # two weights rounded to 1e-6
LEVEL = 0.90


def ablations(swarm: Swarm, losses: F64, combinations: Mapping[str, F64], unit: str) -> list[Claim]:
    """One claim per domain left out and combination [t] of the losses [n, t]: by how much they rise without it.

    Runs count where two mixtures at one scale differ in nothing but a domain that one of them lacks, its share given to the
    others in proportion. The interval is of the difference of their means, by the noise between seeds of all repeats.
    The control on web alone is there for another question: beside replay of two domains it would pass for one.
    """
    replicates = swarm.replicates
    claims = []
    of_web = set(replicates) - set(replicates[[run not in swarm.web for run in swarm.runs]])
    for domain, with_it, without in left_out(swarm.weights, replicates):
        if without in of_web:
            continue
        for name, combination in combinations.items():
            values = losses @ combination
            claims.append(_claim(swarm.domains[domain], name, values, replicates, (with_it, without), unit))
    return claims


def left_out(weights: F64, replicates: I64) -> list[tuple[int, int, int]]:
    """Domain, group with it and group without it, for every such pair of mixtures among the runs [n, k]."""
    names, first = np.unique(replicates, return_index=True)
    found = []
    for without, row in zip(names, weights[first], strict=True):
        for domain in np.flatnonzero(row == 0):
            rest = weights[first].copy()
            rest[:, domain] = 0.0
            share = rest.sum(axis=1)
            same = (weights[first][:, domain] > 0) & (share > 0) & (names % 2 == without % 2)
            apart = np.abs(rest / np.where(share > 0, share, 1.0)[:, None] - row).max(axis=1)
            found += [(int(domain), int(with_it), int(without)) for with_it in names[same & (apart < SAME_WEIGHT)]]
    return found


def _claim(domain: str, name: str, values: F64, replicates: I64, pair: tuple[int, int], unit: str) -> Claim:
    with_it, without = (values[replicates == group] for group in pair)
    rise = float(without.mean() - with_it.mean())
    subject, claim = f"ablation:{domain}", "rise_without" if name == "overall" else f"rise_without:{name}"
    words = f"Without {domain} {'the objective' if name == 'overall' else name} {'rises' if rise >= 0 else 'falls'} by {abs(rise):.4f} {unit}"
    noise, freedom = _noise(values, replicates)
    if not freedom:
        reason = f"no mixture was run with two seeds, so the effect of {domain} cannot be told from noise"
        return Claim(subject, claim, NOT_SUPPORTED, f"{words}; {reason}.", rise, unit=unit, reason=reason)
    half = float(student.ppf(0.5 + LEVEL / 2, freedom)) * noise * float(np.sqrt(1 / len(with_it) + 1 / len(without)))
    words += (
        f" ({len(with_it)} runs with it, {len(without)} without; 90% interval {rise - half:.4f} to {rise + half:.4f})"
    )
    clear = abs(rise) > half
    reason = "" if clear else f"the effect of {domain} is within the noise of its runs"
    return Claim(
        subject, claim, SUPPORTED if clear else NOT_SUPPORTED, f"{words}.", rise, rise - half, rise + half, unit, reason
    )


def _noise(values: F64, replicates: I64) -> tuple[float, int]:
    """Deviation over seeds of one mixture, pooled, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for group in np.unique(replicates):
        own = values[replicates == group]
        squares += float(((own - own.mean()) ** 2).sum())
        freedom += len(own) - 1
    return float(np.sqrt(squares / max(freedom, 1))), freedom
