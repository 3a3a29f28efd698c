"""What a query may be: exactly one SELECT that reads the run's views and writes nothing.

The kind of a statement is not enough: DuckDB takes COPY, INSERT and DELETE inside a WITH of a SELECT, and the table
function `query` takes more SQL as text. So the syntax tree is read as well, and what it may hold is listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from midmix.errors import ConfigError

READING_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
# Those that make rows from their arguments, or say what the catalog holds. Others run SQL that is text, read memory
# at an address, files or secrets, or change settings.
TABLE_FUNCTIONS = {
    "generate_series", "histogram", "histogram_values", "json_each", "json_tree", "query_table", "range", "repeat",
    "repeat_row", "summary", "unnest", "duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_memory",
    "duckdb_settings", "duckdb_tables", "duckdb_types", "duckdb_views", "pragma_show", "pragma_table_info",
    "pragma_version", "show", "show_tables", "show_tables_expanded",
}  # fmt: skip
MEND = (
    "a run is read-only. Export with --format csv|json|parquet, or write a database of your own with `midmix db`, "
    "where any SQL goes."
)


def check_select(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise ConfigError unless the query is exactly one SELECT that can write nothing. Raises duckdb.Error on no SQL."""
    kinds = [str(s.type).rpartition(".")[2] for s in connection.extract_statements(query)]
    if kinds != ["SELECT"]:
        raise ConfigError(f"SQL: got {', '.join(kinds) or 'nothing'}, expected exactly one SELECT; {MEND}")
    [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise ConfigError(f"SQL: {tree['error_message']}; {MEND}")
    for node in _nodes(tree["statements"]):
        if "cte_map" in node and node["type"] not in READING_NODES:
            kind = str(node["type"]).removesuffix("_NODE").removesuffix("_QUERY")
            raise ConfigError(f"SQL: got {kind} inside a SELECT, expected SELECT alone; {MEND}")
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in TABLE_FUNCTIONS:
                raise ConfigError(
                    f"SQL: table function {name!r} is not taken, since it may reach beyond the run; {MEND} "
                    f"`FROM (SHOW TABLES)` lists the views."
                )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree, outer ones first; without recursion, so that a deep query is no error."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
