"""What can be asked about duplicates and leaks: whatif, explain, duplicate_losses, on hand-made runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from midmix.config import parse_config
from midmix.config.text import assign
from midmix.curation.decide import step
from midmix.errors import ConfigError
from midmix.explain import explain, print_explanation
from midmix.run import Run
from midmix.tables import DECISIONS
from midmix.whatif import whatif

MakeRun = Callable[..., Any]


@pytest.fixture
def made(make_run: MakeRun, part: Any) -> Any:
    """Two sources with copies, near copies, a template, leaks and variants; decided."""
    run = make_run(
        {
            0: part("web", ["aaaaaa", "aaaaa", "aaaa", "sum 1", "sum 2", "sum 3"]),
            1: part("forum", ["aaaaaa", "bbbbbb", "leak", "variant", "grams", "train"]),
        },
        sources={"web": "prose", "forum": "prose"},
        pairs=[
            ("0:1", "0:0", "near", 0.9, 0.95),
            ("0:2", "0:0", "contained", 0.7, 1.0),
            ("0:4", "0:3", "template", None),
            ("0:5", "0:3", "template", None),
            ("1:0", "0:0", "exact", 1.0),
            ("1:1", "0:0", "near", 0.85),
        ],
        leaks=[
            ("1:2", "arc", {}),
            ("1:3", "arc", {"label": "variant"}),
            ("1:4", "arc", {"layer": "13-gram", "overlap": 0.4}),
            ("1:5", "arc", {"item": 3}),
        ],
        items=[("arc", 3, "train")],
        benchmarks={"arc": "arc.jsonl"},
        config_leaks={"ngrams": {13: "drop"}},
    )
    run.run(step, "decide")
    return run


def test_whatif_is_what_decide_then_keeps(made: Any) -> None:
    changes = {
        "leaks.policy=mark": 2,
        "leaks.policy=mask": 2,
        "leaks.variants=drop": -1,
        "leaks.min_overlap=0.4": -1,
        "leaks.ngrams={13: mark}": 0,
        "benchmarks.arc.keep=[train]": 1,
        "sources.forum.dedup.copies=2": 1,
        "sources.web.dedup.scope=nowhere": 2,
        "sources.forum.dedup.scope=within": 1,
        "dedup.templates.policy=cap": 0,
        "dedup.templates={policy: cap, cap: 1}": -2,
        "dedup.templates={policy: thin, exponent: 0.5}": -1,
    }
    effects = whatif(Run(made.folder, made.config), list(changes))
    before = made.config
    for change, more in changes.items():
        values = before.model_dump(mode="json")
        assign(values, change)
        made.config = parse_config(values, base=before.base)
        made.run(step, "decide")
        kept = [row["doc"] >> 32 for row in made.rows(DECISIONS) if row["keep"]]
        mine = [e for e in effects if e.change == change]
        assert {e.source: e.then.docs for e in mine} == {"web": kept.count(0), "forum": kept.count(1)}, change
        assert sum(e.then.docs - e.now.docs for e in mine) == more, change


def test_whatif_says_what_it_cannot_answer(made: Any) -> None:
    for change, message in (
        ("leaks.ngrams={8: drop}", "did not look for 8-grams"),
        ("leaks.embeddings={model: here}", "leaks.embeddings: what it finds needs text to be read"),
        ("dedup.jaccard=0.7", "the others need text to be read"),
        ("sources.web.path=x", "the others need text to be read"),
        ("sources.web.dedup.copies=0", "greater than or equal to 1"),
        ("leaks.polcy=mark", "policy"),
    ):
        with pytest.raises(ConfigError, match=message):
            whatif(Run(made.folder, made.config), [change])


def test_losses_are_per_pair_of_sources_and_relation(made: Any) -> None:
    run = Run(made.folder, made.config)
    found = run.sql("FROM duplicate_losses ORDER BY ALL").fetchall()
    assert found == [
        ("forum", "web", "exact", 1, 6, 2),
        ("forum", "web", "near", 1, 6, 2),
        ("web", "web", "contained", 1, 4, 1),
        ("web", "web", "near", 1, 5, 1),
    ]
    assert run.sql("FROM duplicate_losses").columns == [
        "source", "kept_source", "relation", "docs", "bytes", "tokens_estimated",
    ]  # fmt: skip


def test_explain_says_what_a_document_repeats(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(made.folder, made.config)
    for key, lines in (
        (
            "0:1",
            ["is nearly 0:0, which is kept (Jaccard 0.900, containment 0.950)", "duplicate cluster 0:0: 5 documents"],
        ),
        ("0:2", ["duplicate.contained, lies in 0:0", "(Jaccard 0.700, containment 1.000)"]),
        ("1:0", ["is a copy of 0:0, which is kept (Jaccard 1.000)"]),
        ("0:4", ["verdict: kept", "template 0:3: 3 documents that differ in numbers alone"]),
        ("1:2", ["dropped, leak.arc; fired: leak.arc"]),
    ):
        print_explanation(explain(run, key))
        printed = capsys.readouterr().out
        assert [line for line in lines if line not in printed] == []


def test_explain_shows_what_is_cut(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made.config = made.config.model_copy(update={"leaks": made.config.leaks.model_copy(update={"policy": "mask"})})
    made.run(step, "decide")
    print_explanation(explain(Run(made.folder, made.config), "1:2"))
    assert "reason leak.arc  replacement [masked]" in capsys.readouterr().out
