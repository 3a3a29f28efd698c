import numpy as np

from midmix.proxy_train.texts import Item, answer_windows, document_text, document_windows, item_text, whole_within


def _ids(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_documents_follow_each_other_after_an_end_of_text() -> None:
    windows = document_windows([_ids(1, 2, 0), _ids(3, 4, 5, 0)], 0, 4)
    assert [w.ids.tolist() for w in windows] == [[0, 1, 2, 0, 3], [3, 4, 5, 0]]
    assert [w.measured.tolist() for w in windows] == [[1, 2, 0, 3], [4, 5, 0]]


def test_only_the_answer_is_measured() -> None:
    (window,) = answer_windows(_ids(5, 6), _ids(7, 8), 0, 10)
    assert window.ids.tolist() == [0, 5, 6, 7, 8]
    assert window.measured.tolist() == [7, 8]


def test_a_long_question_loses_its_beginning() -> None:
    (window,) = answer_windows(_ids(1, 2, 3, 4, 5, 6), _ids(7, 8), 0, 4)
    assert window.ids.tolist() == [4, 5, 6, 7, 8]
    assert window.measured.tolist() == [7, 8]


def test_a_long_answer_takes_several_windows_and_keeps_a_quarter_of_question() -> None:
    windows = answer_windows(_ids(1, 2), _ids(*range(10, 18)), 0, 8)
    assert [w.ids.tolist() for w in windows] == [[0, 1, 2, 10, 11, 12, 13, 14, 15], [15, 16, 17]]
    assert [w.measured.tolist() for w in windows] == [[10, 11, 12, 13, 14, 15], [16, 17]]


def test_plain_text_is_measured_whole() -> None:
    (window,) = answer_windows(_ids(), _ids(7, 8, 9), 0, 8)
    assert window.measured.tolist() == [7, 8, 9]


def test_bytes_are_those_of_the_documents_that_fit() -> None:
    documents = [_ids(1, 1, 0), _ids(*[2] * 9, 0), _ids(3, 0)]
    text = document_text("domain:web", documents, [20, 900, 7], start=0, length=8, budget=6)
    assert (text.num_bytes, text.measured.tolist()) == (27, [1, 1, 0, 3, 0])


def test_a_budget_below_every_item_takes_the_shortest() -> None:
    assert whole_within([9, 4, 6], 3) == [1]


def test_an_items_question_counts_in_the_budget_but_not_in_the_bytes() -> None:
    items = [Item(_ids(1, 2, 3), _ids(4), 5), Item(_ids(1), _ids(5), 6), Item(_ids(), _ids(6, 6), 9)]
    text = item_text("set:gold", items, start=0, length=8, budget=6)
    assert (text.num_bytes, text.measured.tolist()) == (11, [4, 5])
