"""Documents of the plan's shards in the files that exports hold, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from midmix.mixer.exposure.exported import Exported
from midmix.mixer.exposure.layout import end_to_end
from midmix.mixer.plan.manifest import Plan

# Documents by shard: web 3 and 1, both small; code one large shard.
LENGTHS = {("code", 0): [900], ("web", 0): [41], ("web", 1): [10, 20, 11], ("web", 2): [41]}


@pytest.fixture
def exported(make_plan: Callable[..., Plan]) -> Exported:
    plan = make_plan({"code": [900], "web": [41, 41, 41]}, {"code": 500_000, "web": 500_000}, tokens=160)
    web = plan.domain("web")
    shards = tuple(replace(shard, documents=3 if shard.index == 1 else 1) for shard in web.shards)
    domains = (plan.domain("code"), web.model_copy(update={"shards": shards, "documents": 5}))
    fields = {name: getattr(plan, name) for name in Plan.model_fields} | {"domains": domains}

    return Exported(Plan(**fields), lambda place: end_to_end(np.array(LENGTHS[place])))


def test_documents_are_those_of_the_shards_in_turn(exported: Exported) -> None:
    assert exported.layout(("web", 0)).lengths.tolist() == [41, 10, 20, 11, 41]
    assert exported.layout(("code", 0)).lengths.tolist() == [900]


def test_held_documents_keep_their_place(exported: Exported) -> None:
    held = {("web", 1): np.array([False, True, True]), ("code", 0): np.array([True])}
    files = exported.held(held)
    assert {place: mask.tolist() for place, mask in files.items()} == {
        ("web", 0): [False, False, True, True, False],
        ("code", 0): [True],
    }


def test_every_document_is_traced_to_its_shard(exported: Exported) -> None:
    found = [exported.origin(("web", 0), document) for document in range(5)]
    assert found == [(("web", 0), 0), (("web", 1), 0), (("web", 1), 1), (("web", 1), 2), (("web", 2), 0)]
    assert exported.origin(("code", 0), 0) == (("code", 0), 0)
