"""asyncio.StreamReader.readline: lines of 100 bytes, fed in chunks of 64 KiB from memory, blank ones skipped."""

import asyncio

from measure import measured, scaled

LINE = b"x" * 99 + b"\n"
CHUNK = 64 * 1024


async def feed(reader: asyncio.StreamReader, data: bytes) -> None:
    for start in range(0, len(data), CHUNK):
        reader.feed_data(data[start : start + CHUNK])
        await asyncio.sleep(0)
    reader.feed_eof()


async def lines(reader: asyncio.StreamReader):
    while line := await reader.readline():
        if line.strip():
            yield line


async def main() -> None:
    operations = scaled(500_000)
    data = LINE * operations
    reader = asyncio.StreamReader()
    count = 0
    with measured("read_lines.line", operations):
        feeding = asyncio.create_task(feed(reader, data))
        async for _ in lines(reader):
            count += 1
        await feeding
    assert count == operations


asyncio.run(main())
