"""How few runs decide a mixture, and are the intervals honest? Beside RegMix's and Olmix's laws, on RegMix's runs.

    python benchmarks/mixing.py --data ../shared/data/regmix --json mixing.json
    python benchmarks/mixing.py --data ../shared/data/regmix --only 1 3

`--data` names the folder of RegMix's CSV files. One core; seeds are fixed. What each point measures is said where it
is done: mixing_laws.py (points 1-4, and seconds of a fit), mixing_proposals.py (5), mixing_regret.py (6),
mixing_retention.py (7, and seconds of an optimum), mixing_evidence.py (8).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import mixing_designs
import mixing_evidence
import mixing_laws
import mixing_proposals
import mixing_regret
import mixing_retention
import mixing_scales
from mixing_data import RegMix, load_regmix
from threadpoolctl import threadpool_limits

POINTS: dict[str, Callable[[RegMix], dict[str, float]]] = {
    "1": mixing_laws.peers,
    "2": mixing_laws.all_runs,
    "3": mixing_laws.few_runs,
    "4": mixing_laws.intervals,
    "5": mixing_proposals.proposals,
    "6": mixing_regret.regret,
    "7": mixing_retention.retention,
    "8": mixing_evidence.evidence,
    "9": lambda data: mixing_laws.seconds(data) | mixing_retention.seconds(data),
    "scales": mixing_scales.scales,
    "designs": mixing_designs.designs,
}


def main() -> None:
    """Print every figure; with --json write them as one flat object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of RegMix's CSV files")
    parser.add_argument("--only", nargs="+", choices=POINTS, default=list(POINTS), help="points to do")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data = load_regmix(arguments.data)
    figures: dict[str, float] = {}
    with threadpool_limits(1):
        for point in arguments.only:
            made = POINTS[point](data)
            for key, value in made.items():
                print(f"{key:<40} {value:>12.5g}", flush=True)
            figures |= made
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
