"""A task for each URL behind a semaphore: what the waiting tasks cost."""

import asyncio
import resource
import sys


async def rate_limited_fetch(semaphore: asyncio.Semaphore) -> None:
    async with semaphore:
        await asyncio.sleep(0)


async def main() -> None:
    number = int(sys.argv[1]) if sys.argv[1:] else 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    semaphore = asyncio.Semaphore(10)
    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(rate_limited_fetch(semaphore)) for _ in range(number)]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{len(tasks):,} tasks, 10 at once: {grown / 1024:.0f} MiB, {grown * 1024 / number:.0f} bytes for each")


asyncio.run(main())
