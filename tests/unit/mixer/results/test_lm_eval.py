"""Results of lm-evaluation-harness, in the form that its 0.4.13 writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midmix.mixer.results.files import Bad
from midmix.mixer.results.lm_eval import read_lm_eval

VALUES: dict[str, Any] = {
    "results": {
        "arc_easy": {
            "name": "arc_easy", "alias": "arc_easy", "sample_len": 4, "acc,none": 0.75, "acc_stderr,none": 0.25,
            "acc_norm,none": 0.5, "acc_norm_stderr,none": "N/A",
        },
        "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.25, "exact_match,flexible-extract": 0.5},
        "wikitext": {"alias": "wikitext", "bits_per_byte,none": 0.875, "byte_perplexity,none": 1.8, "word_perplexity,none": 20.0},
        "ai2": {"alias": "ai2", "acc,none": 0.75},
    },
    "groups": {"ai2": {"alias": "ai2", "acc,none": 0.75}},
    "higher_is_better": {
        "arc_easy": {"acc": True, "acc_norm": True}, "gsm8k": {"exact_match": True}, "ai2": {"acc": True},
        "wikitext": {"bits_per_byte": False, "byte_perplexity": False, "word_perplexity": False},
    },
    "config": {"model": "hf", "limit": None},
}  # fmt: skip


def written(folder: Path, values: Any, name: str = "results_2026-03-01T10-00-00.json") -> Path:
    path = folder / "lm_eval" / "model" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


def test_losses_by_unit_without_groups_and_error_bars(tmp_path: Path) -> None:
    bad: list[Bad] = []
    written(tmp_path, VALUES)
    assert read_lm_eval(tmp_path, bad) == {
        "bits_per_byte": {"set:wikitext": 0.875},
        "error_rate": {
            "set:arc_easy/acc": 0.25,
            "set:arc_easy/acc_norm": 0.5,
            "set:gsm8k/exact_match,strict-match": 0.75,
            "set:gsm8k/exact_match,flexible-extract": 0.5,
        },
    }
    assert not bad


def test_of_two_files_the_later_holds(tmp_path: Path) -> None:
    later = {"results": {"arc_easy": {"acc,none": 1.0}}, "higher_is_better": {"arc_easy": {"acc": True}}}
    written(tmp_path, later, "results_2026-03-02T10-00-00.json")
    written(tmp_path, VALUES)
    found = read_lm_eval(tmp_path, [])["error_rate"]
    assert (found["set:arc_easy/acc"], found["set:arc_easy/acc_norm"]) == (0.0, 0.5)


def test_no_file_is_no_result(tmp_path: Path) -> None:
    assert read_lm_eval(tmp_path, []) == {}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1], "is no file of results: has no object 'results'"),
        ({"results": 3}, "has no object 'results'"),
        (VALUES | {"config": {"limit": 10}}, "was made with --limit 10"),
        (
            {"results": {"a": {"acc,none": 75.0}}, "higher_is_better": {"a": {"acc": True}}},
            "a: acc is 75, expected a share",
        ),
        (
            {"results": {"a": {"acc,none": None}}, "higher_is_better": {"a": {"acc": True}}},
            "a: acc is None, expected a number",
        ),
        ({"results": {"a": {"bits_per_byte,none": "x"}}}, "a: bits_per_byte is 'x', expected a number"),
    ],
)
def test_what_is_no_result_is_named_with_its_file(tmp_path: Path, values: Any, words: str) -> None:
    bad: list[Bad] = []
    path = written(tmp_path, values)
    assert read_lm_eval(tmp_path, bad) == {}
    assert len(bad) == 1
    assert str(bad[0]).startswith(f"{path}: ")
    assert words in str(bad[0])


def test_a_file_that_was_cut_is_named_and_the_others_hold(tmp_path: Path) -> None:
    bad: list[Bad] = []
    written(tmp_path, VALUES)
    written(tmp_path, {}, "results_b.json").write_bytes(b'{"results": {"a\xff')
    assert len(read_lm_eval(tmp_path, bad)["error_rate"]) == 4
    assert "is no file of results" in str(bad[0])
