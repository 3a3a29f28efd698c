"""Each rule fires just past its threshold and not at it; unknown names are refused with the nearest known one."""

from __future__ import annotations

import math

import duckdb
import pyarrow as pa
import pytest

from midmix.curation.decide.resolve import resolve_rules
from midmix.curation.decide.rules import RULE_SETS, Rule
from midmix.curation.decide.sql import fired_sql, judged_schema, rules_sql
from midmix.errors import ConfigError

RULES = [rule for rules in RULE_SETS.values() for rule in rules]


def evaluate(sql: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows of a query over `judged`, which holds `rows`, NULL elsewhere."""
    with duckdb.connect() as connection:
        connection.register("judged", pa.Table.from_pylist(rows, judged_schema()))
        return connection.sql(sql).to_arrow_table().to_pylist()


def values_around(rule: Rule) -> tuple[float, float]:
    """(a value that just does not fire, one that just does), for the type of the rule's column."""
    kind = judged_schema().field(rule.value_sql).type
    if kind == pa.bool_():
        return False, True
    step = {"<": -1, ">": 1}[rule.op]
    if pa.types.is_integer(kind):
        return int(rule.threshold), int(rule.threshold) + step
    return rule.threshold, math.nextafter(rule.threshold, step * math.inf)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.full_name)
def test_rule_fires_just_past_its_threshold(rule: Rule) -> None:
    at, past = values_around(rule)
    rows: list[dict[str, object]] = [{"doc": n, "kind": "prose", rule.value_sql: v} for n, v in enumerate((at, past))]
    rows.append({"doc": 2, "kind": "prose", rule.value_sql: None})
    found = evaluate(fired_sql({"prose": (rule,)}), rows)
    assert [row["fired"] for row in found] == [[], [rule.full_name], []]
    view = evaluate(rules_sql({"prose": (rule,)}) + " ORDER BY doc", rows)
    assert [(r["rule_set"], r["rule"], r["value"], r["threshold"], r["fired"]) for r in view] == [
        (rule.rule_set, rule.name, value, rule.threshold, value == past if value is not None else False)
        for value in (float(at), float(past), None)
    ]


def test_thresholds_and_order_are_those_of_gopher() -> None:
    quality = {rule.name: rule.threshold for rule in RULE_SETS["gopher_quality"]}
    assert list(quality.values()) == [50, 100_000, 3, 10, 0.1, 0.1, 0.9, 0.3, 0.8, 2]
    repetition = [rule.threshold for rule in RULE_SETS["gopher_repetition"]]
    assert repetition == [0.3, 0.2, 0.3, 0.2, 0.2, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.1]


def test_every_rule_names_columns_of_judged() -> None:
    assert {rule.value_sql for rule in RULES} <= set(judged_schema().names)


def test_rules_fire_in_declared_order_and_by_kind() -> None:
    row = {
        "num_stop_words": 0,
        "num_nonsymbol_words": 3,
        "dup_line_fraction": 0.9,
        "num_special_tokens": 1,
        "num_words": 3,
    }
    found = evaluate(
        fired_sql(resolve_rules({}, {})), [{"doc": n, "kind": k, **row} for n, k in enumerate(["prose", "math"])]
    )
    assert found[0]["fired"] == [
        "hygiene.special_tokens",
        "gopher_quality.too_few_words",
        "gopher_quality.few_stop_words",
        "gopher_repetition.dup_lines",
    ]
    assert found[1]["fired"] == ["hygiene.special_tokens", "math_basic.too_few_words"]


def test_config_chooses_sets_and_thresholds() -> None:
    rules = resolve_rules(
        {"math": ("math_basic", "hygiene")}, {"math_basic.too_few_words": 3, "hygiene.too_long": math.inf}
    )
    found = evaluate(
        fired_sql(rules), [{"doc": n, "kind": "math", "num_words": n, "num_bytes": 1 << 40} for n in (0, 2, 3)]
    )
    assert [row["fired"] for row in found] == [
        ["math_basic.too_few_words", "hygiene.empty"],
        ["math_basic.too_few_words"],
        [],
    ]


@pytest.mark.parametrize(
    ("sets", "thresholds", "message"),
    [
        ({"prose": ("gopher_qualty",)}, {}, r"rules.prose.*'gopher_qualty'.*did you mean 'gopher_quality'"),
        ({}, {"gopher_quality.too_few_word": 1}, r"did you mean 'gopher_quality.too_few_words'"),
        ({}, {"hygiene.too_long": math.nan}, r"hygiene.too_long.*not a number"),
        ({"prose": ("hygiene", "hygiene")}, {}, r"names a rule set twice"),
        ({"code": ("hygiene",)}, {"code_basic.long_line": 5}, r"no kind uses this rule"),
    ],
)
def test_unknown_names_are_refused(
    sets: dict[str, tuple[str, ...]], thresholds: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_rules(sets, thresholds)  # type: ignore[arg-type]
