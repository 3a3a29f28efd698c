"""Shards from TOKENS and their files, indices, tokenizers: what fits, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from midmix.disk import sha256_of
from midmix.errors import ConfigError, InputError
from midmix.mixer.design.supply import Supply
from midmix.mixer.plan.buckets import bucket_lengths, count_buckets
from midmix.mixer.plan.indexed import Index, last_token, read_index
from midmix.mixer.plan.models import Tokenizer
from midmix.mixer.plan.pool import make_buckets
from midmix.mixer.plan.supply import make_domains, read_shards
from midmix.mixer.plan.token_shards import TokenShards
from midmix.mixer.plan.tokenizer import identify
from midmix.table_manifest import Attachment, Manifest


def index_bytes(lengths: list[int], code: int = 8, version: int = 1) -> bytes:
    head = b"MMIDIDX\x00\x00" + version.to_bytes(8, "little") + bytes([code])
    head += len(lengths).to_bytes(8, "little") + (len(lengths) + 1).to_bytes(8, "little")
    offsets = np.cumsum([0, *lengths[:-1]]) * 2
    entries = np.arange(len(lengths) + 1)
    return head + np.array(lengths, "<i4").tobytes() + offsets.astype("<i8").tobytes() + entries.astype("<i8").tobytes()


def write_pair(folder: Path, lengths: list[int], eos: int = 0) -> tuple[Path, Path]:
    tokens = np.concatenate([np.append(np.full(n - 1, 5), eos) for n in lengths]).astype("<u2")
    bin_path, idx_path = folder / "s.bin", folder / "s.idx"
    bin_path.write_bytes(tokens.tobytes())
    idx_path.write_bytes(index_bytes(lengths))
    return bin_path, idx_path


def tokenizer(**changes: object) -> Tokenizer:
    values: dict[str, object] = {
        "id": "t",
        "file_sha256": "0" * 64,
        "vocabulary_size": 10,
        "eos_id": 0,
        "dtype": "uint16",
    }
    values |= {"adds_eos_per_document": True, "adds_bos_per_document": False}
    return Tokenizer.model_validate(values | changes)


def test_index_gives_documents_and_tokens(tmp_path: Path) -> None:
    bin_path, idx_path = write_pair(tmp_path, [3, 2, 7])
    assert read_index(idx_path, bin_path) == Index("uint16", 3, 12)
    assert last_token(bin_path, "uint16") == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no Megatron index"),
        (b"PK" + index_bytes([3]), "no Megatron index"),
        (index_bytes([3], version=2), "index version 2"),
        (index_bytes([3], code=5), "dtype code 5"),
        (index_bytes([3, 4])[:-1], "cut off"),
        (index_bytes([3, 4])[:40], "cut off"),
        (index_bytes([3, 4]), "24 bytes, but s.idx lists 7 tokens"),
    ],
)
def test_broken_index_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    bin_path, idx_path = write_pair(tmp_path, [3, 2, 7])
    idx_path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_index(idx_path, bin_path)


def tokens_table(folder: Path, lengths: list[int]) -> tuple[Path, Manifest]:
    rows = {
        "tokenizer": ["main"] * len(lengths) + ["proxy"],
        "domain": ["math"] * len(lengths) + ["math"],
        "split": ["train"] * (len(lengths) + 1),
        "shard": pl.Series([0] * (len(lengths) + 1), dtype=pl.Int32),
        "offset": pl.Series([*np.cumsum([0, *lengths[:-1]]).tolist(), 0], dtype=pl.Int64),
        "num_tokens": pl.Series([*lengths, 99], dtype=pl.Int32),
        "entry_offset": pl.Series([None] * (len(lengths) + 1), dtype=pl.Int64),
        "entry_tokens": pl.Series([None] * (len(lengths) + 1), dtype=pl.Int32),
    }
    pl.DataFrame(rows).write_parquet(folder / "t.parquet")
    attached = tuple(
        Attachment(f"main/math/train-00000.{p.suffix[1:]}", p.name, p.stat().st_size, sha256_of(p))
        for p in (folder / "s.bin", folder / "s.idx")
    )
    return folder / "t.parquet", Manifest("tokens", attached=attached)


def test_shards_carry_counts_and_hashes(tmp_path: Path) -> None:
    bin_path, _ = write_pair(tmp_path, [3, 2, 7])
    path, manifest = tokens_table(tmp_path, [3, 2, 7])
    (shard,) = read_shards((path,), manifest, tmp_path, tokenizer())["math", "train"]
    assert (shard.index, shard.tokens, shard.documents, shard.bin.bytes) == (0, 12, 3, 24)
    assert shard.bin.sha256 == sha256_of(bin_path)


def test_joined_documents_are_one_of_their_shard(tmp_path: Path) -> None:
    write_pair(tmp_path, [3, 9])
    path, manifest = tokens_table(tmp_path, [3, 2, 7])
    rows = pl.read_parquet(path)
    joined = {"entry_offset": [None, 3, 3, None], "entry_tokens": [None, 9, 9, None]}
    rows.with_columns(
        **{name: pl.Series(values, dtype=rows[name].dtype) for name, values in joined.items()}
    ).write_parquet(path)
    (shard,) = read_shards((path,), manifest, tmp_path, tokenizer())["math", "train"]
    assert (shard.tokens, shard.documents) == (12, 2)
    buckets = make_buckets({"short": 0, "middle": 4, "long": 9})
    assert count_buckets((path,), buckets) == {("math", 0): [(0, 1, 3), (2, 1, 9)]}
    assert count_buckets((path,), buckets)["math", 0] == bucket_lengths(np.array([3, 9]), buckets)


def test_table_and_index_that_disagree_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, [3, 2, 7])
    path, manifest = tokens_table(tmp_path, [3, 2])
    with pytest.raises(InputError, match=r"counts 5 tokens in 2 documents, its \.idx 12 in 3"):
        read_shards((path,), manifest, tmp_path, tokenizer())
    with pytest.raises(InputError, match=r"no such file"):
        read_shards((path,), Manifest("tokens"), tmp_path, tokenizer())


def two_shards(folder: Path) -> tuple[Path, Manifest]:
    """Shards of 12 tokens in 3 documents; the second one is never opened."""
    write_pair(folder, [3, 2, 7])
    for suffix in ("bin", "idx"):
        (folder / f"second.{suffix}").write_bytes((folder / f"s.{suffix}").read_bytes())
    path, manifest = tokens_table(folder, [3, 2, 7])
    rows = pl.read_parquet(path)
    second = rows.filter(pl.col("tokenizer") == "main").with_columns(shard=pl.lit(1, pl.Int32))
    pl.concat([rows, second]).write_parquet(path)
    files = [replace(a, name=a.name.replace("00000", "00001"), path=f"second{a.path[1:]}") for a in manifest.attached]
    return path, replace(manifest, attached=(*manifest.attached, *files))


@pytest.mark.parametrize(
    ("suffix", "words"),
    [("bin", r"TOKENS counts 12 tokens, which take 24 bytes; 24 were published, 23 are there"),
     ("idx", r"TOKENS counts 3 documents, which take 102 bytes; 102 were published, 101 are there")],
)  # fmt: skip
def test_a_shard_that_was_cut_off_is_found_by_its_size(tmp_path: Path, suffix: str, words: str) -> None:
    path, manifest = two_shards(tmp_path)
    assert [s.tokens for s in read_shards((path,), manifest, tmp_path, tokenizer())["math", "train"]] == [12, 12]
    file = tmp_path / f"second.{suffix}"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=words):
        read_shards((path,), manifest, tmp_path, tokenizer())
    file.unlink()
    with pytest.raises(InputError, match=rf"train-00001\.{suffix}.*the file is gone"):
        read_shards((path,), manifest, tmp_path, tokenizer())


def test_an_index_that_lists_other_documents_is_refused_when_they_are_needed(tmp_path: Path) -> None:
    path, manifest = two_shards(tmp_path)
    shards = read_shards((path,), manifest, tmp_path, tokenizer())
    supply = Supply(("crawl",), ("math",), np.array([[24]]))
    domains = make_domains(supply, shards, {"crawl": (None, None)}, {"default": 4.0}, {}, ())
    tokens = TokenShards(tmp_path, manifest, domains, {})
    assert tokens.lengths("math", 1).tolist() == [3, 2, 7]
    assert tokens.bin_path("math", 1) == tmp_path / "second.bin"
    (tmp_path / "second.idx").write_bytes(index_bytes([3, 2, 8]))
    with pytest.raises(InputError, match="lists 13 tokens in 3 documents, TOKENS counts 12 in 3"):
        tokens.lengths("math", 1)


@pytest.mark.parametrize("changes", [{"eos_id": 3}, {"dtype": "int32", "vocabulary_size": 100_000}])
def test_tokens_of_another_tokenizer_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    write_pair(tmp_path, [3, 2, 7])
    path, manifest = tokens_table(tmp_path, [3, 2, 7])
    with pytest.raises(InputError, match="holds uint16 ids and ends with 0"):
        read_shards((path,), manifest, tmp_path, tokenizer(**changes))


def test_domain_names_its_sources_and_what_caps_it(tmp_path: Path) -> None:
    write_pair(tmp_path, [3, 2, 7])
    path, manifest = tokens_table(tmp_path, [3, 2, 7])
    shards = read_shards((path,), manifest, tmp_path, tokenizer())
    supply = Supply(("crawl", "books", "none"), ("math",), np.array([[8], [4], [0]]))
    declared = {"crawl": ("cc0", None), "books": (None, "v2"), "none": (None, None)}
    for epochs, bound, reason in (
        ({"default": 4.0, "books": 1.5, "none": 0.5}, 1.5, "mixture.max_epochs.books"),
        ({"default": 4.0, "math": 2.0, "books": 1.5}, 2.0, "mixture.max_epochs.math"),
        ({"default": 4.0}, 4.0, "mixture.max_epochs.default"),
    ):
        (domain,) = make_domains(supply, shards, declared, epochs, {}, ("math",))
        assert (domain.max_epochs, domain.max_epochs_reason) == (bound, reason)
    assert [(s.source, s.tokens, s.snapshot) for s in domain.sources] == [("crawl", 8, None), ("books", 4, "v2")]
    with pytest.raises(ConfigError, match="no bound"):
        make_domains(supply, shards, declared, {"default": float("inf")}, {}, ("math",))


def write_tokenizer(folder: Path, num_ids: int, config: dict[str, object]) -> None:
    vocabulary = {f"w{i}": i for i in range(num_ids)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w0"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("config", "eos"), [({"eos_token": "w3"}, 3), ({"eos_token": {"content": "w4"}}, 4), ({"eos_token_id": [5, 6]}, 5)]
)
def test_tokenizer_is_known_by_hash_and_end_of_text(tmp_path: Path, config: dict[str, object], eos: int) -> None:
    write_tokenizer(tmp_path, 9, config)
    found = identify(tmp_path)
    assert (found.id, found.eos_id, found.vocabulary_size, found.dtype) == (tmp_path.name, eos, 9, "uint16")
    assert found.file_sha256 == sha256_of(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(("num_ids", "dtype"), [(65_536, "uint16"), (65_537, "int32")])
def test_more_than_65536_ids_take_32_bits(tmp_path: Path, num_ids: int, dtype: str) -> None:
    write_tokenizer(tmp_path, num_ids, {"eos_token": "w0"})
    assert identify(tmp_path).dtype == dtype


def test_tokenizer_without_end_of_text_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file .*tokenizer\.json"):
        identify(tmp_path)
    write_tokenizer(tmp_path, 9, {})
    with pytest.raises(ConfigError, match="names no end-of-text token"):
        identify(tmp_path)
