"""Megatron's arguments for a stage's learning rate, positions and masks, and what it has no argument for."""

from __future__ import annotations

from midmix.config.stages import Rope
from midmix.mixer.plan.models import LearningRate, Stage

# Schedule of the plan -> Megatron's form of a decay that starts late. Its "exponential" is another curve
# (2 x 0.5^x - 1; megatron/core/optimizer_param_scheduler.py of 0.16.1).
WSD_FORMS = {"linear": "linear", "cosine": "cosine", "1-sqrt": "minus_sqrt"}


def launch_arguments(stage: Stage) -> tuple[list[str], list[str]]:
    """Lines of arguments, and in words what must be set by hand."""
    arguments, lost = _rate(stage)
    if stage.packing.document_mask:
        arguments += ["--reset-position-ids", "--reset-attention-mask"]
    if stage.packing.method == "best-fit":
        arguments.append("--eod-mask-loss")
    arguments.append(f"--max-position-embeddings {stage.sequence_length}")
    if stage.rope is not None:
        more, unsaid = _rope(stage.rope)
        arguments, lost = arguments + more, lost + unsaid
    return arguments, lost


def _rate(stage: Stage) -> tuple[list[str], list[str]]:
    rate = stage.learning_rate
    style, decay = decay_style(rate)
    arguments = [
        f"--lr {rate.start}",
        f"--min-lr {rate.end}",
        f"--lr-warmup-samples {rate.warmup_tokens // stage.sequence_length}",
        f"--lr-decay-samples {stage.sequences}",
        "--override-opt_param-scheduler",
    ]
    if style is None:
        return arguments, [f"Megatron has no learning rate schedule {rate.schedule} {rate.decay or ''}".strip()]
    arguments.append(f"--lr-decay-style {style}")
    if style == "WSD":
        first = rate.warmup_tokens if rate.decay_start is None else rate.decay_start
        arguments.append(f"--lr-wsd-decay-style {decay}")
        arguments.append(f"--lr-wsd-decay-samples {stage.sequences - first // stage.sequence_length}")
    return arguments, []


def decay_style(rate: LearningRate) -> tuple[str | None, str | None]:
    """Megatron's names of the schedule and, for WSD, of its decay; (None, None) where it has neither."""
    if rate.schedule in ("constant", "linear", "cosine"):
        return rate.schedule, None
    if rate.schedule == "linear-to-zero":
        return "linear", None
    form = WSD_FORMS.get(rate.decay or "" if rate.schedule == "wsd" else rate.schedule)
    return ("WSD", form) if form else (None, None)


def _rope(rope: Rope) -> tuple[list[str], list[str]]:
    arguments = [f"--rotary-base {rope.base:.0f}"]
    if rope.scaling == "pi":
        arguments.append(f"--rotary-seq-len-interpolation-factor {rope.factor:.0f}")
    if rope.scaling not in ("yarn", "ntk"):
        return arguments, []
    words = f"RoPE scaling {rope.scaling}, factor {rope.factor:g} of {rope.original_length} positions"
    return arguments, [f"{words}: set it in the model's configuration"]
