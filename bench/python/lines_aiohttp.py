"""aiohttp: the lines of one response that are not blank, counted."""

import asyncio
import sys

import aiohttp


async def main() -> None:
    count = 0
    async with aiohttp.ClientSession() as session:
        async with session.get(sys.argv[1]) as response:
            response.raise_for_status()
            async for line in response.content:
                if line.strip():
                    count += 1
    print(count)


asyncio.run(main())
