"""What the scripts of HTTP clients have in common: the plan in, the workers, and what was done out.

The plan is the JSON that the clients in Rust get too. The time until the interpreter has loaded the client is told
apart, so that only requests are counted.
"""

import asyncio
import itertools
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable

PLAN = json.loads(sys.argv[1])

Get = Callable[[str], Awaitable[tuple[int, int]]]


def trust() -> ssl.SSLContext:
    """Trusts the certificate of the plan alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(PLAN["certificate"])
    return context


async def work(get: Get) -> None:
    """Sends the requests of the plan, and prints what was done."""
    start = time.process_time()
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(_turns(get, worker)) for worker in range(PLAN["in_flight"])]
    done = {
        "requests": sum(worker.result() for worker in workers),
        "start_seconds": start,
        "peak_kib": _peak_kib(),
    }
    print(json.dumps(done), flush=True)


async def _turns(get: Get, worker: int) -> int:
    urls = PLAN["urls"][worker % len(PLAN["urls"]) :: PLAN["in_flight"]]
    share = PLAN["requests"] // PLAN["in_flight"]
    for url in itertools.islice(itertools.cycle(urls), share):
        answer = await get(url)
        if answer != (200, PLAN["body"]):
            raise ValueError(f"status and length {answer}")
    return share


def _peak_kib() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
