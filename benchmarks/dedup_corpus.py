"""A corpus with planted duplicates whose true Jaccard is known: exact and edited copies in groups, dealt out over shards.

    shards/shard-NNNN.parquet   id, text
    pairs.parquet               a, b (ids), jaccard (true, of word 5-grams), how: every two of a group, all compared

The text is that of a folder of parquet files, each once, in a drawn order; where more is asked for than there is, it
comes again with a third of its words replaced, so that no two rounds are near each other. The planted share is the
same in every run of shards, so the first shards of a corpus are a corpus too. Same arguments: same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from dedup_truth import jaccard, words

SHARD_BYTES = 20_000_000
ROUND_SHARE = 0.35  # of the words of a text that comes again: 5-grams are all but gone
ORIGINALS_PER_MEGABYTE = 30
_MIN_WORDS, _MAX_WORDS = 60, 4000
# How often an edited copy shall have a Jaccard of this range; pairs between copies of one text come by themselves.
TARGETS = ((0.80, 0.82, 0.35), (0.82, 0.995, 0.35), (0.6, 0.8, 0.2), (0.3, 0.6, 0.1))
GROUP_SIZES = ((1, 0.7), (2, 0.15), (4, 0.1), (8, 0.05))

Cut = Callable[[int], str]


@dataclass
class Planted:
    """Texts, and which pairs of them are known: (a, b, true Jaccard, how b or both were made)."""

    texts: list[str] = field(default_factory=list)
    pairs: list[tuple[int, int, float, str]] = field(default_factory=list)


def load_texts(data: Path) -> list[str]:
    """Every text of a folder of parquet files with a column `text`; empty ones, which datatrove skips, left out."""
    files = sorted(data.rglob("*.parquet"))
    if not files:
        raise SystemExit(f"{data}: no parquet file with a column 'text'; benchmarks/corpus.py makes some")
    return [text for file in files for text in pq.read_table(file, columns=["text"])["text"].to_pylist() if text]


def vocabulary(texts: Sequence[str], draw: random.Random) -> list[str]:
    """Words that edits put in: of small letters, so that no edit touches numbers or names alone, as templates do."""
    found: set[str] = set()
    for text in draw.sample(texts, min(len(texts), 2000)):
        found.update(word for word in text.split()[:200] if word.isalpha() and word.islower())
    return sorted(found)


def stream(texts: Sequence[str], fillers: Sequence[str], draw: random.Random) -> Iterator[str]:
    """The texts in a drawn order, then the same again and again with words replaced."""
    order = draw.sample(range(len(texts)), len(texts))
    yield from (texts[i] for i in order)
    while True:
        for i in order:
            pieces = texts[i].split(" ")
            for place in range(len(pieces)):
                if pieces[place] and draw.random() < ROUND_SHARE:
                    pieces[place] = draw.choice(fillers)
            yield " ".join(pieces)


def scattered(pieces: Sequence[str], fillers: Sequence[str], draw: random.Random) -> Cut:
    """Words replaced, left out or put in, at places drawn over the text."""
    places = draw.sample(range(len(pieces)), len(pieces))
    actions = [(draw.randrange(4), draw.choice(fillers)) for _ in places]

    def text(amount: int) -> str:
        edited = list(pieces)
        for place, (action, word) in zip(places[:amount], actions, strict=False):
            edited[place] = "" if action == 0 else f"{word} {edited[place]}" if action == 1 else f"{word} "
        return "".join(edited)

    return text


def block(pieces: Sequence[str], fillers: Sequence[str], draw: random.Random) -> Cut:
    """A run of words in the middle rewritten."""
    start = draw.randrange(len(pieces) // 2)
    new = [f"{draw.choice(fillers)} " for _ in pieces]
    return lambda amount: "".join([*pieces[:start], *new[start : start + amount], *pieces[start + amount :]])


def truncated(pieces: Sequence[str], fillers: Sequence[str], draw: random.Random) -> Cut:
    """The end cut off."""
    return lambda amount: "".join(pieces[: max(5, len(pieces) - amount)])


def appended(pieces: Sequence[str], fillers: Sequence[str], draw: random.Random) -> Cut:
    """Words added after the end."""
    new = [f" {draw.choice(fillers)}" for _ in range(3 * len(pieces))]
    return lambda amount: "".join([*pieces, *new[:amount]])


EDITS = {"scattered": scattered, "block": block, "truncated": truncated, "appended": appended}


def edited_copy(text: str, low: float, high: float, fillers: Sequence[str], draw: random.Random) -> tuple[str, str]:
    """A copy whose true Jaccard with the text lies between low and high, as far as whole words allow; and how."""
    (how,) = draw.choices(list(EDITS), (6, 1, 1, 1))
    pieces = _pieces(text)
    made, target = EDITS[how](pieces, fillers, draw), low + (high - low) * draw.random()
    # Each scattered edit costs five shingles on either side, each word of the other kinds one.
    amount = round(len(pieces) * (1 - target) / (1 + target) / (5 if how == "scattered" else 1)) or 1
    least, most = 1, 3 * amount + 8
    while True:
        copy = made(amount)
        found = jaccard(text, copy)
        least, most = (amount + 1, most) if found > high else (least, amount - 1)
        if low <= found <= high or least > most:
            return copy, how
        amount = (least + most) // 2


def _pieces(text: str) -> list[str]:
    """The text cut after every run of white space."""
    pieces: list[str] = []
    at = 0
    for word in text.split():
        end = text.index(word, at) + len(word)
        while end < len(text) and text[end].isspace():
            end += 1
        pieces.append(text[at:end])
        at = end
    return pieces


def plant_group(planted: Planted, original: int, fillers: Sequence[str], draw: random.Random) -> None:
    """Copies of one text, of which some are copies of copies; every two of them compared."""
    members, made = [original], {original: "original"}
    (size,) = draw.choices([size for size, _ in GROUP_SIZES], [weight for _, weight in GROUP_SIZES])
    for _ in range(size):
        source = planted.texts[draw.choice(members) if draw.random() < 0.3 else original]
        if draw.random() < 0.2:
            text, how = source, "exact"
        else:
            ((low, high, _),) = draw.choices(TARGETS, [weight for *_, weight in TARGETS])
            text, how = edited_copy(source, low, high, fillers, draw)
        made[len(planted.texts)] = how
        members.append(len(planted.texts))
        planted.texts.append(text)
    planted.pairs += [
        (a, b, jaccard(planted.texts[a], planted.texts[b]), made[b] if a == original else "siblings")
        for a, b in combinations(members, 2)
    ]


def blocks(texts: Sequence[str], megabytes: float, seed: int) -> Iterator[Planted]:
    """Runs of about SHARD_BYTES of text, each with what is planted in it."""
    draw = random.Random(seed)
    fillers = vocabulary(texts, draw)
    coming, left = stream(texts, fillers, draw), megabytes * 1e6
    most = min(SHARD_BYTES, left / 4)
    while left > most / 20:
        planted, size = Planted(), 0
        while size < min(most, left) * 0.9:  # what is planted is about a tenth
            planted.texts.append(next(coming))
            size += len(planted.texts[-1].encode())
        fit = [i for i, text in enumerate(planted.texts) if _MIN_WORDS <= len(words(text)) <= _MAX_WORDS]
        for original in draw.sample(fit, min(len(fit), round(ORIGINALS_PER_MEGABYTE * size / 1e6))):
            plant_group(planted, original, fillers, draw)
        left -= sum(len(text.encode()) for text in planted.texts)
        yield planted


def write_corpus(texts: Sequence[str], megabytes: float, seed: int, out: Path) -> None:
    """Write shards and pairs. Half of a block's documents go to the shard before, so that pairs lie across shards."""
    (out / "shards").mkdir(parents=True, exist_ok=True)
    draw, rows, pairs = random.Random(seed + 1), [], []
    carried: list[tuple[str, str]] = []
    count = shard = 0
    for planted in blocks(texts, megabytes, seed):
        mine = [(f"d{count + i:07d}", text) for i, text in enumerate(planted.texts)]
        pairs += [(mine[a][0], mine[b][0], value, how) for a, b, value, how in planted.pairs]
        count += len(mine)
        draw.shuffle(mine)
        rows = carried + mine[: len(mine) // 2]
        carried = mine[len(mine) // 2 :]
        draw.shuffle(rows)
        _write_shard(out, shard, rows)
        shard += 1
    _write_shard(out, shard, carried)
    names = ("a", "b", "jaccard", "how")
    table = pa.table({name: [pair[i] for pair in pairs] for i, name in enumerate(names)})
    pq.write_table(table, out / "pairs.parquet")


def _write_shard(out: Path, number: int, rows: Sequence[tuple[str, str]]) -> None:
    table = pa.table({"id": [key for key, _ in rows], "text": [text for _, text in rows]})
    pq.write_table(table, out / "shards" / f"shard-{number:04d}.parquet", compression="zstd", row_group_size=1000)
