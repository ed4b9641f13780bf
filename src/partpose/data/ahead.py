"""Work of which some is always under way: results in order, without holding them all."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int | None = None, ahead: int = 64
) -> Iterator[Result]:
    """work(item) of each, in order, by `jobs` threads (all cores, at most 8), with at most `ahead` of them under way.

    For work that decodes: Pillow lets go of Python's lock. What `work` raises is raised here, and ends it.
    """
    pool = ThreadPoolExecutor(jobs or min(8, os.cpu_count() or 1))
    rest = iter(items)
    try:
        waiting: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(rest, ahead))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
    finally:
        pool.shutdown(cancel_futures=True)
