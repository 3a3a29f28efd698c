"""Domains: what the mixer weighs. Each is one boolean SQL expression over the columns of `judged`; they are disjoint.

The expressions come from the config, so they are read as a syntax tree first (no subquery, no aggregate, nothing that
differs from call to call) and then run where nothing but the registered columns can be reached.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from midmix.config import nearest
from midmix.errors import ConfigError
from midmix.tables import format_key

NAME = re.compile(r"[a-z0-9_.-]{1,64}")
# Classes of syntax nodes that concern one row. Others: SUBQUERY, WINDOW, STAR, PARAMETER, LAMBDA, ...
_ALLOWED = {
    "TYPE",
    "BETWEEN",
    "CASE",
    "CAST",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "OPERATOR",
}


@dataclass(frozen=True)
class Domain:
    """A declared domain and the columns that its expression names."""

    name: str
    sql: str
    columns: tuple[str, ...]


def check_name(name: str) -> None:
    """Raise ConfigError unless `name` may be a domain's: trainers read a numeric name in a list as a weight."""
    try:
        float(name)
        numeric = True
    except ValueError:
        numeric = False
    if numeric or not NAME.fullmatch(name) or not name.strip("."):
        raise ConfigError(
            f"config: domain {name!r}: names are 1 to 64 of a-z, 0-9, '_', '.', '-', not dots alone and no number "
            f"(some trainers read a number in a list of paths as a weight); rename the domain or source"
        )


def parse_domains(domains: Mapping[str, str], schema: pa.Schema) -> tuple[Domain, ...]:
    """The config's `domains`, checked against the columns of `schema`. Raises ConfigError."""
    with duckdb.connect(":memory:") as connection:
        # One row, of NULLs: an expression that fails on every row fails here.
        connection.register("judged", pa.table({f.name: pa.nulls(1, f.type) for f in schema}))
        _lock(connection)
        return tuple(_parse(connection, name, sql, schema.names) for name, sql in domains.items())


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET threads = 1")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _parse(connection: duckdb.DuckDBPyConnection, name: str, sql: str, columns: Sequence[str]) -> Domain:
    check_name(name)
    where = f"config: 'domains.{name}': {sql!r}"
    [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT (\n{sql}\n)"]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise ConfigError(f"{where} is no SQL expression: {tree['error_message']}")
    expression = _only_expression(tree, where)
    used = {_check_node(connection, node, columns, where) for node in _nodes(expression)} - {""}
    try:
        result = connection.sql(f"SELECT (\n{sql}\n) AS hit FROM judged")
        kind = result.types[0]
        result.fetchall()
    except duckdb.Error as error:
        raise ConfigError(f"{where} cannot be evaluated: {error}") from None
    if str(kind) != "BOOLEAN":
        raise ConfigError(f"{where} gives {kind}, expected true or false, such as kind = 'math' AND quality >= 0.8")
    return Domain(name, sql, tuple(c for c in columns if c in used))


def _only_expression(tree: dict[str, Any], where: str) -> dict[str, Any]:
    nodes = [statement["node"] for statement in tree["statements"]]
    plain = len(nodes) == 1 and nodes[0]["type"] == "SELECT_NODE" and nodes[0]["from_table"]["type"] == "EMPTY"
    clauses = ("where_clause", "group_expressions", "having", "qualify", "sample", "modifiers")
    if not plain or any(nodes[0][c] for c in clauses) or len(nodes[0]["select_list"]) != 1:
        raise ConfigError(f"{where}: expected one boolean expression, not a query")
    expression: dict[str, Any] = nodes[0]["select_list"][0]
    return expression


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "class" in value:
            yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _check_node(connection: duckdb.DuckDBPyConnection, node: dict[str, Any], columns: Sequence[str], where: str) -> str:
    """The column that the node names, or ''. Raises ConfigError on what a domain may not use."""
    if node["class"] not in _ALLOWED:
        raise ConfigError(
            f"{where}: no {node['class'].lower()} in a domain; use columns, constants, functions of a row"
        )
    if node["class"] == "FUNCTION":
        _check_function(connection, node["function_name"], where)
    if node["class"] != "COLUMN_REF":
        return ""
    column = ".".join(node["column_names"])
    by_lower_case = {c.lower(): c for c in columns}
    if column.lower() not in by_lower_case:
        raise ConfigError(f"{where}: no column {column!r}{nearest(column, columns)} (text takes single quotes)")
    return by_lower_case[column.lower()]


def _check_function(connection: duckdb.DuckDBPyConnection, name: str, where: str) -> None:
    rows = connection.execute(
        "SELECT DISTINCT function_type, coalesce(stability, '') FROM duckdb_functions() WHERE function_name = ?", [name]
    ).fetchall()
    if not rows:
        raise ConfigError(f"{where}: no function {name!r}")
    if any(row != ("scalar", "CONSISTENT") for row in rows):
        raise ConfigError(f"{where}: function {name!r} does not follow from the row alone; leave it out")


class DomainAssigner:
    """Assigns documents to domains in a locked connection of its own. Use as a context manager."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._domains = tuple(domains)
        self._connection = duckdb.connect(":memory:")
        _lock(self._connection)

    def __enter__(self) -> DomainAssigner:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def assign(self, judged: pa.Table) -> np.ndarray:
        """Index of each row's domain in the declared order, -1 where no domain takes it: int32[n].

        `judged` has `doc` and every column that a domain names. NULL is not true. Raises ConfigError, with an example,
        when a document satisfies two domains.
        """
        chosen = np.full(judged.num_rows, -1, dtype=np.int32)
        if not self._domains or not judged.num_rows:
            return chosen
        hits = self._evaluate(judged)
        for index, domain in enumerate(self._domains):
            hit = hits.column(index).to_numpy()
            both = np.flatnonzero(hit & (chosen >= 0))
            if len(both):
                self._refuse(domain, chosen, judged.column("doc")[int(both[0])].as_py(), int(both[0]))
            chosen[hit] = index
        return chosen

    def _refuse(self, domain: Domain, chosen: np.ndarray, key: int, row: int) -> None:
        first = self._domains[int(chosen[row])]
        raise ConfigError(
            f"config: 'domains': {first.name!r} ({first.sql}) and {domain.name!r} ({domain.sql}) overlap: document "
            f"{format_key(key)} satisfies both. Domains are disjoint; add AND NOT (...) to one of them."
        )

    def _evaluate(self, judged: pa.Table) -> pa.Table:
        # The row number keeps the order: a filterless scan keeps it as well, but only by habit.
        numbered = judged.append_column("row_of_judged", pa.array(np.arange(judged.num_rows)))
        hits = ", ".join(f"coalesce((\n{d.sql}\n), false) AS hit_{i}" for i, d in enumerate(self._domains))
        self._connection.register("judged", numbered)
        try:
            found = self._connection.sql(f"SELECT row_of_judged, {hits} FROM judged").to_arrow_table()
        except duckdb.Error as error:
            raise ConfigError(f"config: 'domains' cannot be evaluated: {error}") from None
        finally:
            self._connection.unregister("judged")
        return found.sort_by("row_of_judged").drop_columns(["row_of_judged"])
