"""Streams of generated problems: as text, as question and answer, as chats, with a guard that keeps sets apart.

Everything made here is synthetic and says so in its metadata. Problem i of a stream is a function of (seed, stream,
i) alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from midmix.demo.draw import Draw
from midmix.demo.families import amounts, measures, reasoning
from midmix.demo.problem import Family, Problem, capital, worked
from midmix.demo.wording import KIN, NAMES, PLACES, TIMES

WORD_PROBLEMS: tuple[Family, ...] = (*amounts.FAMILIES, *measures.FAMILIES)
LOGIC_PROBLEMS: tuple[Family, ...] = reasoning.FAMILIES
# Streams of draws: no two sets share one.
STREAMS = {"problems": 1, "chats": 2, "gold": 3, "bench": 4, "styles": 5}
# A run of 13 words holds four 10-grams in a row, one of which starts at a multiple of four: so it is always seen.
_GRAM, _STRIDE = 10, 4
_DIGITS = re.compile(r"\d+")
_ASKS = (
    "{q}", "{q}", "Can you help {who} with this? {q}", "{q} Please show each step.", "{who} could not solve it: {q}",
    "Homework for {day}: {q}", "{q} I would like to see why.", "Here is one from {place}. {q}", "{q} Keep it short.",
    "{who} asked me this {day}, and I am stuck. {q}", "Solve: {q}", "Puzzle of the week, found at {place}: {q}",
)  # fmt: skip
_OPENINGS = (
    "", "", "", "Let us go through it for {name}.\n", "Sure.\n", "We take the events in order.\n", "Here is how {who} would do it.\n",
    "Good question, {name}.\n", "Work from what is given.\n",
)  # fmt: skip
_SYSTEMS = (
    "You are a careful tutor for {name}.", "Answer step by step, as {who} likes it.", "You explain puzzles at {place}.",
    "Be brief and exact.", "You teach a class of beginners in {place}.",
)  # fmt: skip
_THANKS = (
    "Thanks! And what would {name} say if asked for the result alone?", "So, in one word or number, {name}?",
    "Could you repeat the result for {who}?", "What should I write down for {who}?", "Which value do I tell {name} {day}?",
)  # fmt: skip
_REPEATS = ("{r}", "It is {r}.", "Just {r}.", "Tell {name}: {r}.", "{r}, as found above.")


@dataclass(frozen=True)
class Exercise:
    """A generated problem with its solution written out."""

    family: str
    question: str
    answer: str
    result: str

    @property
    def text(self) -> str:
        """The two fields as the template `{question}\\n\\n{answer}` joins them."""
        return f"{self.question}\n\n{self.answer}"


def exercise(
    seed: int, stream: str, index: int, *, families: tuple[Family, ...], numbers: int = 0, ending: str | None = None
) -> Exercise:
    """Exercise `index` of a stream. Another `numbers` gives the same words with other numbers, where the words allow it."""
    words = Draw(seed, STREAMS[stream], index)
    family = words.pick(families)
    problem: Problem = family(words, Draw(seed, STREAMS[stream], index, 1 + numbers))
    return Exercise(problem.family, problem.question, worked(problem, words, ending), problem.result)


def frame(text: str) -> str:
    """The text with every run of digits replaced by one 0: texts of one frame differ in numbers alone."""
    return _DIGITS.sub("0", text)


def exercises(seed: int, stream: str, *, families: tuple[Family, ...], apart: Apart | None = None, ending: str | None = None,
              start: int = 0) -> Iterator[tuple[int, Exercise]]:  # fmt: skip
    """The endless stream of (index, exercise), without repeats and without those that share a run with `apart`."""
    seen: set[str] = set()
    index = start
    while True:
        item = exercise(seed, stream, index, families=families, ending=ending)
        if item.text not in seen and (apart is None or not apart.shares_run(item.text)):
            seen.add(item.text)
            yield index, item
        index += 1


def chat(item: Exercise, draw: Draw) -> list[dict[str, str]]:
    """The exercise as a list of messages with role and content, of two to five turns."""
    slots: dict[str, Any] = {
        "name": draw.pick(NAMES),
        "who": draw.pick(KIN),
        "place": draw.pick(PLACES),
        "day": draw.pick(TIMES).lower(),
    }
    messages = []
    if draw.chance(0.25):
        messages.append({"role": "system", "content": draw.pick(_SYSTEMS).format(**slots)})
    asked = capital(draw.pick(_ASKS).format(q=item.question, **slots))
    messages.append({"role": "user", "content": asked})
    messages.append({"role": "assistant", "content": draw.pick(_OPENINGS).format(**slots) + item.answer})
    if draw.chance(0.2):
        messages.append({"role": "user", "content": draw.pick(_THANKS).format(**slots)})
        messages.append({"role": "assistant", "content": capital(draw.pick(_REPEATS).format(r=item.result, **slots))})
    return messages


class Apart:
    """Remembers texts that must stay apart: says of another text whether it shares a run of 13 words with one of them."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._grams: set[tuple[str, ...]] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Remember one more text."""
        words = text.lower().split()
        self._grams.update(tuple(words[i : i + _GRAM]) for i in range(len(words) - _GRAM + 1))

    def shares_run(self, text: str) -> bool:
        """Whether a run of 13 words is shared; some runs of 10 to 12 count as well."""
        words = text.lower().split()
        return any(tuple(words[i : i + _GRAM]) in self._grams for i in range(0, len(words) - _GRAM + 1, _STRIDE))
