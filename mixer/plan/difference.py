"""What changed between two plans: settings of stages, and tokens and epochs by stage and domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Share, Stage

# What of a stage is compared as it stands; its mixture is compared in tokens.
DERIVED = {"mixture", "order", "sequences", "lengths"}


@dataclass(frozen=True)
class Setting:
    """A field of the plan or of a stage that differs; None where one plan does not have it."""

    where: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Change:
    """Tokens and epochs of a domain in a stage that differ; 0 where one plan does not have it."""

    stage: str
    domain: str
    tokens_before: int
    tokens_after: int
    epochs_before: float
    epochs_after: float


@dataclass(frozen=True)
class Difference:
    """Everything that differs but the evidence and the shards."""

    settings: tuple[Setting, ...]
    changes: tuple[Change, ...]


def difference(before: Plan, after: Plan) -> Difference:
    """What differs between two plans, stages in the order of the later plan."""
    old, new = ({stage.id: stage for stage in plan.stages} for plan in (before, after))
    settings = [*_differing("tokenizer", before.tokenizer.model_dump(), after.tokenizer.model_dump())]
    settings += _differing("earlier", _by_id(before.earlier), _by_id(after.earlier))
    settings += _differing("domain", _supply(before), _supply(after))
    changes: list[Change] = []
    for name in dict.fromkeys([*new, *old]):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            settings.append(
                Setting(f"stage {name}", *(None if s is None else f"{s.token_budget} tokens" for s in (one, other)))
            )
        else:
            fields = (s.model_dump(mode="json", exclude=DERIVED) for s in (one, other))
            settings += _differing(f"stage {name}", *fields)
        changes += _changes(name, one, other)
    return Difference(tuple(settings), tuple(changes))


def _by_id(models: Any) -> dict[str, Any]:
    return {model.id: model.model_dump(mode="json") for model in models}


def _supply(plan: Plan) -> dict[str, Any]:
    return {
        d.id: {"tokens": d.tokens, "max_epochs": d.max_epochs, "spent_epochs": d.spent_epochs} for d in plan.domains
    }


def _differing(where: str, before: dict[str, Any], after: dict[str, Any]) -> list[Setting]:
    """The innermost fields that differ, named by their way there."""
    found: list[Setting] = []
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differing(f"{where} {name}", one, other)
        elif one != other:
            found.append(Setting(f"{where} {name}", one, other))
    return found


def _changes(stage: str, before: Stage | None, after: Stage | None) -> list[Change]:
    old, new = ({share.domain: share for share in s.mixture} if s else {} for s in (before, after))
    return [
        Change(stage, domain, *_tokens(old.get(domain), new.get(domain)), *_epochs(old.get(domain), new.get(domain)))
        for domain in sorted({*old, *new})
        if _tokens(old.get(domain), new.get(domain))[0] != _tokens(old.get(domain), new.get(domain))[1]
        or len(set(_epochs(old.get(domain), new.get(domain)))) > 1
    ]


def _tokens(*shares: Share | None) -> tuple[int, int]:
    before, after = (share.tokens if share else 0 for share in shares)
    return before, after


def _epochs(*shares: Share | None) -> tuple[float, float]:
    before, after = (share.epochs if share else 0.0 for share in shares)
    return before, after
