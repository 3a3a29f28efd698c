"""The rules of leak search at their edges."""

from __future__ import annotations

import pytest

from midmix.curation.decontaminate.verdict import (
    ANSWER_FIELD,
    BODY_FIELD,
    LABELS,
    NONE,
    PLAIN_FIELD,
    QUESTION_FIELD,
    RULES,
    Evidence,
    full_share,
    is_long_enough,
    judge,
)  # fmt: skip

NOTHING = Evidence(40, 2, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0.0)
FULL = NOTHING._replace(
    matched=0.61, density=0.66, tokens=20, run=10, equal_numbers=2, present_numbers=2
)  # as little as `full` asks of 40 tokens


def verdict(evidence: Evidence, kind: int = PLAIN_FIELD) -> tuple[str, str] | None:
    label, rule = judge(evidence, kind)
    return None if label == NONE else (LABELS[label], RULES[rule])


def test_nothing_is_nothing() -> None:
    assert verdict(NOTHING) is None


@pytest.mark.parametrize(("length", "share"), [(12, 0.95), (15, 0.95), (27, 0.782), (40, 0.6), (300, 0.6)])
def test_the_share_falls_with_the_length(length: int, share: float) -> None:
    assert full_share(length) == pytest.approx(share)


def test_full() -> None:
    assert verdict(FULL) == ("leak", "full")
    for less in ({"matched": 0.59}, {"density": 0.64}, {"tokens": 17}, {"run": 9}):
        assert verdict(FULL._replace(**less)) is None
    assert verdict(FULL._replace(other_numbers=1, tokens=19)) == ("variant", "full")


def test_a_field_below_20_tokens_must_have_all_its_numbers() -> None:
    short = Evidence(15, 1, 1.0, 1.0, 0.0, 14, 0, 0, 0, 14, 0, 0.4)
    assert verdict(short) is None
    assert verdict(short._replace(present_numbers=1)) == ("leak", "full")
    assert verdict(short._replace(other_numbers=1)) == ("variant", "full")


def test_part() -> None:
    part = NOTHING._replace(matched=0.41, density=0.91, run=16, length=40)
    assert verdict(part) == ("leak", "part")
    assert verdict(part._replace(run=15)) is None  # 0.4 of 40 tokens
    assert verdict(part._replace(run_numbers=1)) == ("variant", "part")
    assert verdict(part._replace(length=17, matched=0.5)) is None
    assert verdict(part._replace(length=25, run=11)) == ("leak", "part")
    assert verdict(part._replace(length=25, run=11), BODY_FIELD) is None
    assert verdict(part._replace(length=25, run=16), BODY_FIELD) == ("leak", "part")


def test_reworded() -> None:
    reworded = NOTHING._replace(matched=0.56, substituted=0.2, run=5, present_numbers=2, equal_numbers=2)
    assert verdict(reworded) == ("leak", "reworded")
    assert verdict(reworded, BODY_FIELD) is None
    for less in (
        {"present_numbers": 1},
        {"matched": 0.46, "substituted": 0.35},
        {"substituted": 0.1},
        {"run": 4},
        {"other_numbers": 1},
        {"length": 15},
    ):
        assert verdict(reworded._replace(**less)) is None
    three = {"numbers": 3, "present_numbers": 3}
    assert verdict(reworded._replace(matched=0.51, substituted=0.2, **three)) == ("leak", "reworded")
    assert verdict(reworded._replace(equal_numbers=1, **three)) is None


def test_names() -> None:
    names = NOTHING._replace(matched=0.56, substituted=0.3, run=5, other_numbers=1, equal_numbers=1)
    assert verdict(names) == ("variant", "names")
    assert verdict(names, ANSWER_FIELD) is None
    assert verdict(names._replace(substituted=0.35), ANSWER_FIELD) == ("variant", "names")
    for less in (
        {"substituted": 0.28},
        {"matched": 0.46, "substituted": 0.45},
        {"run": 4},
        {"length": 17},
        {"equal_numbers": 0},
        {"numbers": 1},
    ):
        assert verdict(names._replace(**less)) is None


def test_bag() -> None:
    bag = NOTHING._replace(overlap=0.45, run=6, present_numbers=2)
    assert verdict(bag) == ("leak", "bag")
    assert verdict(bag, BODY_FIELD) is None
    for less in ({"overlap": 0.44}, {"run": 5}, {"present_numbers": 1}, {"length": 15}, {"numbers": 0}):
        assert verdict(bag._replace(**less)) is None


def test_a_short_question_must_stand_there_whole() -> None:
    whole = Evidence(9, 2, 1.0, 1.0, 0.0, 9, 2, 0, 2, 9, 0, 1.0)
    assert verdict(whole, QUESTION_FIELD) == ("leak", "whole")
    assert verdict(whole, PLAIN_FIELD) is None
    for less in ({"run": 8}, {"run_numbers": 1}, {"numbers": 1}, {"length": 7, "run": 7}):
        assert verdict(whole._replace(**less), QUESTION_FIELD) is None


def test_long_enough() -> None:
    assert [is_long_enough(n, 0, PLAIN_FIELD) for n in (11, 12)] == [False, True]
    assert [is_long_enough(n, 2, QUESTION_FIELD) for n in (7, 8)] == [False, True]
    assert not is_long_enough(11, 1, QUESTION_FIELD)
