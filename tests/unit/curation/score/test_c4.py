"""C4's values, spans and rules of small texts, exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.config import Config, load_config
from midmix.curation.clean import REMOVE, apply_edits, edit_texts, edits_in_force
from midmix.curation.decide.resolve import resolve_rules
from midmix.curation.decide.rules import RULE_SETS
from midmix.curation.score import groups, step
from midmix.curation.score.c4 import Cuts, find_cuts
from midmix.curation.score.c4.marks import BRACKET, JAVASCRIPT, LOREM, POLICY
from midmix.curation.score.groups import score_texts
from midmix.curation.score.prepared import Prepared
from midmix.parts import Documents
from midmix.table_manifest import load_manifest
from midmix.tables import SPANS, TEXT, doc_key

FIVE = "First one here. Second one here. Third one here. Fourth one here. Fifth one here."


def value(column: str, text: str) -> float:
    for group in ("fineweb_after_c4", "c4_any_end", "c4"):
        if column.startswith(group + "_"):
            return score_texts(pa.array([text], TEXT), (group,))[0][group][column][0].item()
    raise KeyError(column)


def cuts_of(text: str, any_end: bool) -> Cuts:
    return find_cuts(Prepared(pa.array([text], TEXT)).c4_lines, any_end)


def spans(text: str, any_end: bool = True) -> list[tuple[int, int, str | None]]:
    cuts = cuts_of(text, any_end)
    return [(s, e, "\n" if j else None) for s, e, j in zip(cuts.start, cuts.end, cuts.joins, strict=True)]


def left(text: str, any_end: bool = True) -> str:
    cuts = cuts_of(text, any_end)
    codes = np.where(cuts.joins, 0, REMOVE)
    edited, _, _ = edit_texts(
        pa.array([text], TEXT), cuts.document, cuts.start, cuts.end, (codes, ["\n"]), np.zeros(len(codes), np.int64)
    )
    return str(edited[0].as_py())


@pytest.mark.parametrize(
    "column, text, expected",
    [
        ("c4_num_sentences", "", 0),
        ("c4_num_sentences", FIVE, 5),
        ("c4_num_sentences", "One two three. ) ] Four.", 2),
        ("c4_num_sentences", "One two three.  ) ] four.", 2),  # the second space is a token that starts a sentence
        ("c4_num_sentences", "One two three. ) ]?", 1),
        ("c4_num_sentences", "One two three.  ) ]?", 2),
        ("c4_num_sentences", "One two three e.g. four.", 1),
        ("c4_any_end_num_sentences", "One two three.\u00a0) four", 2),
        ("c4_any_end_num_sentences", "one two three. [1] [2]", 2),  # two spaces are left behind the mark
        ("c4_any_end_num_sentences", "[1] [2] [3]", 1),
        ("c4_any_end_num_sentences", "[citation needed][citation needed]", 1),  # nothing is left, which counts too
        ("c4_no_end_lines", "a b c\na b c.\na b c...\na b c!\"\na b c'\na b c;\n\n", 4),
        ("c4_no_end_lines", "a b c. [1]", 1),  # a space is left behind the full stop
        ("c4_no_end_lines", "a b c.[1]", 0),
        ("c4_few_word_lines", "a b.\n\na b", 1),
        ("c4_any_end_few_word_lines", "a b.\n\na b", 3),
        ("c4_any_end_few_word_lines", "a\x1fb\u3000c\na\u200bb\u180ec d", 1),
        ("c4_any_end_few_word_lines", "one[1] two[2]", 1),
        ("c4_any_end_few_word_lines", "[1] a b", 0),
        ("c4_any_end_long_word_lines", "x" * 1000 + " b c\n" + "x" * 1001 + "\nb c d", 1),
        ("c4_any_end_long_word_lines", "é" * 1000 + " b c\n" + "b c " + "é" * 1001 + " d", 1),
        ("c4_any_end_long_word_lines", "a " * 3000 + "x" * 999 + " \u2003" + "x" * 1000, 0),
        ("c4_any_end_javascript_lines", "use javaSCRIPT now\njava script is on\njavas[1]cript is on", 2),
        ("c4_any_end_javascript_lines", "javascr\u0130pt is on\njavascript", 0),
        ("c4_policy_lines", "Our Privacy POLICY is.", 1),
        ("c4_policy_lines", "We use coo\u212aies. \u212a", 0),  # does not end in a mark
        ("c4_policy_lines", "We use coo\u212aies.", 1),
        ("c4_policy_lines", "Our coo\u212aie policy here.\nIt uses cookies now.\nA use of cookies.\nUser cookies here.", 3),
        ("c4_policy_lines", "These are terms of use.\nThese are terms of  use.\nterms of\nuse as it is.", 1),
        ("c4_lorem_ipsum_lines", "Lorem ipsum dolor.\nlorem ipsum\nlorem ipsum sit", 1),
        ("c4_any_end_lorem_ipsum_lines", "Lorem ipsum dolor.\nlorem ipsum\nlorem ipsum sit", 2),
        ("c4_any_end_lorem_ipsum_lines", "a lorem\u00a0ipsum b\na lorem[2] ipsum b\nlorem-ipsum a b", 1),
        ("c4_any_end_first_lorem_ipsum_line", "a\r\nb\x85\u2028lorem ipsum x", 4),
        ("c4_curly_bracket_lines", "a { b.\na { b\n{ b.\njavascript { a.\ncookie policy { a.", 2),
        ("c4_any_end_first_curly_bracket_line", "{\n\na } b\na {} b", 4),
        ("c4_removed_line_fraction", "a b c.\n\na b c\na b.", 0.75),
        ("c4_removed_byte_fraction", "a b[123] c.\n", 0.5),
        ("c4_any_end_removed_byte_fraction", "a b c", 0.0),
        ("fineweb_after_c4_num_lines", "a b c\n[1] [2] [3]\na b\nd e f", 2),
        ("fineweb_after_c4_num_lines", "[1] [2] [3]\n[1] [2] [3]", 0),
        ("fineweb_after_c4_line_punct_fraction", "a b c.\na b c \na b c. [1]\na b c。", 0.5),
        ("fineweb_after_c4_line_punct_fraction", "a b c. [1]", 1.0),  # the end of what is left is stripped
        ("fineweb_after_c4_short_line_fraction", "a b " + "é" * 26 + "\na b " + "é" * 27, 0.5),
        ("fineweb_after_c4_short_line_fraction", "[1] a b " + "c" * 26 + "\nx y z\n[1] a b " + "c" * 26, 2 / 3),
        ("fineweb_after_c4_dup_line_char_fraction", "é b c\nd\n[2] é b c\r\nx y z", 0.0),
        ("fineweb_after_c4_dup_line_char_fraction", "é b c\nd\n é b[2] c\r\nx y z", 1 / 3),
        ("fineweb_after_c4_newline_word_ratio", "a b c\nd e f\n\n  g h i", 2 / 9),
        ("fineweb_after_c4_newline_word_ratio", "[1] [2] [3]\na b c\n[1] [2] [3]\nd e f\n[1] [2] [3]", 2 / 6),
    ],
)  # fmt: skip
def test_values(column: str, text: str, expected: float) -> None:
    assert value(column, text) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize(
    "text, expected, kept",
    [
        ("", [], ""),
        ("a b c", [], "a b c"),
        ("a b c\nd e f", [], "a b c\nd e f"),
        (" \t", [(0, 2, None)], ""),
        ("a b", [(0, 3, None)], ""),
        ("  a b c \n", [(0, 2, None), (7, 9, None)], "a b c"),
        ("a b c\nx\ny\nd e f\n", [(6, 10, None), (15, 16, None)], "a b c\nd e f"),
        ("a b c \nd e f", [(5, 6, None)], "a b c\nd e f"),
        ("a b c\r\nd e f", [(5, 6, None)], "a b c\nd e f"),
        ("a b c\rd e f", [(5, 6, "\n")], "a b c\nd e f"),
        ("a b c \n d e f", [(5, 8, "\n")], "a b c\nd e f"),
        ("a b c\u2028d e f", [(5, 8, "\n")], "a b c\nd e f"),
        ("a[1][22] b c", [(1, 8, None)], "a b c"),
        ("a [edit]b[edits] c [citation needed]", [(2, 8, None), (18, 36, None)], "a b[edits] c"),
        ("[1] a b c\n[2]d e [3]", [(0, 4, None), (10, 13, None), (16, 20, None)], "a b c\nd e"),
        ("a b c[1]\nd e f", [(5, 8, None)], "a b c\nd e f"),
        ("[1] [2] [3]\na b c", [(0, 12, None)], "a b c"),
        ("a b c\n[1] [2] [3]\nd e f", [(6, 9, None), (10, 13, None), (14, 17, None)], "a b c\n  \nd e f"),
        ("a b c\n[citation needed][citation needed]\nd e f", [(6, 40, None)], "a b c\n\nd e f"),
        ("a b c\n[1] [2] [3]\n", [(5, 18, None)], "a b c"),
        ("a[] b[\u0661] c[\u00b2] d[1 ] [1", [(1, 3, None), (5, 9, None)], "a b c[\u00b2] d[1 ] [1"),
    ],
)
def test_spans(text: str, expected: list[tuple[int, int, str | None]], kept: str) -> None:
    assert spans(text) == expected
    assert left(text) == kept


def test_the_default_variant_cuts_lines_without_an_end() -> None:
    assert left("a b c.\nd e f\ng h i?[3]\n", any_end=False) == "a b c.\ng h i?"
    assert left("a b c.\nd e f\ng h i?[3]\n", any_end=True) == "a b c.\nd e f\ng h i?"


def test_rows_of_spans_name_document_reason_and_replacement() -> None:
    lines = Prepared(pa.array(["a b c", "a b c\rd e f", "x"], TEXT)).c4_lines
    cuts = find_cuts(lines, any_end=False)
    assert len(cuts) == 3
    assert cuts.table(np.array([4, 7, 9], np.uint64)).to_pylist() == [
        {"doc": doc, "start_byte": 0, "end_byte": end, "reason": "c4", "replacement": None, "producer": "c4"}
        for doc, end in ((4, 5), (7, 11), (9, 1))
    ]
    assert find_cuts(lines, any_end=True).table(np.array([4, 7, 9], np.uint64))["replacement"].to_pylist() == [
        "\n",
        None,
    ]


def test_batches_and_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([FIVE, "", "a[1] b c {\r\nd e f. [2]", "lorem ipsum x", "é b\n" * 30], TEXT)
    units = ("c4", "c4_any_end", "fineweb_after_c4", "c4_any_end_spans")
    whole, found = score_texts(texts, units)
    monkeypatch.setattr(groups, "BATCH_BYTES", 8)
    pieces, found_in_pieces = score_texts(texts, units)
    assert len(found["c4_any_end_spans"]) == 1 and len(found_in_pieces["c4_any_end_spans"]) > 2
    for group, columns in whole.items():
        for name, values in columns.items():
            np.testing.assert_array_equal(values, pieces[group][name], err_msg=name)
    tables = [
        pa.concat_tables([cuts.table(np.zeros(len(cuts), np.uint64)) for cuts in every["c4_any_end_spans"]])
        for every in (found, found_in_pieces)
    ]
    assert tables[0].equals(tables[1]) and tables[0].num_rows == 4


def test_no_other_character_lowers_to_ascii() -> None:
    ascii_lower = {c for c in range(128, 0x110000) if any(ord(x) < 128 for x in chr(c).lower())}
    assert ascii_lower == {0x130, 0x212A}
    assert len({LOREM, JAVASCRIPT, BRACKET, POLICY}) == 4


def test_cuts_are_for_prose_and_for_those_who_ask(tmp_path: Path) -> None:
    assert edits_in_force(["c4", "c4_any_end", "pii.email"], "code") == ("pii.email",)
    assert edits_in_force(["c4_any_end"], "prose") == ("c4_any_end",)
    assert not [e for e in Config.model_fields["edits"].default if e.startswith("c4")]


def test_the_recipe_is_a_config(repository: Path) -> None:
    config = load_config(repository / "configs" / "recipes" / "fineweb.yaml")
    names = [rule.full_name for rule in resolve_rules(config)["prose"]]
    expected = ("gopher_repetition", "gopher_quality", "c4_any_end", "fineweb_after_c4")
    assert names == [rule.full_name for name in expected for rule in RULE_SETS[name]]
    assert "c4_any_end" in config.edits


def test_the_score_step_writes_the_spans_that_an_edit_carries_out(make_run: Callable[..., Any], part: Any) -> None:
    text = "First, some words here.\n\n  x\n[1] Then, more words here."
    parts = {n: part(source, [text, "a b"]) for n, source in enumerate(("web", "repos"))}
    made = make_run(parts, sources={"web": "prose", "repos": "code"}, edits=["c4_any_end"])
    made.run(step, "score")
    rows = [tuple(row.values()) for row in made.rows(SPANS) if row["producer"] == "c4_any_end"]
    assert rows == [
        (doc_key(0, 0), 24, 32, "c4_any_end", None, "c4_any_end"),
        (doc_key(0, 1), 0, 3, "c4_any_end", None, "c4_any_end"),
    ]
    files = load_manifest(made.folder, SPANS.name).paths(made.folder, part=0)
    keys = np.array([doc_key(0, 0), doc_key(0, 1)], np.uint64)
    raw = Documents(keys, pa.array([text, "a b"], TEXT), "web", "prose", 0)
    clean = apply_edits(raw, files, ["c4_any_end"])
    assert clean.texts.to_pylist() == ["First, some words here.\n Then, more words here.", ""]
    assert clean.removed_bytes["c4_any_end"].tolist() == [8, 3]
