from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.errors import ConfigError, InputError
from midmix.proxy_train.shards import itemsize, shards_by_domain
from midmix.proxy_train.tokens import load_tokenizer, read_heldout
from midmix.table_manifest import Attachment, Manifest
from midmix.tables import TOKENS


def _row(domain: str, split: str, shard: int, offset: int, num_tokens: int, tokenizer: str = "main") -> dict[str, Any]:
    place = {"tokenizer": tokenizer, "domain": domain, "split": split, "shard": shard, "offset": offset}
    return place | {"num_tokens": num_tokens, "num_bytes": 10 * num_tokens, "doc": offset}


def _manifest(folder: Path, **tokens: list[int]) -> Manifest:
    """Shard files; `a_heldout_0=[...]` is the first held-out shard of domain a."""
    attached = []
    for name, ids in tokens.items():
        domain, split, shard = name.split("_")
        np.array(ids, "<u2").tofile(folder / f"{name}.bin")
        for suffix in (".bin", ".idx"):
            attached.append(Attachment(f"main/{domain}/{split}-{int(shard):05d}{suffix}", f"{name}{suffix}", 0, ""))
    return Manifest("tokens", (), tuple(reversed(attached)))


def _file(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "tokens.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=TOKENS.schema()), path)
    return path


def test_shards_of_one_tokenizer_and_split_in_order(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, a_train_0=[1], a_train_1=[2], a_heldout_0=[3], b_train_0=[4])
    found = shards_by_domain(manifest, tmp_path, "main", "train", 2)
    names = {name: [path.name for path in shards.paths] for name, shards in found.items()}
    assert names == {"a": ["a_train_0.bin", "a_train_1.bin"], "b": ["b_train_0.bin"]}
    assert shards_by_domain(manifest, tmp_path, "proxy", "train", 2) == {}


def test_held_out_documents_are_those_of_the_tokenizer_in_order(tmp_path: Path) -> None:
    rows = [
        _row("a", "heldout", 1, 0, 2),
        _row("a", "heldout", 0, 2, 1),
        _row("a", "heldout", 0, 0, 2),
        _row("a", "heldout", 0, 0, 3, tokenizer="proxy"),
        _row("a", "train", 0, 0, 2),
    ]
    manifest = _manifest(tmp_path, a_heldout_0=[5, 6, 7], a_heldout_1=[8, 9])
    shards = shards_by_domain(manifest, tmp_path, "main", "heldout", 2)
    heldout = read_heldout([_file(tmp_path, rows)], shards, "main", 100)["a"]
    assert [ids.tolist() for ids in heldout.documents] == [[5, 6], [7], [8, 9]]
    assert heldout.num_bytes == (20, 10, 20)


def test_no_more_held_out_text_is_read_than_the_budget_needs(tmp_path: Path) -> None:
    rows = [_row("a", "heldout", 0, i, 1) for i in range(50)]
    shards = shards_by_domain(_manifest(tmp_path, a_heldout_0=[3] * 50), tmp_path, "main", "heldout", 2)
    assert 5 <= len(read_heldout([_file(tmp_path, rows)], shards, "main", 5)["a"].documents) < 50


def test_a_shard_shorter_than_its_rows_is_refused(tmp_path: Path) -> None:
    shards = shards_by_domain(_manifest(tmp_path, a_heldout_0=[1, 2]), tmp_path, "main", "heldout", 2)
    with pytest.raises(InputError, match="held-out shard of domain 'a' is shorter than its rows say"):
        read_heldout([_file(tmp_path, [_row("a", "heldout", 0, 1, 2)])], shards, "main", 9)


def test_ids_take_two_bytes_as_long_as_they_fit() -> None:
    assert [itemsize(65_536), itemsize(65_537)] == [2, 4]


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'tokenizers\.main': no file .*tokenizer\.json"):
        load_tokenizer("main", str(tmp_path))
