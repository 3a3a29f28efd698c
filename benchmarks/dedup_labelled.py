"""Accuracy on labelled pairs of the demo corpus, beside text-dedup's method.

A document's label is its planted duplicate: an exact copy, or a near copy whose true Jaccard is at our threshold or
over it. Near copies below it and problems that differ in numbers alone have none. That is our definition, so the
score is given for another one too, by which every near copy is a duplicate, however much of it was edited. As in text-dedup's benchmark on
CORE a document is right when every duplicate of it was found (of those that have one), or none (of the others), and
the score is the mean of both classes; where that prints the mean of two precisions as macro F1, this is one of F1.

text-dedup's method with its published parameters: tokens between non-word characters of the lower-cased text, their
5-grams, 240 permutations, bands and rows that datasketch finds best for 0.7, and whatever shares a band is one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from dedup_growth import write_shards
from dedup_ours import copies, deduplicate, dropped, prepare
from dedup_truth import NGRAM, THRESHOLD, components

NUM_PERM, THEIR_THRESHOLD, MIN_LENGTH = 240, 0.7, 5
_NOT_WORD = re.compile(r"\W", re.UNICODE)
Pair = tuple[int, int, bool]
Labels = dict[str, list[Pair]]


def labelled(folder: Path, megabytes: float, seed: int) -> tuple[list[str], Labels]:
    """Texts of the demo corpus, and its planted pairs by both definitions: (one, other, whether they are duplicates)."""
    from midmix.demo.corpus import make_corpus

    corpus = make_corpus(folder, megabytes, seed, lambda what, share: None)
    records = [record for rows in corpus.records.values() for record in rows if record.text and not record.fields]
    place = {id(record): number for number, record in enumerate(records)}
    pairs = [
        (place[id(item.record)], place[id(item.other)], item.kind, item.jaccard or 0)
        for item in corpus.planted
        if item.kind in ("exact", "near", "template") and {id(item.record), id(item.other)} <= place.keys()
    ]
    labels = {
        "": [(one, other, kind != "template" and value >= THRESHOLD) for one, other, kind, value in pairs],
        "_all_copies": [(one, other, kind != "template") for one, other, kind, _ in pairs],
    }
    return [record.text for record in records], labels


def text_dedup(texts: Sequence[str]) -> list[int]:
    """A cluster for each text, by text-dedup's method."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=THEIR_THRESHOLD, num_perm=NUM_PERM, weights=(0.5, 0.5))
    shingles = []
    for text in texts:
        tokens = _NOT_WORD.split(text.lower())
        grams = zip(*(tokens[i:] for i in range(NGRAM)), strict=False) if len(tokens) >= MIN_LENGTH else ()
        shingles.append({" ".join(gram).encode() for gram in grams})
    buckets: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    chosen = [number for number, some in enumerate(shingles) if some]
    sketches = MinHash.generator(
        (shingles[number] for number in chosen), num_perm=NUM_PERM, hashfunc=xxhash.xxh32_intdigest
    )
    for number, sketch in zip(chosen, sketches, strict=True):
        for band in range(lsh.b):
            buckets[band, sketch.hashvalues[band * lsh.r : (band + 1) * lsh.r].tobytes()].append(number)
    edges = np.array([pair for some in buckets.values() for pair in pairwise(some)], np.int64).reshape(-1, 2)
    return components(len(texts), [(edges[:, 0], edges[:, 1])]).tolist()


def ours(texts: Sequence[str], out: Path) -> list[int]:
    """A cluster for each text by midmix's defaults: the kept document that it is, or that it repeats."""
    write_shards(texts, out / "labelled")
    prepare(out / "labelled", out / "labelled-run")
    (run,) = copies(out / "labelled-run", 1)
    deduplicate(run)
    repeats = dropped(run)
    return [int(repeats.get(f"d{number:07d}", f"d{number:07d}")[1:]) for number in range(len(texts))]


def macro_f1(clusters: Sequence[int], pairs: Iterable[Pair]) -> float:
    """Mean F1 of documents with a duplicate and of those without; only documents of labelled pairs count."""
    wanted: dict[int, set[int]] = {}
    for one, other, duplicate in pairs:
        wanted.setdefault(one, set()).update({other} if duplicate else ())
        wanted.setdefault(other, set()).update({one} if duplicate else ())
    members: defaultdict[int, set[int]] = defaultdict(set)
    for document in wanted:
        members[clusters[document]].add(document)
    counts = {"TP": 0, "FP": 0, "TN": 0, "FN": 0}
    for document, duplicates in wanted.items():
        counts[_class(duplicates, members[clusters[document]] - {document})] += 1
    return (_f1(counts, "TP", "FP", "FN") + _f1(counts, "TN", "FN", "FP")) / 2


def _class(duplicates: set[int], found: set[int]) -> str:
    if not found:
        return "FN" if duplicates else "TN"
    return "TP" if duplicates and duplicates <= found else "FP"


def _f1(counts: Mapping[str, int], right: str, wrong: str, missed: str) -> float:
    return 2 * counts[right] / max(1, 2 * counts[right] + counts[wrong] + counts[missed])


def accuracy(out: Path, megabytes: float, seed: int) -> dict[str, float]:
    """`macro_f1` of ours and of text-dedup's method, by both definitions of a duplicate."""
    texts, labels = labelled(out / "demo", megabytes, seed)
    found = {"": ours(texts, out), "_text_dedup": text_dedup(texts)}
    figures: dict[str, float] = {
        f"macro_f1{label}{method}": macro_f1(clusters, pairs)
        for label, pairs in labels.items()
        for method, clusters in found.items()
    }
    return figures | {"labelled_pairs": len(labels[""])}
