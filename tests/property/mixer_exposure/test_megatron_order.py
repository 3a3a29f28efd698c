"""Megatron's order over random shards: the two ways of asking agree, and megatron-core draws the same."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.megatron_index import write_index
from midmix.mixer.exposure.blend import blending, normalised
from midmix.mixer.exposure.megatron import shuffled

Lengths = st.lists(st.integers(1, 40), min_size=1, max_size=30).filter(lambda lengths: sum(lengths) > 12)


@given(Lengths, st.integers(1, 60), st.integers(1, 9), st.integers(1, 2**31 - 1), st.data())
def test_tokens_by_draw_are_those_of_the_reads(
    lengths: list[int], samples: int, sequence_length: int, seed: int, data: Any
) -> None:
    stream = shuffled(np.array(lengths), samples, sequence_length, seed)
    held = np.array(data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths))))
    tokens, read = stream.tokens(held, np.arange(samples))
    for draw in range(samples):
        reads = list(stream.reads(draw))
        assert sum(r.tokens for r in reads) == sequence_length
        assert sum(r.end - r.first for r in reads) == sequence_length + 1
        assert tokens[draw] == sum(r.tokens for r in reads if held[r.document])
        assert read[draw] == any(held[r.document] for r in reads)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=12))
def test_every_shard_gives_exactly_its_sequences(counts: list[int]) -> None:
    weights = normalised(normalised(np.array(counts, np.float64)))
    stream_of, draw_of = blending(weights, sum(counts))
    assert np.bincount(stream_of, minlength=len(counts)).tolist() == counts
    for stream, count in enumerate(counts):
        assert draw_of[stream_of == stream].tolist() == list(range(count))


@pytest.fixture(scope="module")
def one_rank() -> Iterator[None]:
    import torch

    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def _built(folder: Path, shards: list[tuple[int, list[int]]], samples: int, sequence_length: int, seed: int) -> Any:
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    class Tokenizer:
        eod, pad, vocab_size, unique_identifiers = 0, 60_000, 1000, {"name": "w"}

    prefixes = []
    for number, (_, lengths) in enumerate(shards):
        prefix = folder / f"s{number}"
        np.arange(sum(lengths), dtype="<u2").tofile(prefix.with_suffix(".bin"))
        write_index(prefix.with_suffix(".idx"), np.array(lengths), "uint16")
        prefixes.append(str(prefix))
    config = GPTDatasetConfig(
        random_seed=seed,
        sequence_length=sequence_length,
        blend_per_split=[(prefixes, [float(count) for count, _ in shards]), None, None],
        path_to_cache=str(folder / "cache"),
        tokenizer=Tokenizer(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
    )
    return BlendedMegatronDatasetBuilder(GPTDataset, [samples, 0, 0], lambda: True, config).build()[0]


@pytest.mark.skipif(importlib.util.find_spec("megatron") is None, reason="needs megatron-core")
@pytest.mark.usefixtures("one_rank")
@given(
    st.lists(st.tuples(st.integers(1, 40), Lengths), min_size=2, max_size=4),
    st.integers(1, 9),
    st.integers(1, 2**31 - 1),
)
def test_megatron_core_draws_the_same(shards: list[tuple[int, list[int]]], sequence_length: int, seed: int) -> None:
    samples = sum(count for count, _ in shards)
    weights = normalised(np.array([float(count) for count, _ in shards]))
    stream_of, draw_of = blending(normalised(weights), samples)
    with tempfile.TemporaryDirectory() as folder:
        built = _built(Path(folder), shards, samples, sequence_length, seed)
        assert built.dataset_index[:samples].tolist() == stream_of.tolist()
        assert built.dataset_sample_index[:samples].tolist() == draw_of.tolist()
        for number, dataset in enumerate(built.datasets):
            lengths = np.array(shards[number][1])
            starts = np.cumsum(lengths) - lengths
            stream = shuffled(lengths, dataset.num_samples, sequence_length, seed)
            assert stream.documents.tolist() == dataset.document_index.tolist()
            assert stream.sequences is not None and stream.sequences.tolist() == dataset.shuffle_index.tolist()
            text = dataset._query_document_sample_shuffle_indices(0)[0].tolist()
            assert text == [starts[r.document] + i for r in stream.reads(0) for i in range(r.first, r.end)]
