"""`python -m bench [part ...]` prints the tables; parts: load, backfill, fetch, run, serve, start, scale.

None named: all but scale, which takes half an hour. Exit code 1 when a ratio is over its limit.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from bench import backfill, fetch, load, run, scale, serve, start
from bench.table import Row, show

PARTS: dict[str, Callable[[], list[Row]]] = {
    "load": load.measure,
    "backfill": backfill.measure,
    "fetch": fetch.measure,
    "run": run.measure,
    "serve": serve.measure,
    "start": start.measure,
    "scale": scale.measure,
}
WHEN_NAMED = ("scale",)


def main(names: list[str]) -> int:
    unknown = set(names) - set(PARTS)
    if unknown:
        print(f"no part {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    if len(names) == 1:
        rows = PARTS[names[0]]()
        show(names[0], rows)
        return 0 if all(row.is_good for row in rows) else 1
    # A process each: what one part holds in memory would count for the programs that the next one starts.
    chosen = names or [name for name in PARTS if name not in WHEN_NAMED]
    codes = [subprocess.run([sys.executable, "-m", "bench", name], check=False).returncode for name in chosen]
    return max(codes)


sys.exit(main(sys.argv[1:]))
