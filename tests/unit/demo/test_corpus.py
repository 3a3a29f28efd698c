"""The demo corpus at its smallest: the same bytes twice, everything planted, figures that hold, sets apart."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.config import load_config
from midmix.demo.copies import jaccard
from midmix.demo.corpus import write_demo
from midmix.demo.plant import COUNTS, FEWEST, counts
from midmix.demo.problems import frame
from midmix.demo.record import KINDS
from midmix.errors import ConfigError

MEGABYTES = 4.0
Row = dict[str, Any]


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, float]]) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    return write_demo(
        folder, megabytes=MEGABYTES, seed=3, progress=lambda what, share: calls.append((what, share))
    ).parent


@pytest.fixture(scope="module")
def rows(demo: Path) -> dict[tuple[str, int], str | None]:
    """Text by file and row, as a run reads it (of chats: the contents alone); None where it cannot be read."""
    found: dict[tuple[str, int], str | None] = {}
    for path in sorted((demo / "sources").rglob("*.*")):
        name = path.relative_to(demo).as_posix()
        if "cut-off" not in name:
            found |= {(name, row): text for row, text in enumerate(read(path))}
    return found


@pytest.fixture(scope="module")
def planted(demo: Path) -> list[Row]:
    return [{**row, "detail": json.loads(row["detail"])} for row in pq.read_table(demo / "planted.parquet").to_pylist()]


def read(path: Path) -> list[str | None]:
    if path.suffix == ".parquet":
        return [parquet_text(row) for row in pq.read_table(path).to_pylist()]
    if path.suffix == ".gz":
        data = gzip.decompress(path.read_bytes())
    else:
        with pa.input_stream(str(path), compression="zstd") as stream:
            data = stream.read()
    return [json_text(line) for line in data.split(b"\n")[:-1]]


def parquet_text(row: Row) -> str | None:
    if "question" in row:
        return None if row["question"] is None else f"{row['question']}\n\n{row['answer']}"
    if "messages" in row:
        return None if row["messages"] is None else "\n\n".join(m["content"] for m in row["messages"])
    text: str | None = row["content"] if "content" in row else row["text"]
    return text


def json_text(line: bytes) -> str | None:
    try:
        row = json.loads(line.decode())
    except ValueError:
        return None
    text = row.get("text") if isinstance(row, dict) else None
    return text if isinstance(text, str) else None


def text_of(rows: dict[tuple[str, int], str | None], row: Row, prefix: str = "") -> str:
    text = rows[row[f"{prefix}file"], row[f"{prefix}row"]]
    assert text is not None
    return text


def of_kind(planted: list[Row], kind: str) -> list[Row]:
    return [row for row in planted if row["kind"] == kind]


def digest(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_in_another_process(demo: Path, tmp_path: Path) -> None:
    code = f"from pathlib import Path\nfrom midmix.demo.corpus import write_demo\nwrite_demo(Path({str(tmp_path)!r}), megabytes={MEGABYTES}, seed=3)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONHASHSEED": "77"})
    assert digest(tmp_path) == digest(demo)


def test_another_seed_gives_other_bytes(demo: Path, tmp_path: Path) -> None:
    other = digest(write_demo(tmp_path, megabytes=MEGABYTES, seed=4).parent)
    mine = digest(demo)
    same = {name for name in other.keys() & mine.keys() if other[name] == mine[name]}
    assert same == {"tokenizer/tokenizer_config.json"}


def test_counts_grow_with_the_text_and_have_a_floor() -> None:
    small, full = counts(MEGABYTES), counts(36)
    assert all(number >= FEWEST for number in small.values())
    assert full == {**COUNTS}
    assert full["exact"] >= 200 and full["near"] >= 600 and full["template"] >= 100 and full["leak"] >= 100


def test_everything_is_planted_on_a_row_of_its_own(planted: list[Row]) -> None:
    number = Counter(row["kind"] for row in planted)
    assert set(number) == set(KINDS)
    for kind, least in counts(MEGABYTES).items():
        assert number[kind] >= least, kind
    places = Counter((row["file"], row["row"], row["kind"]) for row in planted if row["row"] is not None)
    assert len({place[:2] for place in places}) == len(places)
    assert all(count == 1 for place, count in places.items() if place[2] not in {"leak", "secret"})
    assert any(row["source"] != row["other_source"] for row in of_kind(planted, "exact"))


def test_pairs_have_the_stored_jaccard(planted: list[Row], rows: dict[tuple[str, int], str | None]) -> None:
    for row in of_kind(planted, "exact"):
        assert text_of(rows, row) == text_of(rows, row, "other_")
    near = of_kind(planted, "near")
    for row in near:
        one, other = text_of(rows, row), text_of(rows, row, "other_")
        assert jaccard(one, other) == row["jaccard"]
        assert frame(one) != frame(other)
        assert len(other.split()) >= 60
        assert 0.004 <= row["detail"]["edited_words"] / row["detail"]["words"] <= 0.17
    assert sum(row["jaccard"] >= 0.8 for row in near) >= max(20, 0.4 * len(near))
    assert sum(row["jaccard"] < 0.8 for row in near) >= 10
    for row in of_kind(planted, "template"):
        one, other = text_of(rows, row), text_of(rows, row, "other_")
        assert one != other and frame(one) == frame(other)


def test_leaks_stand_verbatim_between_white_space(
    demo: Path, planted: list[Row], rows: dict[tuple[str, int], str | None]
) -> None:
    bench = [json.loads(line) for line in (demo / "bench/minigsm.jsonl").read_text().splitlines()]
    leaks = of_kind(planted, "leak")
    for row in leaks:
        field = bench[row["detail"]["item"]][row["detail"]["field"]]
        text = text_of(rows, row)
        place = text.index(field)
        assert not text[:place].strip() or text[place - 1].isspace()
        assert text[place + len(field) :][:1].strip() == ""
    assert leaks


def test_benchmark_items_are_long_short_and_too_short(demo: Path) -> None:
    bench = [json.loads(line) for line in (demo / "bench/minigsm.jsonl").read_text().splitlines()]
    lengths = [(len(item["question"].split()), len(item["answer"].split())) for item in bench]
    assert len(bench) == 150
    assert sum(q >= 13 and a >= 13 for q, a in lengths) == 110
    assert sum(5 <= q < 13 for q, _ in lengths) == 30
    assert sum(q < 5 and a < 5 for q, a in lengths) == 10


def test_secrets_stand_where_the_sheet_says(planted: list[Row], rows: dict[tuple[str, int], str | None]) -> None:
    kinds: Counter[str] = Counter()
    for row in of_kind(planted, "secret"):
        detail = row["detail"]
        data = text_of(rows, row).encode()
        assert data[detail["start_byte"] : detail["end_byte"]].decode() == detail["value"]
        kinds[detail["what"]] += 1
    assert set(kinds) == {"email", "aws", "github", "sk", "pem"}


def test_damaged_rows(planted: list[Row], rows: dict[tuple[str, int], str | None], demo: Path) -> None:
    for kind in ("null_text", "not_text", "invalid_json", "invalid_utf8"):
        assert all(rows[row["file"], row["row"]] is None for row in of_kind(planted, kind)), kind
    unreadable = sum(text is None for text in rows.values())
    assert unreadable == sum(
        len(of_kind(planted, k)) for k in ("null_text", "not_text", "invalid_json", "invalid_utf8")
    )
    assert all(not text_of(rows, row).strip() for row in of_kind(planted, "empty"))
    for row in of_kind(planted, "huge"):
        text = text_of(rows, row)
        assert len(text.encode()) == row["detail"]["num_bytes"] >= MEGABYTES / 36 * 0.9e6
    assert text.count("\n") == 1
    for row in of_kind(planted, "mojibake"):
        assert any(mark in text_of(rows, row) for mark in ("Ã", "â€"))
    for row in of_kind(planted, "boilerplate"):
        assert set(row["detail"]["lines"]) <= set(text_of(rows, row).split("\n"))
    (cut,) = of_kind(planted, "truncated_file")
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(demo / cut["file"])


def test_evaluation_sets_share_no_run_of_13_words_with_what_was_not_planted(
    demo: Path, planted: list[Row], rows: dict[tuple[str, int], str | None]
) -> None:
    held = [
        json.loads(line)
        for name in ("eval/gold", "eval/general", "bench/minigsm")
        for line in (demo / f"{name}.jsonl").read_text().splitlines()
    ]
    assert len(held) == 200 + 150 + 150
    grams: set[tuple[str, ...]] = set()
    for item in held:
        grams |= thirteen(" ".join(item.values()))
    leaked = {(row["file"], row["row"]) for row in of_kind(planted, "leak")}
    sharing = [
        place for place, text in rows.items() if text and place not in leaked and not grams.isdisjoint(thirteen(text))
    ]
    assert sharing == []


def test_gold_and_benchmark_share_no_run_of_13_words(demo: Path) -> None:
    gold, bench = (
        set().union(*(thirteen(" ".join(json.loads(line).values())) for line in (demo / name).read_text().splitlines()))
        for name in ("eval/gold.jsonl", "bench/minigsm.jsonl")
    )
    assert gold and bench and gold.isdisjoint(bench)


def thirteen(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return set(zip(*(words[i:] for i in range(13)), strict=False))


def test_sources_are_cut_small_and_say_what_is_synthetic(demo: Path, rows: dict[tuple[str, int], str | None]) -> None:
    total = sum(len((text or "").encode()) for text in rows.values())
    assert 0.75 * MEGABYTES * 1e6 <= total <= 1.1 * MEGABYTES * 1e6
    for path in sorted((demo / "sources").rglob("*.parquet")):
        if "cut-off" in path.name:
            continue
        with pq.ParquetFile(path) as file:
            sizes = [
                sum(len(parquet_text(row) or "") for row in file.read_row_group(g).to_pylist())
                for g in range(file.num_row_groups)
            ]
            metadata = file.read(["metadata"]).column(0).to_pylist()
        assert sorted(sizes)[len(sizes) // 2] <= 400_000
        generated = path.parent.name in {"chats", "problems"}
        assert all(m["synthetic"] for m in metadata) or not generated
        assert generated or sum(m["synthetic"] is False for m in metadata) > len(metadata) / 2


def test_the_config_is_valid_and_names_files_that_exist(demo: Path) -> None:
    config = load_config(demo / "config.yaml")
    assert list(config.sources) == ["crawl", "repos", "proofs", "chats", "problems"]
    assert config.part_bytes == 1_000_000
    for source in config.sources.values():
        assert list(demo.glob(source.path)), source.path
    for _, path in config.evaluation_sets.values():
        assert Path(config.resolve(path)).exists()
    assert config.mixture is not None and config.mixture.replay == {"crawl": 0.8, "repos": 0.2}


def test_the_tokenizer_is_a_hugging_face_folder(demo: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(demo / "tokenizer")
    assert (len(tokenizer), tokenizer.eos_token, tokenizer.eos_token_id) == (2048, "<|endoftext|>", 0)
    text = "Ünïcode, x = 12 * 345;\n\tand tabs"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_corpus_too_small_for_what_is_planted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 1 MB, expected at least 3"):
        write_demo(tmp_path, megabytes=1)


def test_progress_goes_from_nothing_to_done(demo: Path, calls: list[tuple[str, float]]) -> None:
    names = list(dict.fromkeys(what for what, _ in calls))
    assert names == ["reading docstrings and code", "reading mathematics", "writing files", "training the tokenizer"]
    assert all(0 <= share <= 1 for _, share in calls)
    assert calls[-1][1] == 1.0
