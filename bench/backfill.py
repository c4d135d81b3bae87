"""The whole token-price history through the parser, against git and TOML parsing alone.

Needs a clone or bundle of the models.dev repository in $BENCH_MODELS_DEV; without it the part is left out.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from bench.table import Row, stopwatch
from pipeline.backfill import backfill, git_history, open_repository
from pipeline.registry import find_source
from warehouse.lake import Lake

MOST_TIMES_BARE = 4.0


def measure() -> list[Row]:
    location = os.environ.get("BENCH_MODELS_DEV")
    if not location:
        print("\nbackfill: left out; set BENCH_MODELS_DEV to a clone or bundle of models.dev")
        return []
    source = find_source("models_dev")
    with tempfile.TemporaryDirectory() as folder:
        repository = open_repository(location, Path(folder) / "git")
        bare = _bare(repository)
        lake = Lake(Path(folder) / "lake")
        with stopwatch() as ours:
            done = backfill(source, git_history(repository, ["providers"]), lake, datetime.now(UTC))
    what = f"backfill models_dev, {done.versions:,} versions"
    return [Row(what, ours.seconds, "git log + cat-file + tomllib", bare, MOST_TIMES_BARE)]


def _bare(repository: Path) -> float:
    """Read every version of every file and parse it as TOML, nothing else."""
    git = ["git", "-C", str(repository)]
    with stopwatch() as watch:
        log = subprocess.run(
            [*git, "log", "--reverse", "--raw", "--no-abbrev", "--format=%H", "--", "providers"],
            capture_output=True,
            check=True,
        ).stdout
        blobs = [line.split()[3] for line in log.splitlines() if line.startswith(b":")]
        wanted = [blob for blob in blobs if blob.strip(b"0")]
        out = subprocess.run(
            [*git, "cat-file", "--batch", "--buffer"],
            input=b"\n".join(wanted) + b"\n",
            capture_output=True,
            check=True,
        ).stdout
        position = 0
        for _ in wanted:
            end = out.index(b"\n", position)
            size = int(out[position:end].split()[2])
            with contextlib.suppress(tomllib.TOMLDecodeError):
                tomllib.loads(out[end + 1 : end + 1 + size].decode())
            position = end + size + 2
    return watch.seconds
