"""The documents that a recall loop works on: the pool, the known positives in it, and what may never be trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from midmix.curation.recall.settings import RecallSettings
from midmix.errors import InputError
from midmix.run import Run

MIN_SEEDS = 10
_PER_MILLE = 1000


@dataclass(frozen=True)
class Candidates:
    """The pool's documents in the order of their content hashes, each text once; all arrays are of length n.

    keys: uint64; num_bytes: int64; group: int32, place in `groups`; positive: bool, known from the start; held: bool,
    positives that are only measured on; barred: bool, leaks and copies of held documents, never trained on.
    """

    keys: npt.NDArray[np.uint64]
    hashes: list[bytes]
    num_bytes: npt.NDArray[np.int64]
    group: npt.NDArray[np.int32]
    groups: tuple[str, ...]
    positive: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]
    barred: npt.NDArray[np.bool_]
    num_leaks: int
    num_copies: int


def find_candidates(run: Run, settings: RecallSettings) -> Candidates:
    """The documents that the settings name. Raises ConfigError on bad SQL, InputError where positives are too few."""
    rows = run.sql(
        f"""SELECT doc, content_hash, num_bytes, coalesce(CAST(({settings.group}) AS VARCHAR), '') AS "group",
          coalesce(({settings.positive}), false) AS positive, doc IN (SELECT doc FROM contamination WHERE label = 'leak') AS leaked
        FROM judged WHERE ({settings.pool}) OR ({settings.positive})
        QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY doc) = 1 ORDER BY content_hash"""
    ).to_arrow_table()
    hashes = rows.column("content_hash").to_pylist()
    positive = np.asarray(rows.column("positive"))
    leaked = np.asarray(rows.column("leaked"))
    held = positive & ~leaked & _held_back(hashes, settings.hold_back)
    keys = rows.column("doc").to_numpy()
    copies = _copies_of(run, keys, held)
    groups, group = np.unique(rows.column("group").to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    found = Candidates(
        keys, hashes, rows.column("num_bytes").to_numpy(), group.astype(np.int32), tuple(map(str, groups)),
        positive, held, leaked | copies, int(leaked.sum()), int(copies.sum()),
    )  # fmt: skip
    seeds = int((positive & ~held & ~found.barred).sum())
    if seeds < MIN_SEEDS or not held.any():
        raise InputError(
            f"recall: {int(positive.sum())} documents satisfy --positive ({settings.positive}), of which {int(held.sum())} are "
            f"held back and {seeds} can be learned from; at least {MIN_SEEDS} and one held back are needed. Widen --positive."
        )
    others = int((~positive & ~found.barred).sum())
    if others < MIN_SEEDS:
        raise InputError(
            f"recall: the pool ({settings.pool}) holds {others} documents that are no positives; at least {MIN_SEEDS} are "
            f"needed to tell the two apart. Widen --pool, or narrow --positive."
        )
    return found


def _held_back(hashes: list[bytes], share: float) -> npt.NDArray[np.bool_]:
    """Chosen by the second half of the content hash, so that the same text is always on the same side."""
    return np.array([int.from_bytes(h[8:]) % _PER_MILLE < share * _PER_MILLE for h in hashes], bool)


def _copies_of(run: Run, keys: npt.NDArray[np.uint64], held: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Documents, held ones aside, that verified pairs tie to a held one: exact copies of the clean text, near ones, templates."""
    pairs = run.sql("SELECT doc, earlier FROM pairs WHERE relation <> 'apart'").fetchnumpy()
    later, earlier = (np.asarray(pairs[name], np.uint64) for name in ("doc", "earlier"))
    measured = keys[held]
    tied = np.concatenate([later[np.isin(earlier, measured)], earlier[np.isin(later, measured)]])
    return np.isin(keys, tied) & ~held
