"""Loading in threads, a few items ahead."""

import threading
from itertools import islice

import pytest

from vision.runtime.prefetch import load_ahead


def test_gives_what_is_loaded_in_order():
    assert list(load_ahead(lambda item: item * 2, range(10))) == list(range(0, 20, 2))
    assert list(load_ahead(lambda item: item, [])) == []


def test_is_never_more_than_a_few_items_ahead():
    asked = []

    def items():
        for item in range(100):
            asked.append(item)
            yield item

    next(load_ahead(lambda item: item, items()))
    assert len(asked) <= 4


def test_loads_while_the_one_before_is_worked_on():
    loaded = threading.Event()

    def load(item):
        if item == 1:
            loaded.set()
        return item

    loading = load_ahead(load, range(3))
    next(loading)
    assert loaded.wait(timeout=10)


def test_an_error_in_loading_is_raised_at_its_item():
    loading = load_ahead(lambda item: 1 // item, [2, 1, 0, 1])
    assert list(islice(loading, 2)) == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(loading)
