"""Compile the kernels of the score step."""

from __future__ import annotations

import pyarrow as pa

from midmix.curation.score.c4.lines import read_lines
from midmix.curation.score.code import score_parse
from midmix.curation.score.groups import GROUPS, SPAN_FINDERS, score_texts
from midmix.curation.score.prepared import Prepared
from midmix.curation.score.words.warm_up import warm_up as warm_up_words
from midmix.tables import TEXT


def warm_up() -> None:
    """Score a text that reaches every kernel once."""
    warm_up_words()
    texts = pa.array(["a@b.co use = é\n\n# import [1]\n"], TEXT)
    score_texts(texts, (*GROUPS, *SPAN_FINDERS))
    read_lines(texts, None)
    score_parse(Prepared(pa.array(["x = 1\n"], TEXT), ["Python"]))
