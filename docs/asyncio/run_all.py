"""Runs every original beside this file and prints what it did: `python3 docs/asyncio/run_all.py`, half a minute."""

import pathlib
import platform
import subprocess
import sys

print(f"CPython {platform.python_version()}")
for script in sorted(pathlib.Path(__file__).parent.glob("*.py")):
    if script.name != "run_all.py":
        print(f"\n{script.name}", flush=True)
        subprocess.run([sys.executable, str(script)], check=True)
