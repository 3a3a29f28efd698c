"""The key figures on top of the page, the overall verdict, and the comparison with an answer sheet."""

from __future__ import annotations

from collections.abc import Sequence

from midmix.report.blocks import (
    Figure,
    Grid,
    Planted,
    Queryable,
    Row,
    Section,
    count,
    fetch,
    interval,
    number,
    percent,
    tone,
)


def figures(run: Queryable) -> list[Figure]:
    """Documents in and kept, duplicates, leaks, tokens, gain over the natural mixture and the plan's size."""
    (row,) = fetch(
        run,
        "documents decided kept repeats leaks quarantined tokens planned",
        """SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM decisions),
          (SELECT count(*) FILTER (keep) FROM decisions), (SELECT count(*) FROM duplicates WHERE repeats IS NOT NULL),
          (SELECT count(DISTINCT doc) FROM contamination), (SELECT coalesce(sum("rows"), 0)::BIGINT FROM quarantine),
          (SELECT sum(num_tokens)::BIGINT FROM tokens WHERE tokenizer = (SELECT min(tokenizer) FROM tokens)),
          (SELECT sum(tokens)::BIGINT FROM plan)""",
    )
    decided = bool(row["decided"])
    kept = percent(row["kept"], row["decided"]) if decided else "not decided yet"
    leaks = "documents that hold evaluation items"
    return [
        Figure("Documents", count(row["documents"]), f"{count(row['quarantined'])} rows in quarantine"),
        Figure("Kept", count(row["kept"]) if decided else "–", kept),
        Figure("Duplicates", count(row["repeats"]), "documents that repeat a kept one"),
        Figure("Leaks", count(row["leaks"]), leaks, "warn" if row["leaks"] else "plain"),
        Figure("Tokens", count(row["tokens"]), "in curated shards"),
        _gain(run),
        Figure("Planned tokens", count(row["planned"]), "over all stages"),
    ]


def _gain(run: Queryable) -> Figure:
    rows = fetch(
        run,
        "verdict value low high unit",
        """SELECT verdict, value, low, high, unit FROM evidence WHERE claim = 'gain_over_natural'
        ORDER BY subject <> 'overall', subject LIMIT 1""",
    )
    if not rows:
        return Figure("Gain over natural", "–", "no evidence yet")
    row = rows[0]
    detail = " ".join(filter(None, (row["unit"], interval(row["low"], row["high"]), row["verdict"])))
    return Figure("Gain over natural", number(row["value"], 3), detail, tone(row["verdict"]))


def verdict(run: Queryable) -> Row | None:
    """The overall verdict in a word and in a sentence; None before there is one."""
    rows = fetch(
        run,
        "verdict words",
        "SELECT verdict, words FROM evidence WHERE subject = 'overall' ORDER BY claim <> 'verdict', claim LIMIT 1",
    )
    return {**rows[0], "tone": tone(rows[0]["verdict"])} if rows else None


def planted(rows: Sequence[Planted]) -> Section:
    """What was planted into the corpus against what the run found."""
    cells = [
        (row.what, count(row.planted), count(row.found), percent(row.found, row.planted), row.words) for row in rows
    ]
    headings = ("planted", "items", "found", "share", "")
    return Section(
        "planted",
        "Planted and found",
        "The answer sheet of a corpus with planted defects, against what this run found.",
        "This run has no answer sheet.",
        grids=[Grid(headings, cells, frozenset({1, 2, 3}))] if rows else [],
    )
