"""What the proxies started from."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from midmix.mixer.evidence.claim import SUPPORTED, WEAK
from midmix.mixer.evidence.start import start_claims
from midmix.tables import PROXIES


def table(*rows: dict[str, Any]) -> pa.Table:
    base = {"shape": "L2", "start_sha256": None, "moments": "zero", "start_tokens": None, "tokens": 1, "weights": None}
    return pa.Table.from_pylist([base | row for row in rows], PROXIES.schema())


def test_a_stand_in_base_counts_as_one_and_is_no_run_itself() -> None:
    base = {"start": "stand-in base", "moments": "carried", "start_tokens": 5000}
    (claim,) = start_claims(table({"run": -1, "start": "seed"}, {"run": 0} | base, {"run": 1} | base))
    assert (claim.subject, claim.verdict, claim.value) == ("start:stand-in base", WEAK, 2.0)
    assert (
        "2 proxies start from a stand-in base of 5,000 tokens of the replay mixture, with its optimizer's"
        in claim.words
    )


def test_a_checkpoint_is_what_is_asked_for_and_random_weights_are_not() -> None:
    claims = start_claims(table({"run": 0, "start": "checkpoint"}, {"run": 1, "start": "seed"}))
    assert [(claim.verdict, claim.words.split(",")[0]) for claim in claims] == [
        (SUPPORTED, "1 proxies start from a checkpoint"),
        (WEAK, "1 proxies start from random weights"),
    ]


def test_no_proxies_say_nothing() -> None:
    assert start_claims(table()) == []
