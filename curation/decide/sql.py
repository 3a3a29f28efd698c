"""SQL made from the rules: the views `judged` and `rules`, and the verdict of each document."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from midmix.config import Config
from midmix.curation.decide.resolve import RulesByKind, resolve_rules
from midmix.curation.decide.rules import Rule
from midmix.tables import DOCUMENTS, LABELS, SCORES

_SOURCE_COLUMNS = ("license", "snapshot", "origin", "teacher")


def _columns(relation: str, names: Sequence[str]) -> str:
    return ", ".join(f"{relation}.{name}" for name in names)


def judged_schema() -> pa.Schema:
    """Columns of `judged`, with their types: what rules and domains may name."""
    documents = list(DOCUMENTS.schema())
    texts = [pa.field(name, pa.string()) for name in ("source", "kind", *_SOURCE_COLUMNS, "path")]
    scores = [field for field in SCORES.schema() if field.name not in SCORES.key]
    labels = [field for field in LABELS.schema() if field.name not in (*LABELS.key, "kind")]
    return pa.schema([*documents, *texts, *scores, *labels])


def judged_view_sql() -> str:
    """SELECT of the view `judged`: one row per document, from documents, parts, sources, scores and labels.

    `kind` is the kind in force: the label's, else the source's. Values that were not computed yet are NULL.
    """
    scores = [c.name for c in SCORES.columns if c.name not in SCORES.key]
    labels = [c.name for c in LABELS.columns if c.name not in (*LABELS.key, "kind")]
    return f"""SELECT {_columns("d", [c.name for c in DOCUMENTS.columns])}, p.source,
  coalesce(l.kind, s.kind) AS kind, {_columns("s", _SOURCE_COLUMNS)}, p.path,
  {_columns("c", scores)}, {_columns("l", labels)}
FROM documents d
JOIN parts p ON p.part = CAST(d.doc >> 32 AS BIGINT)
JOIN sources s ON s.source = p.source
LEFT JOIN scores c ON c.doc = d.doc
LEFT JOIN labels l ON l.doc = d.doc"""


def _number(value: float) -> str:
    return f"CAST('{value!r}' AS DOUBLE)"


def _value(rule: Rule) -> str:
    return f"CAST({rule.value_sql} AS DOUBLE)"


def _fires(rule: Rule) -> str:
    return f"{_value(rule)} {rule.op} {_number(rule.threshold)}"


def _by_kind(rules: RulesByKind, arms: dict[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN '{kind}' THEN {arms[kind]}" for kind in rules)
    return f"CASE kind {cases} ELSE {otherwise} END"


def rules_sql(rules: RulesByKind) -> str:
    """SELECT of (doc, rule_set, rule, value DOUBLE, threshold DOUBLE, fired BOOLEAN) over `judged`.

    One row per document and rule of its kind's sets, in one pass over `judged`.
    """

    def entry(rule: Rule) -> str:
        return (
            f"{{'rule_set': '{rule.rule_set}', 'rule': '{rule.name}', 'value': {_value(rule)}, "
            f"'threshold': {_number(rule.threshold)}, 'fired': coalesce({_fires(rule)}, false)}}"
        )

    row = "STRUCT(rule_set VARCHAR, rule VARCHAR, value DOUBLE, threshold DOUBLE, fired BOOLEAN)[]"
    arms = {kind: f"CAST([{', '.join(map(entry, chosen))}] AS {row})" for kind, chosen in rules.items()}
    return f"""SELECT doc, r.rule_set AS rule_set, r.rule AS rule, r.value AS value, r.threshold AS threshold,
  r.fired AS fired
FROM (SELECT doc, unnest({_by_kind(rules, arms, f"CAST([] AS {row})")}) AS r FROM judged)"""


def fired_sql(rules: RulesByKind) -> str:
    """SELECT of (doc, source, kind, num_bytes, fired VARCHAR[]) over `judged`, one row per document, by key.

    `fired` lists the full names of the rules that fired, in declared order; empty where none did.
    """

    def fired(chosen: Sequence[Rule]) -> str:
        arms = ", ".join(f"CASE WHEN {_fires(rule)} THEN '{rule.full_name}' END" for rule in chosen)
        return f"CAST([x FOR x IN [{arms}] IF x IS NOT NULL] AS VARCHAR[])" if arms else "CAST([] AS VARCHAR[])"

    arms = {kind: fired(chosen) for kind, chosen in rules.items()}
    verdict = _by_kind(rules, arms, "CAST([] AS VARCHAR[])")
    return f"SELECT doc, source, kind, num_bytes, {verdict} AS fired FROM judged ORDER BY doc"


def rules_view_sql(config: Config) -> str:
    """`rules_sql` under a config: the view `rules`. Raises ConfigError on an unknown rule set or rule."""
    return rules_sql(resolve_rules(config.rules, config.thresholds))


def verdict_sql(config: Config) -> str:
    """`fired_sql` under a config. Raises ConfigError on an unknown rule set or rule."""
    return fired_sql(resolve_rules(config.rules, config.thresholds))
