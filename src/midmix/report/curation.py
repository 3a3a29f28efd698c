"""Sections about documents: the ledger, drops by reason, scores with thresholds, duplicates, leaks, bad rows."""

from __future__ import annotations

from midmix.flow import STEP_NAMES
from midmix.report.blocks import Chart, Grid, Queryable, Row, Section, count, fetch, num_bytes, percent, text
from midmix.report.drawing import ACCENT, INK, SHORT, Spec, axis, colour, draw, values

MAX_REASONS, MAX_SOURCES, MAX_LISTED = 30, 40, 50


def ledger(run: Queryable) -> Section:
    """Rows in = kept + dropped + quarantined, per step and source."""
    rows = fetch(
        run,
        "step source rows_in kept dropped quarantined",
        "SELECT step, source, rows_in, rows_kept, rows_dropped, rows_quarantined FROM ledger ORDER BY step, source",
    )
    order = {name: place for place, name in enumerate(STEP_NAMES)}
    rows.sort(key=lambda row: (order.get(row["step"], len(order)), row["step"], row["source"]))
    cells = [
        (row["step"], row["source"], *(count(row[name]) for name in ("rows_in", "kept", "dropped", "quarantined")))
        for row in rows
    ]
    headings = ("step", "source", "rows in", "kept", "dropped", "quarantined")
    return Section(
        "ledger",
        "Ledger",
        "Where every row went: rows in = kept + dropped + quarantined, in every step and source.",
        "No step has counted rows yet.",
        grids=[Grid(headings, cells, frozenset(range(2, 6)))] if rows else [],
    )


def drops(run: Queryable) -> Section:
    """Documents dropped by first reason and source, and bytes removed by edits."""
    rows = fetch(
        run,
        "reason source documents bytes",
        "SELECT reason, source, sum(documents)::BIGINT, sum(bytes)::BIGINT FROM drops GROUP BY ALL ORDER BY 1, 2",
    )
    dropped = [row for row in rows if row["documents"]]
    edits = [row for row in rows if not row["documents"] and row["bytes"]]
    totals = _totals(dropped, "documents")
    edited = [(row["reason"], row["source"], num_bytes(row["bytes"])) for row in edits]
    grids = [Grid(("edit", "source", "removed"), edited, frozenset({2}), "Bytes removed by edits")] if edits else []
    return Section(
        "drops",
        "Drops by reason",
        "Each dropped document under its first reason, in the declared order, by source.",
        "Nothing was dropped yet: `decide` has not run, or keeps all.",
        charts=[_stacked(dropped, totals, source_names(run))] if dropped else [],
        grids=[_reasons(dropped, totals), *grids] if dropped else grids,
    )


def source_names(run: Queryable) -> list[str]:
    """Every source in the order of the config, so that each has one colour in all drawings."""
    return [row["source"] for row in fetch(run, "source", 'SELECT source FROM sources ORDER BY "position"')]


def _totals(rows: list[Row], name: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["reason"]] = totals.get(row["reason"], 0) + row[name]
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))


def _stacked(rows: list[Row], totals: dict[str, int], names: list[str]) -> Chart:
    shown = list(totals)[:MAX_REASONS]
    spec: Spec = {
        "width": 520,
        "height": {"step": 20},
        "data": values([row for row in rows if row["reason"] in shown]),
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": {"field": "reason", "type": "nominal", "sort": shown, "axis": axis(None, ticks=False, domain=False)},
            "x": {
                "field": "documents",
                "type": "quantitative",
                "axis": axis("documents dropped", labelExpr=SHORT, tickCount=6),
            },
            "color": colour("source", names),
        },
    }
    left = len(totals) - len(shown)
    caption = f"The {len(shown)} most frequent reasons; {left} more in the table." if left else ""
    return Chart(draw(spec, "documents dropped by reason and source"), caption)


def _reasons(rows: list[Row], totals: dict[str, int]) -> Grid:
    sizes = _totals(rows, "bytes")
    most = {reason: max((r for r in rows if r["reason"] == reason), key=lambda r: r["documents"]) for reason in totals}
    cells = [
        (
            reason,
            count(total),
            num_bytes(sizes[reason]),
            f"{most[reason]['source']} ({count(most[reason]['documents'])})",
        )
        for reason, total in totals.items()
    ]
    return Grid(("reason", "documents", "raw bytes", "most from"), cells, frozenset({1, 2}))


def duplicates(run: Queryable) -> Section:
    """Which source repeats which: dropped duplicates by source, against the source of the kept document."""
    rows = fetch(
        run,
        "repeating kept relation documents bytes tokens",
        "SELECT source, kept_source, relation, docs, bytes, tokens_estimated FROM duplicate_losses ORDER BY 1, 2, 3",
    )
    pairs = fetch(run, "relation pairs", "SELECT relation, count(*) FROM pairs GROUP BY ALL ORDER BY 1")
    names = ("documents", "tokens")
    cells = [
        (r["repeating"], r["kept"], r["relation"], num_bytes(r["bytes"]), *(count(r[name]) for name in names))
        for r in rows
    ]
    headings = ("documents of", "repeat those of", "relation", "raw bytes", "documents", "tokens, estimated")
    grids = [Grid(headings, cells, frozenset({3, 4, 5}))] if rows else []
    if pairs:
        relations = [(row["relation"], count(row["pairs"])) for row in pairs]
        grids.append(Grid(("relation", "pairs"), relations, frozenset({1}), "Pairs that were compared"))
    if templates := _templates(run):
        grids.append(templates)
    return Section(
        "duplicates",
        "Duplicates between sources",
        "A document is dropped only for one that is kept and that it was itself compared with. "
        "Templates (only numbers differ) are labelled; what becomes of them is said in dedup.templates.",
        "No duplicates: `dedup` has not run, or found none.",
        charts=[_matrix(_by_source(rows))] if rows else [],
        grids=grids,
    )


def _templates(run: Queryable) -> Grid | None:
    """Texts that differ in numbers alone: how many such groups there are, and what is kept of them."""
    rows = fetch(
        run,
        "templates documents kept largest",
        "SELECT count(DISTINCT template), count(*), count(*) FILTER (keep), max(template_size) FROM decisions "
        "WHERE template IS NOT NULL HAVING count(*) > 0",
    )
    headings = ("templates", "documents of them", "kept", "largest")
    cells = [tuple(count(row[name]) for name in ("templates", "documents", "kept", "largest")) for row in rows]
    return Grid(headings, cells, frozenset(range(4)), "Texts that differ in numbers alone") if cells else None


def _by_source(rows: list[Row]) -> list[Row]:
    """Documents per pair of sources, whatever their relation."""
    totals: dict[tuple[str, str], int] = {}
    for row in rows:
        pair = row["repeating"], row["kept"]
        totals[pair] = totals.get(pair, 0) + row["documents"]
    return [{"repeating": a, "kept": b, "documents": documents} for (a, b), documents in totals.items()]


def _matrix(rows: list[Row]) -> Chart:
    names = sorted({row["repeating"] for row in rows} | {row["kept"] for row in rows})[:MAX_SOURCES]
    place = {
        "x": {"field": "kept", "type": "nominal", "scale": {"domain": names}, "axis": axis("kept document's source")},
        "y": {
            "field": "repeating",
            "type": "nominal",
            "scale": {"domain": names},
            "axis": axis("dropped document's source"),
        },
    }
    most = max(row["documents"] for row in rows)
    opacity = {
        "field": "documents",
        "type": "quantitative",
        "scale": {"type": "sqrt", "domain": [0, most], "range": [0.08, 0.75]},
        "legend": None,
    }
    cell = {"mark": {"type": "rect", "color": ACCENT, "tooltip": True}, "encoding": {"opacity": opacity}}
    label = {"mark": {"type": "text", "color": INK}, "encoding": {"text": {"field": "documents", "format": ","}}}
    spec: Spec = {
        "width": {"step": 64},
        "height": {"step": 34},
        "data": values(rows),
        "encoding": place,
        "layer": [cell, label],
    }
    return Chart(draw(spec, "duplicates between sources"))


def contamination(run: Queryable) -> Section:
    """Documents that hold text of evaluation items, per set; and how many items the rule can detect at all."""
    sets = fetch(
        run,
        "name role items detectable leaked documents",
        """WITH leaks AS (SELECT "set", count(DISTINCT item) AS items, count(DISTINCT doc) AS documents
          FROM contamination WHERE label = 'leak' GROUP BY ALL),
        told AS (SELECT DISTINCT "set", item FROM item_coverage WHERE detectable)
        SELECT e."set", min(e.role), count(*), count(t.item), coalesce(min(l.items), 0), coalesce(min(l.documents), 0)
        FROM evaluation_items e LEFT JOIN told t ON t."set" = e."set" AND t.item = e.item
          LEFT JOIN leaks l ON l."set" = e."set" GROUP BY ALL ORDER BY 1""",
    )
    found = fetch(
        run,
        "name source documents",
        """SELECT c."set", d.source, count(DISTINCT c.doc) FROM contamination c JOIN documents d ON d.doc = c.doc
        WHERE c.label = 'leak' GROUP BY ALL ORDER BY 1, 2""",
    )
    names = ("items", "detectable", "leaked", "documents")
    cells = [(row["name"], row["role"], *(count(row[name]) for name in names)) for row in sets]
    headings = ("set", "role", "items", "detectable", "items found", "documents")
    return Section(
        "contamination",
        "Contamination",
        "Documents that hold text of a benchmark's or an evaluation set's items. An item below the rule's length "
        "cannot be detected and counts as unknown, not as clean.",
        "No evaluation items: the config names none, or `decontaminate` has not run.",
        charts=[_leaks(found, source_names(run))] if found else [],
        grids=[Grid(headings, cells, frozenset(range(2, 6)))] if sets else [],
    )


def _leaks(rows: list[Row], names: list[str]) -> Chart:
    spec: Spec = {
        "width": 520,
        "height": {"step": 24},
        "data": values(rows),
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "axis": axis(None, ticks=False, domain=False)},
            "x": {
                "field": "documents",
                "type": "quantitative",
                "axis": axis("documents with a match", tickMinStep=1, tickCount=6),
            },
            "color": colour("source", names),
        },
    }
    return Chart(draw(spec, "documents that hold evaluation items, by set and source"))


def sources(run: Queryable) -> Section:
    """What went in and what is left, per source."""
    rows = fetch(
        run,
        "source kind license teacher documents bytes kept",
        """WITH seen AS (SELECT d.source, count(*) AS documents, sum(d.num_bytes)::BIGINT AS bytes,
            count(*) FILTER (k.keep) AS kept, count(k.doc) AS decided
          FROM documents d LEFT JOIN decisions k ON k.doc = d.doc GROUP BY ALL)
        SELECT s.source, s.kind, s.license, s.teacher, coalesce(n.documents, 0), n.bytes,
          CASE WHEN n.decided > 0 THEN n.kept END
        FROM sources s LEFT JOIN seen n ON n.source = s.source ORDER BY s."position\"""",
    )
    cells = [
        (
            row["source"],
            row["kind"],
            text(row["license"]),
            text(row["teacher"]),
            count(row["documents"]),
            num_bytes(row["bytes"]),
            count(row["kept"]),
            percent(row["kept"], row["documents"]),
        )
        for row in rows
    ]
    headings = ("source", "kind", "license", "teacher", "documents", "raw text", "kept", "kept share")
    return Section(
        "sources",
        "Sources",
        "Where the text comes from, and how many of its documents are kept.",
        "No sources: `ingest` has not run.",
        grids=[Grid(headings, cells, frozenset({4, 5, 6, 7}))] if rows else [],
    )


def quarantine(run: Queryable) -> Section:
    """Bad files and rows by reason, with the first place of each."""
    rows = fetch(
        run,
        "source file reason entries rows first",
        """SELECT source, file, reason, count(*), sum("rows")::BIGINT, min("row") FROM quarantine
        GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3""",
    )
    cells = [
        (row["source"], row["file"], row["reason"], count(row["rows"]), text(row["first"])) for row in rows[:MAX_LISTED]
    ]
    left = len(rows) - len(cells)
    note = f"{left} more: SELECT * FROM quarantine" if left else ""
    return Section(
        "quarantine",
        "Quarantine",
        "Files and rows that could not be read. They are set aside with their reason and never vanish.",
        "Nothing is in quarantine.",
        grids=[Grid(("source", "file", "reason", "rows", "first row"), cells, frozenset({3, 4}), note=note)]
        if rows
        else [],
    )
