"""The demo corpus: real text of the installed wheels, a seeded generator, planted items and their answer sheet.

`corpus.write_demo` writes sources, evaluation sets, a tokenizer and a config; `check.compare` says how much of what
was planted a run has found. Nothing outside this package knows of it: the config runs like any other.
"""
