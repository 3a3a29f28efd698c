"""What the web-only control trains on."""

from __future__ import annotations

import numpy as np

from midmix.mixer.design.supply import Supply
from midmix.mixer.design.web import web_shares

# a and b are prose; a fills the first domain and a quarter of the second, b the rest of the second, c the third
SUPPLY = Supply(("a", "b", "c", "gone"), ("x", "y", "z"), np.array([[6, 2, 0], [0, 6, 0], [0, 0, 9], [0, 0, 0]]))


def test_the_largest_prose_source_of_replay_else_of_the_baseline_else_by_tokens() -> None:
    replay, baseline, code = (np.array(w) for w in ([0.1, 0.8, 0.1], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]))
    assert web_shares(SUPPLY, ["a", "b"], (replay, baseline)).tolist() == [0, 1, 0]
    assert web_shares(SUPPLY, ["a", "b"], (None, baseline)).tolist() == [0.75, 0.25, 0]
    assert web_shares(SUPPLY, ["a", "b"], (code, None)).tolist() == [0.75, 0.25, 0]
    assert web_shares(SUPPLY, ["a", "b"], (None, None)).tolist() == [0.75, 0.25, 0]


def test_there_is_none_without_prose() -> None:
    assert web_shares(SUPPLY, ["gone"], (None, None)) is None
    assert web_shares(SUPPLY, [], (None, None)) is None
