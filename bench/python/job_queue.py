"""asyncio.Queue: items from one producer to five workers with `task_done`, as the producer-consumer snippet does."""

import asyncio

from measure import measured, scaled

POISON = None


async def produce(queue: asyncio.Queue, operations: int) -> None:
    for number in range(operations):
        await queue.put(number)
    await queue.put(POISON)


async def work(queue: asyncio.Queue, results: list[int]) -> None:
    while True:
        number = await queue.get()
        if number is POISON:
            await queue.put(POISON)
            queue.task_done()
            break
        results.append(number)
        queue.task_done()


async def main() -> None:
    operations = scaled(200_000)
    queue: asyncio.Queue = asyncio.Queue(maxsize=100)
    results: list[int] = []
    with measured("queue.item", operations):
        async with asyncio.TaskGroup() as group:
            group.create_task(produce(queue, operations))
            for _ in range(5):
                group.create_task(work(queue, results))
    assert len(results) == operations


asyncio.run(main())
