"""What is taken from a Python file, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from midmix.demo import harvest
from midmix.demo.harvest import CODE, MATH, PROSE, SourceFile, documents, reflow, require, source_files
from midmix.demo.wheels import HELD_OUT, LIBRARIES, RESERVE, Wheel
from midmix.demo.wheels import MATH as MATH_WHEELS
from midmix.errors import InputError

LONG = "This sentence is written to be long enough for a page of its own. " * 8
SHORT = "A short remark that is far too little for a page but not for a shared one. "
WHEEL = Wheel("example", "mit")


def read(tmp_path: Path, source: str, *, math: bool = False) -> dict[str, list[str]]:
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    found = list(documents(SourceFile(WHEEL, "1.0", "example/module.py", path), math=math))
    return {kind: [f.text for f in found if f.kind == kind] for kind in (PROSE, CODE, MATH)}


def test_a_docstring_that_is_taken_is_cut_from_the_code(tmp_path: Path) -> None:
    body = "".join(f"    value_{i} = {i} + 1\n" for i in range(30))
    found = read(
        tmp_path, f'def taken():\n    """{LONG}"""\n{body}    return value_1\n\n\ndef alone():\n    """{LONG}"""\n'
    )
    assert [text.split("\n")[0] for text in found[PROSE]] == ["taken", "alone"]
    assert all(LONG.strip() in text for text in found[PROSE])
    assert len(found[CODE]) == 1
    assert "sentence" not in found[CODE][0]
    assert "def taken():\n    value_0 = 0 + 1\n" in found[CODE][0]
    assert found[CODE][0].endswith("def alone():\n    ...\n")
    compile(found[CODE][0], "rest", "exec")


def test_short_docstrings_of_a_class_share_a_page_and_lone_ones_stay(tmp_path: Path) -> None:
    methods = "".join(
        f'    def method_{i}(self):\n        """{SHORT}Number {i}."""\n        return {i}\n\n' for i in range(8)
    )
    filler = "".join(f"VALUE_{i} = {i}\n" for i in range(30))
    found = read(
        tmp_path, f'class Holder:\n{methods}\n\ndef other():\n    """{SHORT}Stays."""\n    return 1\n\n{filler}'
    )
    assert len(found[PROSE]) == 1
    assert found[PROSE][0].startswith("Holder.method_0\n\n")
    assert "Number 7." in found[PROSE][0]
    assert "Stays." in found[CODE][0]
    assert "Number" not in found[CODE][0]


def test_comments_and_docstrings_of_mathematics(tmp_path: Path) -> None:
    comments = "\n\n".join(
        f"# The lemma number {i} says that a sum of squares is never negative\n# over the reals, which we use."
        for i in range(6)
    )
    found = read(tmp_path, f'"""{LONG}"""\n\nx = 1\n\n{comments}\n', math=True)
    assert not found[PROSE] and not found[CODE]
    assert found[MATH][0].strip() == LONG.strip()
    assert found[MATH][1].startswith("The lemma number 0 says")
    assert "over the reals" in found[MATH][1]


@pytest.mark.parametrize(
    "source", ["def broken(:\n", "x = '\x00'\n", 'def f():\n    """' + LONG + '"""\n\x0c\nx = 1\n']
)
def test_files_that_cannot_be_followed_give_nothing(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, source) == {PROSE: [], CODE: [], MATH: []}


def test_reflow_joins_wrapped_lines_alone() -> None:
    wrapped = "This line of a paragraph was wrapped at a usual width because\nit went on here.\n\nHeading\n-------\nshort line\nnext line"
    assert reflow(wrapped) == (
        "This line of a paragraph was wrapped at a usual width because it went on here.\n\nHeading\nshort line\nnext line"
    )
    kept = ">>> compute(something_long, with_many_arguments, and_more=True)\n    indented code that follows it\n* item"
    assert reflow(kept) == kept
    listed = "alpha : float, the first of two parameters that are listed here in full\nbeta : float, the second"
    assert reflow(listed) == listed


def test_missing_wheels_are_all_named() -> None:
    with pytest.raises(InputError, match="missing: not-there-1, not-there-2"):
        require((Wheel("not-there-2", "mit"), Wheel("pyarrow", "apache-2.0"), Wheel("not-there-1", "mit")))


def test_the_standard_library_numpy_and_scipy_stay_out() -> None:
    names = {wheel.name for wheel in (*LIBRARIES, *MATH_WHEELS, *HELD_OUT, *RESERVE)}
    assert not names & {"numpy", "scipy", "multiprocess", "pip"}
    assert not {w.name for w in HELD_OUT} & {w.name for w in (*LIBRARIES, *MATH_WHEELS, *RESERVE)}


def test_files_come_in_an_order_of_the_seed_without_tests() -> None:
    wheels = (Wheel("networkx", "bsd-3-clause", ("networkx/",)),)
    one, two = source_files(wheels, 1), source_files(wheels, 2)
    assert one == source_files(wheels, 1)
    assert one != two and sorted(f.path for f in one) == sorted(f.path for f in two)
    assert len(one) > 100
    assert not any("/tests/" in file.path for file in one)
    assert all(file.place.exists() for file in one[:20])


def test_versions_do_not_name_the_build() -> None:
    files = source_files((Wheel("torch", "bsd-3-clause", ("torch/optim/",)),), 1)
    assert files and "+" not in files[0].version
    assert harvest.Found(PROSE, "", "Torch", "2.0", "mit", "a.py", "f").url == "pkg:pypi/torch@2.0#a.py:f"
