import pytest
import torch

from midmix.errors import InputError
from midmix.proxy_train.memory import device_bytes, refuse_too_large
from midmix.proxy_train.shape import Shape

SHAPE = Shape(layers=1, width=16, feed_forward=24, heads=2, vocabulary=50)


def test_a_batch_that_no_device_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert device_bytes(cpu) > 1e8
    refuse_too_large(SHAPE, 3, cpu)
    size = SHAPE.num_parameters * 20
    monkeypatch.setattr("midmix.proxy_train.memory.device_bytes", lambda device: 3 * size)
    refuse_too_large(SHAPE, 3, cpu)
    with pytest.raises(InputError, match=r"4 runs of L1-d16-ff24-v50 .* Lower proxy\.rows_per_batch"):
        refuse_too_large(SHAPE, 4, cpu)
