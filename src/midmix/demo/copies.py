"""Planted pairs: exact copies, near-duplicates with a share of their words edited, problems with other numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from midmix.demo.draw import Draw
from midmix.demo.gather import generated
from midmix.demo.pool import Pool
from midmix.demo.problems import LOGIC_PROBLEMS, WORD_PROBLEMS, Apart, Exercise, exercise, frame
from midmix.demo.record import Planted, Record
from midmix.demo.wording import ANIMALS, COLOURS, NONSENSE, THINGS

NGRAM = 5
THRESHOLD = 0.8
_MIN_WORDS = 60
# Half of the near-duplicates get few edits, so that many stay at Jaccard 0.8 and over, which 2.2% of words can undo.
_FEW, _MANY = (0.005, 0.018), (0.018, 0.15)
_FILLER = (
    *ANIMALS,
    *COLOURS,
    *NONSENSE,
    *THINGS,
    "also",
    "never",
    "often",
    "perhaps",
    "rather",
    "still",
    "very",
    "within",
)
_PIECES = re.compile(r"\S+\s*|\s+")
# Where a copy goes: all of these have one text column, so that the text stays the same bytes.
_ACROSS = {"crawl": ("repos", "proofs"), "repos": ("crawl",), "proofs": ("crawl",), "problems": ("proofs", "crawl")}


def jaccard(one: str, other: str) -> float:
    """True Jaccard of the sets of word 5-grams; words are runs between white space of the lower-cased text."""
    a, b = _shingles(one), _shingles(other)
    return len(a & b) / max(len(a | b), 1)


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return set(zip(*(words[i:] for i in range(NGRAM)), strict=False))


def exact_copies(pool: Pool, count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """New rows that repeat a document byte for byte: two thirds in its own source, the others in another one."""
    for number in range(count):
        source = draw.pick(("crawl", "crawl", "repos", "proofs", "problems", "chats"))
        original = pool.take(source)
        away = source in _ACROSS and draw.chance(0.4)
        copy = original.copy(draw.pick(_ACROSS[source]) if away else source, f"https://mirror.example/{number}")
        yield copy, Planted("exact", copy, original, 1.0, {"across": away})


def near_copies(pool: Pool, count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """New rows that repeat a document with 0.5 to 15% of its words edited, with the true Jaccard of the two texts."""
    for number in range(count):
        source = draw.pick(("crawl", "crawl", "crawl", "repos", "proofs", "problems"))
        original = pool.take(source, min_words=_MIN_WORDS)
        low, high = _FEW if number % 2 == 0 else _MANY
        share, block = low + (high - low) * draw.unit(), draw.chance(0.3)
        target = draw.pick(_ACROSS[source]) if source != "problems" and draw.chance(0.2) else source
        copy = original.copy(target, f"https://mirror.example/near/{number}")
        edited = _edit(original, copy, share, block, draw)
        detail = {
            "edited_words": edited,
            "words": len(original.text.split()),
            "style": "block" if block else "scattered",
        }
        yield copy, Planted("near", copy, original, jaccard(copy.text, original.text), detail)


def other_numbers(pool: Pool, count: int, seed: int, apart: Apart) -> Iterator[tuple[Record, Planted]]:
    """New problems that are another one's words with other numbers."""
    made = 0
    while made < count:
        original = pool.take("problems")
        item = exercise(seed, "problems", original.index, families=WORD_PROBLEMS + LOGIC_PROBLEMS, numbers=1)
        if item.text == original.text or frame(item.text) != frame(original.text) or apart.shares_run(item.text):
            continue
        made += 1
        copy = generated("problems", original.index, item)
        copy.url += "/numbers"
        yield copy, Planted("template", copy, original, jaccard(copy.text, original.text), {"family": item.family})


def _edit(original: Record, copy: Record, share: float, block: bool, draw: Draw) -> int:
    """Edit the copy's words; returns how many were. Copies that differ in digits alone are drawn again."""
    while True:
        if copy.exercise is None:
            copy.text, edited = edit_words(original.text, share, block, draw)
        else:
            item = copy.exercise
            question, first = edit_words(original.exercise.question if original.exercise else "", share, block, draw)
            answer, second = edit_words(original.exercise.answer if original.exercise else "", share, block, draw)
            copy.exercise, edited = Exercise(item.family, question, answer, item.result), first + second
            copy.text = copy.exercise.text
        if frame(copy.text) != frame(original.text):
            return edited


def edit_words(text: str, share: float, block: bool, draw: Draw) -> tuple[str, int]:
    """The text with a share of its words (at least one) replaced, dropped or followed by a new one; and their number."""
    pieces = _PIECES.findall(text)
    places = [i for i, piece in enumerate(pieces) if piece.strip()]
    count = max(1, round(share * len(places)))
    if block:
        start = draw.between(0, len(places) - count)
        chosen = places[start : start + count]
    else:
        chosen = sorted(draw.sample(places, count))
    for place in chosen:
        word = pieces[place].rstrip()
        space = pieces[place][len(word) :]
        action = draw.between(0, 3)
        if action == 0 and "\n" not in space:
            pieces[place] = ""
        elif action == 1:
            pieces[place] = f"{word} {draw.pick(_FILLER)}{space}"
        else:
            pieces[place] = draw.pick(_FILLER) + space
    return "".join(pieces), count
