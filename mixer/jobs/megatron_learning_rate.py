"""Prints the learning rate that a Megatron checkpoint had at its last step (megatron-core 0.16.1).

python learning_rate.py CHECKPOINT ITERATION
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def rates(state: Any) -> Iterator[float]:
    """Learning rates of all parameter groups in an optimizer's state, however it is nested."""
    if isinstance(state, dict):
        for group in state.get("param_groups", ()):
            if isinstance(group, dict) and group.get("default_config", True) and "lr" in group:
                yield float(group["lr"])
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    for value in values:
        yield from rates(value)


def learning_rate(checkpoint: Path, iteration: int) -> float:
    """The rate of the groups that follow the schedule. Exits where there is none, or several."""
    import torch
    from megatron.core.safe_globals import register_safe_globals

    folder = checkpoint / f"iter_{iteration:07d}"
    files = [folder / "common.pt", *sorted(folder.glob("mp_rank_*/model_optim_rng.pt"))]
    file = next((path for path in files if path.is_file()), None)
    if file is None:
        raise SystemExit(f"{folder}: got no common.pt and no mp_rank_*/model_optim_rng.pt, expected one")
    register_safe_globals()
    state = torch.load(file, map_location="cpu", weights_only=True)
    found = sorted(set(rates(state.get("optimizer"))))
    if len(found) != 1 or found[0] <= 0:
        raise SystemExit(
            f"{file}: got learning rates {found}, expected one above 0. Set LEARNING_RATE to the rate at the end of the "
            f"checkpoint's training."
        )
    return found[0]


if __name__ == "__main__":
    sys.stdout.write(f"{learning_rate(Path(sys.argv[1]), int(sys.argv[2]))!r}\n")
