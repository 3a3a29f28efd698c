"""Megatron's order: shards blended by error diffusion; in each, documents and then sequences shuffled by the seed.

Source: BlendedMegatronDatasetBuilder, BlendedDataset and GPTDataset of megatron-core 0.16.1. Steps take samples in
order (MegatronPretrainingSampler), with a constant batch and no consumed samples at the start of the stage.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from midmix.mixer.exposure.blend import blending, normalised
from midmix.mixer.exposure.layout import LayoutOf
from midmix.mixer.exposure.order import Order
from midmix.mixer.exposure.stream import Stream
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage
from midmix.mixer.simplex import I64

# A sequence is read with the label of its last token (add_extra_token_to_sequence).
LABELS = 1
# Samples that every dataset of a blend is built with beyond those it is to give (mid_level_dataset_surplus).
SURPLUS = 0.005
# A last epoch that gives fewer than this part of its samples is shuffled apart from the others.
LAST_EPOCH = 0.80


def order(plan: Plan, stage: Stage, seed: int, layout_of: LayoutOf) -> Order:
    """The order of a stage that was exported to Megatron and is read with `--seed seed`."""
    drawn = [
        ((share.domain, shard.index), draw.sequences) for share in stage.mixture for draw, shard in plan.drawn(share)
    ]
    places = [place for place, _ in drawn]
    samples = stage.sequences
    if len(drawn) == 1:
        stream_of, draw_of, built = np.zeros(samples, np.int64), np.arange(samples), [samples]
    else:
        weights = normalised(np.array([float(count) for _, count in drawn]))
        stream_of, draw_of = blending(normalised(weights), samples)
        built = [math.ceil(math.ceil(samples * weight) * (1 + SURPLUS)) for weight in weights.tolist()]

    @lru_cache(maxsize=64)
    def open_stream(number: int) -> Stream:
        shard = layout_of(places[number])
        entries = shuffled(shard.entry_lengths, built[number], stage.sequence_length, seed)
        runs = shard.runs_of(entries.documents)
        return replace(entries, documents=shard.documents[runs], lengths=shard.lengths[runs], firsts=shard.firsts[runs])

    return Order(places, stream_of, draw_of, stage.global_batch_sequences, open_stream)


def shuffled(lengths: I64, samples: int, sequence_length: int, seed: int) -> Stream:
    """The stream of a shard whose index lists documents, or rows, of `lengths` tokens, built for `samples` samples."""
    per_epoch = int(lengths.sum())
    epochs = max(1, -(-(samples * sequence_length + LABELS) // per_epoch))
    before_last = ((epochs - 1) * per_epoch - LABELS) // sequence_length
    in_epoch = (per_epoch - LABELS) // sequence_length
    apart = epochs > 1 and samples - before_last < int(LAST_EPOCH * in_epoch)
    state = np.random.RandomState(seed)
    if apart:
        documents = np.concatenate([_documents(len(lengths), n, state) for n in (epochs - 1, 1)])
    else:
        documents = _documents(len(lengths), epochs, state)
    total = (epochs * per_epoch - LABELS) // sequence_length
    ranges = [(0, before_last), (before_last, total)] if apart else [(0, total)]
    sequences = np.concatenate([_shuffled_range(first, end, state) for first, end in ranges]).astype(np.int64)
    ordinals = documents.astype(np.int64)
    return Stream(ordinals, lengths[ordinals], sequence_length, LABELS, sequences)


def _documents(count: int, epochs: int, state: np.random.RandomState) -> np.ndarray:
    documents = np.tile(np.arange(count, dtype=np.int32), epochs)
    state.shuffle(documents)
    return documents


def _shuffled_range(first: int, end: int, state: np.random.RandomState) -> np.ndarray:
    sequences = np.arange(first, end, dtype=np.uint32)
    state.shuffle(sequences)
    return sequences
