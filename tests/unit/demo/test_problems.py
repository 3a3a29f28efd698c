"""The generator: right results, the same problem with other numbers, sets that stay apart."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from midmix.demo.draw import Draw
from midmix.demo.families import amounts, measures, reasoning
from midmix.demo.problem import Family, Problem, worked
from midmix.demo.problems import LOGIC_PROBLEMS, WORD_PROBLEMS, Apart, chat, exercise, exercises, frame

FAMILIES = (*amounts.FAMILIES, *measures.FAMILIES, *reasoning.FAMILIES)
EQUATION = re.compile(r"(\d+(?: [-+*/] \(?\d+\)?)+) = (-?\d+)")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_every_equation_in_a_solution_holds_and_the_same_draws_give_the_same_problem(family: Family) -> None:
    seen = 0
    for index in range(60):
        problem = family(Draw(7, index), Draw(8, index))
        assert problem == family(Draw(7, index), Draw(8, index))
        assert problem.question[0] == problem.question[0].upper()
        assert "{" not in problem.question + " ".join(problem.steps)
        for left, right in EQUATION.findall(" ".join(problem.steps)):
            seen += 1
            assert eval(left) == int(right), problem  # noqa: S307 - digits and operators alone
    assert seen > 0 or family in reasoning.FAMILIES


def test_the_last_step_of_a_word_problem_holds_its_result() -> None:
    for family in (*amounts.FAMILIES, *measures.FAMILIES):
        for index in range(40):
            problem = family(Draw(1, index), Draw(2, index))
            assert problem.result in problem.steps[-1], problem


def test_stock_is_followed_from_its_first_count() -> None:
    for index in range(50):
        problem = amounts.stock(Draw(3, index), Draw(4, index))
        count = int(re.findall(r"\d+", problem.steps[0])[0])
        for step in problem.steps[1:]:
            a, sign, b = re.findall(r"(\d+) ([-+*]) (\d+)", step)[0]
            assert int(a) == count
            count = {"+": count + int(b), "-": count - int(b), "*": count * int(b)}[sign]
        assert problem.result == str(count)


def test_worked_solutions_end_in_their_result() -> None:
    problem = Problem("made", "Two and two?", ("add 2 and 2.", "2 + 2 = 4."), "4")
    assert worked(problem, Draw(1), "#### {}").endswith("\n#### 4")
    styles = {worked(problem, Draw(i)) for i in range(60)}
    assert len(styles) > 20
    assert all("4" in text.split("2 + 2 = 4.")[1] for text in styles)


def test_other_numbers_keep_the_words() -> None:
    pairs = 0
    for index in range(120):
        one = exercise(1, "problems", index, families=WORD_PROBLEMS)
        two = exercise(1, "problems", index, families=WORD_PROBLEMS, numbers=1)
        pairs += one.text != two.text and frame(one.text) == frame(two.text)
    assert pairs > 110


def test_frame_takes_runs_of_digits_for_one() -> None:
    assert frame("12 + 345 = 357, not 3.5") == "0 + 0 = 0, not 0.0"


def test_apart_sees_every_shared_run_of_13_words() -> None:
    words = [f"w{i}" for i in range(40)]
    apart = Apart([" ".join(words)])
    for start in range(28):
        run = " ".join(words[start : start + 13])
        for lead in range(5):
            assert apart.shares_run("x " * lead + run + " y z"), (start, lead)
    assert not apart.shares_run(" ".join(words[:9]) + " other words here " + " ".join(words[20:29]))


def test_exercises_skip_what_is_apart_and_what_was_seen() -> None:
    first = [e for _, e in islice(exercises(5, "gold", families=WORD_PROBLEMS), 20)]
    apart = Apart(e.text for e in first[:3])
    rest = [e for _, e in islice(exercises(5, "gold", families=WORD_PROBLEMS, apart=apart), 10)]
    assert not {e.text for e in rest} & {e.text for e in first[:3]}
    assert rest[0] == first[3]


def test_streams_and_seeds_differ() -> None:
    texts = {
        (seed, stream): exercise(seed, stream, 0, families=WORD_PROBLEMS + LOGIC_PROBLEMS).text
        for seed in (1, 2)
        for stream in ("problems", "chats", "gold", "bench")
    }
    assert len(set(texts.values())) == len(texts)


def test_chat_holds_the_question_and_the_answer_and_no_special_token() -> None:
    item = exercise(1, "chats", 3, families=WORD_PROBLEMS)
    for seed in range(40):
        messages = chat(item, Draw(seed))
        assert [m["role"] for m in messages if m["role"] != "system"][:2] == ["user", "assistant"]
        assert any(item.question in m["content"] for m in messages)
        assert any(item.answer in m["content"] for m in messages)
        assert not any("<|" in m["content"] for m in messages)


def test_generated_problems_rarely_share_a_run_of_13_words() -> None:
    seen: set[tuple[str, ...]] = set()
    sharing = 0
    for _, item in islice(exercises(1, "problems", families=WORD_PROBLEMS + LOGIC_PROBLEMS), 1500):
        words = item.text.lower().split()
        grams = set(zip(*(words[i:] for i in range(13)), strict=False))
        sharing += not grams.isdisjoint(seen)
        seen |= grams
    assert sharing / 1500 < 0.10
