"""Our side of benchmarks/tokenizing.py: the product's own way from parquet to token files.

    python benchmarks/tokenizing_ours.py TOKENIZER OUT FILE...

encodes the files in a process of its own and prints the peak of its resident memory in MiB.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.encode import TokenizerFolder, _kernels, open_folder
from midmix.curation.tokenize.step import Encoding, _write_tokens


def encoder_of(folder: TokenizerFolder):  # type: ignore[no-untyped-def]
    """The kernels' encoder of a tokenizer. Ends the benchmark where the library itself would encode."""
    encoder = _kernels(str(Path(folder.path) / "tokenizer.json"), folder.sha256)
    if isinstance(encoder, str):
        raise SystemExit(f"{folder.path}: not covered: {encoder}")
    return encoder


def tokenize(folder: TokenizerFolder, files: Sequence[Path], out: Path) -> npt.NDArray[np.int32]:
    """Write the token file of some parquet files; ids per document, end-of-text included."""
    lengths: list[npt.NDArray[np.int32]] = []
    _write_tokens(out, files, Encoding(folder, None, {}), lengths)
    return np.concatenate(lengths)


def main() -> int:
    """Encode the files and print the peak."""
    tokenizer, out, *files = sys.argv[1:]
    tokenize(open_folder("main", tokenizer), [Path(file) for file in files], Path(out))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
