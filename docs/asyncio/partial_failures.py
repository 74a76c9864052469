"""Fan-out and partial failures: ten requests, of which one answers 500.

httpx is replaced by a stand-in with the same errors, since nothing here depends on HTTP.
"""

import asyncio
import logging


class HTTPStatusError(Exception):
    pass


class TimeoutException(Exception):
    pass


async def fetch_url(url: str) -> dict[str, object]:
    number = int(url.rsplit("/", 1)[1])
    await asyncio.sleep(0.01 * number)
    if number == 2:
        raise HTTPStatusError(f"500 for {url}")
    return {"url": url}


# --- the snippet; its client is gone, and it returns the errors too, so that they can be counted ---


async def fetch_with_fallback(urls: list[str]) -> tuple[list[dict[str, object]], list[Exception]]:
    results: list[dict[str, object]] = []
    errors: list[Exception] = []

    try:
        async with asyncio.TaskGroup() as tg:
            tasks = [tg.create_task(fetch_url(url)) for url in urls]
    except* HTTPStatusError as eg:
        errors.extend(eg.exceptions)
    except* TimeoutException as eg:
        errors.extend(eg.exceptions)

    for task in tasks:
        if not task.cancelled() and task.exception() is None:
            results.append(task.result())

    if errors:
        logging.warning("Failed %d/%d requests", len(errors), len(urls))

    return results, errors


async def main() -> None:
    urls = [f"http://example/{number}" for number in range(10)]
    results, errors = await fetch_with_fallback(urls)
    print(f"{len(urls)} requests, of which 1 fails: {len(results)} results, {len(errors)} errors, "
          f"{len(urls) - len(results) - len(errors)} neither")


asyncio.run(main())
