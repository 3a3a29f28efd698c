"""Mixtures and losses in two files, and every way in which a row of theirs can be bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from midmix.errors import InputError
from midmix.mixer.results.files import Bad
from midmix.mixer.results.pairs import read_pair
from midmix.mixer.results.result import Result

MIXTURES = """index,train_web,train_code
1,0.25,0.75
2,0.5,0.499
3,NaN,0.5
4,-0.1,1.1
5,0.5,0.5
6,0.5,half
7,0.5,0.4
8,0.2,0.8
8,0.3,0.7
9,1.0,0.0
10,0.5
,0.5,0.5
"""
LOSSES = """index,metric/web_loss,metric/code_loss
9,1.5,nan
1,2.0,3.0
2,2.5,3.5
3,1,1
4,1,1
6,1,1
7,1,1
8,1,1
11,1,1
"""


def read(folder: Path, mixtures: str = MIXTURES, losses: str = LOSSES) -> tuple[list[Result], list[Bad]]:
    for name, text in (("m.csv", mixtures), ("l.csv", losses)):
        (folder / name).write_text(text, encoding="utf-8")
    bad: list[Bad] = []
    defaults = {"parameters": "1M", "tokens": "1B"}
    return read_pair(folder / "m.csv", folder / "l.csv", defaults, bad), bad


def test_good_rows_are_joined_by_index_and_their_weights_sum_to_one(tmp_path: Path) -> None:
    results, _ = read(tmp_path)
    assert [result.name for result in results] == ["1", "2"]
    assert results[0].weights == {"train_web": 0.25, "train_code": 0.75}
    assert results[1].weights == pytest.approx({"train_web": 0.5 / 0.999, "train_code": 0.499 / 0.999})
    assert results[1].total == pytest.approx(0.999)
    assert results[0].metrics == {"metric/web_loss": 2.0, "metric/code_loss": 3.0}
    assert (results[0].parameters, results[0].tokens, results[0].shape, results[0].seed) == (10**6, 10**9, "1M", 0)


def test_every_bad_row_is_named_with_file_and_line(tmp_path: Path) -> None:
    _, bad = read(tmp_path)
    said = [str(row).removeprefix(f"{tmp_path}/") for row in bad]
    for words in (
        "m.csv:4: run 3: the weight of train_web is NaN, expected a finite number",
        "m.csv:5: run 4: the weight of train_web is -0.1, expected 0 or more",
        "m.csv:6: run 5 has no losses in",
        "m.csv:7: run 6: the weight of train_code is 'half', expected a number",
        "m.csv:8: run 7: the weights sum to 0.9000, expected 1",
        "m.csv:10: run 8 stands here again (first in line 9); both are left out",
        "m.csv:12: has 2 values, the first line names 3 columns",
        "m.csv:13: has no index, which says what run it is of",
        "l.csv:2: run 9: metric/code_loss is nan, expected a finite number",
        "l.csv:10: run 11 has no mixture in",
    ):
        assert any(line.startswith(words) for line in said), (words, said)


def test_columns_of_size_tokens_and_seed_are_no_domains(tmp_path: Path) -> None:
    results, bad = read(tmp_path, "run,web,code,parameters,tokens,seed\na,0.5,0.5,60M,2B,7\n", "run,loss\na,1.5\n")
    assert not bad
    (one,) = results
    assert one.weights == {"web": 0.5, "code": 0.5}
    assert (one.name, one.parameters, one.tokens, one.seed, one.shape) == ("a", 6 * 10**7, 2 * 10**9, 7, "60M")


def test_one_table_may_be_both_where_its_columns_are_marked(tmp_path: Path) -> None:
    text = "name,weight:web,weight:code,set:gold,metric:other,note\na,0.5,0.5,1.5,2.5,hello\n"
    (one,), bad = read(tmp_path, text, text)
    assert not bad
    assert one.weights == {"web": 0.5, "code": 0.5} and one.metrics == {"set:gold": 1.5, "other": 2.5}


def test_files_without_an_index_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"m\.csv: columns web, code …, expected a column 'index'"):
        read(tmp_path, "web,code\n0.5,0.5\n")
    with pytest.raises(InputError, match=r"column 'a' stands twice"):
        read(tmp_path, "index,a,a\n1,0.5,0.5\n")
