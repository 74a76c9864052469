"""asyncio.TaskGroup: spawning a task for each of many items and joining them, as the fan-out snippet does."""

import asyncio

from measure import measured, scaled


async def answer(number: int) -> int:
    return number


async def main() -> None:
    operations = scaled(100_000)
    with measured("task_group.spawn_join", operations):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(number)) for number in range(operations)]
        total = sum(task.result() for task in tasks)
    assert total == operations * (operations - 1) // 2


asyncio.run(main())
