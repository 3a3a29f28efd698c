"""Tokens of leak search: which notations say the same, and where tokens stand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.notation import NUMBER, OPERATOR, WORD, notation, token_hash
from midmix.curation.decontaminate.tokens import AT, MOST_AT_ONCE, STATE_SLOTS, empty_tokens, scan, tokenize
from midmix.tables import TEXT


def hashes(text: str) -> list[int]:
    offsets, tokens = tokenize(pa.array(["before", text, "after"], TEXT))
    return tokens.hashes[offsets[1] : offsets[2]].tolist()


def written(text: str) -> list[tuple[str, int]]:
    """(text, class) of every token."""
    _, tokens = tokenize(pa.array([text], TEXT))
    data = text.encode()
    places = zip(tokens.begins, tokens.ends, tokens.classes, strict=True)
    return [(data[begin:end].decode(), int(kind)) for begin, end, kind in places]


@pytest.mark.parametrize(
    "forms",
    [
        ("Tom has 3 apples", "TOM  has\n(3) 'apples'.", "**Tom** has <b class='x'>3</b> apples", "Tom_has 3 apples"),
        ("a/b", r"\frac{a}{b}", r"\dfrac a b", r"\frac ab", r"{a \over b}", "a ÷ b", r"a \div b", "(a)/(b)"),
        (r"\frac{x+1}{y-2}", "(x + 1)/(y − 2)", r"{x+1 \over y-2}", r"\left(x+1\right)/\left(y-2\right)"),
        (r"\frac{\frac{1}{2}}{3}", "1/2/3", "½/3", r"\frac{\frac12}3"),
        ("x^2", "x²", "x^{2}", "x**2", "x ** 2", "x<sup>2</sup>"),
        ("y^{10}", "y¹⁰", "y^10"),
        ("a_1 + a_2", "a₁ + a₂", r"a_{1} \;+ a_{2}"),
        ("sqrt(2)", "√2", r"\sqrt{2}", r"$\sqrt 2$"),
        ("2 pi r", "2πr", r"2\pi r"),
        ("x y^2", "xy^2", r"x \cdot y^2", "x·y²", r"x \times y^2"),
        (r"n \choose k", r"\binom{n}{k}", "n choose k"),
        ("a <= b", "a ≤ b", r"a \leq b", r"a\le b"),
        ("a != b", "a ≠ b", r"a \ne b"),
        ("1000", "1,000", r"1{,}000", r"1\,000", "1,000.00"),
        ("3.5", "3.50", "3.500"),
        ("0.5 km", ".5 km", "0.50 km"),
        ("25 cups and 90 more", "twenty-five cups and ninety more", "Twenty-Five cups and 90 more"),
        ("21 of 31", "twenty-one of thirty-one"),
        ("has_close_elements", "hasCloseElements", "has close elements"),
        ("x =\n-5", "x = -5", "x = −5"),
        ("- first\n- second", "first\nsecond", "* first\n* second", "+ first\n+ second"),
        ("4 * 6 = 24 cups", "4*6=<<4*6=24>>24 cups"),
        ("don't", "don’t"),
        ("5 < 7", "5 &lt; 7"),
        ("the end", "the&nbsp;end", "the — end", "the…end"),
        ("été", "ÉTÉ"),
        ("Übung", "übung"),
        ("αβγ", "ΑΒΓ"),
        ("你好 ok", "你 好 ok", "你好，ok"),
    ],
)
def test_forms_of_one_thing(forms: tuple[str, ...]) -> None:
    for form in forms[1:]:
        assert hashes(form) == hashes(forms[0]), form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x^2", "x2"), ("a+b", "a-b"), ("a/b", "b/a"), ("3.5", "35"), ("1,00", "100"), ("1,0000", "10000"),
        ("a < b", "a > b"), ("x = -5\n", "x = 5\n"), ("a**b", "a*b"), ("cat", "car"), ("forty two", "42"),
        ("one", "1"), ("3.05", "3.5"), ("twenty one-off", "21 off"), ("McDonald", "Mc Donald"), ("x1", "x 1 "),
        ("é", "e"), ("αβ", "α β"), ("v1.5", "v 0.5"),
    ],
)  # fmt: skip
def test_other_things(one: str, other: str) -> None:
    _, first = tokenize(pa.array([one], TEXT))
    _, second = tokenize(pa.array([other], TEXT))
    assert (first.hashes.tolist(), first.classes.tolist()) != (second.hashes.tolist(), second.classes.tolist())


def test_places_and_classes() -> None:
    assert written("Ann’s twenty-five × ½ été: 1,000.50 == x2 ≤ hiThere\\pi") == [
        ("Ann", WORD), ("s", WORD), ("twenty-five", NUMBER), ("½", NUMBER), ("½", OPERATOR), ("½", NUMBER), ("été", WORD),
        ("1,000.50", NUMBER), ("==", OPERATOR), ("x", WORD), ("2", WORD), ("≤", OPERATOR), ("hi", WORD), ("There", WORD),
        ("\\pi", WORD),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", " ", "***", "=====", "----", "{}}}}{{{{", "\\", "a\\", "&", "&#", "<", "<<", "<<1", "²"]
)
def test_bytes_beyond_the_end_are_not_read(text: str) -> None:
    """The same tokens whatever stands behind."""
    _, alone = tokenize(pa.array([text], TEXT))
    for behind in ("=>42b", "25>>", "\u0301é", "²²", ",000"):
        offsets, tokens = tokenize(pa.array([text, behind], TEXT))
        assert tokens.hashes[: offsets[1]].tolist() == alone.hashes.tolist()


def test_a_hash_is_of_the_folded_bytes() -> None:
    assert hashes("Word") == [token_hash("word")]
    assert hashes("Incomprehensibilities") == [token_hash("incomprehensibilities")]
    assert hashes("1,234,567,890.5") == [token_hash("1234567890.5")]


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_text_read_in_pieces(limit: int) -> None:
    text = r"A \frac{1+x}{\binom{n}{k}} of thirty-one é½ cups, twoWords << 2 **b** \over x_{12}²" * 3
    _, whole = tokenize(pa.array([text], TEXT))
    bounds, data = text_buffers(pa.array([text], TEXT))
    state = np.zeros(STATE_SLOTS, np.int64)
    out = empty_tokens(1000 + MOST_AT_ONCE)
    n = 0
    while state[AT] < bounds[1]:
        n = scan(data, bounds[0], bounds[1], n, n + limit, state, out, notation())
    for column, expected in zip(out, whole, strict=True):
        assert column[:n].tolist() == expected.tolist()


def test_braces_deeper_than_the_stack() -> None:
    deep = "{" * 40 + r"\frac{1}{2}" + "}" * 50 + r" \frac{3}{4}"
    assert hashes(deep)[-3:] == hashes("3/4")
