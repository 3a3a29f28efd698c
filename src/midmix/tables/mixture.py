"""Tables of the mixer: designs, losses, weights, evidence, plan."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import Column, Table

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
