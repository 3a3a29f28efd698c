"""Tables of what is known of documents, and of the verdict on them."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import HASH, KEY, Column, Table, doc_column

SCORES = Table(
    "scores",
    "Values that rules and users ask about, one column group per scorer. Never drops a row.",
    ("doc",),
    (
        doc_column(),
        # -- text: what every kind has
        Column("num_lines", pa.int32(), "lines, split at newline characters", group="text"),
        Column("num_words", pa.int32(), "words: runs between Unicode white space", group="text"),
        Column("max_line_chars", pa.int32(), "code points of the longest line", group="text"),
        Column("mean_line_chars", pa.float64(), "mean code points per line", group="text"),
        Column("alphabetic_fraction", pa.float64(), "alphabetic code points / all", group="text"),
        Column("alphanumeric_fraction", pa.float64(), "alphanumeric code points / all", group="text"),
        Column("digit_fraction", pa.float64(), "decimal digits / all code points", group="text"),
        Column("whitespace_fraction", pa.float64(), "white space / all code points", group="text"),
        Column("replacement_fraction", pa.float64(), "U+FFFD / all code points", group="text"),
        Column(
            "control_fraction",
            pa.float64(),
            "control characters other than tab, CR, LF / all code points",
            group="text",
        ),
        Column(
            "mojibake_per_1k_chars",
            pa.float64(),
            "UTF-8 read as Latin-1 or Windows-1252 (such as Ã©, â€™), per 1000 code points",
            group="text",
        ),
        Column("num_emails", pa.int32(), "e-mail addresses", group="text"),
        Column("num_secrets", pa.int32(), "keys and tokens of known form", group="text"),
        Column("num_boilerplate_lines", pa.int32(), "lines with a policy, cookie or navigation phrase", group="text"),
        Column("num_special_tokens", pa.int32(), "chat or end-of-text tokens such as <|im_start|>", group="text"),
        # -- prose: Gopher's values (words are runs between white space)
        Column(
            "num_nonsymbol_words", pa.int32(), "words with at least one character that is no punctuation", group="prose"
        ),
        Column("mean_word_chars", pa.float64(), "mean code points of non-symbol words", group="prose"),
        Column("hash_word_ratio", pa.float64(), "'#' characters / words", group="prose"),
        Column("ellipsis_word_ratio", pa.float64(), "'...' and '…' / words", group="prose"),
        Column("bullet_line_fraction", pa.float64(), "lines that start with a bullet / lines", group="prose"),
        Column("ellipsis_line_fraction", pa.float64(), "lines that end with an ellipsis / lines", group="prose"),
        Column("alpha_word_fraction", pa.float64(), "words with an alphabetic character / words", group="prose"),
        Column("num_stop_words", pa.int32(), "distinct ones of the, be, to, of, and, that, have, with", group="prose"),
        Column(
            "dup_paragraph_fraction", pa.float64(), "paragraphs seen before in the document / paragraphs", group="prose"
        ),
        Column("dup_paragraph_char_fraction", pa.float64(), "their code points / all", group="prose"),
        Column("dup_line_fraction", pa.float64(), "lines seen before / lines", group="prose"),
        Column("dup_line_char_fraction", pa.float64(), "their code points / all", group="prose"),
        Column(
            "top_2gram_char_fraction", pa.float64(), "code points in the most frequent word 2-gram / all", group="prose"
        ),
        Column("top_3gram_char_fraction", pa.float64(), "the same for 3-grams", group="prose"),
        Column("top_4gram_char_fraction", pa.float64(), "the same for 4-grams", group="prose"),
        Column("dup_5gram_char_fraction", pa.float64(), "code points in repeated word 5-grams / all", group="prose"),
        Column("dup_6gram_char_fraction", pa.float64(), "the same for 6-grams", group="prose"),
        Column("dup_7gram_char_fraction", pa.float64(), "the same for 7-grams", group="prose"),
        Column("dup_8gram_char_fraction", pa.float64(), "the same for 8-grams", group="prose"),
        Column("dup_9gram_char_fraction", pa.float64(), "the same for 9-grams", group="prose"),
        Column("dup_10gram_char_fraction", pa.float64(), "the same for 10-grams", group="prose"),
        # -- code
        Column(
            "comment_char_fraction", pa.float64(), "code points on comment lines (#, //, /*, *, --) / all", group="code"
        ),
        Column("import_line_fraction", pa.float64(), "import, include or use lines / non-blank lines", group="code"),
        Column(
            "def_line_fraction", pa.float64(), "lines that define a function or class / non-blank lines", group="code"
        ),
        Column(
            "encoded_data_fraction",
            pa.float64(),
            "code points in runs of base64 or hex of 64 and more / all",
            group="code",
        ),
        Column(
            "autogenerated", pa.bool_(), "one of the first five lines says that the file is generated", group="code"
        ),
        # -- math
        Column("latex_command_density", pa.float64(), "LaTeX commands per 1000 code points", group="math"),
        Column(
            "operator_fraction", pa.float64(), "+ - * / = < > ^ and mathematical symbols / code points", group="math"
        ),
        Column(
            "equation_line_fraction", pa.float64(), "lines with = between two terms / non-blank lines", group="math"
        ),
        Column(
            "num_step_markers",
            pa.int32(),
            "step markers: Step n, first, then, therefore, so at line or sentence start",
            group="math",
        ),
        Column("has_final_answer", pa.bool_(), "has a stated answer: Answer:, ####, \\boxed", group="math"),
    ),
)

SPANS = Table(
    "spans",
    "What an edit would cut or mask, in bytes of the raw text. Overlaps are united and removal beats a mask when read.",
    ("doc", "start_byte", "end_byte", "reason"),
    (
        doc_column(),
        Column("start_byte", pa.int64(), "first byte, in raw UTF-8"),
        Column("end_byte", pa.int64(), "byte after the last"),
        Column("reason", pa.string(), "such as pii.email, secret.key, boilerplate.line"),
        Column("replacement", pa.string(), "what stands in its place; NULL removes", nullable=True),
        Column("producer", pa.string(), "scorer that wrote it"),
    ),
)

LABELS = Table(
    "labels",
    "What frozen models say of a document, one column group per rater. NULL where a rater was not run or is unsure.",
    ("doc",),
    (
        doc_column(),
        Column("language", pa.string(), "ISO 639-1 code, NULL below the confidence", nullable=True, group="language"),
        Column("language_confidence", pa.float32(), "probability of the language", nullable=True, group="language"),
        Column(
            "kind",
            pa.string(),
            "prose, code, math or reasoning; NULL below the confidence",
            nullable=True,
            group="kind",
        ),
        Column("kind_confidence", pa.float32(), "probability of the kind", nullable=True, group="kind"),
        Column(
            "quality", pa.float32(), "probability of the quality rater's positive class", nullable=True, group="quality"
        ),
    ),
)

ARTEFACTS = Table(
    "artefacts",
    "Trained things, frozen: they change only when asked.",
    ("name",),
    (
        Column("name", pa.string(), "such as rater:kind"),
        Column("hash", pa.string(), "sha256 of the file"),
        Column("path", pa.string(), "file in the run folder"),
        Column("trained_on", pa.list_(pa.string()), "sources"),
        Column("quality", pa.float64(), "held-out accuracy", nullable=True),
        Column("record", pa.string(), "settings and counts, as JSON"),
    ),
)

SIGNATURES = Table(
    "signatures",
    "What dedup compares, of the clean text: hashes alone, no text.",
    ("doc",),
    (
        doc_column(),
        Column("clean_hash", HASH, "BLAKE2b-128 of the clean text"),
        Column(
            "frame_hash",
            HASH,
            "the same with every run of digits replaced by one 0: equal frames differ in numbers alone",
        ),
        Column("num_words", pa.int32(), "words of the clean text"),
        Column("num_shingles", pa.int32(), "distinct word n-grams"),
        Column("bands", pa.list_(pa.int64()), "one hash per MinHash band; empty below n words"),
    ),
    internal=True,
)

PAIRS = Table(
    "pairs",
    "Pairs that were compared: exact copies, near-duplicates verified by true Jaccard, and templates.",
    ("doc", "earlier"),
    (
        Column("doc", KEY, "the later document in survivor order"),
        Column("earlier", KEY, "the earlier one, which it may repeat"),
        Column(
            "relation",
            pa.string(),
            "exact, near (Jaccard at or over the threshold), template (only numbers differ), or apart",
        ),
        Column(
            "jaccard",
            pa.float64(),
            "true Jaccard of word n-grams of the clean texts; 1 for exact; NULL for templates",
            nullable=True,
        ),
    ),
)

CONTAMINATION = Table(
    "contamination",
    "Documents that hold text of an evaluation item, one row per (document, item, field).",
    ("doc", "set", "item", "field"),
    (
        doc_column(),
        Column("set", pa.string(), "benchmark or evaluation set"),
        Column("item", pa.int64(), "item"),
        Column("field", pa.string(), "question or answer"),
        Column("rule", pa.string(), "13-gram, or short-item where the whole field is one shorter n-gram"),
        Column("overlap", pa.float64(), "distinct n-grams of the field found in the document / n-grams of the field"),
        Column("start_byte", pa.int64(), "first matched byte, in the clean text"),
        Column("end_byte", pa.int64(), "byte after the last matched one"),
    ),
)

DECISIONS = Table(
    "decisions",
    "The verdict on every document, with every rule that fired. The only table with thresholds behind it.",
    ("doc",),
    (
        doc_column(),
        Column("keep", pa.bool_(), "whether the document is kept"),
        Column("reason", pa.string(), "first reason in the declared order; NULL when kept", nullable=True),
        Column("fired", pa.list_(pa.string()), "every rule that fired, as rule_set.rule"),
        Column("repeats", KEY, "the kept document that this one repeats", nullable=True),
        Column("jaccard", pa.float64(), "verified Jaccard with it", nullable=True),
        Column("cluster", KEY, "smallest key of the duplicate cluster; NULL outside clusters", nullable=True),
    ),
)
