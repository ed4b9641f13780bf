"""One thread for the network: whoever asks is served in order, and hears at once when too many are waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from partpose.serve.limits import Refusal

T = TypeVar("T")


class Lane:
    """Runs work in one thread, first come first served; everything that this thread touches needs no lock."""

    def __init__(self, most: int) -> None:
        self._thread, self._most, self._waiting = ThreadPoolExecutor(1, thread_name_prefix="network"), most, 0

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of `work(*arguments)`. Raises Refusal, 503, where too many wait already."""
        if self._waiting >= self._most:
            raise Refusal(503, f"{self._waiting} requests are waiting already: try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._thread.submit(work, *arguments))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for the work in hand and forget the rest."""
        self._thread.shutdown(cancel_futures=True)
