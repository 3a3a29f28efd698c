"""What others do, on the same documents: one shared n-gram of words (13 or 8), and datatrove's decontamination."""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

Row = dict[str, str]
Items = dict[str, list[Row]]
# (document) -> items (set, number) that a peer calls leaked; number -1 where it does not say which of the set.
Peer = Callable[[str], set[tuple[str, int]]]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def any_ngram(items: Items, length: int) -> Peer:
    """Whether a document shares one n-gram of lower-cased words with the question or the answer of an item."""
    index: dict[tuple[str, ...], set[tuple[str, int]]] = defaultdict(set)

    def ngrams(text: str) -> Iterable[tuple[str, ...]]:
        words = _words(text)
        return zip(*(words[i:] for i in range(length)), strict=False)

    for name, rows in items.items():
        for number, row in enumerate(rows):
            for text in (row["question"], row["answer"]):
                for gram in ngrams(text):
                    index[gram].add((name, number))

    def find(text: str) -> set[tuple[str, int]]:
        return set().union(*(index[gram] for gram in ngrams(text) if gram in index))

    return find


def datatrove(items: Items, *, query: bool) -> Peer:
    """datatrove's filter with its defaults; `query` looks for n-grams of the questions too.

    Its indexer imports lighteval before it looks at documents of its user's; here its own function fills the index.
    The label is the whole solution, the query the question, as lighteval gives GSM8K to it. It drops a document at
    its first n-gram, whatever that is of; so whatever it drops counts as found.
    """
    from datatrove.data import Document
    from datatrove.pipeline.decont import NGramsDecontFilter
    from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontIndexer
    from datatrove.utils.logging import logger

    logger.remove()
    config = NGramsDecontConfig(find_query_ngrams=query)
    folder = Path(tempfile.mkdtemp(prefix="midmix-datatrove-"))
    one = NGramsDecontFilter(str(folder), config)
    indexer = SimpleNamespace(config=config, tokenizer=one.tokenizer, hash_func=one.hash_func)
    for name, rows in items.items():
        hashes = {
            value
            for row in rows
            for value in NGramsDecontIndexer.compute_hashes(indexer, " " + row["answer"], _query(name, row["question"]))
        }
        np.array(sorted(hashes), config.hash_config.np_descr).tofile(folder / f"{name}.index.hashes")

    def find(text: str) -> set[tuple[str, int]]:
        return set() if one.filter(Document(text=text, id="")) is True else {(name, -1) for name in items}

    return find


def _query(name: str, question: str) -> str:
    return question if name == "humaneval" else f"Question: {question}\nAnswer:"
