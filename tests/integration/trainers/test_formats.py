"""Files that are written here in a trainer's format are, byte by byte, those of the trainer's own writer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from midmix.mixer.export.step import export_plan

# Writes the sequences of a raw file of uint16 ids: folder, file, sequence length, number of sequences.
WITH_MDS_WRITER = """
import sys
import numpy as np
from streaming import MDSWriter
folder, path, length, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rows = np.fromfile(path, "<u2")[: length * count].reshape(count, length)
with MDSWriter(out=folder, columns={"tokens": f"ndarray:uint16:{length}"}) as writer:
    for row in rows:
        writer.write({"tokens": row})
"""


def test_mds_shards_are_those_of_mds_writer(one_stage: Any, python_of: Callable[[str], str], tmp_path: Path) -> None:
    python = python_of("mosaicml")
    folder = tmp_path / "out" / "mosaicml"
    export_plan(one_stage.folder, ["mosaicml", "hf"], tmp_path / "out", absolute=False)
    files = json.loads((tmp_path / "out" / "hf" / "mixture.json").read_text())["splits"]["train"]
    for file in files:
        raw, count = tmp_path / "out" / "hf" / file["tokens"], min(file["sequences"], file["available"])
        name = raw.stem.replace("-train-", "-")
        words = [python, "-c", WITH_MDS_WRITER, str(tmp_path / name), str(raw), "16", str(count)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        theirs = sorted(path.name for path in (tmp_path / name).iterdir())
        assert theirs == sorted(path.name for path in (folder / "streams" / name).iterdir())
        for file in theirs:
            assert (folder / "streams" / name / file).read_bytes() == (tmp_path / name / file).read_bytes()
