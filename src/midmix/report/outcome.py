"""Sections about what comes out: tokens per domain, the plan, exports, and the work that made them."""

from __future__ import annotations

from midmix.flow import STEP_NAMES
from midmix.report.blocks import Chart, Grid, Queryable, Row, Section, count, fetch, number, percent, text
from midmix.report.drawing import SHORT, Spec, axis, colour, draw, values


def tokens(run: Queryable) -> Section:
    """Tokens and documents per domain and split, for each tokenizer."""
    rows = fetch(
        run,
        "tokenizer domain split documents tokens bytes",
        """SELECT tokenizer, domain, split, count(*), sum(num_tokens)::BIGINT, sum(num_bytes)::BIGINT
        FROM tokens GROUP BY ALL ORDER BY 1, 2, 3 DESC""",
    )
    cells = [
        (
            row["tokenizer"],
            row["domain"],
            row["split"],
            count(row["documents"]),
            count(row["tokens"]),
            number(row["bytes"] / row["tokens"], 3) if row["tokens"] else "–",
        )
        for row in rows
    ]
    headings = ("tokenizer", "domain", "split", "documents", "tokens", "bytes per token")
    return Section(
        "tokens",
        "Tokens per domain",
        "What the mixer may draw from. The held-out split is never trained on.",
        "No tokens yet: `tokenize` has not run.",
        charts=[_supply(rows)] if rows else [],
        grids=[Grid(headings, cells, frozenset({3, 4, 5}))] if rows else [],
    )


def _supply(rows: list[Row]) -> Chart:
    first = rows[0]["tokenizer"]
    shown = [row for row in rows if row["tokenizer"] == first]
    spec: Spec = {
        "width": 520,
        "height": {"step": 24},
        "data": values(shown),
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": {"field": "domain", "type": "nominal", "sort": "-x", "axis": axis(None, ticks=False, domain=False)},
            "x": {"field": "tokens", "type": "quantitative", "axis": axis("tokens", labelExpr=SHORT, tickCount=6)},
            "order": {"field": "split", "sort": "descending"},
            "color": colour("split", ["train", "heldout"]),
        },
    }
    return Chart(draw(spec, "tokens per domain"), f"tokenizer {first}")


def plan(run: Queryable) -> Section:
    """The plan per stage and domain, and the files that were exported."""
    rows = fetch(
        run,
        "stage domain shards sequences available tokens weight",
        """SELECT stage, domain, count(*), sum(sequences)::BIGINT, sum(available)::BIGINT, sum(tokens)::BIGINT,
          sum(tokens)::DOUBLE / nullif(sum(sum(tokens)) OVER (PARTITION BY stage), 0)::DOUBLE
        FROM plan GROUP BY stage, domain ORDER BY 1, 2""",
    )
    files = fetch(
        run, "trainer files bytes", "SELECT trainer, count(*), sum(bytes)::BIGINT FROM exports GROUP BY ALL ORDER BY 1"
    )
    cells = [
        (
            row["stage"],
            row["domain"],
            *(count(row[name]) for name in ("shards", "sequences", "tokens")),
            percent(row["weight"]),
            number(row["sequences"] / row["available"], 3) if row["available"] else "–",
        )
        for row in rows
    ]
    headings = ("stage", "domain", "shards", "sequences", "tokens", "share", "epochs")
    grids = [Grid(headings, cells, frozenset(range(2, 7)))] if rows else []
    if files:
        exported = [(row["trainer"], count(row["files"]), count(row["bytes"])) for row in files]
        grids.append(Grid(("trainer", "files", "bytes"), exported, frozenset({1, 2}), "Exported"))
    grids += _realized(run)
    return Section(
        "plan",
        "Plan",
        "Exact integers: sequences per stage and domain, from which weights and epochs follow.",
        "No plan yet: `plan` has not run.",
        grids=grids,
    )


def _realized(run: Queryable) -> list[Grid]:
    """What trainers' own loaders drew, where their counts were taken back."""
    rows = fetch(
        run,
        "target stage domain planned realized tokens loader",
        """SELECT target, stage, domain, planned, realized, tokens, loader || ' ' || version
        FROM realized ORDER BY 1, 2, 3""",
    )
    if not rows:
        return []
    cells = [
        (
            *(row[name] for name in ("target", "stage", "domain")),
            *(count(row[name]) for name in ("planned", "realized", "tokens")),
            row["loader"],
        )
        for row in rows
    ]
    headings = ("export", "stage", "domain", "planned", "drawn", "tokens", "loader")
    return [Grid(headings, cells, frozenset({3, 4, 5}), "Read back by trainers' own loaders")]


def made(run: Queryable) -> Section:
    """What the latest run did, and the frozen artefacts that it rests on."""
    steps = fetch(
        run,
        "step done reused seconds bytes",
        """SELECT step, count(*) FILTER ("action" = 'done'), count(*) FILTER ("action" <> 'done'),
          sum(cpu_seconds), sum(text_bytes_read)::BIGINT FROM steps GROUP BY ALL""",
    )
    frozen = fetch(
        run, "name hash trained_on quality", 'SELECT "name", "hash", trained_on, quality FROM artefacts ORDER BY 1'
    )
    grids = []
    if steps:
        cells = [
            (row["step"], count(row["done"]), count(row["reused"]), number(row["seconds"], 3), count(row["bytes"]))
            for row in sorted(
                steps, key=lambda row: STEP_NAMES.index(row["step"]) if row["step"] in STEP_NAMES else len(STEP_NAMES)
            )
        ]
        headings = ("step", "done", "reused", "CPU seconds", "text bytes read")
        grids.append(Grid(headings, cells, frozenset(range(1, 5)), "Steps of the latest run"))
    if frozen:
        listed = [
            (row["name"], ", ".join(row["trained_on"] or []), number(row["quality"], 3), text(row["hash"])[:16])
            for row in frozen
        ]
        grids.append(
            Grid(("artefact", "trained on", "held-out accuracy", "sha256"), listed, frozenset({2}), "Artefacts")
        )
    return Section(
        "made",
        "How it was made",
        "Work of the latest run, and the models that it applied.",
        "No step ran yet.",
        grids=grids,
    )
