"""A problem with its worked solution, and the few moves that all families of problems share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from midmix.demo.draw import Draw


@dataclass(frozen=True)
class Problem:
    """A question, its solution step by step, and the bare result."""

    family: str
    question: str
    steps: tuple[str, ...]
    result: str


# The words of a problem and its numbers are drawn apart: the same words with other numbers are a template pair.
Family = Callable[[Draw, Draw], Problem]

_NUMBERED = ("Step {i}: ", "{i}. ", "({i}) ", "{i}) ")
_OPENERS = ("First, ", "To begin, ", "Start here: ", "Firstly, ")
_MIDDLES = ("Then ", "Next, ", "After that, ", "Now ", "From this, ", "In turn, ", "So ")
_CLOSERS = ("Finally, ", "Therefore ", "Lastly, ", "In the end, ", "Hence ")
_ENDINGS = (
    "Answer: {}",
    "The answer is {}.",
    "#### {}",
    "\\boxed{{{}}}",
    "Final answer: {}",
    "Result: {}",
    "So we get {}.",
)


def say(draw: Draw, *phrasings: str, **slots: object) -> str:
    """One of the phrasings with its slots filled."""
    return draw.pick(phrasings).format(**slots)


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def worked(problem: Problem, draw: Draw, ending: str | None = None) -> str:
    """The worked solution as text: one step a line in a drawn style, then the result (`#### 12` style when given)."""
    style = draw.between(0, 3)
    if style == 0:
        mark = draw.pick(_NUMBERED)
        lines = [mark.format(i=i) + capital(step) for i, step in enumerate(problem.steps, start=1)]
    elif style == 1:
        lines = _connected(problem.steps, draw)
    else:
        lines = [capital(step) for step in problem.steps]
    lines.append((ending or draw.pick(_ENDINGS)).format(problem.result))
    return (" " if style == 3 and ending is None else "\n").join(lines)


def _connected(steps: Sequence[str], draw: Draw) -> list[str]:
    lines = [draw.pick(_OPENERS) + steps[0]]
    lines += [draw.pick(_MIDDLES) + step for step in steps[1:-1]]
    return lines + ([draw.pick(_CLOSERS) + steps[-1]] if len(steps) > 1 else [])
