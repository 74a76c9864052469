"""asyncio.Semaphore: acquired and released by 64 tasks of which 10 may be inside, and by one task alone."""

import asyncio

from measure import measured, scaled

TASKS = 64


async def visit(semaphore: asyncio.Semaphore, times: int) -> None:
    for _ in range(times):
        async with semaphore:
            await asyncio.sleep(0)


async def alone(semaphore: asyncio.Semaphore, times: int) -> None:
    for _ in range(times):
        async with semaphore:
            pass


async def main() -> None:
    operations = scaled(200_000)
    with measured("semaphore.acquire", operations):
        await alone(asyncio.Semaphore(10), operations)
    semaphore = asyncio.Semaphore(10)
    with measured("semaphore.acquire_contended", operations // TASKS * TASKS or 1):
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(visit(semaphore, operations // TASKS))


asyncio.run(main())
