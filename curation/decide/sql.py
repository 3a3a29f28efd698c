"""SQL made from the rules: the views `judged` and `rules`, and the verdict of each document."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import pyarrow as pa

from midmix.columns import labels_of, scores_of
from midmix.config import Config
from midmix.curation.decide.resolve import RulesByKind, every_rule, resolve_rules
from midmix.curation.decide.rules import Rule
from midmix.expression import parse_expressions
from midmix.own_columns import PLACE_COLUMNS, SOURCE_COLUMNS
from midmix.tables import DOCUMENTS, LABELS, SCORES, Table


def _columns(relation: str, names: Sequence[str]) -> list[str]:
    return [f"{relation}.{name}" for name in names]


def judged_schema(config: Config | None = None) -> pa.Schema:
    """Columns of `judged` with their types: what rules, domains and raters may name. Without a config midmix's own."""
    documents = list(DOCUMENTS.schema())
    texts = [pa.field(name, pa.string()) for name in PLACE_COLUMNS]
    scores_table, labels_table = (scores_of(config), labels_of(config)) if config else (SCORES, LABELS)
    scores = [field for field in scores_table.schema() if field.name != "doc"]
    labels = [field for field in labels_table.schema() if field.name not in ("doc", "kind")]
    return pa.schema([*documents, *texts, *scores, *labels])


def judged_view_sql(config: Config, asked: Collection[str] | None = None) -> str:
    """SELECT of the view `judged` under a config: one row per document, from documents, parts, sources, scores and labels.

    `kind` is the kind in force: the label's, else the source's. Values that were not computed yet are NULL. Of
    scores and labels those `asked` for alone are there, in lower case; all without it. Binding hundreds takes a while.
    """

    def chosen(table: Table) -> list[str]:
        names = [column.name for column in table.columns if column.name not in ("doc", "kind")]
        return [name for name in names if asked is None or name.lower() in asked]

    scores, labels = chosen(scores_of(config)), chosen(labels_of(config))
    own = [*_columns("c", scores), *_columns("l", labels)]
    return f"""SELECT {", ".join(_columns("d", [c.name for c in DOCUMENTS.columns]))}, p.source,
  coalesce(l.kind, s.kind) AS kind, {", ".join([*_columns("s", SOURCE_COLUMNS), "p.path", *own])}
FROM documents d
JOIN parts p ON p.part = CAST(d.doc >> 32 AS BIGINT)
JOIN sources s ON s.source = p.source
{"LEFT JOIN scores c ON c.doc = d.doc" if scores else ""}
LEFT JOIN labels l ON l.doc = d.doc"""


def words_of(sql: str) -> frozenset[str]:
    """Words of SQL in lower case: whatever columns it names are among them."""
    return frozenset(re.findall(r"\w+", sql.lower()))


def quoted(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _number(value: float) -> str:
    return f"CAST('{value!r}' AS DOUBLE)"


def _value(rule: Rule) -> str:
    return f"CAST({rule.value_sql} AS DOUBLE)"


def _threshold(rule: Rule) -> str:
    own = " ".join(f"WHEN {quoted(name)} THEN {_number(limit)}" for name, limit in sorted(rule.by_language.items()))
    return f"CASE code_language {own} ELSE {_number(rule.threshold)} END" if own else _number(rule.threshold)


def _fires(rule: Rule) -> str:
    """Whether the rule fires, never NULL."""
    otherwise = "true" if rule.on_null == "drop" else "false"
    return f"coalesce({_value(rule)} {rule.op} {_threshold(rule)}, {otherwise})"


def _by_kind(rules: RulesByKind, arms: dict[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN '{kind}' THEN {arms[kind]}" for kind in rules)
    return f"CASE kind {cases} ELSE {otherwise} END" if cases else otherwise


def _entry(rule: Rule, *more: str) -> str:
    values = (
        f"'rule_set': {quoted(rule.rule_set)}",
        f"'rule': {quoted(rule.name)}",
        f"'value': {_value(rule)}",
        f"'threshold': {_threshold(rule)}",
        f"'fired': {_fires(rule)}",
        *more,
    )
    return "{" + ", ".join(values) + "}"


def rules_sql(rules: RulesByKind) -> str:
    """SELECT of (doc, rule_set, rule, value DOUBLE, threshold DOUBLE, fired BOOLEAN) over `judged`.

    One row per document and rule of its kind's sets, in one pass over `judged`.
    """
    row = "STRUCT(rule_set VARCHAR, rule VARCHAR, value DOUBLE, threshold DOUBLE, fired BOOLEAN)[]"
    arms = {kind: f"CAST([{', '.join(map(_entry, chosen))}] AS {row})" for kind, chosen in rules.items()}
    return f"""SELECT doc, r.rule_set AS rule_set, r.rule AS rule, r.value AS value, r.threshold AS threshold,
  r.fired AS fired
FROM (SELECT doc, unnest({_by_kind(rules, arms, f"CAST([] AS {row})")}) AS r FROM judged)"""


def all_rules_sql(every: Sequence[Rule], rules: RulesByKind) -> str:
    """SELECT of the columns of `rules_sql` and in_force BOOLEAN: every rule of every set, whatever the kind's sets."""
    sets = {kind: sorted({rule.rule_set for rule in chosen}) for kind, chosen in rules.items()}
    arms = {kind: "[" + ", ".join(map(quoted, names)) + "]::VARCHAR[]" for kind, names in sets.items()}
    row = "STRUCT(rule_set VARCHAR, rule VARCHAR, value DOUBLE, threshold DOUBLE, fired BOOLEAN)[]"
    return f"""SELECT doc, r.rule_set AS rule_set, r.rule AS rule, r.value AS value, r.threshold AS threshold,
  r.fired AS fired, list_contains(sets, r.rule_set) AS in_force
FROM (SELECT doc, {_by_kind(rules, arms, "[]::VARCHAR[]")} AS sets,
  unnest(CAST([{", ".join(map(_entry, every))}] AS {row})) AS r FROM judged)"""


def fired_sql(rules: RulesByKind) -> str:
    """SELECT of (doc, source, kind, num_bytes, fired VARCHAR[]) over `judged`, one row per document, by key.

    `fired` lists the full names of the rules that fired, in declared order; empty where none did.
    """

    def fired(chosen: Sequence[Rule]) -> str:
        arms = ", ".join(f"CASE WHEN {_fires(rule)} THEN {quoted(rule.full_name)} END" for rule in chosen)
        return f"CAST([x FOR x IN [{arms}] IF x IS NOT NULL] AS VARCHAR[])" if arms else "CAST([] AS VARCHAR[])"

    arms = {kind: fired(chosen) for kind, chosen in rules.items()}
    verdict = _by_kind(rules, arms, "CAST([] AS VARCHAR[])")
    return f"SELECT doc, source, kind, num_bytes, {verdict} AS fired FROM judged ORDER BY doc"


# What is known of a document without its scores; decisions name what fired, leaks and copies included.
_RULE_EFFECT = """
WITH size AS (
  SELECT coalesce(sum(num_bytes) / nullif(sum(num_tokens), 0), {bytes_per_token}) AS bytes_per_token
  FROM tokens WHERE tokenizer = 'main'
), fired AS (
  SELECT s.source, coalesce(l.kind, s.kind) AS kind, unnest(d.fired) AS rule, len(d.fired) = 1 AS alone, t.num_bytes
  FROM decisions d JOIN stored_documents t USING (doc) JOIN parts p ON p.part = CAST(d.doc >> 32 AS BIGINT)
  JOIN sources s ON s.source = p.source LEFT JOIN labels l USING (doc)
)
SELECT source, kind, rule, count(*) AS fired_docs, count(*) FILTER (alone) AS only_this_rule_docs,
  CAST(coalesce(sum(num_bytes) FILTER (alone), 0) AS BIGINT) AS bytes,
  CAST(round(coalesce(sum(num_bytes) FILTER (alone), 0) / any_value(size.bytes_per_token)) AS BIGINT) AS tokens_estimated
FROM fired, size GROUP BY ALL"""
_DUPLICATE_LOSSES = """
WITH size AS (
  SELECT coalesce(sum(num_bytes) / nullif(sum(num_tokens), 0), {bytes_per_token}) AS bytes_per_token
  FROM tokens WHERE tokenizer = 'main'
), dropped AS (
  SELECT a.source, b.source AS kept_source, d.relation, t.num_bytes
  FROM decisions d JOIN stored_documents t USING (doc) JOIN parts a ON a.part = CAST(d.doc >> 32 AS BIGINT)
  JOIN parts b ON b.part = CAST(d.repeats >> 32 AS BIGINT)
)
SELECT source, kept_source, relation, count(*) AS docs, CAST(sum(num_bytes) AS BIGINT) AS bytes,
  CAST(round(sum(num_bytes) / any_value(size.bytes_per_token)) AS BIGINT) AS tokens_estimated
FROM dropped, size GROUP BY ALL"""
# Of common tokenizers on English prose; used until the run's own tokens say better.
BYTES_PER_TOKEN = 4.0


def checked_rules(config: Config) -> RulesByKind:
    """`resolve_rules`, the config's own rules checked as expressions over one row of `judged`. Raises ConfigError."""
    for name, rules in config.rule_sets.items():
        own = {rule: entry.drop for rule, entry in rules.items()}
        parse_expressions(own, judged_schema(config), section=f"rule_sets.{name}")
    return resolve_rules(config)


def views_sql(config: Config) -> dict[str, str]:
    """The views about verdicts: rules, all_rules, rule_effect, duplicates, duplicate_losses. Raises ConfigError on an unknown rule set or rule."""
    rules = checked_rules(config)
    return {
        "rules": rules_sql(rules),
        "all_rules": all_rules_sql(every_rule(config), rules),
        "rule_effect": _RULE_EFFECT.format(bytes_per_token=BYTES_PER_TOKEN),
        "duplicates": "SELECT doc, cluster, cluster_size, repeats, relation, jaccard, containment, cosine FROM decisions "
        "WHERE cluster IS NOT NULL",
        "duplicate_losses": _DUPLICATE_LOSSES.format(bytes_per_token=BYTES_PER_TOKEN),
    }
