"""What a stage that asks for lengths is told where there is nothing of them."""

from __future__ import annotations

import pytest

from midmix.errors import ConfigError
from midmix.mixer.plan.chain import Request, fill


def test_a_length_that_no_domain_with_a_weight_has_is_named_with_them() -> None:
    units, lengths = {"repos": 1, "web": 0}, {"short": 1, "long": 1}
    request = Request("a", 8, 16, units, lengths, repeats=False, packed=False, setting="stages.a.tokens")
    with pytest.raises(
        ConfigError,
        match=r"needs 4 sequences of 16 tokens of length short, but no domain with a weight \(repos\) has a document of",
    ):
        fill(request, {("repos", "long"): 100, ("web", "short"): 100})
