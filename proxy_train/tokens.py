"""What a proxy is measured on: held-out documents per domain and evaluation items, as tokens."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.errors import ConfigError, InputError
from midmix.proxy_train.shards import Shards
from midmix.proxy_train.texts import Ids, Item
from midmix.tables import TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Stands between question and answer, as in the template that the sources' question-answer columns use.
SEPARATOR = "\n\n"
# Texts too long for what is left of the budget are passed over later, so more than the budget is read.
SPARE = 4


def load_tokenizer(name: str, folder: str) -> Tokenizer:
    """The tokenizer of a Hugging Face folder; text that looks like a special token is encoded as its characters."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # read at every call; one thread per worker process
    from tokenizers import Tokenizer

    file = Path(folder) / "tokenizer.json"
    if not file.is_file():
        raise ConfigError(
            f"config: 'tokenizers.{name}': no file {file}; "
            f"expected a Hugging Face tokenizer folder with a tokenizer.json"
        )
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def num_ids(tokenizer: Tokenizer) -> int:
    """The vocabulary of a proxy: one more than the largest id, added tokens included."""
    return int(max(tokenizer.get_vocab(with_added_tokens=True).values())) + 1


def tokenizer_identity(file: Path) -> str:
    """SHA-256 over what gives text its ids in a tokenizer.json: not its padding, its truncation, nor its layout."""
    values = json.loads(file.read_text(encoding="utf-8"))
    parts = {name: values.get(name) for name in ("added_tokens", "normalizer", "pre_tokenizer", "model")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Heldout:
    """Held-out documents of one domain, as many as were asked for: ids with their end-of-text, and bytes."""

    documents: tuple[Ids, ...]
    num_bytes: tuple[int, ...]


def read_heldout(
    files: Sequence[Path], shards: Mapping[str, Shards], tokenizer: str, budget: int
) -> dict[str, Heldout]:
    """The first held-out documents of every domain, in the order of TOKENS, about `budget` tokens of them or more."""
    columns = ["domain", "shard", "offset", "num_tokens", "num_bytes"]
    wanted = [("tokenizer", "=", tokenizer), ("split", "=", "heldout")]
    tables = [pq.read_table(file, columns=columns, filters=wanted) for file in files]
    rows = pa.concat_tables([TOKENS.schema().empty_table().select(columns), *tables]).sort_by(
        [("domain", "ascending"), ("shard", "ascending"), ("offset", "ascending")]
    )
    found = {}
    for domain, one_domain in shards.items():
        mine = rows.filter(pa.compute.equal(rows.column("domain"), domain))
        ends = np.cumsum(mine.column("num_tokens").to_numpy())
        taken = mine.slice(0, int(np.searchsorted(ends, SPARE * budget)) + 1).to_pylist()
        arrays = one_domain.open()
        documents = [
            arrays[row["shard"]][row["offset"] : row["offset"] + row["num_tokens"]].astype(np.int64) for row in taken
        ]
        short = [d for d, row in zip(documents, taken, strict=True) if len(d) != row["num_tokens"]]
        if short:
            raise InputError(
                f"tokens: a held-out shard of domain {domain!r} is shorter than its rows say; "
                f"run the step tokenize again"
            )
        if documents:
            found[domain] = Heldout(tuple(documents), tuple(row["num_bytes"] for row in taken))
    return found


def read_items(files: Sequence[Path], tokenizer: Tokenizer, budget: int) -> dict[str, list[Item]]:
    """Items of every target and retention set as tokens, in order, until a set has `SPARE` times `budget` tokens.

    Benchmarks are not measured, nor are items whose answer has no token.
    """
    columns = ["set", "role", "item", "question", "answer"]
    found: dict[str, list[Item]] = defaultdict(list)
    left: dict[str, int] = defaultdict(lambda: SPARE * budget)
    for file in files:
        for row in pq.read_table(file, columns=columns, filters=[("role", "!=", "benchmark")]).to_pylist():
            if left[row["set"]] <= 0:
                continue
            item = make_item(tokenizer, row["question"], row["answer"])
            if len(item.answer):
                found[row["set"]].append(item)
                left[row["set"]] -= len(item.question) + len(item.answer)
    return dict(sorted(found.items()))


def make_item(tokenizer: Tokenizer, question: str | None, answer: str) -> Item:
    """An item as tokens. Question and answer are encoded apart, so that the answer's tokens are its bytes alone."""
    context = [] if question is None else tokenizer.encode(question + SEPARATOR, add_special_tokens=False).ids
    ids = tokenizer.encode(answer, add_special_tokens=False).ids
    return Item(np.array(context, np.int64), np.array(ids, np.int64), len(answer.encode()))
