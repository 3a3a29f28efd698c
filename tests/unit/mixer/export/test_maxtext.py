"""MaxText's arguments, and records that are `tf.train.Example`s of token ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.maxtext import MAXTEXT, example
from midmix.mixer.export.maxtext_load import parse
from midmix.mixer.plan.manifest import Plan


def test_arguments_read_the_files_in_order_for_one_epoch(plan: Plan) -> None:
    lines = make_folder(MAXTEXT, plan, "/data").texts["arguments.txt"].splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert given["grain_train_files"] == "/data/train-*.array_record"
    assert (given["num_epoch"], given["enable_data_shuffling"], given["packing"]) == ("1", "False", "False")
    assert (given["max_target_length"], given["steps"], given["learning_rate"]) == ("8", "6", "0.0003")


def test_bytes_of_a_tiny_example() -> None:
    # Example{features{feature{key: "text" value{int64_list{value: [1, 300]}}}}}, lengths from the innermost out.
    numbers = bytes([0x0A, 3, 1, 0xAC, 0x02])
    feature = bytes([0x1A, len(numbers)]) + numbers
    entry = bytes([0x0A, 4]) + b"text" + bytes([0x12, len(feature)]) + feature
    features = bytes([0x0A, len(entry)]) + entry
    assert example(np.array([1, 300], np.int32)) == bytes([0x0A, len(features)]) + features


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=300))
def test_ids_come_back(ids: list[int]) -> None:
    assert parse(example(np.array(ids, np.int32))).tolist() == ids
