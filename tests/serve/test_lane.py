"""The network's thread serves in order, and no more than may wait."""

import asyncio
import threading

import pytest

from partpose.serve.lane import Lane
from partpose.serve.limits import Refusal


def test_work_is_done_in_the_order_in_which_it_came_and_the_rest_is_refused():
    lane, hold, done = Lane(3), threading.Event(), []

    def work(number: int) -> int:
        hold.wait()
        done.append(number)
        return number

    async def ask() -> None:
        asked = [asyncio.create_task(lane.run(work, i)) for i in range(5)]
        await asyncio.sleep(0)
        hold.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert answers[:3] == done == [0, 1, 2]
        assert [type(answer) for answer in answers[3:]] == [Refusal, Refusal]
        assert await lane.run(work, 5) == 5

    asyncio.run(ask())
    lane.close()


def test_an_error_reaches_who_asked_and_the_thread_goes_on():
    lane = Lane(3)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(lane.run(lambda: 1 / 0))
    assert asyncio.run(lane.run(lambda: 1)) == 1
    lane.close()
