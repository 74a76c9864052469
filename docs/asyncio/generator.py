"""Async generators: one that is left early, a cursor that repeats itself, and lines that are torn."""

import asyncio
from collections.abc import AsyncIterator

open_connections = 0


class Connection:
    async def __aenter__(self) -> "Connection":
        global open_connections
        open_connections += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        global open_connections
        open_connections -= 1


async def stream_lines() -> AsyncIterator[str]:
    async with Connection():
        for number in range(1000):
            yield f"line {number}"


async def first_line(lines: AsyncIterator[str]) -> str:
    async for line in lines:
        return line
    return ""


async def paginate_users(get) -> AsyncIterator[int]:
    """The snippet, with the page's fetch as a parameter."""
    cursor: str | None = None
    while True:
        data = await get(cursor)

        for user in data["users"]:
            yield user

        cursor = data.get("next_cursor")
        if not cursor:
            break


async def export_all_users(get) -> list[int]:
    users = []
    async for user in paginate_users(get):
        users.append(user)
    return users


async def main() -> None:
    lines = stream_lines()
    await first_line(lines)
    await asyncio.sleep(0.1)
    print(f"left after one line: {open_connections} connection open while somebody still names the generator")

    pages = 0

    async def stuck(_: str | None) -> dict[str, object]:
        nonlocal pages
        pages += 1
        return {"users": [pages], "next_cursor": "page-2"}

    async for _ in paginate_users(stuck):
        if pages == 10_000:
            break
    print(f"a server that repeats its cursor was asked for {pages:,} pages before this script stopped asking")

    async def fails_at_eight(cursor: str | None) -> dict[str, object]:
        page = int(cursor or 1)
        if page == 8:
            raise ConnectionError("page 8")
        return {"users": list(range(100)), "next_cursor": str(page + 1)}

    users = None
    try:
        users = await export_all_users(fails_at_eight)
    except ConnectionError:
        pass
    print(f"an export whose eighth page fails has read 700 users and returns {users}")

    # httpx's aiter_lines cuts with str.splitlines.
    line = '{"name": "a\u2028b"}\n{"name": "c"}\n'
    print(f"2 lines of JSON, one of them with U+2028 in a string, are {len(line.splitlines())} lines to splitlines")


asyncio.run(main())
