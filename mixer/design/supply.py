"""What each domain has to give: tokens by source and domain, epochs allowed, caps, and shares named by the user.

Arrays run over `Supply.domains` (k of them, sorted by name): tokens are int64 counts of the train split, caps and
shares float64.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.config import nearest
from midmix.errors import ConfigError, InputError
from midmix.mixer.simplex import F64, I64

DEFAULT = "default"


@dataclass(frozen=True)
class Supply:
    """Tokens of the train split by source and domain, int64 [num_sources, k]."""

    sources: tuple[str, ...]
    domains: tuple[str, ...]
    by_source: I64

    @property
    def tokens(self) -> I64:
        """Tokens per domain, int64 [k]."""
        total: I64 = self.by_source.sum(axis=0)
        return total


def read_supply(token_files: Iterable[Path], source_of_part: Mapping[int, str], sources: Iterable[str]) -> Supply:
    """Tokens per source and domain of the tokenizer `main`'s train split, one row group in memory at a time.

    `source_of_part` is PARTS. Raises InputError when nothing was tokenized for training.
    """
    names = tuple(sources)
    counts: dict[str, I64] = {}
    position = {source: i for i, source in enumerate(names)}
    part_position = np.full(max(source_of_part, default=-1) + 1, -1, dtype=np.int64)
    for part, source in source_of_part.items():
        part_position[part] = position[source]
    for path in token_files:
        reader = pq.ParquetFile(path)
        for batch in reader.iter_batches(columns=["tokenizer", "domain", "split", "num_tokens", "doc"]):
            chosen = pc.and_(pc.equal(batch["tokenizer"], "main"), pc.equal(batch["split"], "train"))
            rows = batch.filter(chosen)
            domains = rows["domain"].dictionary_encode()
            codes = np.asarray(domains.indices)
            where = part_position[(np.asarray(rows["doc"]) >> np.uint64(32)).astype(np.int64)]
            tokens = np.asarray(rows["num_tokens"]).astype(np.int64)
            for code, domain in enumerate(domains.dictionary.to_pylist()):
                held = codes == code
                np.add.at(counts.setdefault(domain, np.zeros(len(names), dtype=np.int64)), where[held], tokens[held])
    kept = sorted(domain for domain, by_source in counts.items() if by_source.sum() > 0)
    if not kept:
        raise InputError("TOKENS has no document in the train split of tokenizer 'main'. Run the step tokenize first.")
    return Supply(names, tuple(kept), np.stack([counts[domain] for domain in kept], axis=1))


def spread_shares(shares: Mapping[str, float], supply: Supply, declared: Collection[str], where: str) -> F64:
    """Shares named by source or domain as weights [k] that sum to 1.

    A source's share goes to the domains that hold its tokens, in proportion to its tokens there. Names are domains
    where the mapping names one of the `declared` domains (those of the config's SQL): it then speaks of domains, and
    a source's name means what the SQL left of it. Raises ConfigError for names that are neither, or hold no tokens.
    """
    speaks_of_domains = any(name in declared for name in shares)
    weights = np.zeros(len(supply.domains))
    for name, share in shares.items():
        if name in supply.domains and (speaks_of_domains or name not in supply.sources):
            weights[supply.domains.index(name)] += share
        elif name in supply.sources:
            held = supply.by_source[supply.sources.index(name)]
            if share and not held.sum():
                raise ConfigError(
                    f"{where}: source {name!r} has no token in the train split; leave it out or keep more of it. "
                    'What dropped it: midmix sql RUN "FROM drops"'
                )
            weights += share * held / max(int(held.sum()), 1)
        elif name in declared:
            if share:
                raise ConfigError(
                    f"{where}: domain {name!r} has no token in the train split; leave it out or widen its SQL"
                )
        else:
            known = [*supply.sources, *declared]
            raise ConfigError(f"{where}: {name!r} is neither a source nor a domain{nearest(name, known)}")
    if not weights.sum() > 0:
        raise ConfigError(f"{where}: no share is more than 0; give at least one source or domain a share")
    normalised: F64 = weights / weights.sum()
    return normalised


def epochs_by_domain(
    max_epochs: Mapping[str, float], spent_epochs: Mapping[str, float], supply: Supply, declared: Collection[str]
) -> F64:
    """Most passes over each domain [k] that are left: those allowed over all stages less those spent before.

    Allowed: its own number, else the least of its sources' numbers, else `default`; the least, since a domain is drawn
    from as a whole: its documents of every source are seen equally often. Spent: its own number, else the most of its
    sources', else 0. Raises ConfigError for an unknown name.
    """
    known = [DEFAULT, *supply.sources, *declared]
    for section, names in (("max_epochs", max_epochs), ("spent_epochs", spent_epochs)):
        for name in names:
            if name not in (known if section == "max_epochs" else known[1:]):
                raise ConfigError(f"mixture.{section}: {name!r} is neither a source nor a domain{nearest(name, known)}")
    default = max_epochs.get(DEFAULT, 4.0)
    result = np.empty(len(supply.domains))
    for j, domain in enumerate(supply.domains):
        holders = [s for i, s in enumerate(supply.sources) if supply.by_source[i, j] > 0]
        allowed = max_epochs.get(domain, min(max_epochs.get(s, default) for s in holders))
        spent = spent_epochs.get(domain, max(spent_epochs.get(s, 0.0) for s in holders))
        result[j] = max(allowed - spent, 0.0)
    return result


def caps_of(supply: Supply, max_epochs: F64, total_tokens: int) -> F64:
    """Largest share of each domain [k] in a training of `total_tokens`: tokens x epochs / total, 1 at most.

    Raises ConfigError when all domains together cannot fill the training, naming the tokens that are missing.
    """
    most = supply.tokens * max_epochs
    if most.sum() < total_tokens:
        raise ConfigError(
            f"mixture.tokens: {total_tokens:,} tokens are asked for, but the {len(supply.domains)} domains give "
            f"{int(most.sum()):,} at the epochs allowed: {total_tokens - int(most.sum()):,} are missing. "
            f"Lower mixture.tokens, raise mixture.max_epochs, or add sources."
        )
    return np.minimum(1.0, most / total_tokens)
