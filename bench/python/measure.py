"""What the scripts beside this file have in common: a scale, and one line of JSON for each measured thing.

`ns_per_op` is wall time, `cpu_seconds` is user and system time of the whole process, both of the measured part only.
Only the standard library is used, and no network beyond this machine.
"""

import argparse
import json
import platform
import time
from contextlib import contextmanager


def scaled(operations: int) -> int:
    """The number of operations, times the `--scale` of the command line (1.0 unless given)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    return max(1, int(operations * parser.parse_args().scale))


@contextmanager
def measured(what: str, operations: int):
    """Measures the block and prints its line."""
    cpu, wall = time.process_time(), time.perf_counter_ns()
    yield
    wall, cpu = time.perf_counter_ns() - wall, time.process_time() - cpu
    line = {
        "what": what,
        "ns_per_op": round(wall / operations, 1),
        "cpu_seconds": round(cpu, 4),
        "ops": operations,
        "python": platform.python_version(),
    }
    print(json.dumps(line), flush=True)
