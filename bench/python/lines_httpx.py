"""httpx: the lines of one response that are not blank, counted."""

import asyncio
import sys

import httpx


async def main() -> None:
    count = 0
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        async with client.stream("GET", sys.argv[1]) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line:
                    count += 1
    print(count)


asyncio.run(main())
