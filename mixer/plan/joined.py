"""The plan as exports hold it: small shards of one domain and length bucket stand end to end in one file.

Every file costs trainers a descriptor or two, an index of their own and a place in the blend, and what is left of it
after whole sequences. The plan's integers stay: the file gives as many sequences as its shards do in the plan.
Documents of the run's own shards lie in one seeded permutation, over all shards of a domain, so the head of the file is
a random sample as each of theirs is. Those of token files that came with the run are in no such order and stay apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.plan.indexed import index_bytes
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import ITEM_BYTES, Domain, Draw, Shard, Share, Stage, TokenFile

# Below this many sequences a shard is small; a larger one stays the file of the run that it is, a hard link.
SMALL_SEQUENCES = 100


@dataclass(frozen=True)
class Joint:
    """Shards of a domain that are one file, in its order; the file has the number of the first."""

    domain: str
    shards: tuple[Shard, ...]

    @property
    def number(self) -> int:
        """The number of the file among the domain's."""
        return self.shards[0].index

    @property
    def file_names(self) -> tuple[str, str]:
        """Names of its token file and of its index among token files."""
        stem = f"joined/{self.domain}/train-{self.number:05d}"
        return f"{stem}.bin", f"{stem}.idx"

    def words(self) -> str:
        """What `EXPORT.json` says of it: which shards of the plan, as ranges, in this order."""
        numbers = [shard.index for shard in self.shards]
        edges = [i + 1 for i, (a, b) in enumerate(pairwise(numbers)) if b != a + 1]
        runs = [numbers[a:b] for a, b in pairwise([0, *edges, len(numbers)])]
        listed = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
        return (
            f"domain {self.domain}: {len(numbers)} shards of fewer than {SMALL_SEQUENCES} sequences are one file, "
            f"{self.number:05d}, end to end: {listed} of the plan"
        )


class JoinedPlan(Plan):
    """A plan with its `joints` for shards; it goes by the hash of the plan that was joined, `of`."""

    of: str
    joints: tuple[Joint, ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form of the plan that was joined."""
        return self.of


def joints_of(plan: Plan) -> tuple[Joint, ...]:
    """The joints that the plan has for shards."""
    return plan.joints if isinstance(plan, JoinedPlan) else ()


def in_seeded_order(domain: Domain) -> bool:
    """Whether documents lie in one seeded permutation over the domain's shards: those of the run do, files given to it may not."""
    return not domain.max_epochs_reason.startswith("token_files.")


def find_joints(plan: Plan) -> tuple[Joint, ...]:
    """The small shards to join: those of one domain and length bucket that the same stages may draw from, two or more.

    Packed ones stay as they are: their rows lie beside a file that says what is in them.
    """
    longest: dict[tuple[str, int], int] = {}
    readers: dict[tuple[str, int], tuple[int, ...]] = {}
    drawn: set[tuple[str, int]] = set()
    for stage in plan.stages:
        for share in stage.mixture:
            for draw in share.draws:
                place = share.domain, draw.shard
                longest[place] = max(longest.get(place, 0), stage.sequence_length)
                readers[place] = (*readers.get(place, ()), stage.order)
                drawn |= {place} if draw.sequences else set()
    together: dict[tuple[str, str | None, tuple[int, ...]], list[Shard]] = defaultdict(list)
    for domain in plan.domains:
        if not in_seeded_order(domain):
            continue
        for shard in domain.shards:
            place = domain.id, shard.index
            if place in readers and shard.packed is None and shard.tokens < SMALL_SEQUENCES * longest[place]:
                together[domain.id, shard.bucket, readers[place]].append(shard)
    return tuple(
        Joint(domain, tuple(found))
        for (domain, *_), found in together.items()
        if len(found) > 1 and any((domain, shard.index) in drawn for shard in found)
    )


def join(plan: Plan, joints: tuple[Joint, ...], sha256: Mapping[str, str] | None = None) -> Plan:
    """The plan with its joints for shards; itself where it has none. `sha256` are those of their files, once written."""
    if not joints:
        return plan
    first = {(j.domain, shard.index): j.number for j in joints for shard in j.shards}
    made = {(j.domain, j.number): _shard(j, plan.tokenizer.dtype, sha256 or {}) for j in joints}
    fields = {name: getattr(plan, name) for name in Plan.model_fields}
    fields["domains"] = tuple(_domain(domain, first, made) for domain in plan.domains)
    fields["stages"] = tuple(_stage(stage, first, made) for stage in plan.stages)
    return JoinedPlan(**fields, of=plan.hash, joints=joints)


def _shard(joint: Joint, dtype: str, sha256: Mapping[str, str]) -> Shard:
    tokens, documents = (sum(getattr(shard, field) for shard in joint.shards) for field in ("tokens", "documents"))
    sizes = tokens * ITEM_BYTES[dtype], index_bytes(documents)
    files = [
        TokenFile(name=name, bytes=size, sha256=sha256.get(name, ""))
        for name, size in zip(joint.file_names, sizes, strict=True)
    ]
    return replace(joint.shards[0], tokens=tokens, documents=documents, cut=None, bin=files[0], idx=files[1])


def _domain(domain: Domain, first: Mapping[tuple[str, int], int], made: Mapping[tuple[str, int], Shard]) -> Domain:
    numbered = [(shard, (domain.id, shard.index)) for shard in domain.shards]
    held = tuple(made.get(at, shard) for shard, at in numbered if first.get(at, shard.index) == shard.index)
    return domain.model_copy(update={"shards": held})


def _stage(stage: Stage, first: Mapping[tuple[str, int], int], made: Mapping[tuple[str, int], Shard]) -> Stage:
    return stage.model_copy(
        update={"mixture": tuple(_share(share, stage.sequence_length, first, made) for share in stage.mixture)}
    )


def _share(
    share: Share, length: int, first: Mapping[tuple[str, int], int], made: Mapping[tuple[str, int], Shard]
) -> Share:
    """The share with what it draws of a joint's shards as one draw. A joint may give more than its shards one by one."""
    draws: dict[int, Draw] = {}
    for draw in share.draws:
        number = first.get((share.domain, draw.shard), draw.shard)
        joint = made.get((share.domain, number))
        available = draw.available if joint is None else available_sequences(joint.tokens, length)
        before = draws[number].sequences if number in draws else 0
        draws[number] = Draw(shard=number, sequences=before + draw.sequences, available=available)
    most = sum(draw.available for draw in draws.values())
    fields = {"draws": tuple(draws.values()), "available_sequences": most, "epochs": share.sequences / most}
    return share.model_copy(update=fields)
