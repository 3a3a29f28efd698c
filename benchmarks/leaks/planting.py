"""Planted leaks: items of a benchmark, rewritten in known ways and put into ordinary documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from leaks import code, prose
from leaks.carriers import Ordinary
from leaks.formulas import HARD_REWRITES, REWRITES, Formula, Node, formula, other_numbers

Rewrite = Callable[[str, Random], str | None]


@dataclass(frozen=True)
class Planted:
    """A document that holds a rewritten item. start, end: bytes of it; fields: which parts of the item it is of.

    expected: leak, variant (the same with other numbers), or nothing.
    """

    kind: str
    set: str
    item: int
    fields: tuple[str, ...]
    expected: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Class:
    """A way to rewrite: what of an item is taken, what becomes of it, and what should be said of it."""

    name: str
    set: str
    source: Callable[[dict[str, str]], str]
    rewrite: Rewrite
    fields: tuple[str, ...]
    expected: str = "leak"
    around: tuple[int, int] = (200, 700)


def _question(item: dict[str, str]) -> str:
    return item["question"]


def _answer(item: dict[str, str]) -> str:
    return item["answer"]


def _both(item: dict[str, str]) -> str:
    return item["question"] + "\n" + item["answer"]


def _program(item: dict[str, str]) -> str:
    return item["question"] + item["answer"]


WHOLE, BODY, DOCSTRING = ("prompt", "docstring", "prose", "body"), ("body",), ("docstring", "prose")
Q, A = ("question",), ("answer",)
CLASSES = (
    Class("verbatim", "gsm8k", _question, prose.as_it_is, Q),
    Class("verbatim_alone", "gsm8k", _question, prose.as_it_is, Q, around=(0, 0)),
    Class("whitespace", "gsm8k", _question, prose.whitespace, Q),
    Class("embedded", "gsm8k", _question, prose.as_it_is, Q, around=(2500, 10_000)),
    Class("truncated_first", "gsm8k", _question, prose.first_part, Q),
    Class("truncated_last", "gsm8k", _question, prose.last_part, Q),
    Class("names", "gsm8k", _question, prose.names, Q),
    Class("names_nouns", "gsm8k", _question, prose.names_nouns, Q),
    Class("numbers", "gsm8k", _question, prose.numbers, Q, "variant"),
    Class("one_number", "gsm8k", _question, prose.one_number, Q, "variant"),
    Class("names_numbers", "gsm8k", _question, prose.names_numbers, Q, "variant"),
    Class("digits_to_words", "gsm8k", _question, prose.digits_to_words, Q),
    Class("question_and_answer", "gsm8k", _both, prose.as_it_is, (*Q, *A)),
    Class("answer_only", "gsm8k", _answer, prose.as_it_is, A),
    Class("answer_without_marks", "gsm8k", _answer, prose.without_calculator, A),
    Class("html", "gsm8k", _question, prose.html, Q),
    Class("markdown", "gsm8k", _question, prose.markdown, Q),
    Class("dropped_words", "gsm8k", _question, prose.dropped_words, Q),
    Class("inserted_words", "gsm8k", _question, prose.inserted_words, Q),
    Class("shuffled_sentences", "gsm8k", _question, prose.shuffled_sentences, Q),
    Class("code_verbatim", "humaneval", _program, prose.as_it_is, WHOLE),
    Class("docstring", "humaneval", _question, code.docstring, DOCSTRING),
    Class("code_body", "humaneval", _answer, prose.as_it_is, BODY),
    Class("code_renamed", "humaneval", _program, code.renamed, WHOLE),
    Class("code_renamed_body", "humaneval", _program, code.renamed_body, BODY),
    Class("code_reformatted", "humaneval", _program, code.reformatted, WHOLE),
    Class("code_stripped", "humaneval", _program, code.stripped, BODY),
)


def formulas(count: int) -> list[Formula]:
    """The formula items, the same in every run: they belong to the benchmark, the leaks to the seed."""
    draw = Random("formula items")
    return [formula(draw) for _ in range(count)]


def plant(items: dict[str, list[dict[str, str]]], made: Sequence[Formula], ordinary: Ordinary, seed: int,
          count: int) -> list[Planted]:  # fmt: skip
    """`count` leaks of every class, fewer where there are fewer items; every class has a generator of its own."""
    found: list[Planted] = []
    for one in CLASSES:
        draw = Random(f"{seed}/{one.name}")
        rows = list(enumerate(items[one.set]))
        draw.shuffle(rows)
        left = count
        for number, row in rows:
            if left == 0:
                break
            text = one.rewrite(one.source(row), draw)
            if text is not None:
                found.append(_in_carrier(one, number, text, ordinary, draw))
                left -= 1
    return found + list(_planted_formulas(made, ordinary, seed, count))


def _in_carrier(one: Class, number: int, text: str, ordinary: Ordinary, draw: Random) -> Planted:
    in_code = one.set == "humaneval" and draw.random() < 0.5
    before, after = (ordinary.carrier(draw.randint(*one.around), draw, code=in_code) for _ in range(2))
    head = before + "\n\n" if before else ""
    tail = "\n\n" + after if after else ""
    start = len(head.encode())
    return Planted(
        one.name, one.set, number, one.fields, one.expected, head + text + tail, start, start + len(text.encode())
    )


def _planted_formulas(made: Sequence[Formula], ordinary: Ordinary, seed: int, count: int) -> list[Planted]:
    """Each formula in two other notations, in a hard one, with other numbers, and its stem about other formulas."""
    draw = Random(f"{seed}/formulas")
    found: list[Planted] = []

    def add(name: str, number: int, text: str, expected: str) -> None:
        one = Class(name, "formula", _question, prose.as_it_is, Q, expected)
        found.append(_in_carrier(one, number, text, ordinary, draw))

    for number, one in list(enumerate(made))[: max(1, count // 2)]:
        for style in draw.sample(REWRITES, 2):
            add("latex", number, one.written(style), "leak")
        add("latex_hard", number, one.written(draw.choice(HARD_REWRITES)), "leak")
        if (other := other_numbers(one, draw)) is not None:
            add("latex_numbers", number, other.written(draw.choice(REWRITES)), "variant")
        add("latex_same_stem", number, Formula(one.stem, *_two(draw)).written(draw.choice(REWRITES)), "nothing")
    return found


def _two(draw: Random) -> tuple[Node, Node]:
    other = formula(draw)
    return other.first, other.second
