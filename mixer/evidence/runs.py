"""Claims about the runs themselves: how many learnt, and how loud the mixtures are above the noise between seeds."""

from __future__ import annotations

import math
from collections.abc import Collection

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK, Claim, graded, in_words, worst
from midmix.mixer.fit.swarm import Swarm, noise_sd
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.simplex import F64

MIN_MIXTURES = 8  # fewer cannot tell a law from luck
LOUD, AUDIBLE = 3.0, 2.0  # least spread of mixtures against the noise between seeds, of supported, of weak


def learnt(swarm: Swarm) -> Claim:
    """How many of the runs are evidence, and why the others are none."""
    total = len(swarm.runs) + len(swarm.left_out)
    words = f"{len(swarm.runs)} of {total} runs, of {swarm.num_mixtures} mixtures, are evidence"
    if swarm.left_out:
        words += "; left out: " + ", ".join(f"run {run} ({why})" for run, why in sorted(swarm.left_out.items()))
    enough = swarm.num_mixtures >= MIN_MIXTURES
    if not enough:
        words += f"; {MIN_MIXTURES} mixtures or more are needed"
    verdict = SUPPORTED if enough else NOT_SUPPORTED
    return Claim(
        "overall", "learnt", verdict, words + ".", float(len(swarm.runs)), unit="runs", reason="too few mixtures were run"
    )  # fmt: skip


def training_domains(targets: Collection[str]) -> list[Claim]:
    """A warning for each target that is a domain of the training data."""
    return [
        Claim(
            f"target:{name}",
            "training_domain",
            WEAK,
            f"Warning: target {name} is a domain of the training data. More of a domain lowers its own loss, so the gain "
            "says little of what the model can do elsewhere; name an evaluation set instead.",
        )
        for name in sorted(targets)
    ]


def noise_floor(swarm: Swarm, losses: F64, inferred: float) -> Claim:
    """The noise between seeds against the spread of combined losses [n]; weak at best where it is `inferred` by the laws."""
    measured, spread, unit = noise_sd(losses, swarm.replicates), float(losses.std()), in_words(swarm.unit)
    noise = inferred if measured is None else measured
    ratio = spread / noise if noise > 0 else math.inf
    verdict, reason = graded(ratio, LOUD, AUDIBLE), "mixtures differ little more than seeds do"
    all_runs = f"all runs differ by {spread:.4f}, {ratio:.1f} times as much"
    if measured is not None:
        words = f"Runs of one mixture that differ in seed alone differ by {noise:.4f} {unit} (standard deviation); {all_runs}."
    else:
        words = (
            f"No mixture was run twice. By what the laws leave over, runs of one mixture differ by about {noise:.4f} {unit} "
            f"(standard deviation); {all_runs}."
        )
        reason = "no mixture was run twice, so the noise is only inferred" if verdict != NOT_SUPPORTED else reason
        verdict = worst([verdict, WEAK])
    return Claim("overall", "noise_floor", verdict, words, noise, unit=unit, reason=reason)


def signals(swarm: Swarm, goals: Goals, losses: F64, inferred: F64) -> list[Claim]:
    """Signal to noise of each target, from losses [n, t] of the goals' metrics and their `inferred` noise [t]."""
    claims = []
    for name, (metric, _) in goals.targets.items():
        place = goals.metrics.index(metric)
        measured = noise_sd(losses[:, place], swarm.replicates)
        noise = float(inferred[place]) if measured is None else measured
        ratio = float(losses[:, place].std()) / noise if noise > 0 else math.inf
        seeds = "the laws take runs of one mixture to" if measured is None else "seeds of one mixture do"
        words = f"Losses on {name} differ {ratio:.1f} times as much between runs as {seeds}"
        if ratio < AUDIBLE:
            words += ": it tells mixtures apart too badly to be a target; leave it out, or measure it on more text"
        verdict = worst([graded(ratio, LOUD, AUDIBLE), SUPPORTED if measured is not None else WEAK])
        value = ratio if math.isfinite(ratio) else None
        claims.append(
            Claim(f"target:{name}", "signal_to_noise", verdict, words + ".", value, unit="spread of runs / noise")
        )
    return claims
