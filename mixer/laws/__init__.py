"""Laws that predict a loss from domain weights, one per file behind the interface of `law`.

`LAWS` lists them in the order of preference, the default first. `MENU` are those that a fit tries without being asked;
trees take long and need many runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from midmix.mixer.laws.average import Average, FittedAverage
from midmix.mixer.laws.features import SQRT
from midmix.mixer.laws.gaussian_process import GaussianProcess
from midmix.mixer.laws.law import Fitted, Law
from midmix.mixer.laws.lightgbm import LightGBM
from midmix.mixer.laws.linear import Linear
from midmix.mixer.laws.log_excess import LogExcess
from midmix.mixer.laws.log_linear import LogLinear
from midmix.mixer.laws.power import Power
from midmix.mixer.laws.returns import DIMINISHING
from midmix.mixer.laws.ridge_sqrt import RidgeSqrt
from midmix.mixer.simplex import F64

DEFAULT = LogExcess.name
LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        LogExcess(),
        Average("power+gaussian_process", (Power(), GaussianProcess())),
        GaussianProcess(),
        GaussianProcess(SQRT),
        Power(DIMINISHING),
        Power(),
        LogLinear(),
        RidgeSqrt(),
        Linear(),
        LightGBM(),
    )
}
MENU = tuple(name for name in LAWS if name != LightGBM.name)


def fit_all(
    weights: F64, losses: F64, *, own: int | None, starts: Mapping[str, Fitted] | None = None
) -> dict[str, Fitted]:
    """Every law of `MENU` on the same runs; averages reuse the fits of their members, power laws are the default's."""
    default = LogExcess().fit(weights, losses, own=own, start=starts[DEFAULT] if starts else None)
    powers = (default.learnt.power, default.even.power)
    single: dict[str, Fitted] = {DEFAULT: default, **{Power(power.returns).name: power for power in powers}}
    for name in MENU:
        law = LAWS[name]
        if name not in single and not isinstance(law, Average):
            single[name] = law.fit(weights, losses, own=own, start=starts[name] if starts else None)
    fits: dict[str, Fitted] = {}
    for name in MENU:
        law = LAWS[name]
        members = law.members if isinstance(law, Average) else ()
        fits[name] = FittedAverage(tuple(single[member.name] for member in members)) if members else single[name]
    return fits
