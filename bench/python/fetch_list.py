"""Fetches a list as people write it: 64 workers, one client, a line of JSON for each body.

Usage: fetch_list.py aiohttp|httpx LIST OUTPUT
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TextIO

WORKERS = 64

Get = Callable[[str], Awaitable[tuple[int, str]]]


async def work(get: Get, lines: Iterator[tuple[int, str]], output: TextIO) -> None:
    for index, line in lines:
        url = line.strip()
        status, body = await get(url)
        if status != 200:
            raise RuntimeError(f"{url}: {status}")
        output.write(json.dumps({"index": index, "url": url, "body": body}) + "\n")


async def all_of(get: Get) -> None:
    with open(sys.argv[2], encoding="utf-8") as urls, open(sys.argv[3], "w", encoding="utf-8") as output:
        lines = enumerate(urls)
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work(get, lines, output))


async def with_aiohttp() -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WORKERS)) as session:

        async def get(url: str) -> tuple[int, str]:
            async with session.get(url) as response:
                return response.status, await response.text()

        await all_of(get)


async def with_httpx() -> None:
    import httpx

    limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
    async with httpx.AsyncClient(limits=limits) as client:

        async def get(url: str) -> tuple[int, str]:
            response = await client.get(url)
            return response.status_code, response.text

        await all_of(get)


asyncio.run(with_aiohttp() if sys.argv[1] == "aiohttp" else with_httpx())
