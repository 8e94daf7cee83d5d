"""Places to work in: who goes away while it waits takes nothing with it."""

from __future__ import annotations

import asyncio

import pytest

from demo.faulty_server.slots import Slots


def test_a_waiter_that_goes_away_while_a_slot_comes_free_takes_none() -> None:
    async def scene() -> None:
        slots = Slots(1, None)
        began = await slots.begin()
        waiter = asyncio.create_task(slots.begin())
        while not slots.waiting:
            await asyncio.sleep(0)
        waiter.cancel()
        slots.end(began)  # passes over the waiter, which has not run since
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert slots.waiting == 0
        await asyncio.wait_for(slots.begin(), 10)

    asyncio.run(scene())
