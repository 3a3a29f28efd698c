"""Tables of the mixer: designs, losses, weights, evidence, plan."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import Column, Table

# Units of DESIGNS and LOSSES that no step writes: runs added to the design, and runs made elsewhere.
ADDED, OUTSIDE = "added", "outside"
GROWN = (ADDED, OUTSIDE)
FIRST_ADDED, FIRST_OUTSIDE = 100_000, 1_000_000
# Runs added together start at a multiple of this, so that what is added later leaves their batches as they are.
ADDED_TOGETHER = 1_000
# Roles that halving may stop; all others are references, repeats, or runs that are compared seed by seed.
CANDIDATE_ROLES = ("interior", "space-filling", "sequential")

DESIGNS = Table(
    "designs",
    "Mixtures to try and those of runs made elsewhere, one row per (run, domain).",
    ("run", "stage", "domain"),
    (
        Column(
            "run",
            pa.int32(),
            "run: of the design from 0; added to it from 100,000, each time from the next 1,000; made elsewhere from 1,000,000",
        ),
        Column(
            "role",
            pa.string(),
            "control (100% replay), web (web alone), natural, baseline, interior, space-filling or replicate; ablation, "
            "sequential or micro-anneal where added; outside",
        ),
        Column("stage", pa.string(), "stage of training"),
        Column("seed", pa.int32(), "seed of the run"),
        Column("domain", pa.string(), "domain"),
        Column("weight", pa.float64(), "share of tokens; sums to 1 over the domains of a run and stage"),
        Column("candidate", pa.string(), "source or domain that a micro-anneal tries beside replay", nullable=True),
        Column(
            "pool",
            pa.float64(),
            "share of the domain's text that the run draws from, which repeats it the more; NULL for all of it",
            nullable=True,
        ),
    ),
)

LOSSES = Table(
    "losses",
    "What runs measured, ours and others': one row per run, size, step and metric, at 8 points of a run and at its end.",
    ("run", "shape", "step", "metric", "unit"),
    (
        Column("run", pa.int32(), "run of DESIGNS"),
        Column("origin", pa.string(), "proxy for our own swarm, else who trained it"),
        Column("name", pa.string(), "what the run is called where it was trained; NULL for our own", nullable=True),
        Column("shape", pa.string(), "model shape, such as L2-d64-ff192-v2048"),
        Column("parameters", pa.int64(), "parameters of the model, embeddings included"),
        Column("tokens", pa.int64(), "tokens trained on at this step"),
        Column("seed", pa.int32(), "seed"),
        Column(
            "step",
            pa.int32(),
            "optimizer step; a curve: SELECT tokens, value FROM losses WHERE run = 0 AND metric = 'set:NAME' AND unit = "
            "'bits_per_byte' ORDER BY shape, step",
        ),
        Column(
            "metric",
            pa.string(),
            "domain:NAME for held-out text, set:NAME for an evaluation set; set:TASK/METRIC for error rates",
        ),
        Column(
            "unit",
            pa.string(),
            "nats_per_token or bits_per_byte; unigram_nats_per_token is the entropy to beat; error_rate is 1 less what a "
            "benchmark counts as right, by lm-evaluation-harness",
        ),
        Column("value", pa.float64(), "the loss; NULL when the run died", nullable=True),
    ),
)

HALVINGS = Table(
    "halvings",
    "What stopped runs before their end: at each halving every batch keeps the better half of its runs. Empty without "
    "`proxy.halving`. A run that stopped keeps its curve in LOSSES and has no loss at the last step.",
    ("run", "shape", "step"),
    (
        Column("run", pa.int32(), "run of DESIGNS"),
        Column("shape", pa.string(), "model shape, as in LOSSES"),
        Column("step", pa.int32(), "optimizer step"),
        Column(
            "score",
            pa.float64(),
            "weighted target loss on the text of the curve, bits per byte; NULL where it died",
            nullable=True,
        ),
        Column(
            "protected", pa.bool_(), "whether it goes on whatever its score: a control, another reference or a repeat"
        ),
        Column("kept", pa.bool_(), "whether it went on"),
    ),
)

LAWS = Table(
    "laws",
    "Fitted laws with their held-out error, per metric.",
    ("metric", "law"),
    (
        Column("metric", pa.string(), "metric of LOSSES, in bits per byte"),
        Column("law", pa.string(), "name of the law"),
        Column("scale", pa.string(), "origin, model and tokens of the runs whose losses it predicts"),
        Column("num_runs", pa.int32(), "runs that it was fitted on, those of a smaller scale included"),
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
        Column(
            "low", pa.float64(), "lower end of the 90% interval, of the laws' posterior; optimum alone", nullable=True
        ),
        Column("high", pa.float64(), "upper end", nullable=True),
        Column("cap", pa.float64(), "largest share that supply x max_epochs allows", nullable=True),
        Column("at_cap", pa.bool_(), "whether the cap binds"),
        Column("epochs", pa.float64(), "passes over the domain's tokens in this mixture"),
    ),
)

ALTERNATIVES = Table(
    "alternatives",
    "Mixtures beside the optimum: those that cannot be told from it, at their extremes, and those of FRONTIER.",
    ("mixture", "domain"),
    (
        Column(
            "mixture", pa.string(), "least:DOMAIN or most:DOMAIN, as good as the optimum; frontier:POINT of FRONTIER"
        ),
        Column("domain", pa.string(), "domain"),
        Column("weight", pa.float64(), "share of tokens"),
    ),
)

PRICES = Table(
    "prices",
    "What the binding constraints of the optimum cost.",
    ("kind", "name"),
    (
        Column("kind", pa.string(), "cap, minimum or retain"),
        Column("name", pa.string(), "domain (those of a frozen group joined by +) or retained set"),
        Column("price", pa.float64(), "fall of the weighted target loss as the constraint is eased by one unit"),
        Column("unit", pa.string(), "of the price: bits per byte per billion tokens, or per unit of rise allowed"),
    ),
)

FRONTIER = Table(
    "frontier",
    "Target gain against retention: the best mixtures as the retained sets may rise from not at all to freely.",
    ("point", "retain"),
    (
        Column(
            "point", pa.int32(), "from 0, no rise allowed, to the last, no bound; points that nothing keeps are absent"
        ),
        Column("retain", pa.string(), "retained set"),
        Column(
            "allowed",
            pa.float64(),
            "largest rise over the control at this point, bits per byte, kept with 95% confidence",
        ),
        Column("rise", pa.float64(), "rise over the control that is expected, bits per byte"),
        Column("rise_sd", pa.float64(), "standard deviation of that"),
        Column("gain", pa.float64(), "fall of the weighted target loss against the control, bits per byte"),
        Column("gain_low", pa.float64(), "lower end of its 90% interval"),
        Column("gain_high", pa.float64(), "upper end"),
    ),
)

EVIDENCE = Table(
    "evidence",
    "What the recommendation rests on: each claim with value, interval and verdict.",
    ("subject", "claim"),
    (
        Column(
            "subject",
            pa.string(),
            "overall, target:NAME, retain:NAME, mixture:NAME, ablation:DOMAIN, micro-anneal:CANDIDATE, ladder:SHAPE or start:START",
        ),
        Column("claim", pa.string(), "such as verdict, gain_over_natural, retention_rise, learnt, law_skill"),
        Column("verdict", pa.string(), "supported, weak or not supported"),
        Column("value", pa.float64(), "the figure", nullable=True),
        Column("low", pa.float64(), "lower end of its 90% interval", nullable=True),
        Column("high", pa.float64(), "upper end", nullable=True),
        Column("unit", pa.string(), "unit of the figure", nullable=True),
        Column("words", pa.string(), "the claim in a sentence"),
    ),
)

ANNEALS = Table(
    "anneals",
    "Micro-anneals: what a candidate beside replay does to each target and retained set, against replay alone.",
    ("candidate", "share", "pool", "shape", "capability"),
    (
        Column("candidate", pa.string(), "source or domain that was tried"),
        Column("share", pa.float64(), "its share of the run's tokens; replay has the rest"),
        Column("pool", pa.float64(), "share of its text that the run drew from; below 1 in small-set variants"),
        Column("shape", pa.string(), "model shape, as in LOSSES"),
        Column("capability", pa.string(), "target or retained set"),
        Column("role", pa.string(), "target or retain"),
        Column("epochs", pa.float64(), "passes over that text in the training that the proxies stand for"),
        Column("seeds", pa.int32(), "seeds that both the candidate and the control were run with"),
        Column("gain", pa.float64(), "fall of the loss against the control, mean over seeds, bits per byte"),
        Column("low", pa.float64(), "lower end of its 90% interval; NULL with a single seed", nullable=True),
        Column("high", pa.float64(), "upper end", nullable=True),
        Column("gain_over_web", pa.float64(), "the same against web alone", nullable=True),
        Column(
            "verdict", pa.string(), "supported, weak or not supported: that it helps a target, or keeps a retained set"
        ),
        Column("words", pa.string(), "the verdict in a sentence"),
    ),
)

PLAN = Table(
    "plan",
    "Exact integers: sequences per stage, domain and shard. Weights are derived from them.",
    ("stage", "domain", "shard"),
    (
        Column("stage", pa.string(), "stage"),
        Column("domain", pa.string(), "domain"),
        Column(
            "shard", pa.int32(), "shard of the domain, by the plan's number: shards cut for a stage follow tokenize's"
        ),
        Column(
            "bucket", pa.string(), "length bucket of its documents; NULL where the plan tells none apart", nullable=True
        ),
        Column("sequences", pa.int64(), "training sequences drawn from it"),
        Column("available", pa.int64(), "whole sequences that one pass over it gives"),
        Column("tokens", pa.int64(), "sequences x sequence length"),
        Column("weight", pa.float64(), "tokens / tokens of the stage"),
        Column("epochs", pa.float64(), "sequences / available"),
    ),
)

PACKING = Table(
    "packing",
    "What packing does to the documents that a stage draws from, over one pass: by its own method, and by the other.",
    ("stage", "domain", "method"),
    (
        Column("stage", pa.string(), "stage"),
        Column("domain", pa.string(), "domain"),
        Column("method", pa.string(), "concatenate-and-chunk (in the order of the shards) or best-fit"),
        Column("planned", pa.bool_(), "whether it is the stage's own"),
        Column("documents", pa.int64(), "documents of the shards that the stage draws from"),
        Column("documents_cut", pa.int64(), "of these, in more than one sequence"),
        Column("fitting_documents_cut", pa.int64(), "of these, with no more tokens than a sequence"),
        Column("tokens", pa.int64(), "tokens of the documents"),
        Column("tokens_after_cut", pa.int64(), "of these, after a cut: read without what comes before in the document"),
        Column(
            "padding_tokens",
            pa.int64(),
            "end-of-text ids that fill sequences up; NULL for best-fit that is not planned",
            nullable=True,
        ),
    ),
)

EXPORTS = Table(
    "exports",
    "Files written for trainers.",
    ("trainer", "file"),
    (
        Column("trainer", pa.string(), "name of its exporter, such as megatron"),
        Column("file", pa.string(), "path below the trainer's folder"),
        Column("bytes", pa.int64(), "size"),
        Column("sha256", pa.string(), "of the file"),
    ),
)

REALIZED = Table(
    "realized",
    "What a trainer's own loader drew of an export, as its verify.py counted and `midmix results add` took back.",
    ("target", "stage", "domain"),
    (
        Column("target", pa.string(), "trainer's library that the export was made for"),
        Column("stage", pa.string(), "stage"),
        Column("domain", pa.string(), "domain"),
        Column("planned", pa.int64(), "sequences of the plan"),
        Column("realized", pa.int64(), "sequences that the loader draws"),
        Column("tokens", pa.int64(), "realized x sequence length"),
        Column("read", pa.int64(), "sequences that were read through the loader"),
        Column("loader", pa.string(), "library whose loader it was"),
        Column("version", pa.string(), "its installed version"),
        Column("plan_hash", pa.string(), "hash of the plan that was exported"),
    ),
)
