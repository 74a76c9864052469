"""to_thread: what a thread does whose caller was cancelled, and who else waits when all threads are taken."""

import asyncio
import os
import time

start = time.monotonic()


def upload() -> None:
    time.sleep(2)
    print(f"{time.monotonic() - start:.1f} s: the thread has uploaded, though its caller is gone", flush=True)


async def starved() -> None:
    """The event loop resolves names on the same threads."""
    threads = min(32, (os.cpu_count() or 1) + 4)
    uploads = [asyncio.create_task(asyncio.to_thread(time.sleep, 1)) for _ in range(threads)]
    await asyncio.sleep(0)
    before = time.monotonic()
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    print(f"with {threads} uploads on their way, the name localhost took {time.monotonic() - before:.1f} s to resolve")
    await asyncio.gather(*uploads)


async def main() -> None:
    try:
        await asyncio.wait_for(asyncio.to_thread(upload), timeout=0.1)
    except TimeoutError:
        print(f"{time.monotonic() - start:.1f} s: the caller was told that it timed out", flush=True)
    print(f"{time.monotonic() - start:.1f} s: main has returned", flush=True)


asyncio.run(starved())
start = time.monotonic()
asyncio.run(main())
print(f"{time.monotonic() - start:.1f} s: asyncio.run has returned")
