"""Entry point with signal handling: the snippet, and a server whose connections clean up with an await.

Run without an argument it starts itself, sends SIGTERM, and reports how that went.
"""

import asyncio
import signal
import subprocess
import sys
import time


# --- the snippet, word for word ---


async def shutdown(sig: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all running tasks on signal."""
    tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    loop.stop()


async def main() -> None:
    loop = asyncio.get_running_loop()

    # Register signal handlers (Unix only)
    if sys.platform != "win32":
        for sig in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(
                sig,
                lambda s=sig: asyncio.create_task(shutdown(s, loop)),
            )

    # Application logic
    await run_server()


# --- what it is used with ---


async def connection() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        print("cleanup start", flush=True)
        await asyncio.sleep(0.2)
        print("cleanup end", flush=True)


async def run_server() -> None:
    # A task for each connection, as asyncio.start_server has them.
    tasks = [asyncio.create_task(connection()) for _ in range(10)]
    await asyncio.sleep(0)
    print("serving", flush=True)
    await asyncio.wait(tasks)


async def simple() -> None:
    """The form without a handler."""
    await run_server()


def stopped(form: str) -> None:
    program = subprocess.Popen(
        [sys.executable, __file__, form], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout.readline() == "serving\n"
    program.send_signal(signal.SIGTERM)
    start = time.monotonic()
    out, err = program.communicate(timeout=30)
    print(f"{form}: exit code {program.returncode} after {time.monotonic() - start:.1f} s")
    print(f"  of 10 connections {out.count('cleanup start')} began their cleanup, {out.count('cleanup end')} ended it")
    print(f"  stderr: {len(err.splitlines())} lines, the last: {err.splitlines()[-1] if err else 'nothing'}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["snippet"]:
            asyncio.run(main())
        case ["simple"]:
            asyncio.run(simple())
        case _:
            stopped("snippet")
            stopped("simple")
