"""Producer and consumers: what is left in the queue when the snippet has returned, and who waits for it."""

import asyncio
from dataclasses import dataclass


@dataclass
class Job:
    id: int
    url: str


POISON = None  # sentinel to signal shutdown


async def process_job(job: Job) -> dict[str, object]:
    await asyncio.sleep(0)
    return {"id": job.id}


# --- the snippet, word for word ---


async def producer(queue: asyncio.Queue[Job | None], urls: list[str]) -> None:
    for i, url in enumerate(urls):
        job = Job(id=i, url=url)
        await queue.put(job)
    await queue.put(POISON)


async def worker(
    name: str,
    queue: asyncio.Queue[Job | None],
    results: list[dict[str, object]],
) -> None:
    while True:
        job = await queue.get()
        if job is POISON:
            await queue.put(POISON)  # propagate to other workers
            queue.task_done()
            break
        try:
            result = await process_job(job)
            results.append(result)
        except Exception:
            print(f"Worker {name} failed job {job.id}")
        finally:
            queue.task_done()


async def main() -> None:
    queue: asyncio.Queue[Job | None] = asyncio.Queue(maxsize=100)
    results: list[dict[str, object]] = []
    async with asyncio.TaskGroup() as tg:
        tg.create_task(producer(queue, [f"/{number}" for number in range(200)]))
        for i in range(5):
            tg.create_task(worker(f"worker-{i}", queue, results))

    print(f"{len(results)} of 200 jobs done; left in the queue: {queue.qsize()}")
    try:
        await asyncio.wait_for(queue.join(), timeout=2)
        print("join returned")
    except TimeoutError:
        print("join: still waiting after 2 s, and nobody is left who could end it")


asyncio.run(main())
