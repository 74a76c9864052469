"""aiohttp: one session, as its documentation asks for."""

import asyncio

import aiohttp

from http_plan import PLAN, trust, work


async def main() -> None:
    connector = aiohttp.TCPConnector(limit=PLAN["connections"], ssl=trust())
    async with aiohttp.ClientSession(connector=connector) as session:

        async def get(url: str) -> tuple[int, int]:
            async with session.get(url) as response:
                return response.status, len(await response.read())

        await work(get)


asyncio.run(main())
