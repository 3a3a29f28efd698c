"""What other thresholds would keep: the verdicts of `decide` made again in memory, from values alone.

Survivors of duplicates are chosen anew among what would pass, as `decide` would, so the figures are exact and not the
sum of single rules. No text is read and nothing is written into the run.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from midmix.config import Config, parse_config
from midmix.config.text import assign
from midmix.curation.decide.resolve import every_rule
from midmix.curation.decide.sql import BYTES_PER_TOKEN, checked_rules
from midmix.curation.decide.verdicts import decide_parts
from midmix.errors import ConfigError
from midmix.parts import load_parts
from midmix.run import Run

# Settings that verdicts are made again under; the others change what is read of the texts.
_SETTING = re.compile(
    r"(?:rules|rule_sets|thresholds)\.|leaks[.=]|dedup\.templates[.=]|sources\.[^=]+\.dedup(?:\.scope|\.copies)?=|"
    r"benchmarks\.[^=]+\.keep="
)
_SETTINGS = (
    "rules.KIND, rule_sets.*, thresholds.*, leaks.*, dedup.templates.*, sources.NAME.dedup.scope or .copies, "
    "benchmarks.NAME.keep"
)
_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True)
class Kept:
    """Documents that are kept, bytes of their raw text, and tokens by the run's bytes per token."""

    docs: int
    bytes: int
    tokens_estimated: int


@dataclass(frozen=True)
class Effect:
    """What one change, or all together, keeps of a source, beside what is kept under the run's own config."""

    change: str
    source: str
    now: Kept
    then: Kept


def whatif(run: Run, changes: Sequence[str], *, said: Callable[[str], None] = lambda _: None) -> list[Effect]:
    """The effect of every change alone, and of all together where each is of another setting, per source.

    A change is `set.rule=threshold` or of a setting that no text is read for: `rules.KIND=[sets]`, `leaks.policy=mark`,
    `sources.NAME.dedup.copies=2`, `dedup.templates.policy=cap`, `benchmarks.NAME.keep=[splits]`. `said` is told of each
    round. Raises ConfigError on anything else, StepError where documents have no scores yet.
    """
    if not changes:
        raise ConfigError("whatif: no change given; add --set, such as --set gopher_quality.min_words=40")
    together = len(changes) > 1 and len({change.partition("=")[0] for change in changes}) == len(changes)
    rounds = {change: _changed(run.config, [change], strict=not together) for change in changes}
    if together:
        rounds["all together"] = _changed(run.config, list(changes), strict=True)
    ratio = _bytes_per_token(run)
    order = [source for (source,) in run.sql("SELECT source FROM sources ORDER BY position").fetchall()]
    said("as the run is")
    now = _kept(run, run.config, ratio)
    effects = []
    for change, config in rounds.items():
        said(change)
        then = _kept(run, config, ratio)
        effects += [Effect(change, source, now[source], then[source]) for source in order if source in now]
    return effects


def _changed(config: Config, changes: Sequence[str], *, strict: bool) -> Config:
    """The config with the changes. Thresholds of rules that they put out of force go; those changed may not, if strict."""
    values = config.model_dump(mode="json")
    for change in changes:
        assign(values, change if _is_setting(change) else f"thresholds.{change}")
    asked = {change.partition("=")[0].removeprefix("thresholds.") for change in changes} if strict else set()
    loose = parse_config(values | {"thresholds": {}}, base=config.base, name="whatif")
    used = {rule.full_name for rules in checked_rules(loose).values() for rule in rules}
    known = {rule.full_name for rule in every_rule(loose)}
    values["thresholds"] = {
        name: limit
        for name, limit in values["thresholds"].items()
        if name in asked or name.partition("@")[0] in used or name.partition("@")[0] not in known
    }
    changed = parse_config(values, base=config.base, name="whatif")
    checked_rules(changed)
    unknown = sorted(changed.leaks.ngrams.keys() - config.leaks.ngrams.keys())
    if unknown:
        raise ConfigError(
            f"whatif: leaks.ngrams.{unknown[0]}: this run did not look for {unknown[0]}-grams, and whatif reads no text. "
            f"Put it into the config and run midmix."
        )
    if changed.leaks.embeddings != config.leaks.embeddings:
        raise ConfigError(
            "whatif: leaks.embeddings: what it finds needs text to be read. Put it into the config and run midmix."
        )
    return changed


def _is_setting(change: str) -> bool:
    """Whether a change is of a setting rather than of a rule's threshold. Raises ConfigError where it is of neither."""
    if _SETTING.match(change):
        return True
    section, _, rest = change.partition("=")[0].partition(".")
    if not rest or section in Config.model_fields:
        raise ConfigError(
            f"whatif: got {change!r}, expected a rule's threshold such as gopher_quality.min_words=40, or one of "
            f"{_SETTINGS}: the others need text to be read"
        )
    return False


def _kept(run: Run, config: Config, bytes_per_token: float) -> dict[str, Kept]:
    docs: Counter[str] = Counter()
    num_bytes: Counter[str] = Counter()
    parts = load_parts(run.folder, run.config)
    with tempfile.TemporaryDirectory(prefix="midmix-whatif-") as scratch:
        for decided in decide_parts(
            run.folder,
            config,
            checked_rules(config),
            parts,
            memory_bytes=_MEMORY_BYTES,
            scratch=Path(scratch),
        ):
            kept = decided.decisions.filter(decided.decisions.column("keep"))
            docs[decided.part.source] += kept.num_rows
            num_bytes[decided.part.source] += sum(kept.column("num_bytes").to_pylist())
    return {s: Kept(docs[s], num_bytes[s], round(num_bytes[s] / bytes_per_token)) for s in docs}


def _bytes_per_token(run: Run) -> float:
    """Of the run's own tokens; of common tokenizers where it has none yet."""
    [(ratio,)] = run.sql(
        "SELECT sum(num_bytes) / nullif(sum(num_tokens), 0) FROM tokens WHERE tokenizer = 'main'"
    ).fetchall()
    return float(ratio or BYTES_PER_TOKEN)


def as_json(effects: Sequence[Effect]) -> str:
    """One object a line: change, source, and docs, bytes and tokens_estimated now and then."""
    return "\n".join(
        json.dumps({"change": e.change, "source": e.source, "now": vars(e.now), "then": vars(e.then)}) for e in effects
    )


def print_effects(effects: Sequence[Effect]) -> None:
    """Print a table for each change, with a row for all sources together."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=True)
    for change in dict.fromkeys(e.change for e in effects):
        table = Table("source", show_edge=False)
        for name in ("docs kept now", "then", "docs", "MB", "tokens estimated"):
            table.add_column(name, justify="right")
        mine = [e for e in effects if e.change == change]
        for effect in mine:
            _add(table, effect.source, effect.now, effect.then)
        if len(mine) > 1:
            _add(table, "all sources", _sum([e.now for e in mine]), _sum([e.then for e in mine]))
        console.print(Text(f"\n{change}", "bold"))
        console.print(table)


def _sum(kept: Sequence[Kept]) -> Kept:
    return Kept(sum(k.docs for k in kept), sum(k.bytes for k in kept), sum(k.tokens_estimated for k in kept))


def _add(table: object, source: str, now: Kept, then: Kept) -> None:
    megabytes = (then.bytes - now.bytes) / 1e6
    table.add_row(  # type: ignore[attr-defined]
        source,
        f"{now.docs:,}",
        f"{then.docs:,}",
        f"{then.docs - now.docs:+,}",
        f"{megabytes:+,.2f}",
        f"{then.tokens_estimated - now.tokens_estimated:+,}",
    )
