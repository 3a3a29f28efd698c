"""The process that trains a fastText model: it imports nothing of midmix and is started with its own memory settings.

Arguments: a JSON file with the arguments of `fasttext.train_supervised`, and the file to write the model to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(arguments: Path, model: Path) -> None:
    """Train and save."""
    import fasttext

    fasttext.train_supervised(**json.loads(arguments.read_text(encoding="utf-8"))).save_model(str(model))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
