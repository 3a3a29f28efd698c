"""Held-out text and evaluation items as windows of tokens, with exactly the tokens and bytes that are measured.

Every text starts from an end-of-text token, as each training document does, so that its first token is predicted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """One forward pass: `ids[:-1]` go in, `ids[1:]` are predicted, and those from number `first` on are measured."""

    ids: Ids
    first: int

    @property
    def measured(self) -> Ids:
        """The tokens whose losses count."""
        return self.ids[1 + self.first :]


@dataclass(frozen=True)
class Text:
    """What one metric is measured on. `num_bytes` are the UTF-8 bytes of exactly the measured tokens."""

    metric: str
    windows: tuple[Window, ...]
    num_bytes: int

    @property
    def measured(self) -> Ids:
        """All measured tokens in order."""
        return np.concatenate([window.measured for window in self.windows])


def whole_within(num_tokens: Sequence[int], budget: int) -> list[int]:
    """Which items, in order, make at most `budget` tokens: whole ones; those too long for what is left are passed over.

    Where none fits, the shortest one alone.
    """
    chosen, left = [], budget
    for index, size in enumerate(num_tokens):
        if size <= left:
            chosen.append(index)
            left -= size
    return chosen or [min(range(len(num_tokens)), key=lambda index: num_tokens[index])]


def document_windows(documents: Sequence[Ids], start: int, length: int) -> tuple[Window, ...]:
    """Whole documents one after the other, in windows of `length` predictions; each token is measured once.

    A window does not see the one before it and may hold several documents, just as in training.
    """
    ids = np.concatenate([[start], *documents])
    return tuple(Window(ids[at : at + length + 1], 0) for at in range(0, len(ids) - 1, length))


def answer_windows(question: Ids, answer: Ids, start: int, length: int) -> tuple[Window, ...]:
    """One item: every answer token measured once, after as much of the question's end as fits.

    An answer longer than a window is cut in several; the first keeps at least a quarter for the question.
    """
    ids = np.concatenate([[start], question, answer])
    context = 1 + min(len(question), length // 4)
    count = max(1, -(-(len(answer) + context - 1) // length))
    ids = ids[-(count * length + 1) :]
    first = len(ids) - 1 - len(answer)
    found = []
    for at in range(0, len(ids) - 1, length):
        found.append(Window(ids[at : at + length + 1], max(0, first - at)))
    return tuple(found)


def document_text(
    metric: str, documents: Sequence[Ids], num_bytes: Sequence[int], *, start: int, length: int, budget: int
) -> Text:
    """Held-out documents up to `budget` tokens. `num_bytes` are the bytes of each; end-of-text has none."""
    chosen = whole_within([len(d) for d in documents], budget)
    return Text(
        metric, document_windows([documents[i] for i in chosen], start, length), sum(num_bytes[i] for i in chosen)
    )


@dataclass(frozen=True)
class Item:
    """An evaluation item as tokens: a question (empty for plain text) and an answer of `num_bytes` bytes."""

    question: Ids
    answer: Ids
    num_bytes: int


def item_text(metric: str, items: Sequence[Item], *, start: int, length: int, budget: int) -> Text:
    """Evaluation items up to `budget` tokens, questions included."""
    chosen = [items[i] for i in whole_within([len(item.question) + len(item.answer) for item in items], budget)]
    windows = [w for item in chosen for w in answer_windows(item.question, item.answer, start, length)]
    return Text(metric, tuple(windows), sum(item.num_bytes for item in chosen))
