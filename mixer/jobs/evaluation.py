"""What jobs are measured on: texts as windows of tokens in one file, which a job's script reads without midmix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midmix.mixer.jobs.manifest import Evaluation

FOLDER = "evaluation"


@dataclass(frozen=True)
class MeasuredText:
    """A text of one metric. A window (ids, first) is one forward pass: ids after the first 1 + `first` are measured.

    `num_bytes` are the UTF-8 bytes of exactly the measured tokens.
    """

    metric: str
    windows: Sequence[tuple[NDArray[np.int64], int]]
    num_bytes: int

    @property
    def evaluation(self) -> Evaluation:
        """Tokens and bytes of the text as JOBS.json has them."""
        measured = sum(len(ids) - 1 - first for ids, first in self.windows)
        return Evaluation(metric=self.metric, num_tokens=measured, num_bytes=self.num_bytes)


def write_texts(folder: Path, texts: Sequence[MeasuredText], dtype: str) -> None:
    """`tokens.npy`, the raw ids of all windows end to end, and `texts.json`, where each window stands: [begin, end, first]."""
    folder.mkdir(parents=True)
    listed: list[dict[str, Any]] = []
    begin = 0
    with (folder / "tokens.npy").open("wb") as stream:
        for text in texts:
            windows = []
            for ids, first in text.windows:
                stream.write(ids.astype(np.dtype(dtype).newbyteorder("<")).tobytes())
                windows.append([begin, begin + len(ids), first])
                begin += len(ids)
            listed.append({"metric": text.metric, "windows": windows})
    content = json.dumps({"dtype": dtype, "texts": listed}, separators=(",", ":"))
    (folder / "texts.json").write_text(content + "\n", encoding="utf-8")
