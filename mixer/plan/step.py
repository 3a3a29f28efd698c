"""Step plan: WEIGHTS and TOKENS -> PLAN, PACKING and `plan.json`, in integers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa

import midmix
from midmix.config import Config, Mixture
from midmix.disk import sha256_of
from midmix.mixer.plan.draft import Draft
from midmix.mixer.plan.files import ShardWriter
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Claim, Domain, LengthBucket, SourceTokens
from midmix.mixer.plan.packing import measure_packing
from midmix.mixer.plan.prepare import Prepared, identify_main, prepare, read_rows
from midmix.mixer.plan.token_files import identities, open_token_files
from midmix.step import Context
from midmix.table_manifest import load_manifest
from midmix.tables import EVIDENCE, PACKING, PARTS, PLAN, SOURCES, TOKENS, WEIGHTS
from midmix.task import Output, Task

VERSION = 3
PLAN_FILE = "plan.json"
# What of the config's mixture the plan depends on.
FIELDS = {
    "tokens",
    "sequence_length",
    "global_batch_sequences",
    "max_epochs",
    "spent_epochs",
    "learning_rate",
    "replay",
}


def run(context: Context) -> None:
    """Make the plan of the config's stages: of one anneal on the mixture `optimum`, where it declares none."""
    config = context.config
    mixture: Mixture = config.require("mixture", "plan")
    tokenizer = identify_main(config)
    files = {e.name: sha256_of(Path(config.resolve(e.file))) for e in config.earlier if e.file is not None}
    context.gather(
        make_plan,
        writes=(PLAN, PACKING),
        reads=(TOKENS, WEIGHTS, EVIDENCE, PARTS, SOURCES),
        settings={
            "mixture": mixture.model_dump(mode="json", include=FIELDS),
            "tokenizer": tokenizer.model_dump(mode="json"),
            "domains": list(config.domains),
            "length_buckets": dict(config.length_buckets),
            "stages": [stage.model_dump(mode="json") for stage in config.stages],
            "earlier": [earlier.model_dump(mode="json", exclude={"file"}) for earlier in config.earlier],
            "token_files": {n: t.model_dump(mode="json", exclude={"path"}) for n, t in config.token_files.items()},
            "seed": context.seed,
        },
        inputs=files | identities(open_token_files(config, tokenizer)),
        extra=config,
    )


def make_plan(task: Task, output: Output) -> None:
    """Write PLAN and PACKING, the shards that had to be cut or packed, and the manifest beside them."""
    config: Config = task.extra
    prepared = prepare(config, task.folder, task.inputs, task.seed)
    _attach_plan(config, prepared, task, output)
    output.table(PLAN, plan_rows(prepared.draft))
    # Last, when the manifest's many objects are gone.
    rows = measure_packing(prepared.draft, prepared.tokens, task.inputs[TOKENS.name])
    output.table(PACKING, pa.Table.from_pylist(rows, schema=PACKING.schema()))


def _attach_plan(config: Config, prepared: Prepared, task: Task, output: Output) -> None:
    plan = Plan(
        generator=f"midmix {midmix.__version__}",
        tokenizer=prepared.tokenizer,
        length_buckets=tuple(
            LengthBucket(id=b.name, min_tokens=b.floor, max_tokens=b.ceiling) for b in prepared.buckets
        ),
        domains=_domains(config, prepared, output, task.seed),
        earlier=prepared.earlier,
        stages=prepared.draft.stages,
        evidence=_claims(task.inputs[EVIDENCE.name]),
        inputs={TOKENS.name: prepared.tokens.manifest.digest}
        | {t.name: load_manifest(task.folder, t.name).digest for t in (WEIGHTS, EVIDENCE)},
    )
    output.attach(PLAN, PLAN_FILE, lambda path: _write(path, plan))


def plan_rows(draft: Draft) -> pa.Table:
    """PLAN: every shard of every domain; those that no stage has stand with the first one, with nothing drawn."""
    rows = [
        (stage, share.domain, draw.shard, draw.sequences, draw.available)
        for stage in draft.stages
        for share in stage.mixture
        for draw in share.draws
    ]
    held = {(domain, shard) for _, domain, shard, _, _ in rows}
    first = draft.stages[0]
    rows += [
        (first, domain, number, 0, piece.available(first.sequence_length))
        for domain, pieces in draft.shards.items()
        for number, piece in pieces.items()
        if (domain, number) not in held
    ]
    stages, domains, shards, *counts = zip(*rows, strict=True)
    sequences, available = (np.array(count, dtype=np.int64) for count in counts)
    buckets = [draft.shards[domain][shard].bucket for domain, shard in zip(domains, shards, strict=True)]
    columns = {
        "stage": [stage.id for stage in stages],
        "domain": domains,
        "shard": shards,
        "bucket": [bucket.name if bucket else None for bucket in buckets],
        "sequences": sequences,
        "available": available,
        "tokens": sequences * [stage.sequence_length for stage in stages],
        "weight": sequences / [stage.sequences for stage in stages],
        "epochs": sequences / np.maximum(available, 1),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in PLAN.schema()]
    return pa.Table.from_arrays(arrays, schema=PLAN.schema()).sort_by([(name, "ascending") for name in PLAN.key])


def _domains(config: Config, prepared: Prepared, output: Output, seed: int) -> tuple[Domain, ...]:
    """All domains with the plan's shards, sorted by name."""
    writer = ShardWriter(output, prepared.tokenizer, prepared.tokens, prepared.draft.shards, seed)
    domains = [writer.domain(domain) for domain in prepared.domains]
    for name in prepared.tokens.given:
        section = config.token_files[name]
        held = writer.given_shards(name)
        tokens = sum(shard.text_tokens for shard in held)
        domains.append(
            Domain(
                id=name,
                tokens=tokens,
                documents=sum(shard.documents for shard in held),
                max_epochs=section.max_epochs,
                max_epochs_reason=f"token_files.{name}.max_epochs",
                spent_epochs=0.0,
                sources=(SourceTokens(source=name, tokens=tokens, license=section.license, snapshot=section.snapshot),),
                shards=held,
                heldout=(),
            )
        )
    return tuple(sorted(domains, key=lambda domain: domain.id))


def _claims(files: tuple[Path, ...]) -> tuple[Claim, ...]:
    if not files:  # a plan of declared weights alone rests on none
        return ()
    rows = read_rows(files, EVIDENCE, *Claim.model_fields)
    for row in rows:
        for figure in ("value", "low", "high"):
            if row[figure] is not None and not math.isfinite(row[figure]):
                row[figure] = None
    return tuple(Claim.model_validate(row) for row in rows)


def _write(path: Path, plan: Plan) -> None:
    with path.open("wb") as stream:
        stream.writelines(plan.blocks())
