"""What a newcomer brings and costs: counted in its preview, from tables alone but for the text around leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from midmix.add.changes import changed_verdicts
from midmix.add.hits import hits_of
from midmix.curation.decide.sql import BYTES_PER_TOKEN
from midmix.overlap import sized_sql
from midmix.query import quoted, sql_errors
from midmix.run import Run
from midmix.show import rows_of

Rows = list[dict[str, Any]]

# Every document as this preview has it. Where tokens are counted, what was kept and has none was empty after edits.
_NEW = """
CREATE TEMP TABLE of_all AS
SELECT z.*, coalesce(l.kind, s.kind) AS kind, d.keep AND (z.counted OR NOT {counts}) AS kept, d.reason
FROM ({sized}) z JOIN decisions d USING (doc) JOIN sources s USING (source) LEFT JOIN labels l USING (doc)
WHERE z.source IN ({sources}) OR doc IN (SELECT doc FROM changed)"""

_SOURCES = """
SELECT s.source, s.kind, coalesce(i.rows_in, 0) AS rows, coalesce(i.rows_quarantined, 0) AS set_aside, count(n.doc) AS docs,
  coalesce(sum(n.num_bytes), 0)::BIGINT AS bytes, coalesce(sum(n.tokens), 0)::BIGINT AS tokens,
  count(n.doc) FILTER (n.kept) AS kept_docs, coalesce(sum(n.num_bytes) FILTER (n.kept), 0)::BIGINT AS kept_bytes,
  coalesce(sum(n.tokens) FILTER (n.kept), 0)::BIGINT AS kept_tokens
FROM sources s LEFT JOIN (FROM ledger WHERE step = 'ingest') i USING (source) LEFT JOIN of_all n USING (source)
WHERE s.source IN ({sources}) GROUP BY ALL ORDER BY any_value(s.position)"""

_DROPPED = """
SELECT source, coalesce(reason, 'edit.empty') AS reason, count(*) AS docs, sum(num_bytes)::BIGINT AS bytes,
  sum(tokens)::BIGINT AS tokens
FROM of_all WHERE NOT kept AND source IN ({sources}) GROUP BY ALL ORDER BY source, docs DESC, reason"""

_OVERLAP = """
SELECT o.* FROM overlap o JOIN sources s ON s.source = o.a JOIN sources t ON t.source = o.b
WHERE a IN ({sources}) ORDER BY s.position, t.position, "by" = 'any' DESC, "by" """

_LEAKS = """
SELECT p.source, c."set", c.label, count(DISTINCT c.item) AS items, count(DISTINCT c.doc) AS docs,
  count(DISTINCT c.doc) FILTER (d.reason LIKE 'leak.%') AS dropped
FROM contamination c JOIN parts p ON p.part = CAST(c.doc >> 32 AS BIGINT) LEFT JOIN decisions d USING (doc)
WHERE p.source IN ({sources}) GROUP BY ALL ORDER BY ALL"""

_NET = """
WITH of_old AS (SELECT o.kind, c.keep, o.tokens FROM of_all o JOIN changed c USING (doc)),
of_new AS (SELECT kind, tokens FROM of_all WHERE kept AND source IN ({sources})),
every AS (
  SELECT kind, 1 AS new_docs, tokens AS new_tokens, 0 AS lost_docs, 0 AS lost_tokens FROM of_new
  UNION ALL SELECT kind, 0, 0, CASE WHEN keep THEN -1 ELSE 1 END, CASE WHEN keep THEN -tokens ELSE tokens END FROM of_old
)
SELECT kind, sum(new_docs)::BIGINT AS new_docs, sum(new_tokens)::BIGINT AS new_tokens, sum(lost_docs)::BIGINT AS lost_docs,
  sum(lost_tokens)::BIGINT AS lost_tokens, (sum(new_tokens) - sum(lost_tokens))::BIGINT AS net_tokens
FROM every GROUP BY kind ORDER BY kind"""

_LOST = """
SELECT o.source, c.reason, p.source AS to_source, count(*) AS docs, sum(o.num_bytes)::BIGINT AS bytes,
  sum(o.tokens)::BIGINT AS tokens
FROM changed c JOIN of_all o USING (doc) LEFT JOIN parts p ON p.part = CAST(c.repeats >> 32 AS BIGINT)
WHERE NOT c.keep GROUP BY ALL ORDER BY ALL"""

_LOST_DOCS = "SELECT doc, reason, repeats FROM changed WHERE NOT keep ORDER BY doc LIMIT 1000"
_REGAINED = """
SELECT o.source, count(*) AS docs, sum(o.num_bytes)::BIGINT AS bytes, sum(o.tokens)::BIGINT AS tokens
FROM changed c JOIN of_all o USING (doc) WHERE c.keep GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True)
class Figures:
    """What `midmix add --preview` says. Rows are plain values.

    tokens_by: the tokenizer that counted what is kept, None where all tokens are estimated. sources: what came, and
    what of it is kept; dropped: by source and first reason; overlap: rows of the view with a newcomer as a; leaks: by
    set; hits: the first of them with their text; net: new tokens by kind, less those that old sources lose; lost: old
    documents that would lose their place, by source, reason and the source of what they repeat; lost_docs: the first
    of them; regained: old documents that would be kept after all.
    """

    name: str
    adds: list[str]
    tokens_by: str | None
    sources: Rows
    dropped: Rows
    overlap: Rows
    leaks: Rows
    hits: Rows
    net: Rows
    lost: Rows
    lost_docs: Rows
    regained: Rows

    def values(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def measure(run: Run, base: Path, adds: Sequence[str]) -> Figures:
    """The figures of a preview, of which `run` is the layer and `base` the run that it stands on."""
    sources = ", ".join(map(quoted, adds))
    counts = "main" in run.config.tokenizers
    connection = run.connection
    with sql_errors():
        connection.register("changed", changed_verdicts(base, run.folder))
        connection.execute(_NEW.format(sized=sized_sql(BYTES_PER_TOKEN), sources=sources, counts=str(counts).lower()))

    def rows(query: str) -> Rows:
        return list(rows_of(run.sql(query.format(sources=sources))))

    return Figures(
        name=run.folder.name,
        adds=list(adds),
        tokens_by="main" if counts else None,
        sources=rows(_SOURCES),
        dropped=rows(_DROPPED),
        overlap=rows(_OVERLAP),
        leaks=rows(_LEAKS),
        hits=hits_of(run, sources),
        net=rows(_NET),
        lost=rows(_LOST),
        lost_docs=rows(_LOST_DOCS),
        regained=rows(_REGAINED),
    )
