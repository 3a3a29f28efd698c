import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from midmix.proxy_train.evaluate import bits_per_byte, total_nats
from midmix.proxy_train.model import Models
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.texts import Item, Text, Window, document_text, item_text

MakeModels = Callable[[Shape, int], Models]
TokenNats = Callable[[Models, int, list[int]], list[float]]

SHAPE = Shape(layers=2, width=8, feed_forward=12, heads=2, vocabulary=11)


@pytest.fixture
def token_nats(plain_hidden: Callable[[Shape, np.ndarray, list[int]], np.ndarray]) -> TokenNats:
    """Loss of ids[1:], token by token, from the plain model."""

    def nats(models: Models, m: int, ids: list[int]) -> list[float]:
        row = models.rows_MP[m].numpy()
        logits = plain_hidden(SHAPE, row, ids[:-1]) @ row[: 11 * 8].reshape(11, 8).T
        return [float(np.log(np.exp(line).sum()) - line[token]) for line, token in zip(logits, ids[1:], strict=True)]

    return nats


def test_loss_of_the_answer_given_the_question_is_that_of_a_plain_model(
    random_models: MakeModels, token_nats: TokenNats
) -> None:
    models = random_models(SHAPE, 2)
    items = [Item(np.array([3, 1, 4]), np.array([1, 5]), 4), Item(np.array([9]), np.array([2, 6, 5, 3]), 7)]
    text = item_text("set:gold", items, start=0, length=16, budget=100)
    nats = total_nats(models, [text])
    for m in range(2):
        expected = sum(token_nats(models, m, [0, 3, 1, 4, 1, 5])[3:]) + sum(
            token_nats(models, m, [0, 9, 2, 6, 5, 3])[1:]
        )
        assert nats[m, 0] == pytest.approx(expected, rel=1e-9)
    assert text.num_bytes == 11


def test_held_out_loss_is_that_of_a_plain_model_over_windows(random_models: MakeModels, token_nats: TokenNats) -> None:
    models = random_models(SHAPE, 1)
    text = document_text(
        "domain:web", [np.array([3, 1, 0]), np.array([4, 1, 5, 0])], [9, 9], start=0, length=4, budget=99
    )
    expected = sum(token_nats(models, 0, [0, 3, 1, 0, 4])) + sum(token_nats(models, 0, [4, 1, 5, 0]))
    assert total_nats(models, [text])[0, 0] == pytest.approx(expected, rel=1e-9)


def test_texts_measured_together_are_each_as_alone(random_models: MakeModels) -> None:
    models = random_models(SHAPE, 2)
    generator = np.random.default_rng(0)
    texts = [
        Text(
            f"set:{i}", tuple(Window(generator.integers(0, 11, n), int(generator.integers(n - 1))) for n in lengths), 1
        )
        for i, lengths in enumerate([(5, 30, 9), (12,), (30, 3)])
    ]
    together = total_nats(models, texts)
    for i, text in enumerate(texts):
        np.testing.assert_allclose(together[:, [i]], total_nats(models, [text]), rtol=1e-12)


def test_a_model_without_knowledge_pays_the_log_of_the_vocabulary() -> None:
    models = Models(SHAPE, torch.zeros(1, SHAPE.num_parameters))
    text = Text("set:a", (Window(np.arange(5), 1), Window(np.arange(8), 0)), 1)
    assert total_nats(models, [text])[0, 0] == pytest.approx(10 * math.log(11))


def test_bits_per_byte_of_tiny_values() -> None:
    bits = bits_per_byte(np.array([[3 * math.log(2), 1.0], [0.0, math.log(4)]]), np.array([12, 1]))
    np.testing.assert_allclose(bits, [[0.25, 1 / math.log(2)], [0.0, 2.0]], rtol=1e-15)
