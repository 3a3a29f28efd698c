"""The config that `midmix init` writes."""

EXAMPLE_CONFIG = """\
# midmix config. Paths are relative to this file. Sections that you leave out are asked for by the first step
# that needs them, so sources alone run until `decide`:  midmix run config.yaml --out my-run --until decide

sources:                              # new ones go at the end; nothing old is read again
  crawl:  {path: "data/web/*.parquet", kind: prose, license: odc-by, snapshot: 2026-10}
  repos:  {path: "data/code/", kind: code, text_column: content}
  proofs: {path: "data/math/*.jsonl.zst", kind: math}
  # chats: {path: "data/chat.parquet", kind: reasoning, messages: messages, teacher: some-model}
  # code:  {path: "data/stack/", kind: code, group: repo_name, group_order: path}   # one document a repository
  # qa:    {path: "data/qa.jsonl", kind: reasoning, template: "{question}\\n\\n{answer}"}

survivor: [proofs, repos, crawl]      # who keeps a document that several hold
# part_bytes: 134217728               # text per unit of work
# memory_mb: 2048                     # for tables; steps spill beyond it
# max_document_mb: 32                 # longer texts are set aside
# seed: 1

raters:                               # small classifiers, trained once on these sources and frozen
  kind:    {train_on: [crawl, repos, proofs]}
  quality: {positive: [proofs], negative: [crawl]}
  # edu:   {model: path/to/checkpoint, type: transformers, output: score, where: "quality > 0.5"}

# rules:      {prose: [hygiene, lint, gopher_quality, gopher_repetition]}   # rule sets by kind; `midmix explain` shows all
# thresholds: {gopher_quality.min_words: 40}                      # another threshold for one rule
# rule_sets:  {mine: {max_lines: "num_lines > 9000"}}             # your own rules, SQL that is true where a document goes
# scorers:    {mine: {function: scorers.py:score, columns: {my_value: double}}}   # your own values
# dedup:      {jaccard: 0.8, containment: 0.9, profile: {code: code, math: math}, templates: {policy: cap, cap: 100}}
# passages:   {lines: {min_bytes: 100}, substrings: {min_bytes: 500}}    # what several documents share, cut from all but one
# survivor_score: "quality"                                       # who keeps a document, within a source
# execution:  {backend: slurm, tasks: 64}                         # or ray; here by default
# edits:      [pii.email, pii.ip, pii.phone, secret.key, secret.password, boilerplate.line]

benchmarks: {gsm8k: bench/gsm8k.jsonl}   # {"question": ..., "answer": ...} a line; documents that hold an item go
# leaks: {policy: drop, variants: mark}  # variants: the same item with other numbers; `embeddings: {model: path/to/folder}`
#                                        # with a sentence-embedding model looks for items in other words, too, slowly

tokenizers: {main: path/to/tokenizer}    # a Hugging Face tokenizer folder; `proxy` may name a second, for the proxies
# checkpoint: path/to/model              # where the anneal starts

proxy: {layers: 2, width: 64, tokens: 2_000_000, runs: 24, seeds: 3}
# proxy: {checkpoint: path/to/llama-folder, decay: linear, …}     # all runs start there; or from a stand-in: base: {tokens: N}

domains:                              # what the mixer weighs: SQL over sources and labels; the rest is its source
  math_high: "kind = 'math' and quality >= 0.8"

mixture:
  tokens: 10_000_000_000
  sequence_length: 4096
  global_batch_sequences: 256
  max_epochs: {default: 4, crawl: 1}
  baseline: {crawl: 0.7, repos: 0.2, proofs: 0.1}     # what you would train on today
  replay:   {crawl: 0.8, repos: 0.2}                  # what the checkpoint was trained on
  targets:  {word_problems: {set: eval/gold.jsonl, metric: bpb, weight: 1}}
  retain:   {general: {set: eval/general.jsonl, metric: bpb, max_rise: 0.01}}
"""
