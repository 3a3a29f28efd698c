"""`benchmarks/decontaminate.py` in small, on made items: every figure comes out, and what is plain is found."""

from __future__ import annotations

import gzip
import inspect
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.demo.problems import WORD_PROBLEMS, exercises

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "decontaminate.py"
# What a full run is judged by.
FIGURES = """recall_verbatim recall_whitespace recall_embedded recall_latex recall_truncated recall_names
recall_names_nouns recall_docstring recall_code_renamed recall_code_renamed_body variant_numbers variant_names_numbers
hard_negative_leaks hard_negative_variants wrong_drops_per_million microseconds_per_document microseconds_dense""".split()


def running_mean(values: list[float], width: int) -> list[float]:
    """Means of every run of so many neighbours in the list, rounded to three digits.

    >>> running_mean([1, 2, 6], 2)
    [1.5, 4.0]
    """
    sums = [sum(values[start : start + width]) for start in range(len(values) - width + 1)]
    return [round(total / width, 3) for total in sums]


def longest_plateau(heights: list[int]) -> int:
    """How long is the longest stretch of equal neighbouring heights in the list, zero for an empty one?"""
    best = run = 1 if heights else 0
    for one, two in itertools.pairwise(heights):
        run = run + 1 if one == two else 1
        best = max(best, run)
    return best


def swap_halves(word: str) -> str:
    """Put the second half of a word before its first half, the middle letter of an odd one staying where it is."""
    half = len(word) // 2
    middle = word[half : len(word) - half]
    return word[len(word) - half :] + middle + word[:half]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as the benchmark wants it, with problems of the demo's generator."""
    folder = tmp_path_factory.mktemp("items")
    (folder / "gsm8k").mkdir()
    (folder / "humaneval").mkdir()
    stream = (item for _, item in exercises(3, "problems", families=WORD_PROBLEMS))
    for name, count in (("test", 40), ("train", 60)):
        rows = [{"question": item.question, "answer": item.answer} for item in itertools.islice(stream, count)]
        (folder / "gsm8k" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    programs = "".join(json.dumps(row) + "\n" for row in _programs())
    (folder / "humaneval" / "HumanEval.jsonl.gz").write_bytes(gzip.compress(programs.encode()))
    return folder


def _programs() -> Iterator[dict[str, str]]:
    for function in (running_mean, longest_plateau, swap_halves):
        signature, docstring, body = inspect.getsource(function).split('"""')
        prompt = f'{signature}"""{docstring}"""\n'
        yield {"task_id": f"Made/{function.__name__}", "prompt": prompt, "canonical_solution": body[1:]}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Code and prose of this repository and of the environment."""
    folder = tmp_path_factory.mktemp("ordinary")
    for kind, pattern in (("prose", "*.md"), ("code", "*.py")):
        paths = sorted(path for path in BENCHMARK.parents[1].rglob(pattern) if ".venv" not in path.parts)[:40]
        (folder / kind).mkdir()
        pq.write_table(
            pa.table({"text": [path.read_text(encoding="utf-8") for path in paths]}), folder / kind / "a.parquet"
        )
    return folder


def test_in_small(items: Path, ordinary: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [
        sys.executable,
        str(BENCHMARK),
        "--items",
        str(items),
        "--data",
        str(ordinary),
        "--quick",
        "--json",
        str(figures),
    ]
    done = subprocess.run(command, check=False, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert set(FIGURES) <= set(found)
    for name in ("verbatim", "verbatim_alone", "whitespace", "embedded", "docstring", "code_verbatim", "latex"):
        assert found[f"recall_{name}"] == 1
    assert found["variant_numbers"] >= 0.9
    assert found["ngram13_verbatim_alone"] >= 0.9
    assert found["hard_negatives"] == 60 and found["ordinary_documents"] > 100
    assert "names_nouns" in done.stdout and "places in ordinary documents:" in done.stdout
