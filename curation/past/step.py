"""The past step: which documents an earlier corpus has already, by its index. It drops nothing; `decide` does.

Keys of the run meet those of each index by range; each part's candidates become a file of its own; and what a part has is
compared again only where that file changed, so a later source costs old parts nothing but new candidates.
"""

from __future__ import annotations

from typing import Any

from midmix.curation.dedup.keys import KEY_BITS
from midmix.curation.dedup.ranges import task_ranges
from midmix.curation.past.candidates import find_candidates, gather_candidates, key_part, num_keys
from midmix.curation.past.corpora import Corpus, load_corpora
from midmix.curation.past.index import signing
from midmix.curation.past.verify import compare_part
from midmix.parts import Part
from midmix.step import Context
from midmix.tables import BANDS, DOCUMENTS, PAST_CANDIDATES, PAST_KEYS, PAST_PAIRS, SIGNATURES, SPANS
from midmix.task import JSON

VERSION = 1


def run(context: Context) -> None:
    """Write PAST_PAIRS of the run; nothing where the config has no `dedup.against`."""
    corpora = load_corpora(context.config)
    if not corpora:
        context.discard(PAST_KEYS, PAST_CANDIDATES, PAST_PAIRS)
        return
    folders = {name: corpus.folder for name, corpus in corpora.items()}
    context.per_part(key_part, writes=(PAST_KEYS,), units={"keys": {}}, reads=(SIGNATURES,), over_text=False)
    context.batches(
        find_candidates,
        writes=(PAST_CANDIDATES,),
        items=_ranges(context, corpora),
        extra=folders,
        inputs=context.digests(BANDS, PAST_KEYS),
    )
    context.per_part(
        gather_candidates,
        writes=(PAST_CANDIDATES,),
        units={f"candidates.{name}": {"corpus": name} for name in corpora},
        over_text=False,
        inputs=context.digests(PAST_CANDIDATES),
    )
    context.per_part(
        compare_part,
        writes=(PAST_PAIRS,),
        units=lambda part: _comparing(context, corpora, part),
        reads=(DOCUMENTS, SPANS, SIGNATURES),
        groups={f"pairs.{name}": {PAST_CANDIDATES.name: [f"candidates.{name}"]} for name in corpora},
        over_text=False,
        extra=folders,
    )


def _ranges(context: Context, corpora: dict[str, Corpus]) -> dict[str, JSON]:
    """Items of work over ranges of keys of each corpus."""
    items = {}
    own = num_keys(context.folder, BANDS, PAST_KEYS)
    for name, corpus in corpora.items():
        ranges = task_ranges(KEY_BITS, own + num_keys(corpus.folder, BANDS), context.memory_bytes)
        for number, of in enumerate(ranges):
            settings = {"corpus": name, "index": corpus.identity, "range": [of.low, of.high]}
            items[f"{name}-{number:04d}-of-{len(ranges):04d}"] = settings
    return items


def _comparing(context: Context, corpora: dict[str, Corpus], part: Part) -> dict[str, Any]:
    config = context.config
    how = {"signing": signing(config, part.kind), "edits": sorted(config.edits), "jaccard": config.dedup.jaccard}
    return {f"pairs.{name}": {"corpus": name, "index": corpus.identity, **how} for name, corpus in corpora.items()}
