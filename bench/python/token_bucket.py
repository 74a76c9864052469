"""The snippet's TokenBucket: the cost of a decision that need not wait."""

import asyncio
import time

from measure import measured, scaled


class TokenBucket:
    """As in the snippet, word for word."""

    def __init__(self, rate: float, burst: int = 1) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = float(burst)
        self._last_refill = time.monotonic()
        self._lock = asyncio.Lock()

    async def acquire(self) -> None:
        async with self._lock:
            now = time.monotonic()
            elapsed = now - self._last_refill
            self._tokens = min(self.burst, self._tokens + elapsed * self.rate)
            self._last_refill = now

            if self._tokens < 1:
                wait = (1 - self._tokens) / self.rate
                await asyncio.sleep(wait)
                self._tokens = 0
            else:
                self._tokens -= 1


async def main() -> None:
    operations = scaled(500_000)
    bucket = TokenBucket(rate=1e9, burst=1_000_000_000)
    with measured("token_bucket.acquire", operations):
        for _ in range(operations):
            await bucket.acquire()


asyncio.run(main())
