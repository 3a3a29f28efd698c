"""Documents of a group: joined in order, one entry of the index, one split; the same however they come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.config import parse_config
from midmix.curation.apply import step as apply_step
from midmix.curation.decide import step as decide_step
from midmix.curation.tokenize import entries, exchange, step
from midmix.curation.tokenize.grouping import split_hashes
from midmix.errors import ConfigError
from midmix.table_manifest import load_manifest
from midmix.tables import HASH, STEPS, TOKENS, doc_key

MakeRun = Callable[..., Any]
MakeTokenizer = Callable[..., Path]
BY_PATH = {"code": {"group": "repo", "group_order": "path"}}
# Ids of the tokenizer with three further ones: <x0> to <x2> are 256 to 258, the end of text is 259.
END = 259


@pytest.fixture
def tokenizer(make_tokenizer: MakeTokenizer) -> Path:
    return make_tokenizer(extra_ids=3)


def tokenized(make_run: MakeRun, parts: Any, tokenizer: Path, **changes: Any) -> Any:
    """A run with its steps up to tokenize done; all its text is trained on."""
    settings = {"tokenizers": {"main": str(tokenizer)}, "heldout_fraction": 1e-12, "shard_tokens": 10_000}
    settings |= {"sources": {"code": "code"}, "grouped": BY_PATH} | changes
    run = make_run(parts, **settings)
    for name, module in (("decide", decide_step), ("apply", apply_step), ("tokenize", step)):
        run.run(module, name)
    return run


def read_entries(run: Any, stem: str, tokenizer: Path) -> list[str]:
    """Entries of a shard as its index cuts them, as text; further ids and the end of text by their names."""
    from tokenizers import Tokenizer, decoders

    attached = load_manifest(run.folder, "tokens").attachments
    index = (run.folder / attached[f"{stem}.idx"]).read_bytes()
    lengths = np.frombuffer(index, "<i4", int(np.frombuffer(index, "<u8", 1, 18)[0]), 34)
    tokens = np.fromfile(run.folder / attached[f"{stem}.bin"], "<u2")
    loaded = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    loaded.decoder = decoders.ByteLevel()
    cut = np.split(tokens, np.cumsum(lengths)[:-1])
    assert sum(len(entry) for entry in cut) == len(tokens) == lengths.sum()
    return [loaded.decode(entry.tolist(), skip_special_tokens=False) for entry in cut]


def repo(part: Any, files: Sequence[tuple[str | None, object, str]], source: str = "code") -> Any:
    """A part of files: (repository, path, text)."""
    metadata = {row: {"repo": name, "path": path, "stars": 3} for row, (name, path, _) in enumerate(files)}
    return part(source, [text for _, _, text in files], metadata=metadata)


FIRST = [("b", "src/z.py", "bz"), ("a", "m.py", "am"), (None, "x", "lone"), ("b", "README", "br"), ("", "x", "blank")]
SECOND = [
    ("a", "b/c.py", "abc"),
    ("b", "src/a.py", "ba"),
    ("", "x", "unnamed"),
    ("a", "a.py", "aa"),
    ("c", "c.py", "c"),
]


def test_files_of_a_group_are_one_entry_in_order_of_their_path(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    run = tokenized(make_run, {0: repo(part, FIRST), 1: repo(part, SECOND)}, tokenizer)
    found = read_entries(run, "main/code/train-00000", tokenizer)
    expected = ["aa\nabc\nam", "blank", "br\nba\nbz", "c", "lone", "unnamed"]
    assert sorted(found) == [f"{text}<|end|>" for text in expected]
    rows = run.rows(TOKENS)
    texts = {doc_key(n, row): text for n, files in enumerate((FIRST, SECOND)) for row, (_, _, text) in enumerate(files)}
    assert sorted(row["doc"] for row in rows) == sorted(texts)
    # Every document keeps its tokens: those of its text, and one that separates it from the next or ends the entry.
    assert all(row["num_tokens"] == len(texts[row["doc"]]) + 1 == row["num_bytes"] + 1 for row in rows)
    assert [row["offset"] for row in rows] == np.cumsum([0, *(row["num_tokens"] for row in rows)])[:-1].tolist()
    joined: dict[int, list[str]] = {}
    for row in rows:
        if row["entry_offset"] is None:
            assert row["entry_tokens"] is None and texts[row["doc"]] in ("blank", "c", "lone", "unnamed")
        else:
            joined.setdefault(row["entry_offset"], []).append(texts[row["doc"]])
            assert row["entry_tokens"] == (10 if texts[row["doc"]][0] == "a" else 9)
            assert row["entry_offset"] <= row["offset"] < row["entry_offset"] + row["entry_tokens"]
    assert sorted(joined.values()) == [["aa", "abc", "am"], ["br", "ba", "bz"]]


def test_a_token_of_the_tokenizer_separates_files(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    parts = {0: repo(part, FIRST), 1: repo(part, SECOND)}
    run = tokenized(make_run, parts, tokenizer, separators={"main": "<x1>"})
    tokens = np.fromfile(
        run.folder / load_manifest(run.folder, "tokens").attachments["main/code/train-00000.bin"], "<u2"
    )
    assert [int((tokens == number).sum()) for number in (257, END)] == [4, 6]
    plain = tokenized(make_run, parts, tokenizer, name="plain")
    path = load_manifest(plain.folder, "tokens").attachments["main/code/train-00000.bin"]
    other = np.fromfile(plain.folder / path, "<u2")
    assert np.array_equal(np.flatnonzero(tokens != other), np.flatnonzero(tokens == 257))


def test_posts_are_in_order_of_their_numbers_and_ties_in_that_of_the_files(
    make_run: MakeRun, part: Any, tokenizer: Path
) -> None:
    posts = [
        ("t", 10, "ten"),
        ("t", 9, "nine"),
        ("t", "x", "last"),
        ("t", 9.5, "half"),
        ("t", None, "none"),
        ("t", 9, "again"),
    ]
    run = tokenized(make_run, {0: repo(part, posts)}, tokenizer)
    assert read_entries(run, "main/code/train-00000", tokenizer) == ["nine\nagain\nhalf\nten\nlast\nnone<|end|>"]
    grouped = {"code": {"group": "repo"}}
    run = tokenized(make_run, {0: repo(part, posts)}, tokenizer, grouped=grouped, name="as they come")
    assert read_entries(run, "main/code/train-00000", tokenizer) == ["ten\nnine\nlast\nhalf\nnone\nagain<|end|>"]


def test_pages_of_a_site_by_an_expression(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    urls = {0: "https://b.org/2", 1: "https://a.org/1", 2: "https://b.org/1"}
    grouped = {"code": {"group": "string_split(url, '/')[3]", "group_order": "url"}}
    run = tokenized(make_run, {0: part("code", ["b2", "a1", "b1"], urls=urls)}, tokenizer, grouped=grouped)
    assert sorted(read_entries(run, "main/code/train-00000", tokenizer)) == ["a1<|end|>", "b1\nb2<|end|>"]


def test_a_group_longer_than_a_shard_is_cut_between_files(
    make_run: MakeRun, part: Any, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [("mono", f"{n:03}", "x" * (n % 7)) for n in range(1, 60)] + [("mono", "500", "y" * 90)]
    run = tokenized(make_run, {0: repo(part, files)}, tokenizer, shard_tokens=40)
    rows = run.rows(TOKENS)
    kept = [(name, path, text) for name, path, text in files if text]
    by_entry: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        start = row["offset"] if row["entry_offset"] is None else row["entry_offset"]
        by_entry.setdefault((row["shard"], start), []).append(row["doc"])
    expected: list[list[int]] = [[]]
    tokens = 0
    for number, (_, _, text) in enumerate(files):
        if not text:
            continue
        if tokens + len(text) + 1 > 40 and expected[-1]:
            expected.append([])
            tokens = 0
        expected[-1].append(number)
        tokens += len(text) + 1
    assert sorted(by_entry.values()) == expected
    assert len(expected) > 5 and expected[-1] == [59]
    assert len({shard for shard, _ in by_entry}) > 1
    assert sum(len(docs) for docs in by_entry.values()) == len(kept)
    monkeypatch.setattr(entries, "_ROWS", 3)
    monkeypatch.setattr(exchange, "_PEAK", 1 << 22)
    small = tokenized(make_run, {0: repo(part, files)}, tokenizer, shard_tokens=40, name="in small batches")
    assert load_manifest(small.folder, "tokens").digest == load_manifest(run.folder, "tokens").digest


def many(part: Any, repos: range, files: range) -> Any:
    listed = [(f"r{r}", f"{f}.py", f"text {f} of {r}") for f in files for r in repos]
    return repo(part, listed)


def test_a_group_is_in_one_split_and_files_that_come_later_join_it(
    make_run: MakeRun, part: Any, tokenizer: Path
) -> None:
    old, new = many(part, range(40), range(3)), many(part, range(40), range(3, 5))
    settings = {"heldout_fraction": 0.3, "shard_tokens": 400}
    small = tokenized(make_run, {0: old}, tokenizer, name="small", **settings)
    grown = tokenized(make_run, {0: old, 1: new}, tokenizer, name="grown", **settings)
    other = tokenized(make_run, {3: new, 9: old}, tokenizer, name="other", **settings)

    def split_of(run: Any) -> dict[str, set[str]]:
        """Splits by repository: every part has the files of all in turn."""
        found: dict[str, set[str]] = {}
        for row in run.rows(TOKENS):
            found.setdefault(f"r{(row['doc'] & 0xFFFFFFFF) % 40}", set()).add(row["split"])
        return found

    splits = split_of(grown)
    assert all(len(names) == 1 for names in splits.values())
    assert {name for names in splits.values() for name in names} == {"train", "heldout"}
    assert split_of(small) == splits
    entry = {row["entry_offset"] for row in grown.rows(TOKENS) if row["split"] == "heldout" and row["shard"] == 0}
    assert None not in entry
    # Parts are ranked by source, path and row, not by their numbers: code-0 and code-1 here, code-3 and code-9 there.
    hashes = [sorted(a.sha256 for a in load_manifest(run.folder, "tokens").attached) for run in (grown, other)]
    assert hashes[0] == hashes[1]


def test_a_group_across_domains_is_one_entry_in_each(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    domains = {"large": "num_bytes > 2"}
    run = tokenized(make_run, {0: repo(part, FIRST), 1: repo(part, SECOND)}, tokenizer, domains=domains)
    assert sorted(read_entries(run, "main/code/train-00000", tokenizer)) == [
        f"{text}<|end|>" for text in ("aa\nam", "br\nba\nbz", "c")
    ]
    assert sorted(read_entries(run, "main/large/train-00000", tokenizer)) == [
        f"{text}<|end|>" for text in ("abc", "blank", "lone", "unnamed")
    ]


def test_sources_without_groups_stay_as_they_are(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    parts = {0: repo(part, FIRST), 1: part("web", [f"page {n}" for n in range(30)])}
    sources = {"code": "code", "web": "prose"}
    with_groups = tokenized(make_run, parts, tokenizer, sources=sources, name="with")
    without = tokenized(make_run, parts, tokenizer, sources=sources, grouped={}, name="without")
    hashes = [
        {a.name: a.sha256 for a in load_manifest(run.folder, "tokens").attached if "/web/" in a.name}
        for run in (with_groups, without)
    ]
    assert hashes[0] == hashes[1] and len(hashes[0]) == 2
    assert [row for row in without.rows(TOKENS) if row["entry_offset"] is not None] == []


def test_fim_acts_on_each_file_and_leaves_held_out_groups_alone(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    fim = {"main": {"rate": 1.0, "prefix": "<x0>", "middle": "<x1>", "suffix": "<x2>"}}
    parts = {0: many(part, range(20), range(4))}
    run = tokenized(make_run, parts, tokenizer, fim=fim, heldout_fraction=0.3)
    train, heldout = (read_entries(run, f"main/code/{split}-00000", tokenizer) for split in ("train", "heldout"))
    assert len(train) + len(heldout) == 20 and len(heldout) > 1
    assert all(entry.count("\n") == 3 and entry.count("<|end|>") == 1 for entry in (*train, *heldout))
    assert all(entry.count(f"<x{n}>") == 4 for entry in train for n in range(3))
    assert not any("<x" in entry for entry in heldout)


def test_shards_are_made_again_and_nothing_is_encoded_when_groups_change(
    make_run: MakeRun, part: Any, tokenizer: Path
) -> None:
    run = tokenized(make_run, {0: repo(part, FIRST)}, tokenizer)
    before = load_manifest(run.folder, "token_parts").digest, load_manifest(run.folder, "tokens").digest
    values = run.config.model_dump(mode="json", exclude_unset=True)
    values["sources"]["code"] |= {"group_order": "stars"}
    run.config = parse_config(values, base=run.config.base)
    run.run(step, "tokenize")
    after = load_manifest(run.folder, "token_parts").digest, load_manifest(run.folder, "tokens").digest
    assert after[0] == before[0] and after[1] != before[1]
    assert [row["action"] for row in run.rows(STEPS) if row["part"] is not None] == ["reused"]


def test_a_column_that_no_document_has_is_refused(make_run: MakeRun, part: Any, tokenizer: Path) -> None:
    with pytest.raises(ConfigError, match=r"'sources\.code\.group': no kept document .* '\$\.\"repository\"'"):
        tokenized(make_run, {0: repo(part, FIRST)}, tokenizer, grouped={"code": {"group": "repository"}})


@pytest.mark.parametrize("group", ["nowhere + 1", "(SELECT 1)", "count(url)", "url; DROP"])
def test_what_is_no_expression_over_a_document_is_refused(
    make_run: MakeRun, part: Any, tokenizer: Path, group: str
) -> None:
    with pytest.raises(ConfigError, match=r"'sources\.code\.group"):
        tokenized(make_run, {0: repo(part, FIRST)}, tokenizer, grouped={"code": {"group": group}})


@pytest.mark.parametrize(
    ("separators", "words"),
    [
        ({"main": "<gone>"}, r"separators\.main: the tokenizer has no token '<gone>'"),
        ({"main": "<|end|>"}, r"separators\.main: the tokenizer ends texts with '<\|end\|>'"),
        ({"proxy": "<x1>"}, r"the config has no tokenizers\.proxy"),
    ],
)
def test_separators_that_cannot_be(
    make_run: MakeRun, part: Any, tokenizer: Path, separators: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        tokenized(make_run, {0: repo(part, FIRST)}, tokenizer, separators=separators)


def test_a_tokenizer_that_gives_a_line_feed_two_ids_needs_a_separator(
    make_run: MakeRun, part: Any, tokenizer: Path
) -> None:
    file = tokenizer / "tokenizer.json"
    written = json.loads(file.read_text())
    written["pre_tokenizer"]["add_prefix_space"] = True
    file.write_text(json.dumps(written))
    with pytest.raises(ConfigError, match=r"separators\.main: .* a line feed no id of its own .* name one"):
        tokenized(make_run, {0: repo(part, FIRST)}, tokenizer)


@pytest.mark.parametrize(
    ("source", "more", "words"),
    [
        ({"group_order": "path"}, {}, "has 'group_order' and no 'group'"),
        ({}, {"separators": {"main": "<x1>"}}, "no source has a 'group'"),
        ({"group": ""}, {}, "group"),
    ],
)
def test_config_refuses_halves(source: dict[str, str], more: dict[str, Any], words: str) -> None:
    values = {"sources": {"code": {"path": "x.parquet", "kind": "code"} | source}} | more
    with pytest.raises(ConfigError, match=words):
        parse_config(values, base=Path("/"))


def test_a_group_has_one_hash_of_its_name_and_source() -> None:
    contents = pa.array([bytes([n]) * 16 for n in range(4)], HASH)
    names = pa.chunked_array([["a", None], ["b", "a"]])
    one, other = (split_hashes(source, names, contents).to_pylist() for source in ("x", "y"))
    assert one[0] == one[3] and one[1] == contents[1].as_py()
    assert len({*one, *other}) == 5
