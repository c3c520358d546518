"""Prefetch items in threads, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")

_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_ahead(load: Callable[[Item], Loaded], items: Iterable[Item]) -> Iterator[Loaded]:
    """Yield what `load` gives for each item, in order; threads are a few items ahead, no more."""
    with ThreadPoolExecutor(_THREADS) as pool:
        loading: deque[Future[Loaded]] = deque()
        try:
            for item in items:
                loading.append(pool.submit(load, item))
                if len(loading) > _THREADS:
                    yield loading.popleft().result()
            while loading:
                yield loading.popleft().result()
        finally:
            for waiting in loading:
                waiting.cancel()
