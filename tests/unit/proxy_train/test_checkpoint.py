from pathlib import Path

import pytest
import torch

from midmix.errors import InputError
from midmix.proxy_train.checkpoint import read_facts, read_tensors, save_tensors

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(5), "c": torch.tensor([True, False])}


def _save(path: Path, form: str = "x-1") -> None:
    save_tensors(path, TENSORS, {"step": 3, "score": [float("inf"), None]}, form=form, scratch=path.parent / "scratch")


def test_tensors_and_facts_come_back_and_bytes_are_the_same_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    _save(one)
    _save(two)
    assert one.read_bytes() == two.read_bytes()
    (tmp_path / "plain").touch()
    assert one.stat().st_mode == (tmp_path / "plain").stat().st_mode
    tensors, facts = read_tensors(one, form="x-1")
    assert facts == read_facts(one, form="x-1") == {"step": 3, "score": [float("inf"), None]}
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS) and tensors.keys() == TENSORS.keys()


def test_a_file_cut_at_any_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    _save(path)
    whole = path.read_bytes()
    for size in (0, 4, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="cannot be read"):
            read_tensors(path, form="x-1")


def test_a_changed_value_another_form_and_no_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    _save(path)
    whole = bytearray(path.read_bytes())
    whole[-3] ^= 1
    path.write_bytes(whole)
    with pytest.raises(InputError, match="its content has changed"):
        read_tensors(path, form="x-1")
    _save(path, form="y-1")
    with pytest.raises(InputError, match="not 'x-1' of midmix"):
        read_tensors(path, form="x-1")
    with pytest.raises(InputError, match="cannot be read"):
        read_facts(tmp_path / "none.safetensors", form="x-1")
