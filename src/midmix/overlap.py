"""What sources have in common: documents with a counterpart in another source, or in their own."""

from __future__ import annotations

# Pages are one where host and path are: scheme, user, www., port, query, fragment and last slash do not count.
URL_MACRO = r"""
CREATE MACRO url_key(url) AS nullif(
  lower(regexp_extract(trim(url), '^(?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?(?:[^/?#@]*@)?(?i:www\.)?([^/?#:]*)', 1))
  || rtrim(regexp_extract(trim(url), '^(?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?[^/?#]*([^?#]*)', 1), '/'), '');
"""

_SIZED = """
SELECT doc, source, url, num_bytes, num_tokens IS NOT NULL AS counted,
  coalesce(num_tokens, CAST(round(num_bytes / coalesce(
    sum(num_bytes) FILTER (num_tokens IS NOT NULL) OVER (PARTITION BY source) / nullif(sum(num_tokens) OVER (PARTITION BY source), 0),
    sum(num_bytes) FILTER (num_tokens IS NOT NULL) OVER () / nullif(sum(num_tokens) OVER (), 0),
    {bytes_per_token})) AS BIGINT)) AS tokens
FROM stored_documents d JOIN parts p ON p.part = CAST(d.doc >> 32 AS BIGINT)
  LEFT JOIN (SELECT doc, num_tokens FROM token_parts WHERE tokenizer = 'main') t USING (doc)"""

# Near pairs are stored for the first copy of a text alone, so they are taken as pairs of texts, in both directions.
_OVERLAP = """
WITH sized AS ({sized}
), held AS (
  SELECT sized.*, s.clean_hash, url_key(url) AS address FROM sized LEFT JOIN signatures s USING (doc)
), texts AS (
  SELECT clean_hash, source, count(*) AS copies FROM held WHERE clean_hash IS NOT NULL GROUP BY ALL
), addresses AS (
  SELECT address, source, count(*) AS copies FROM held WHERE address IS NOT NULL GROUP BY ALL
), compared AS (
  SELECT x.clean_hash AS one, y.clean_hash AS other, replace(p.relation, 'contains', 'contained') AS relation
  FROM pairs p JOIN signatures x ON x.doc = p.doc JOIN signatures y ON y.doc = p.earlier
  WHERE p.relation IN ('near', 'contained', 'contains')
), related AS (
  SELECT one, other, relation FROM compared UNION SELECT other, one, relation FROM compared
), found AS (
  SELECT h.doc, 'exact' AS "by", t.source AS b FROM held h JOIN texts t USING (clean_hash)
  WHERE t.source <> h.source OR t.copies > 1
  UNION ALL
  SELECT DISTINCT h.doc, r.relation, t.source FROM held h JOIN related r ON r.one = h.clean_hash
    JOIN texts t ON t.clean_hash = r.other
  UNION ALL
  SELECT h.doc, 'url', a.source FROM held h JOIN addresses a USING (address) WHERE a.source <> h.source OR a.copies > 1
), every AS (
  FROM found UNION ALL SELECT DISTINCT doc, 'any', b FROM found
), counted AS (
  SELECT h.source AS a, e.b, e."by", count(*) AS docs, CAST(sum(h.tokens) AS BIGINT) AS tokens
  FROM every e JOIN held h USING (doc) GROUP BY ALL
), whole AS (
  SELECT source, count(*) AS docs FROM held GROUP BY ALL
)
SELECT c.a, c.b, c."by", c.docs, c.tokens, c.docs / wa.docs AS share_of_a, r.docs / wb.docs AS share_of_b
FROM counted c JOIN counted r ON r.a = c.b AND r.b = c.a AND r."by" = c."by"
  JOIN whole wa ON wa.source = c.a JOIN whole wb ON wb.source = c.b"""


def sized_sql(bytes_per_token: float) -> str:
    """SELECT of (doc, source, url, num_bytes, counted, tokens) of every document.

    Tokens are those of the main tokenizer where the document was encoded (`counted`); else they are estimated by the
    bytes per token of its source, of the run, or as given.
    """
    return _SIZED.format(bytes_per_token=bytes_per_token)


def overlap_sql(bytes_per_token: float) -> str:
    """SELECT of (a, b, by, docs, tokens, share_of_a, share_of_b): documents of a with a counterpart in b.

    `by` is exact (equal clean text), near, contained (of the two one lies in the other), url or any of them; a = b is within a source.
    `bytes_per_token` is for documents that no tokenizer has counted.
    """
    return _OVERLAP.format(sized=sized_sql(bytes_per_token))
