"""Work of which some is always under way: results in order, without holding them all."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

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


def in_background(items: Iterator[Item], ahead: int = 64, newest: bool = False) -> Iterator[Item]:
    """The same items, produced by one thread while the last are worked on, at most `ahead` of them too early.

    newest: it never waits: where so many are ready, the oldest is dropped for the next.
    What the iterator raises is raised here, in its turn; whoever stops early stops the thread.
    """
    waiting: Queue[tuple[bool, Any]] = Queue(ahead)
    stopped = Event()
    thread = Thread(target=_produce, args=(items, waiting, stopped, newest), daemon=True)
    thread.start()
    try:
        while True:
            is_item, item = waiting.get()
            if is_item:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        stopped.set()
        while thread.is_alive():  # it may be waiting for room
            with suppress(Empty):
                waiting.get(timeout=0.01)


def _produce(items: Iterator[Item], waiting: "Queue[tuple[bool, Any]]", stopped: Event, newest: bool) -> None:
    end: BaseException | None = None
    try:
        for item in items:
            if newest and waiting.full():
                with suppress(Empty):  # it was taken just now
                    waiting.get_nowait()
            waiting.put((True, item))
            if stopped.is_set():
                return
    except BaseException as error:
        end = error
    finally:
        if close := getattr(items, "close", None):
            close()
        waiting.put((False, end))
