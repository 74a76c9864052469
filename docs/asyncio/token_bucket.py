"""The token bucket: grants in five seconds at 10 per second with a burst of 1. By its promise: 51."""

import asyncio
import time

# --- the snippet, word for word ---


class TokenBucket:
    """Rate limiter: max `rate` requests per second."""

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
    bucket = TokenBucket(rate=10.0, burst=1)
    start = time.monotonic()
    grants = 0
    while True:
        await bucket.acquire()
        if time.monotonic() - start > 5:
            break
        grants += 1
    print(f"rate 10/s, burst 1: {grants} grants in 5 s, 51 are allowed")


asyncio.run(main())
