"""Write the demo corpus: sources, evaluation sets, tokenizer, config and the answer sheet of what was planted."""

from __future__ import annotations

from pathlib import Path

from midmix.demo.evaluation import make_evaluation, write_evaluation
from midmix.demo.gather import Progress, gather
from midmix.demo.harvest import require
from midmix.demo.plant import FULL_MEGABYTES, Corpus, huge_bytes, plant
from midmix.demo.settings import config_text
from midmix.demo.tokenizer import train_tokenizer
from midmix.demo.wheels import HELD_OUT, LIBRARIES, MATH
from midmix.demo.write import write_planted, write_sources
from midmix.errors import ConfigError

SMALLEST_MEGABYTES = 3.0
_BASE_SHARE = 0.9  # what is planted is the rest


def write_demo(
    folder: Path, *, megabytes: float = FULL_MEGABYTES, seed: int = 1, progress: Progress | None = None
) -> Path:
    """Write about `megabytes` MB of text into `folder` and return the path of its config.

    The same seed, pins and Python version give the same bytes. `progress` is called with what is being done and the
    share of it that is done. Raises ConfigError below 3 MB and InputError when a package of the list is missing.
    """
    if megabytes < SMALLEST_MEGABYTES:
        raise ConfigError(
            f"demo: got {megabytes} MB, expected at least {SMALLEST_MEGABYTES:g}: less cannot hold what is planted"
        )
    show = progress or (lambda what, share: None)
    require((*LIBRARIES, *MATH, *HELD_OUT))
    folder.mkdir(parents=True, exist_ok=True)
    corpus = make_corpus(folder, megabytes, seed, show)
    show("writing files", 0.0)
    write_sources(folder, corpus)
    write_planted(folder, corpus)
    show("training the tokenizer", 0.0)
    texts = [record.text for rows in corpus.records.values() for record in rows]
    train_tokenizer(folder / "tokenizer", texts)
    path = folder / "config.yaml"
    path.write_text(config_text(seed), encoding="utf-8", newline="\n")
    show("training the tokenizer", 1.0)
    return path


def make_corpus(folder: Path, megabytes: float, seed: int, progress: Progress) -> Corpus:
    """The corpus in memory; its evaluation sets are written to `folder`."""
    sets = make_evaluation(seed)
    write_evaluation(folder, sets)
    apart = sets.apart()
    spare, line = huge_bytes(megabytes)
    base = gather(int(megabytes * 1e6 * _BASE_SHARE) - spare - line, spare, seed, apart, progress)
    return plant(base, sets, apart, megabytes, seed)
