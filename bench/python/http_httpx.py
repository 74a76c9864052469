"""httpx: one client; HTTP/2 in the clear is spoken by prior knowledge."""

import asyncio

import httpx

from http_plan import PLAN, trust, work


async def main() -> None:
    http2 = PLAN["protocol"].startswith("h2")
    limits = httpx.Limits(max_connections=PLAN["connections"])
    options = {"http1": not http2, "http2": http2, "limits": limits, "timeout": 60}
    async with httpx.AsyncClient(verify=trust(), trust_env=False, **options) as client:

        async def get(url: str) -> tuple[int, int]:
            response = await client.get(url)
            return response.status_code, len(response.content)

        await work(get)


asyncio.run(main())
