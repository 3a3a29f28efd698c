"""The rules in force: the declared ones, with the config's choice of sets and its thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from midmix.config import Kind, nearest
from midmix.curation.decide.rules import DEFAULT_SETS, RULE_SETS, Rule
from midmix.errors import ConfigError

RulesByKind = dict[str, tuple[Rule, ...]]


def _rule_set(kind: str, name: str, thresholds: Mapping[str, float]) -> tuple[Rule, ...]:
    if name not in RULE_SETS:
        raise ConfigError(f"config: 'rules.{kind}': no rule set {name!r}{nearest(name, RULE_SETS)}")
    return tuple(replace(r, threshold=float(thresholds.get(r.full_name, r.threshold))) for r in RULE_SETS[name])


def resolve_rules(sets: Mapping[Kind, Sequence[str]], thresholds: Mapping[str, float]) -> RulesByKind:
    """Kind to its rules in declared order, from the config's `rules` and `thresholds`.

    A kind that `sets` leaves out has its default sets. Raises ConfigError on an unknown set or rule, a set
    named twice, a threshold that is no number, and one of a rule that no kind uses.
    """
    known = {rule.full_name for rules in RULE_SETS.values() for rule in rules}
    for name, threshold in thresholds.items():
        if name not in known:
            raise ConfigError(f"config: 'thresholds': no rule {name!r}{nearest(name, sorted(known))}")
        if math.isnan(threshold):
            raise ConfigError(
                f"config: 'thresholds.{name}' is not a number; give a number, or .inf / -.inf to silence a rule"
            )
    resolved: RulesByKind = {}
    for kind, default in DEFAULT_SETS.items():
        chosen = sets.get(kind, default)
        if len(set(chosen)) < len(chosen):
            raise ConfigError(f"config: 'rules.{kind}' names a rule set twice: {', '.join(chosen)}; name each once")
        resolved[kind] = tuple(rule for name in chosen for rule in _rule_set(kind, name, thresholds))
    used = {rule.full_name for rules in resolved.values() for rule in rules}
    for name in thresholds:
        if name not in used:
            raise ConfigError(f"config: 'thresholds.{name}': no kind uses this rule; add its set to 'rules' or drop it")
    return resolved


def rules_as_settings(rules: RulesByKind) -> dict[str, list[list[str | float]]]:
    """The rules as JSON, for fingerprints: everything that a verdict depends on, in order."""
    return {
        kind: [[rule.full_name, rule.value_sql, rule.op, rule.threshold] for rule in chosen]
        for kind, chosen in rules.items()
    }
