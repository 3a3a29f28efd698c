"""torchtitan: a source of its grain data loader over the token files as they are.

torchtitan reads no token files of its own; it takes any `SourceConfig`, "over pre-tokenized data" for large corpora.
`load.py` is one: a row is a sequence with the label of its last token, in the order of `hf_load.row_blocks`.
Source: torchtitan/components/data/{dataset,sources}.py at 022e9266.
"""

from __future__ import annotations

from midmix.mixer.export.exporter import Exporter, Part, padding_notes, script
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.hf import linked_mixture, read_back
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage

LOST = (
    "caps on epochs: written out as rows; `infinite` data configurations start a second pass",
    "batch size, learning rate and RoPE: the job's configuration; `mixture.json` has them",
    "document masks: rows are whole sequences",
    "tokenizer identity: not checked",
    "intervals, evidence, provenance",
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    mixture, links = linked_mixture(plan, stage)
    rate = stage.learning_rate
    readme = f"""\
# Stage {stage.id} for torchtitan

    from torchtitan.components.data.dataset import SingleDatasetConfig
    from load import StageSource, token_sample
    dataset_config = SingleDatasetConfig(source=StageSource(), sample_processor=token_sample)

with `shuffle=False, infinite=False`, a sequence length of {stage.sequence_length}, a global batch of {stage.global_batch_sequences} and
{stage.sequences // stage.global_batch_sequences} steps. A row has {stage.sequence_length + 1} ids: a sequence and the label of its last token. Rows
stand in the order of training. Learning rate: {rate.schedule} from {rate.start} to {rate.end}. Plan {plan.hash}.
"""
    texts = {"mixture.json": json_text(mixture), "rows.py": script("hf_load.py"), "README.md": readme}
    return Part(texts, links, padding_notes(stage, "`loss_mask` is false there"))


TORCHTITAN = Exporter(
    target="torchtitan",
    target_version="022e9266",
    unit_conversion="one row = one sequence and a label token; a shard stands with the number of rows drawn from it",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "torchtitan_load.py"},
)
