"""Domains of the plan from the run's tables: shards with their hashes, sources, and what caps them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from midmix.errors import ConfigError, InputError
from midmix.mixer.design.supply import DEFAULT, Supply, epochs_by_domain
from midmix.mixer.plan.indexed import index_bytes, last_token, read_index
from midmix.mixer.plan.models import ITEM_BYTES, Domain, Shard, SourceTokens, TokenFile, Tokenizer
from midmix.table_manifest import Attachment, Manifest

TOKENIZER = "main"


def starts_entry() -> pl.Expr:
    """Of a row of TOKENS, 1 where its document starts an entry of the shard's index: all but the rest of a group."""
    return (pl.col("entry_offset") == pl.col("offset")).fill_null(True).cast(pl.Int64)


def read_shards(
    token_files: tuple[Path, ...], manifest: Manifest, folder: Path, tokenizer: Tokenizer
) -> dict[tuple[str, str], tuple[Shard, ...]]:
    """Shards by (domain, split), in order, each checked: TOKENS must say what the sizes of `.bin` and `.idx` say.

    Documents that the step tokenize joined count as one, as their shard's index has them.
    The first of each domain and split is opened: one step made them all, with one tokenizer. Raises InputError where
    they do not agree, or where the token ids cannot be those of `tokenizer`.
    """
    attached = {a.name: a for a in manifest.attached}
    counts = (
        pl.scan_parquet(list(token_files))
        .filter(pl.col("tokenizer") == TOKENIZER)
        .group_by("domain", "split", "shard")
        .agg(pl.col("num_tokens").cast(pl.Int64).sum().alias("tokens"), starts_entry().sum().alias("documents"))
        .sort("domain", "split", "shard")
        .collect(engine="streaming")
    )
    shards: dict[tuple[str, str], list[Shard]] = defaultdict(list)
    for domain, split, number, tokens, documents in counts.iter_rows():
        stem = f"{TOKENIZER}/{domain}/{split}-{number:05d}"
        bin_file, idx_file = (_attachment(attached, f"{stem}.{suffix}") for suffix in ("bin", "idx"))
        if (domain, split) not in shards:
            _check_content(stem, folder / bin_file.path, folder / idx_file.path, (tokens, documents), tokenizer)
        _check_size(folder, bin_file, tokens * ITEM_BYTES[tokenizer.dtype], f"{tokens} tokens")
        _check_size(folder, idx_file, index_bytes(documents), f"{documents} documents")
        files = [TokenFile(name=f.name, bytes=f.bytes, sha256=f.sha256) for f in (bin_file, idx_file)]
        shards[domain, split].append(
            Shard(index=number, tokens=tokens, documents=documents, bin=files[0], idx=files[1])
        )
    return {key: tuple(found) for key, found in shards.items()}


def make_domains(
    supply: Supply,
    shards: Mapping[tuple[str, str], tuple[Shard, ...]],
    declared: Mapping[str, tuple[str | None, str | None]],
    max_epochs: Mapping[str, float],
    spent_epochs: Mapping[str, float],
    config_domains: tuple[str, ...],
) -> tuple[Domain, ...]:
    """The domains that hold train tokens, sorted by name. `declared` gives (license, snapshot) per source."""
    epochs_by_domain(max_epochs, spent_epochs, supply, config_domains)  # refuses unknown names
    epochs = epochs_by_domain(max_epochs, {}, supply, config_domains)
    domains = []
    for column, name in enumerate(supply.domains):
        held = shards[name, "train"]
        by_source = {s: int(supply.by_source[row, column]) for row, s in enumerate(supply.sources)}
        sources = tuple(
            SourceTokens(source=s, tokens=n, license=declared[s][0], snapshot=declared[s][1])
            for s, n in by_source.items()
            if n
        )
        names = [s.source for s in sources]
        domains.append(
            Domain(
                id=name,
                tokens=sum(s.tokens for s in held),
                documents=sum(s.documents for s in held),
                max_epochs=_finite(name, float(epochs[column])),
                max_epochs_reason=_reason(name, names, max_epochs),
                spent_epochs=spent_epochs.get(name, max(spent_epochs.get(s, 0.0) for s in names)),
                sources=sources,
                shards=held,
                heldout=shards.get((name, "heldout"), ()),
            )
        )
    return tuple(domains)


def _reason(domain: str, sources: list[str], max_epochs: Mapping[str, float]) -> str:
    """Which setting caps a domain: its own, the least of its sources', or the default."""
    if domain in max_epochs:
        return f"mixture.max_epochs.{domain}"
    least = min(sources, key=lambda s: max_epochs.get(s, max_epochs.get(DEFAULT, float("inf"))))
    return f"mixture.max_epochs.{least if least in max_epochs else DEFAULT}"


def _finite(domain: str, epochs: float) -> float:
    if epochs == float("inf"):
        raise ConfigError(
            f"mixture.max_epochs: domain {domain} has no bound (.inf); give the number of passes that you accept"
        )
    return epochs


def _attachment(attached: Mapping[str, Attachment], name: str) -> Attachment:
    if name not in attached:
        raise InputError(
            f"TOKENS lists documents of {name}, but the run has no such file. Run the step tokenize again."
        )
    return attached[name]


def _check_size(folder: Path, file: Attachment, num_bytes: int, words: str) -> None:
    """What TOKENS says of a file, what was published of it, and what lies there; it is not opened."""
    try:
        found = os.stat(os.path.join(folder, file.path)).st_size
    except OSError:
        found = -1
    if not found == file.bytes == num_bytes:
        raise InputError(
            f"{file.name}: TOKENS counts {words}, which take {num_bytes} bytes; {file.bytes} were published, "
            f"{'the file is gone' if found < 0 else f'{found} are there'}. Run the step tokenize again."
        )


def _check_content(stem: str, bin_path: Path, idx_path: Path, counted: tuple[int, int], tokenizer: Tokenizer) -> None:
    """Check one shard whole; `counted` are the tokens and documents that TOKENS has."""
    index = read_index(idx_path, bin_path)
    if (index.tokens, index.documents) != counted:
        raise InputError(
            f"{stem}: TOKENS counts {counted[0]} tokens in {counted[1]} documents, its .idx "
            f"{index.tokens} in {index.documents}. Run the step tokenize again."
        )
    last = last_token(bin_path, index.dtype)
    if index.dtype != tokenizer.dtype or last != tokenizer.eos_id:
        raise InputError(
            f"{stem}: holds {index.dtype} ids and ends with {last}; the tokenizer "
            f"{tokenizer.id} has {tokenizer.vocabulary_size} ids ({tokenizer.dtype}) and ends documents with "
            f"{tokenizer.eos_id}. Run the step tokenize with this tokenizer, or name the one that made the tokens."
        )
