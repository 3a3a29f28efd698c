"""What was compared in an earlier state of the run, and is not compared again.

Whether two texts are near depends on the two alone, so a pair holds as long as the signatures of both parts are those
that it was compared by: when sources are added, and under another survivor order or threshold. Pairs that were found
apart hold for thresholds that are no lower.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.dedup.overlap import APART as APART_COUNT
from midmix.curation.dedup.places import Places, look_up
from midmix.table_files import read_file
from midmix.table_manifest import load_manifest
from midmix.tables import APART, CANDIDATES, PAIRS, SIGNATURES
from midmix.task import Output, Task

# Of the files beside PAIRS that say what each part's pairs were compared by.
_FOLDER = "compared-by/"
_COMPARED = pa.array(["near", "contained", "contains"])


def remember(output: Output, part: int, of: Mapping[str, Any]) -> None:
    """Note beside PAIRS what the pairs of a part were compared by."""

    def write(path: Path) -> None:
        path.write_text(json.dumps(dict(of), sort_keys=True) + "\n", encoding="utf-8")

    output.attach(PAIRS, f"{_FOLDER}p{part:08d}.json", write)


def compared_by(folder: Path) -> dict[int, Any]:
    """What the published pairs of every part were compared by."""
    found = {}
    for name, path in load_manifest(folder, PAIRS.name).attachments.items():
        if name.startswith(_FOLDER):
            found[int(Path(name).stem[1:])] = json.loads((folder / path).read_text(encoding="utf-8"))
    return found


def signed_parts(folder: Path) -> dict[int, str]:
    """The hash of every part's signatures."""
    return {e.part: e.sha256 for e in load_manifest(folder, SIGNATURES.name).files if e.part is not None}


def recall_pairs(task: Task, output: Output) -> None:
    """Pairs of some parts that were compared before and still hold, as CANDIDATES in today's survivor order."""
    places = Places.load(task.folder)
    unchanged = np.array(task.settings["unchanged"], np.uint64)
    found = [(np.zeros((2, 0), np.int64), np.zeros(0, np.int32))]
    for table in (PAIRS, APART) if task.settings["apart"] else (PAIRS,):
        manifest = load_manifest(task.folder, table.name)
        for part in task.settings["parts"]:
            for path in manifest.paths(task.folder, part=part):
                found.append(_compared_pairs(path, unchanged, places, apart=table is APART))
    sides, shared = np.concatenate([s for s, _ in found], axis=1), np.concatenate([count for _, count in found])
    later_first = look_up(places.places, sides[0]) > look_up(places.places, sides[1])
    later, earlier = np.where(later_first, sides, sides[::-1])
    order = np.lexsort((earlier, later))
    columns = [pa.array(later[order]), pa.array(earlier[order]), pa.array(shared[order])]
    output.table(CANDIDATES, pa.Table.from_arrays(columns, schema=CANDIDATES.schema()), unit="known")


def _compared_pairs(
    path: Path, unchanged: npt.NDArray[np.uint64], places: Places, *, apart: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """(ordinals int64 [2, n] of both documents, shingles that they share) of a file of PAIRS or APART."""
    rows = read_file(path, ["doc", "earlier", *(() if apart else ("relation", "jaccard"))])
    if not apart:
        rows = rows.filter(pc.is_in(rows["relation"], _COMPARED))
    keys = np.stack([rows["doc"].to_numpy(), rows["earlier"].to_numpy()])
    kept = np.isin(keys >> np.uint64(32), unchanged).all(axis=0)
    sides = np.searchsorted(places.docs, keys[:, kept])
    if apart:
        return sides, np.full(sides.shape[1], APART_COUNT, np.int32)
    jaccard = rows["jaccard"].to_numpy()[kept]
    one, other = (look_up(places.facts, side)["shingles"].astype(np.int64) for side in sides)
    # Jaccard is the shared over the sum of both less the shared; that all three are whole numbers makes it exact.
    return sides, np.rint(jaccard / (1 + jaccard) * (one + other)).astype(np.int32)
