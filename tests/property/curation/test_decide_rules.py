"""Verdicts by SQL are those of the rules read one by one in Python."""

from __future__ import annotations

import operator

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from midmix.curation.decide.resolve import resolve_rules
from midmix.curation.decide.rules import DEFAULT_SETS, RULE_SETS
from midmix.curation.decide.sql import fired_sql, judged_schema, rules_sql

OPERATORS = {"<": operator.lt, ">": operator.gt, "=": operator.eq}
COLUMNS = sorted({rule.value_sql for rules in RULE_SETS.values() for rule in rules})


def values(column: str) -> st.SearchStrategy[object]:
    kind = judged_schema().field(column).type
    if kind == pa.bool_():
        return st.none() | st.booleans()
    if pa.types.is_integer(kind):
        return st.none() | st.integers(0, 200_000)
    return st.none() | st.floats(0, 12) | st.floats(0, 1)


ROW = st.fixed_dictionaries({"kind": st.sampled_from(sorted(DEFAULT_SETS)), **{c: values(c) for c in COLUMNS}})


@settings(max_examples=8)  # a plan of 40 rules takes longer than a hundred rows
@given(st.lists(ROW, min_size=20, max_size=40), st.floats(0, 200))
def test_fired_rules_and_their_order(rows: list[dict[str, object]], threshold: float) -> None:
    rules = resolve_rules({}, {"gopher_quality.too_few_words": threshold})
    for number, row in enumerate(rows):
        row["doc"] = number
    with duckdb.connect() as connection:
        connection.register("judged", pa.Table.from_pylist(rows, judged_schema()))
        fired = connection.sql(fired_sql(rules)).to_arrow_table().column("fired").to_pylist()
        view = connection.sql(f"SELECT doc, rule_set || '.' || rule FROM ({rules_sql(rules)}) WHERE fired").fetchall()
    expected = [
        [
            rule.full_name
            for rule in rules[str(row["kind"])]
            if row[rule.value_sql] is not None and OPERATORS[rule.op](float(row[rule.value_sql]), rule.threshold)  # type: ignore[arg-type]
        ]
        for row in rows
    ]
    assert fired == expected
    assert sorted(view) == sorted((n, name) for n, names in enumerate(expected) for name in names)
