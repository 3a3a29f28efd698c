"""Every table of a run: columns, dtypes, units, key. The only vocabulary that the steps share.

A table is written through `midmix.artifact` alone, which checks it against its schema. `docs/tables.md` is made
from this file. Two rules hold everywhere, and the query face relies on them: the only unsigned 64-bit columns are
document keys (`part << 32 | row`), and the only fixed 16-byte binary columns are 128-bit content hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

KEY = pa.uint64()
HASH = pa.binary(16)
TEXT = pa.large_string()


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type and what it means, unit included.

    `group` names the column group of a table that several units of work fill (one scorer, one rater): each group is
    a file of its own with the same rows, so that adding a scorer rewrites nothing.
    """

    name: str
    dtype: pa.DataType
    meaning: str
    nullable: bool = False
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the run: columns in order, key columns (rows are unique and sorted by them), and who reads it."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    internal: bool = False

    def schema(self, group: str | None = None) -> pa.Schema:
        """The Arrow schema; of one column group (key columns first) when `group` is given."""
        chosen = [c for c in self.columns if group is None or c.name in self.key or c.group == group]
        if group and not any(c.group == group for c in chosen):
            raise KeyError(f"table {self.name} has no column group {group!r}; it has {', '.join(self.groups)}")
        return pa.schema([pa.field(c.name, c.dtype, nullable=c.nullable) for c in chosen])

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the column groups, in order; empty for a table that is written whole."""
        return tuple(dict.fromkeys(c.group for c in self.columns if c.group))


def _doc(meaning: str = "document key, part << 32 | row, printed part:row") -> Column:
    return Column("doc", KEY, meaning)


SOURCES = Table(
    "sources",
    "Where text comes from: one row per source of the config.",
    ("source",),
    (
        Column("source", pa.string(), "name in the config"),
        Column("position", pa.int32(), "place in the config, from 0; new sources are appended"),
        Column("survivor_rank", pa.int32(), "place in the survivor order, from 0: lower keeps a shared document"),
        Column("kind", pa.string(), "prose, code, math or reasoning: which rules judge its documents"),
        Column("license", pa.string(), "as declared", nullable=True),
        Column("snapshot", pa.string(), "as declared", nullable=True),
        Column("origin", pa.string(), "as declared", nullable=True),
        Column("teacher", pa.string(), "model that wrote the text, as declared; NULL for human text", nullable=True),
        Column("path", pa.string(), "path or glob of the config"),
    ),
)

PARTS = Table(
    "parts",
    "The unit of work: a run of row groups of one file. Ids are never renumbered nor reused.",
    ("part",),
    (
        Column("part", pa.int64(), "id, below 2^31"),
        Column("source", pa.string(), "source"),
        Column("snapshot", pa.string(), "snapshot of the source", nullable=True),
        Column("path", pa.string(), "file, relative to the config's folder when given so"),
        Column(
            "stored", pa.string(), "converted copy in the run folder, where the file had to be converted", nullable=True
        ),
        Column("file_hash", pa.string(), "sha256 of the file, or the store's etag"),
        Column("first_row_group", pa.int32(), "first row group"),
        Column("num_row_groups", pa.int32(), "row groups"),
        Column("first_row", pa.int64(), "ordinal of the part's first row in its file"),
        Column("rows", pa.int64(), "rows, bad ones included"),
        Column("text_bytes", pa.int64(), "uncompressed bytes of the text column, from the footer"),
        Column("text_column", pa.string(), "column that holds the text"),
    ),
)

COPIES = Table(
    "copies",
    "Files that had to be converted (jsonl, chats, templates); the parquet copies lie beside this table.",
    ("source", "path"),
    (
        Column("source", pa.string(), "source"),
        Column("path", pa.string(), "the file, as in PARTS"),
        Column("file_hash", pa.string(), "identity of the file that was converted"),
        Column("text_bytes", pa.int64(), "bytes of text in the copy"),
    ),
    internal=True,
)

DOCUMENTS = Table(
    "documents",
    "One row per readable document; the text stays where it lies. The view adds source, kind and path.",
    ("doc",),
    (
        _doc(),
        Column("content_hash", HASH, "BLAKE2b-128 of the raw text's UTF-8"),
        Column("num_bytes", pa.int64(), "bytes of raw text, UTF-8"),
        Column("num_chars", pa.int64(), "code points of raw text"),
        Column("user_id", pa.string(), "the user's own id", nullable=True),
        Column("url", pa.string(), "address", nullable=True),
        Column("metadata", pa.string(), "all other columns, as JSON", nullable=True),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "Bad files and rows, each with its reason. Row is NULL where the whole file or part cannot be read.",
    ("source", "file", "row", "reason"),
    (
        Column("source", pa.string(), "source"),
        Column("file", pa.string(), "file, as in PARTS.path"),
        Column("row", pa.int64(), "ordinal of the row in the file, from 0", nullable=True),
        Column("rows", pa.int64(), "rows lost by this entry; 0 where a file's rows cannot be counted"),
        Column("reason", pa.string(), "what was wrong"),
    ),
)

SCORES = Table(
    "scores",
    "Values that rules and users ask about, one column group per scorer. Never drops a row.",
    ("doc",),
    (
        _doc(),
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
        _doc(),
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
        _doc(),
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

SIGNATURES = Table(
    "signatures",
    "What dedup compares, of the clean text: hashes alone, no text.",
    ("doc",),
    (
        _doc(),
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

EVALUATION_ITEMS = Table(
    "evaluation_items",
    "Items of benchmarks and of the run's own evaluation sets.",
    ("set", "item"),
    (
        Column("set", pa.string(), "name in the config"),
        Column("role", pa.string(), "benchmark, target or retain"),
        Column("item", pa.int64(), "ordinal of the row in its file, from 0"),
        Column("question", pa.string(), "question or context; NULL where the item is plain text", nullable=True),
        Column("answer", pa.string(), "answer, or the plain text"),
        Column("detectable", pa.bool_(), "whether the leak rule can find it at all"),
    ),
)

CONTAMINATION = Table(
    "contamination",
    "Documents that hold text of an evaluation item, one row per (document, item, field).",
    ("doc", "set", "item", "field"),
    (
        _doc(),
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
        _doc(),
        Column("keep", pa.bool_(), "whether the document is kept"),
        Column("reason", pa.string(), "first reason in the declared order; NULL when kept", nullable=True),
        Column("fired", pa.list_(pa.string()), "every rule that fired, as rule_set.rule"),
        Column("repeats", KEY, "the kept document that this one repeats", nullable=True),
        Column("jaccard", pa.float64(), "verified Jaccard with it", nullable=True),
        Column("cluster", KEY, "smallest key of the duplicate cluster; NULL outside clusters", nullable=True),
    ),
)

CURATED = Table(
    "curated",
    "Kept text with the edits applied.",
    ("doc",),
    (
        _doc(),
        Column("source", pa.string(), "source"),
        Column("kind", pa.string(), "kind in force: the label's, else the source's"),
        Column("text", TEXT, "text after edits"),
        Column("content_hash", HASH, "BLAKE2b-128 of this text"),
        Column("num_bytes", pa.int64(), "bytes of this text"),
        Column("bytes_removed", pa.int64(), "raw bytes that edits removed or replaced"),
    ),
)

LEDGER = Table(
    "ledger",
    "Rows reconcile: rows_in = rows_kept + rows_dropped + rows_quarantined, per step and source.",
    ("step", "source"),
    (
        Column("step", pa.string(), "step"),
        Column("source", pa.string(), "source"),
        Column("rows_in", pa.int64(), "rows that entered"),
        Column("rows_kept", pa.int64(), "rows that went on"),
        Column("rows_dropped", pa.int64(), "rows dropped, by reason in DROPS"),
        Column("rows_quarantined", pa.int64(), "rows set aside, one by one in QUARANTINE"),
    ),
)

DROPS = Table(
    "drops",
    "Dropped documents and removed bytes by reason. An edit's row has 0 documents.",
    ("step", "source", "reason"),
    (
        Column("step", pa.string(), "step"),
        Column("source", pa.string(), "source"),
        Column("reason", pa.string(), "rule_set.rule, duplicate.*, leak.*, or edit.*"),
        Column("documents", pa.int64(), "documents dropped for this first reason"),
        Column("bytes", pa.int64(), "raw bytes of theirs, or bytes removed by an edit"),
    ),
)

TOKEN_PARTS = Table(
    "token_parts",
    "Token ids of one part's kept documents, end-of-text included, in a raw file beside this table.",
    ("tokenizer", "doc"),
    (
        Column("tokenizer", pa.string(), "name in the config"),
        _doc(),
        Column("offset", pa.int64(), "first token in the part's token file"),
        Column("num_tokens", pa.int32(), "tokens, end-of-text included"),
    ),
    internal=True,
)

TOKENS = Table(
    "tokens",
    "Where each kept document's tokens lie: shards hold one domain and split in a seeded permutation.",
    ("tokenizer", "domain", "split", "shard", "offset"),
    (
        Column("tokenizer", pa.string(), "name in the config"),
        Column("domain", pa.string(), "what the mixer weighs"),
        Column("split", pa.string(), "train or heldout; heldout is never trained on"),
        Column("shard", pa.int32(), "shard of the domain and split, from 0"),
        Column("offset", pa.int64(), "first token in the shard"),
        Column("num_tokens", pa.int32(), "tokens, end-of-text included"),
        Column("num_bytes", pa.int64(), "bytes of the text"),
        _doc(),
    ),
)

DESIGNS = Table(
    "designs",
    "Mixtures to try, one row per (run, domain).",
    ("run", "stage", "domain"),
    (
        Column("run", pa.int32(), "proxy run of the design, from 0"),
        Column("role", pa.string(), "control (100% replay), natural, baseline, interior, space-filling or replicate"),
        Column("stage", pa.string(), "stage of training"),
        Column("seed", pa.int32(), "seed of the run"),
        Column("domain", pa.string(), "domain"),
        Column("weight", pa.float64(), "share of tokens; sums to 1 over the domains of a run and stage"),
    ),
)

LOSSES = Table(
    "losses",
    "What runs measured, ours and others': one row per run, step and metric.",
    ("run", "step", "metric", "unit"),
    (
        Column("run", pa.int32(), "run of DESIGNS"),
        Column("origin", pa.string(), "proxy for our own swarm"),
        Column("shape", pa.string(), "model shape, such as L2-d64-ff192-v2048"),
        Column("tokens", pa.int64(), "tokens trained on at this step"),
        Column("seed", pa.int32(), "seed"),
        Column("step", pa.int32(), "optimizer step"),
        Column("metric", pa.string(), "domain:NAME for held-out text, set:NAME for an evaluation set"),
        Column("unit", pa.string(), "nats_per_token or bits_per_byte; unigram_nats_per_token is the entropy to beat"),
        Column("value", pa.float64(), "the loss; NULL when the run died", nullable=True),
    ),
)

LAWS = Table(
    "laws",
    "Fitted laws with their held-out error, per metric.",
    ("metric", "law"),
    (
        Column("metric", pa.string(), "metric of LOSSES, in bits per byte"),
        Column("law", pa.string(), "name of the law"),
        Column("num_runs", pa.int32(), "runs that it was fitted on"),
        Column("heldout_mae", pa.float64(), "mean absolute error over left-out runs, bits per byte"),
        Column("heldout_spearman", pa.float64(), "rank correlation over left-out runs", nullable=True),
        Column("noise_sd", pa.float64(), "standard deviation over seeds of one mixture, bits per byte", nullable=True),
        Column("chosen", pa.bool_(), "whether the optimum rests on it"),
    ),
)

PREDICTIONS = Table(
    "predictions",
    "Every law on every run that it was not fitted on: predicted against measured.",
    ("metric", "law", "run"),
    (
        Column("metric", pa.string(), "metric of LOSSES"),
        Column("law", pa.string(), "name of the law"),
        Column("run", pa.int32(), "run of DESIGNS, left out of the fit with its mixture"),
        Column("measured", pa.float64(), "bits per byte at the end of the run"),
        Column("predicted", pa.float64(), "bits per byte"),
    ),
)

WEIGHTS = Table(
    "weights",
    "Mixtures: the chosen one with intervals, and those that it is compared with.",
    ("mixture", "domain"),
    (
        Column("mixture", pa.string(), "optimum, baseline, natural, uniform, temperature, unimax or replay"),
        Column("domain", pa.string(), "domain"),
        Column("weight", pa.float64(), "share of tokens, rounded to 1e-6"),
        Column("low", pa.float64(), "lower end of the 90% bootstrap interval; optimum alone", nullable=True),
        Column("high", pa.float64(), "upper end", nullable=True),
        Column("cap", pa.float64(), "largest share that supply x max_epochs allows", nullable=True),
        Column("at_cap", pa.bool_(), "whether the cap binds"),
        Column("epochs", pa.float64(), "passes over the domain's tokens in this mixture"),
    ),
)

EVIDENCE = Table(
    "evidence",
    "What the recommendation rests on: each claim with value, interval and verdict.",
    ("subject", "claim"),
    (
        Column("subject", pa.string(), "overall, target:NAME, retain:NAME or mixture:NAME"),
        Column("claim", pa.string(), "such as verdict, gain_over_natural, retention_rise, learnt, law_skill"),
        Column("verdict", pa.string(), "supported, weak or not supported"),
        Column("value", pa.float64(), "the figure", nullable=True),
        Column("low", pa.float64(), "lower end of its 90% interval", nullable=True),
        Column("high", pa.float64(), "upper end", nullable=True),
        Column("unit", pa.string(), "unit of the figure", nullable=True),
        Column("words", pa.string(), "the claim in a sentence"),
    ),
)

PLAN = Table(
    "plan",
    "Exact integers: sequences per stage, domain and shard. Weights are derived from them.",
    ("stage", "domain", "shard"),
    (
        Column("stage", pa.string(), "stage"),
        Column("domain", pa.string(), "domain"),
        Column("shard", pa.int32(), "shard of the domain's train split"),
        Column("sequences", pa.int64(), "training sequences drawn from it"),
        Column("available", pa.int64(), "whole sequences that one pass over it gives"),
        Column("tokens", pa.int64(), "sequences x sequence length"),
        Column("weight", pa.float64(), "tokens / tokens of the stage"),
        Column("epochs", pa.float64(), "sequences / available"),
    ),
)

EXPORTS = Table(
    "exports",
    "Files written for trainers.",
    ("trainer", "file"),
    (
        Column("trainer", pa.string(), "megatron, olmo-core or hf"),
        Column("file", pa.string(), "path below the trainer's folder"),
        Column("bytes", pa.int64(), "size"),
        Column("sha256", pa.string(), "of the file"),
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

STEPS = Table(
    "steps",
    "What the latest run did, per step and part. The one table with a clock in it.",
    ("step", "item", "unit"),
    (
        Column("step", pa.string(), "step"),
        Column("item", pa.string(), "what was worked on: a part, a batch of proxies, or all"),
        Column("unit", pa.string(), "scorer, rater or benchmark; empty where a step has one unit"),
        Column("part", pa.int64(), "part, NULL for steps over all parts", nullable=True),
        Column("fingerprint", pa.string(), "of settings, inputs, artefacts and code"),
        Column("action", pa.string(), "done or reused"),
        Column("cpu_seconds", pa.float64(), "processor time"),
        Column("text_bytes_read", pa.int64(), "bytes of document text read"),
    ),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        SOURCES, COPIES, PARTS, DOCUMENTS, QUARANTINE, EVALUATION_ITEMS, SCORES, SPANS, LABELS, ARTEFACTS, SIGNATURES, PAIRS,
        CONTAMINATION, DECISIONS, CURATED, TOKEN_PARTS, TOKENS, DESIGNS, LOSSES, LAWS, PREDICTIONS, WEIGHTS, EVIDENCE, PLAN, EXPORTS,
        LEDGER, DROPS, STEPS,
    )
}  # fmt: skip


def doc_key(part: int, row: int) -> int:
    """The document key of a row: `part << 32 | row`."""
    return part << 32 | row


def format_key(key: int) -> str:
    """A key as people read it: `part:row`."""
    return f"{key >> 32}:{key & 0xFFFFFFFF}"


def parse_key(text: str) -> int:
    """The key behind `part:row`. Raises ValueError on any other form."""
    part, separator, row = text.partition(":")
    if not separator or not part.isdecimal() or not row.isdecimal() or int(part) >= 2**31 or int(row) >= 2**32:
        raise ValueError(f"got {text!r}, expected a document key such as 3:17 (part:row)")
    return doc_key(int(part), int(row))
