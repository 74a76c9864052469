"""The two HTTP clients with the snippets' settings, against servers on loopback. Needs `pip install httpx aiohttp`.

httpx: how long a request lasts whose answer trickles, at a read timeout of 1 s, and how many connections one host
gets. aiohttp: how many sockets there are at `limit=4`, in use and idle together, with five hosts.
"""

import asyncio
import sys
import time

try:
    import aiohttp
    import httpx
except ImportError:
    print("httpx or aiohttp is not installed: skipped")
    sys.exit()

open_sockets = 0
most_sockets = 0


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global open_sockets, most_sockets
    open_sockets += 1
    most_sockets = max(most_sockets, open_sockets)
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"/trickle" in head:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n")
                for _ in range(8):
                    await writer.drain()
                    await asyncio.sleep(0.9)
                    writer.write(b"x")
            else:
                await asyncio.sleep(0.1)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        open_sockets -= 1
        writer.close()


async def main() -> None:
    global most_sockets
    hosts = [f"127.0.0.{number}" for number in range(2, 7)]
    servers = [await asyncio.start_server(serve, host, 0) for host in hosts]
    urls = ["http://{}:{}".format(*server.sockets[0].getsockname()) for server in servers]

    timeout = httpx.Timeout(connect=1.0, read=1.0, write=1.0, pool=1.0)
    async with httpx.AsyncClient(timeout=timeout) as client:
        start = time.monotonic()
        await client.get(urls[0] + "/trickle")
        print(f"httpx {httpx.__version__}, all four timeouts 1 s: a trickling answer took {time.monotonic() - start:.1f} s")
        most_sockets = open_sockets
        await asyncio.gather(*(client.get(urls[0] + "/users") for _ in range(50)))
        print(f"  50 requests to one host: {most_sockets} connections to it, and there is no setting for that")

    await asyncio.sleep(0.1)
    most_sockets = open_sockets
    connector = aiohttp.TCPConnector(limit=4, limit_per_host=2)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def get(url: str) -> None:
            async with session.get(url + "/users") as response:
                await response.read()

        await asyncio.gather(*(get(urls[number % 5]) for number in range(100)))
        print(f"aiohttp {aiohttp.__version__}, limit=4, five hosts: at most {most_sockets} sockets at the same time")

    for server in servers:
        server.close()


asyncio.run(main())
