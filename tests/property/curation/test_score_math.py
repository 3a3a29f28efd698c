"""The group `math` against regular expressions and plain Python."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.score.groups import score_texts
from midmix.tables import TEXT

PIECES = st.sampled_from(
    ["\\frac", "\\a", "\\boxed{", "=", "==", "!=", "&", " ", " ", "\n", "x", "1", ")", "(", "$", "step", "Step 1", "So", "first", "then",
     "therefore", ". ", "! ", "?", "Answer", "answer", ":", "：", "**", "####", "#### 4", "-", "+", "é", "∑", "×", "²", "٣", "\u3000", "<", "_"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=50).map("".join)


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def is_operator(char: str) -> bool:
    return char in "+-*/=<>^" or (char > "\x7f" and unicodedata.category(char) == "Sm")


def is_equation(line: str) -> bool:
    for at in (i for i, char in enumerate(line) if char == "="):
        before, after = line[:at], line[at + 1 :]
        left = re.sub(r"(?:(?<=.)[\s&])*$", "", before, flags=re.DOTALL)[-1:]
        right = re.sub(r"^(?:[\s&](?=.))*", "", after, flags=re.DOTALL)[:1]
        has_left = left.isalnum() or (left != "" and left in ")]}|$'!")
        has_right = right.isalnum() or (right != "" and right in "([{\\-+$|.")
        if has_left and has_right and not before.endswith("!"):
            return True
    return False


def is_marker(rest: str) -> bool:
    word = re.match(r"(?:first|then|therefore|so)", rest, re.IGNORECASE | re.ASCII)
    if word:
        return not rest[word.end() : word.end() + 1].isalnum()
    step = re.match(r"(?ia:step)(?u:\s+)", rest)
    return bool(step) and rest[step.end() : step.end() + 1].isdecimal()


def markers(line: str) -> int:
    starts = [len(line) - len(line.lstrip())]
    while starts[0] < len(line) and (line[starts[0]].isspace() or line[starts[0]] in "*#>_-"):
        starts[0] += 1
    starts += [m.end() for m in re.finditer(r"[.!?]\s+", line) if m.start() >= starts[0]]
    return sum(is_marker(line[start:]) for start in starts)


def has_answer(line: str) -> bool:
    line = line.lstrip()
    if re.match(r"####(?!#)\s*[$+-]*\d", line) or "\\boxed" in line:
        return True
    return any(
        (match.start() == 0 or not line[match.start() - 1].isalnum())
        and re.match(r"(?:[\s*_]{0,4})[:：]", line[match.end() :])
        for match in re.finditer("(?ia)answer", line)
    )


def reference(text: str) -> dict[str, float]:
    lines = text.splitlines()
    return {
        "latex_command_density": share(1000 * len(re.findall(r"\\[A-Za-z]{2,}", text)), len(text)),
        "operator_fraction": share(sum(map(is_operator, text)), len(text)),
        "equation_line_fraction": share(
            sum(is_equation(s.lstrip()) for s in lines), sum(bool(s.strip()) for s in lines)
        ),
        "num_step_markers": sum(map(markers, lines)),
        "has_final_answer": any(map(has_answer, lines)),
    }


def check(texts: list[str]) -> None:
    scores = score_texts(pa.array(texts, TEXT), ("math",))[0]["math"]
    expected = [reference(text) for text in texts]
    for name in scores:
        np.testing.assert_array_equal(scores[name], [row[name] for row in expected], err_msg=name)


def test_real_texts(real_texts: list[str]) -> None:
    check([text[:40_000] for text in real_texts])


@given(st.lists(TEXTS, max_size=5))
def test_any_texts(texts: list[str]) -> None:
    check(texts)
