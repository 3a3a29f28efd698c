from pathlib import Path

import numpy as np
import pytest
import torch

from midmix.errors import InputError
from midmix.proxy_train.pool import MINIMUM_BLOCKS, Feed, Run, make_feed
from midmix.proxy_train.shards import Blocks, Shards

LENGTH = 4


def _shards(folder: Path, name: str, first: int, *tokens: int) -> Shards:
    """Files of consecutive numbers from `first` on, so that a block says where it came from."""
    paths = []
    for i, count in enumerate(tokens):
        paths.append(folder / f"{name}-{i}.bin")
        np.arange(first, first + count, dtype="<u2").tofile(paths[-1])
        first += count
    return Shards(tuple(paths), 2)


def _feed(shards: dict[str, Shards], runs: list[Run], *, steps: int, target_tokens: int) -> Feed:
    return make_feed(
        shards,
        runs,
        length=LENGTH,
        batch_sequences=2,
        steps=steps,
        target_tokens=target_tokens,
        device=torch.device("cpu"),
    )


def _run(number: int, stream: int = 1, **weights: float) -> Run:
    return Run(number, 0, stream, weights)


def test_blocks_overlap_by_the_token_to_predict_and_never_cross_files(tmp_path: Path) -> None:
    blocks = Blocks(_shards(tmp_path, "a", 0, 9, 4, 10).open(), LENGTH)
    assert blocks.counts == [2, 0, 2]
    expected = [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [13, 14, 15, 16, 17], [17, 18, 19, 20, 21]]
    assert blocks.read(np.arange(4)).tolist() == expected


def test_inputs_and_targets_are_one_apart(tmp_path: Path) -> None:
    feed = _feed({"a": _shards(tmp_path, "a", 0, 101)}, [_run(0, a=1.0)], steps=3, target_tokens=24)
    inputs, targets = feed.batch(2)
    assert inputs.shape == targets.shape == (1, 2, LENGTH)
    assert torch.equal(targets, inputs + 1)


def test_runs_of_a_seed_read_a_domain_in_the_same_order(tmp_path: Path) -> None:
    shards = {"a": _shards(tmp_path, "a", 0, 201), "b": _shards(tmp_path, "b", 1000, 201)}
    runs = [_run(0, a=0.75, b=0.25), _run(1, a=0.25, b=0.75), _run(2, stream=2, a=1.0)]
    feed = _feed(shards, runs, steps=20, target_tokens=160)
    starts = feed.blocks[feed.rows_MS, 0].numpy()
    from_a = [row[row < 1000] for row in starts]
    assert [len(x) for x in from_a] == [30, 10, 40]
    assert from_a[0][:10].tolist() == from_a[1].tolist()
    assert from_a[2][:10].tolist() != from_a[1].tolist()


def test_repetition_is_that_of_the_target_run(tmp_path: Path) -> None:
    """100 blocks, a target of 400 sequences: 4 epochs. A proxy of 200 sequences sees 50 of them, 4 times each."""
    feed = _feed({"a": _shards(tmp_path, "a", 0, 401)}, [_run(0, a=1.0)], steps=100, target_tokens=400 * LENGTH)
    rows, times = np.unique(feed.blocks[feed.rows_MS, 0].numpy(), return_counts=True)
    assert len(rows) == 50
    assert set(times.tolist()) == {4}


def test_a_small_domain_keeps_its_minimum(tmp_path: Path) -> None:
    shards = {"a": _shards(tmp_path, "a", 0, 401), "b": _shards(tmp_path, "b", 1000, 41)}
    feed = _feed(shards, [_run(0, a=0.5, b=0.5)], steps=100, target_tokens=10**9)
    starts = np.unique(feed.blocks[feed.rows_MS, 0].numpy())
    assert (starts < 1000).sum() == MINIMUM_BLOCKS
    assert (starts >= 1000).sum() == 10


def test_a_domain_too_small_for_one_sequence_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="domain 'a': its training tokens do not fill one sequence of 4"):
        _feed({"a": _shards(tmp_path, "a", 0, 4)}, [_run(0, a=1.0)], steps=1, target_tokens=10)


def test_a_domain_without_tokens_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="domain 'lost' has a weight but no training tokens; known are a"):
        _feed({"a": _shards(tmp_path, "a", 0, 40)}, [_run(0, a=0.5, lost=0.5)], steps=1, target_tokens=10)


def test_a_domain_of_no_weight_needs_no_tokens(tmp_path: Path) -> None:
    feed = _feed({"a": _shards(tmp_path, "a", 0, 40)}, [_run(0, a=1.0, lost=0.0)], steps=1, target_tokens=10)
    assert feed.rows_MS.shape == (1, 2)


def test_a_file_cut_within_a_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    with pytest.raises(InputError, match="3 bytes is no whole number of 2-byte tokens"):
        Shards((tmp_path / "a.bin",), 2).open()
