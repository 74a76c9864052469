"""asyncio.to_thread: small closures, 64 in flight."""

import asyncio

from measure import measured, scaled

IN_FLIGHT = 64


def small(number: int) -> int:
    return number + 1


async def caller(times: int) -> None:
    for number in range(times):
        assert await asyncio.to_thread(small, number) == number + 1


async def main() -> None:
    times = scaled(30_000) // IN_FLIGHT or 1
    async with asyncio.TaskGroup() as group:  # The threads are there when the measurement begins.
        for _ in range(IN_FLIGHT):
            group.create_task(caller(1))
    with measured("to_thread.call", times * IN_FLIGHT):
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(caller(times))


asyncio.run(main())
