"""decide on hand-made runs: leaks, duplicates, the kind in force, the ledger, and what is done again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from midmix.curation.decide import step
from midmix.curation.dedup import exchange
from midmix.errors import StepError
from midmix.table_manifest import load_manifest, publish
from midmix.tables import CUTS, DECISIONS, DROPS, LEDGER, SCORES, doc_key, format_key

MakeRun = Callable[..., Any]


def verdicts(run: Any) -> dict[str, tuple[str | None, list[str], str | None, float | None, str | None]]:
    """Key to (reason, fired, repeats, Jaccard, cluster) of every decision; checks that keep means no reason."""
    found = {}
    for row in run.rows(DECISIONS):
        assert row["keep"] == (row["reason"] is None)
        assert row["reason"] == (row["fired"][0] if row["fired"] else None)
        assert (row["repeats"] is None) == (row["relation"] is None)
        assert (row["cluster"] is None) == (row["cluster_size"] is None)
        names = [None if row[c] is None else format_key(row[c]) for c in ("repeats", "cluster")]
        found[format_key(row["doc"])] = (row["reason"], row["fired"], names[0], row["jaccard"], names[1])
    return found


def reasons(run: Any) -> dict[str, str | None]:
    """Key to reason."""
    return {key: found[0] for key, found in verdicts(run).items()}


def test_rules_then_leaks_then_duplicates(make_run: MakeRun, part: Any) -> None:
    parts = {
        0: part("web", ["aaaa", "bbb", "cc"], scores={0: {"num_stop_words": 0}}),
        1: part("web", ["dd", "ee"], scores={0: {"num_special_tokens": 2, "dup_line_fraction": 0.5}}),
    }
    run = make_run(
        parts,
        sources={"web": "prose"},
        pairs=[("0:1", "0:0", "near", 0.9), ("0:2", "0:0", "near", 0.85), ("0:2", "0:1", "near", 0.8)],
        leaks=[
            ("1:0", "gsm8k", {}),
            ("1:0", "arc", {}),
            ("1:0", "arc", {"item": 1}),
            ("1:1", "arc", {"label": "variant"}),
        ],
    )
    run.run(step, "decide")
    assert verdicts(run) == {
        "0:0": ("gopher_quality.min_stop_words", ["gopher_quality.min_stop_words"], None, None, "0:0"),
        "0:1": (None, [], None, None, "0:0"),
        "0:2": ("duplicate.near", ["duplicate.near"], "0:1", 0.8, "0:0"),
        "1:0": (
            "lint.max_special_tokens",
            ["lint.max_special_tokens", "gopher_repetition.max_dup_lines", "leak.arc", "leak.gsm8k"],
            None,
            None,
            None,
        ),
        "1:1": (None, [], None, None, None),
    }


def test_a_leak_frees_its_duplicate(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["same", "same"])},
        sources={"web": "prose"},
        pairs=[("0:1", "0:0", "exact", 1.0)],
        leaks=[("0:0", "arc", {})],
    )
    run.run(step, "decide")
    assert reasons(run) == {"0:0": "leak.arc", "0:1": None}


def test_relations_and_sizes_are_said(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["long" * 9, "long" * 8, "lon" * 9, "lon" * 9, "page", "1 xxx", "2 xxx", "one x"])},
        sources={"web": "prose"},
        pairs=[
            ("0:1", "0:0", "near", 0.9, 0.95), ("0:2", "0:0", "contained", 0.7, 0.99), ("0:3", "0:2", "exact", 1.0),
            ("0:4", "0:0", "url", None), ("0:6", "0:5", "template", None),
        ],
        semantic=[("0:7", "0:5", 0.97), ("0:6", "0:5", 0.99)],
    )  # fmt: skip
    run.run(step, "decide")
    rows = {format_key(r["doc"]): r for r in run.rows(DECISIONS)}
    names = (
        "reason",
        "relation",
        "jaccard",
        "containment",
        "cosine",
        "cluster",
        "cluster_size",
        "template",
        "template_size",
    )
    found = {key: tuple(row[name] for name in names) for key, row in rows.items()}
    first, framed = doc_key(0, 0), doc_key(0, 5)
    assert found == {
        "0:0": (None, None, None, None, None, first, 5, None, None),
        "0:1": ("duplicate.near", "near", 0.9, 0.95, None, first, 5, None, None),
        "0:2": ("duplicate.contained", "contained", 0.7, 0.99, None, first, 5, None, None),
        "0:3": ("duplicate.contained", "contained", 0.7, 0.99, None, first, 5, None, None),
        "0:4": ("duplicate.url", "url", None, None, None, first, 5, None, None),
        "0:5": (None, None, None, None, None, framed, 2, framed, 2),
        "0:6": (None, None, None, None, None, None, None, framed, 2),
        "0:7": ("duplicate.semantic", "semantic", None, None, 0.97, framed, 2, None, None),
    }


def test_a_contained_text_stays_where_what_contains_it_comes_later(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("books", ["short"]), 1: part("web", ["short, and more"])},
        sources={"books": "prose", "web": "prose"},
        pairs=[("1:0", "0:0", "contains", 0.3, 1.0)],
    )
    run.run(step, "decide")
    assert reasons(run) == {"0:0": None, "1:0": None}


@pytest.mark.parametrize(
    ("dedup", "dropped"),
    [
        ({"web": {}}, {"0:1", "1:0", "1:1"}),
        ({"web": {"copies": 2}}, {"1:0", "1:1"}),
        ({"web": {"scope": "within"}, "forum": {"scope": "within"}}, {"0:1", "1:1"}),
        ({"web": {"scope": "within"}, "forum": {"scope": "within", "copies": 2}}, {"0:1"}),
        ({"web": {"scope": "across"}, "forum": {"scope": "across"}}, {"1:0", "1:1"}),
        ({"web": {"scope": "nowhere"}, "forum": {"copies": 3}}, {"1:1"}),
        ({"web": {"scope": "nowhere"}, "forum": {"scope": "nowhere"}}, set()),
    ],
)
def test_scope_and_copies_are_per_source(
    make_run: MakeRun, part: Any, dedup: dict[str, Any], dropped: set[str]
) -> None:
    run = make_run(
        {0: part("web", ["same", "same"]), 1: part("forum", ["same", "same"])},
        sources={"web": "prose", "forum": "prose"},
        pairs=[(key, "0:0", "exact", 1.0) for key in ("0:1", "1:0", "1:1")],
        dedup_of=dedup,
    )
    run.run(step, "decide")
    assert {key for key, reason in reasons(run).items() if reason} == dropped


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        ({"policy": "keep"}, [None] * 5),
        ({"policy": "cap", "cap": 2}, [None, None, "template.cap", "template.cap", None]),
        ({"policy": "thin", "exponent": 0.0}, [None, "template.thin", "template.thin", "template.thin", None]),
        ({"policy": "thin", "exponent": 0.5}, [None, None, "template.thin", "template.thin", None]),
    ],
)
def test_templates_are_kept_capped_or_thinned(
    make_run: MakeRun, part: Any, templates: dict[str, Any], expected: list[str | None]
) -> None:
    run = make_run(
        {0: part("web", ["x 1", "x 2", "x 3", "x 4", "y"])},
        sources={"web": "math"},
        dedup={"templates": templates},
        pairs=[(f"0:{row}", "0:0", "template", None) for row in (1, 2, 3)],
    )
    run.run(step, "decide")
    # All are of one length, so both the survivor order and thinning go by content hash.
    hashes = sorted((hashlib.blake2b(f"x {row + 1}".encode(), digest_size=16).digest(), row) for row in range(4))
    order = [row for _, row in hashes] + [4]
    found = list(reasons(run).values())
    assert [found[row] for row in order] == expected


@pytest.mark.parametrize(
    ("columns", "leaks", "reason", "cut"),
    [
        ({}, {}, "leak.arc", None),
        ({}, {"policy": "mark"}, None, None),
        ({}, {"policy": "mask"}, None, (2, 7, "leak.arc", "[masked]")),
        ({"label": "variant"}, {}, None, None),
        ({"label": "variant"}, {"variants": "drop"}, "variant.arc", None),
        ({"label": "variant"}, {"variants": "mask", "policy": "mark"}, None, (2, 7, "variant.arc", "[masked]")),
        ({"layer": "13-gram", "overlap": 0.9}, {}, None, None),
        ({"layer": "13-gram", "overlap": 0.5}, {"ngrams": {13: "drop"}}, "leak.arc", None),
        ({"layer": "13-gram", "overlap": 0.49}, {"ngrams": {13: "drop"}}, None, None),
        ({"layer": "13-gram", "overlap": 0.49}, {"ngrams": {13: "drop"}, "min_overlap": 0.4}, "leak.arc", None),
        ({"layer": "8-gram"}, {"ngrams": {13: "drop", 8: "mask"}}, None, (2, 7, "leak.arc", "[masked]")),
        ({"overlap": 0.1}, {}, "leak.arc", None),
        ({"item": 7}, {}, None, None),
        ({"item": 7, "layer": "8-gram"}, {"ngrams": {8: "drop"}}, None, None),
    ],
)
def test_policies_on_leaks(
    make_run: MakeRun, part: Any, columns: dict[str, Any], leaks: dict[str, Any], reason: str | None, cut: Any
) -> None:
    """Item 7 is of a split that may be kept."""
    run = make_run(
        {0: part("web", ["an item and more"])},
        sources={"web": "prose"},
        leaks=[("0:0", "arc", {"start_byte": 2, "end_byte": 7, **columns})],
        items=[("arc", 0, "test"), ("arc", 7, "train")],
        benchmarks={"arc": {"path": "arc.jsonl", "keep": ["train"]}},
        config_leaks=leaks,
    )
    run.run(step, "decide")
    assert reasons(run) == {"0:0": reason}
    rows = [tuple(r[c] for c in ("start_byte", "end_byte", "reason", "replacement")) for r in run.rows(CUTS)]
    assert rows == ([cut] if cut else [])


def test_only_kept_documents_are_cut_each_place_once(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["same", "same", "x"])},
        sources={"web": "prose"},
        pairs=[("0:1", "0:0", "exact", 1.0)],
        leaks=[(doc, "arc", {"item": item}) for doc in ("0:0", "0:1", "0:2") for item in (0, 1)],
        config_leaks={"policy": "mask"},
    )
    run.run(step, "decide")
    assert [format_key(row["doc"]) for row in run.rows(CUTS)] == ["0:0", "0:2"]


def test_survivor_follows_the_declared_order_of_sources(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["same"]), 1: part("proofs", ["same", "almost"])},
        sources={"web": "prose", "proofs": "math"},
        survivor=["proofs", "web"],
        pairs=[("0:0", "1:0", "exact", 1.0), ("1:1", "1:0", "near", 0.82)],
    )
    run.run(step, "decide")
    found = {key: value[0] for key, value in verdicts(run).items()}
    # The longer text stands first within a source: "almost" is kept and its shorter partners repeat it.
    assert found["1:1"] is None
    assert found == {"0:0": "duplicate.near", "1:0": "duplicate.near", "1:1": None}


def test_exact_copies_without_their_first_are_still_exact(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["same", "same", "same"], scores={0: {"num_special_tokens": 1}})},
        sources={"web": "prose"},
        pairs=[("0:1", "0:0", "exact", 1.0), ("0:2", "0:0", "exact", 1.0)],
    )
    run.run(step, "decide")
    assert verdicts(run)["0:2"] == ("duplicate.exact", ["duplicate.exact"], "0:1", 1.0, "0:0")
    assert verdicts(run)["0:1"][0] is None


def test_verdicts_do_not_depend_on_memory(make_run: MakeRun, part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {p: part("web", [f"{p} {row}" for row in range(30)]) for p in range(3)}
    copies = [(f"{p}:{row}", f"0:{row % 5}", "exact", 1.0) for p in range(3) for row in range(5, 30)]
    near = [(f"0:{row}", f"0:{row - 1}", "near", 0.8 + row / 100) for row in range(1, 5)]
    settings = {"sources": {"web": "prose"}, "pairs": sorted([*copies, *near])}
    whole = make_run(parts, name="whole", **settings)
    whole.run(step, "decide")
    monkeypatch.setattr(exchange, "_PEAK", 1 << 22)
    pieces = make_run(parts, name="pieces", **settings)
    pieces.run(step, "decide")
    assert verdicts(pieces) == verdicts(whole)
    assert not list((pieces.folder / "scratch").iterdir())


def test_templates_and_pairs_apart_drop_nothing(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["x 1", "x 2", "y"])},
        sources={"web": "math"},
        pairs=[("0:1", "0:0", "template", None), ("0:2", "0:0", "apart", 0.5)],
    )
    run.run(step, "decide")
    assert list(verdicts(run).values()) == [(None, [], None, None, None)] * 3


def test_label_decides_the_kind_in_force(make_run: MakeRun, part: Any) -> None:
    scores = {row: {"num_stop_words": 0} for row in range(2)}
    run = make_run({0: part("web", ["a", "b"], scores=scores, kinds={1: "code"})}, sources={"web": "prose"})
    run.run(step, "decide")
    assert [v[0] for v in verdicts(run).values()] == ["gopher_quality.min_stop_words", None]


def test_ledger_counts_documents_and_bytes_by_first_reason(make_run: MakeRun, part: Any) -> None:
    parts = {
        0: part("web", ["aaaa", "bb"], scores={0: {"num_special_tokens": 1, "num_stop_words": 0}}),
        1: part("web", ["cccccc"], scores={0: {"num_special_tokens": 1}}),
        2: part("repos", ["d"]),
    }
    run = make_run(parts, sources={"web": "prose", "repos": "code"})
    run.run(step, "decide")
    counted = {"step": "decide", "rows_quarantined": 0}
    assert run.rows(LEDGER) == [
        {"source": "repos", "rows_in": 1, "rows_kept": 1, "rows_dropped": 0, **counted},
        {"source": "web", "rows_in": 3, "rows_kept": 1, "rows_dropped": 2, **counted},
    ]
    drop = {"step": "decide", "source": "web", "reason": "lint.max_special_tokens", "documents": 2, "bytes": 10}
    assert run.rows(DROPS) == [drop]


def test_one_file_per_part_and_only_changed_ones_differ(make_run: MakeRun, part: Any) -> None:
    parts = {0: part("web", ["a"], scores={0: {"num_nonsymbol_words": 45}}), 1: part("web", ["b"])}
    files = []
    for name, thresholds in (("one", {}), ("two", {"gopher_quality.min_words": 40})):
        run = make_run(parts, sources={"web": "prose"}, thresholds=thresholds, name=name)
        run.run(step, "decide")
        files.append({f.part: f.sha256 for f in load_manifest(run.folder, "decisions").files})
    assert files[0].keys() == files[1].keys() == {0, 1}
    assert files[0][0] != files[1][0]
    assert files[0][1] == files[1][1]


@pytest.mark.parametrize("group", ["lint", "math"])
def test_missing_scores_are_an_error_where_a_rule_of_the_kind_names_them(
    make_run: MakeRun, part: Any, group: str
) -> None:
    run = make_run({0: part("web", ["a"]), 1: part("web", ["b"])}, sources={"web": "prose"})
    scores = load_manifest(run.folder, SCORES.name)
    less = tuple(f for f in scores.files if not (f.part == 1 and f.unit == group))
    publish(run.folder, type(scores)(scores.table, less))
    if group == "math":  # no rule for prose
        run.run(step, "decide")
        return
    with pytest.raises(StepError, match=r"part 1: scores, group 'lint' has 0 rows for 1 documents"):
        run.run(step, "decide")
