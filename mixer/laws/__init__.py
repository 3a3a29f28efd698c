"""Laws that predict a loss from domain weights, one per file behind the interface of `law`.

`LAWS` lists them in the order of preference: the average of the two that err least with few runs stands first.
"""

from __future__ import annotations

from collections.abc import Mapping

from midmix.mixer.laws.average import Average, FittedAverage
from midmix.mixer.laws.gaussian_process import GaussianProcess
from midmix.mixer.laws.law import Fitted, Law
from midmix.mixer.laws.power import Power
from midmix.mixer.laws.ridge_sqrt import RidgeSqrt
from midmix.mixer.simplex import F64

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Average("power+gaussian_process", (Power(), GaussianProcess())),
        GaussianProcess(),
        Power(),
        RidgeSqrt(),
    )
}


def fit_all(
    weights: F64, losses: F64, *, own: int | None, starts: Mapping[str, Fitted] | None = None
) -> dict[str, Fitted]:
    """Every law of `LAWS` on the same runs; averages reuse the fits of their members."""
    single = {
        name: law.fit(weights, losses, own=own, start=starts[name] if starts else None)
        for name, law in LAWS.items()
        if not isinstance(law, Average)
    }
    return {
        name: FittedAverage(tuple(single[member.name] for member in law.members))
        if isinstance(law, Average)
        else single[name]
        for name, law in LAWS.items()
    }
