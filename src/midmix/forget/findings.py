"""What forgetting a source leaves behind: copies elsewhere, documents that come back, models that were made with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from midmix.add.changes import changed_verdicts
from midmix.mixer.export.trainers import read_plan
from midmix.query import quoted, sql_errors
from midmix.run import Run
from midmix.show import rows_of
from midmix.table_files import read_table
from midmix.table_manifest import is_made
from midmix.tables import ARTEFACTS, PLAN

Rows = list[dict[str, Any]]

# How a document may repeat one of the source, the closest first.
RELATIONS = ("exact", "near", "contained", "contains", "url", "semantic")
_CLOSEST = f"list_position({list(RELATIONS)}, {{column}})"

# The closest document of the source for each of the others. Near pairs are stored for the first copy of a text alone.
_COPIES = """
WITH held AS (
  SELECT d.doc, p.source, s.clean_hash, url_key(d.url) AS address
  FROM stored_documents d JOIN parts p ON p.part = CAST(d.doc >> 32 AS BIGINT) LEFT JOIN signatures s USING (doc)
), mine AS (FROM held WHERE source = {source}), others AS (FROM held WHERE source <> {source}),
compared AS (
  SELECT x.clean_hash AS one, y.clean_hash AS other, p.relation, p.jaccard, p.containment
  FROM pairs p JOIN signatures x ON x.doc = p.doc JOIN signatures y ON y.doc = p.earlier
  WHERE p.relation IN ('near', 'contained', 'contains')
), related AS (
  FROM compared UNION ALL
  SELECT other, one, CASE relation WHEN 'contained' THEN 'contains' WHEN 'contains' THEN 'contained' ELSE relation END,
    jaccard, containment FROM compared
), meaning AS (
  SELECT doc, earlier, cosine FROM semantic_pairs UNION ALL SELECT earlier, doc, cosine FROM semantic_pairs
), found AS (
  SELECT o.doc, o.source, 'exact' AS relation, m.doc AS copy_of, 1.0::DOUBLE AS jaccard, 1.0::DOUBLE AS containment,
    NULL::DOUBLE AS cosine FROM others o JOIN mine m USING (clean_hash)
  UNION ALL
  SELECT o.doc, o.source, r.relation, m.doc, r.jaccard, r.containment, NULL FROM related r
    JOIN others o ON o.clean_hash = r.one JOIN mine m ON m.clean_hash = r.other
  UNION ALL
  SELECT o.doc, o.source, 'url', m.doc, NULL, NULL, NULL FROM others o JOIN mine m USING (address)
  UNION ALL
  SELECT o.doc, o.source, 'semantic', m.doc, NULL, NULL, s.cosine FROM meaning s
    JOIN others o ON o.doc = s.doc JOIN mine m ON m.doc = s.earlier
)
SELECT doc, source, relation, copy_of, jaccard, containment, cosine FROM found QUALIFY row_number() OVER (
  PARTITION BY doc ORDER BY {closest},
  jaccard DESC NULLS LAST, cosine DESC NULLS LAST, copy_of) = 1
ORDER BY doc"""

_KEPT = f"SELECT c.* FROM copies c JOIN decisions d USING (doc) WHERE d.keep ORDER BY {_CLOSEST.format(column='c.relation')}, c.doc"

_BACK = """
SELECT c.doc, p.source, d.reason AS was, d.repeats, d.relation FROM changed c JOIN decisions d USING (doc)
  JOIN parts p ON p.part = CAST(c.doc >> 32 AS BIGINT) WHERE c.keep ORDER BY c.doc"""

_LEAVING = """
SELECT c.doc, p.source, c.reason, c.repeats FROM changed c
  JOIN parts p ON p.part = CAST(c.doc >> 32 AS BIGINT) WHERE NOT c.keep ORDER BY c.doc"""

_MINE = """
SELECT count(*) AS documents, count(*) FILTER (t.doc IS NOT NULL) AS trained_on,
  coalesce(sum(t.num_tokens), 0)::BIGINT AS tokens
FROM stored_documents d JOIN parts p ON p.part = CAST(d.doc >> 32 AS BIGINT)
  LEFT JOIN (SELECT doc, num_tokens FROM tokens WHERE tokenizer = 'main' AND split = 'train') t USING (doc)
WHERE p.source = {source}"""

# Runs of the design that drew from a domain which holds text of the source.
_PROXIES = """
SELECT DISTINCT x.run, x.shape FROM proxies x JOIN designs g USING (run)
WHERE g.weight > 0 AND g.domain IN (
  SELECT DISTINCT t.domain FROM tokens t JOIN parts p ON p.part = CAST(t.doc >> 32 AS BIGINT) WHERE p.source = {source})
ORDER BY ALL"""


@dataclass(frozen=True)
class Findings:
    """What `midmix forget` says. Rows are plain values.

    documents, trained_on, tokens: of the source in the run as it was. copies: kept documents of other sources, each with
    the document of the source that it is closest to; back: documents that are kept now, with what they repeated before;
    leaving: documents that are no longer kept; artefacts: frozen ones that were trained with it; proxies: runs that drew
    from it; earlier: tokens that training before this run read of it; tokenizers: folders that came from elsewhere.
    """

    source: str
    documents: int
    trained_on: int
    tokens: int
    copies: Rows
    back: Rows
    leaving: Rows
    artefacts: Rows
    proxies: Rows
    earlier: Rows
    tokenizers: dict[str, str]

    def values(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def find(run: Run, layer: Run, source: str) -> Findings:
    """What stays of `source` when `run` becomes `layer`, the same run without it."""
    name = quoted(source)
    changed = changed_verdicts(run.folder, layer.folder)
    with sql_errors():
        run.connection.register("changed", changed)
        layer.connection.register(
            "copies", run.sql(_COPIES.format(source=name, closest=_CLOSEST.format(column="relation"))).to_arrow_table()
        )
    (mine,) = _rows(run, _MINE, name)
    artefacts = [
        {"name": row["name"], "trained_on": row["trained_on"]}
        for row in read_table(run.folder, ARTEFACTS).to_pylist()
        if source in row["trained_on"]
    ]
    return Findings(
        source=source,
        **mine,
        copies=list(rows_of(layer.sql(_KEPT))),
        back=_rows(run, _BACK, name),
        leaving=_rows(run, _LEAVING, name),
        artefacts=artefacts,
        proxies=_rows(run, _PROXIES, name),
        earlier=[
            {"stage": earlier.id, "name": seen.name, "tokens": seen.tokens}
            for earlier in (read_plan(run.folder).earlier if is_made(run.folder, PLAN.name) else ())
            for seen in earlier.seen
            if source in (seen.name, seen.domain)
        ],
        tokenizers={str(name): path for name, path in run.config.tokenizers.items()},
    )


def _rows(run: Run, query: str, source: str) -> Rows:
    return list(rows_of(run.sql(query.format(source=source))))
