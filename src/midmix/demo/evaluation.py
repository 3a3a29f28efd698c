"""Evaluation sets, made apart from the corpus: word problems, general prose, and a benchmark that is then leaked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from midmix.demo.draw import Draw
from midmix.demo.harvest import PROSE, descriptions, documents, source_files
from midmix.demo.problems import STREAMS, WORD_PROBLEMS, Apart, exercises
from midmix.demo.wheels import HELD_OUT
from midmix.demo.wording import ANIMALS, COLOURS, NAMES, THINGS

NUM_GOLD, NUM_GENERAL, NUM_BENCH = 200, 150, 150
NUM_SHORT, NUM_UNDETECTABLE = 30, 10
_PASSAGE_WORDS = (60, 260)
_ENDING = "#### {}"
Item = dict[str, str]


@dataclass(frozen=True)
class Evaluation:
    """Items of the sets: gold and bench have question and answer, general has text."""

    gold: list[Item]
    general: list[Item]
    bench: list[Item]

    def apart(self) -> Apart:
        """What no document of the corpus may share a run of 13 words with, unless it is planted."""
        return Apart(" ".join(item.values()) for item in (*self.gold, *self.general, *self.bench))


def make_evaluation(seed: int) -> Evaluation:
    """The evaluation sets of a seed. Word problems of one set share no run of 13 words with those of the others."""
    apart = Apart()
    gold = list(islice(_problems(seed, "gold", apart), NUM_GOLD))
    for item in gold:
        apart.add(f"{item['question']} {item['answer']}")
    long = list(islice(_problems(seed, "bench", apart), NUM_BENCH - NUM_SHORT - NUM_UNDETECTABLE))
    draw = Draw(seed, STREAMS["bench"])
    short = [_short_item(draw, number) for number in range(NUM_SHORT)]
    bare = [_bare_item(draw) for _ in range(NUM_UNDETECTABLE)]
    return Evaluation(gold, list(islice(_passages(seed), NUM_GENERAL)), long + short + bare)


def write_evaluation(folder: Path, sets: Evaluation) -> None:
    """Write eval/gold.jsonl, eval/general.jsonl and bench/minigsm.jsonl."""
    for name, items in (("eval/gold", sets.gold), ("eval/general", sets.general), ("bench/minigsm", sets.bench)):
        path = folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8", newline="\n"
        )


def _problems(seed: int, stream: str, apart: Apart) -> Iterator[Item]:
    for _, item in exercises(seed, stream, families=WORD_PROBLEMS, apart=apart, ending=_ENDING):
        if len(item.question.split()) >= 20 and len(item.answer.split()) >= 16:
            yield {"question": item.question, "answer": item.answer}


def _short_item(draw: Draw, number: int) -> Item:
    """An item of 6 to 12 words: too short for a 13-gram, long enough to be told from chance as a whole."""
    a, b, name, thing = draw.between(120, 980), draw.between(13, 89), draw.pick(NAMES), draw.pick(THINGS)
    colour, animal = draw.pick(COLOURS), draw.pick(ANIMALS)
    question, result = (
        (f"{name} multiplies {a} {colour} {thing} by {b}; what comes out?", a * b),
        (f"How many {thing} has {name} after adding {b} to {a}?", a + b),
        (f"From {a} {colour} {thing} the {animal} steals {b}; how many stay?", a - b),
        (f"What remains when {a} {thing} fill rows of {b}, {name}?", a % b),
        (f"Twice {a} {thing} less {b} leaves {name} with what?", 2 * a - b),
        (f"The {colour} {animal} eats {b} of {a} {thing}; count the rest.", a - b),
    )[number % 6]
    return {"question": question, "answer": str(result)}


def _bare_item(draw: Draw) -> Item:
    """An item too short for any rule: fewer than 5 words in both fields."""
    a, b = draw.between(12, 99), draw.between(12, 99)
    return draw.pick(
        [{"question": f"Compute {a}*{b}", "answer": str(a * b)}, {"question": f"Add {a} {b}", "answer": str(a + b)}]
    )


def _passages(seed: int) -> Iterator[Item]:
    """Paragraphs of prose from wheels that are not in the corpus, each cut from another document."""
    for found in _held_out(seed):
        kept: list[str] = []
        for paragraph in re.split(r"\n\s*\n", found):
            text = " ".join(paragraph.split())
            if len(text.split()) >= 8 and _is_plain(text):
                kept.append(text)
            if sum(len(p.split()) for p in kept) >= _PASSAGE_WORDS[0]:
                break
        words = sum(len(p.split()) for p in kept)
        if _PASSAGE_WORDS[0] <= words <= _PASSAGE_WORDS[1]:
            yield {"text": "\n\n".join(kept)}


def _held_out(seed: int) -> Iterator[str]:
    seen: set[str] = set()
    for file in source_files(HELD_OUT, seed):
        for found in documents(file, math=False):
            if found.kind == PROSE and found.text not in seen:
                seen.add(found.text)
                yield found.text
    for found in descriptions(HELD_OUT):
        yield found.text


def _is_plain(text: str) -> bool:
    letters = sum(c.isalpha() or c == " " for c in text)
    return letters >= 0.9 * len(text) and ">>>" not in text and text[0].isalpha() and text[-1] in ".:!?)"
