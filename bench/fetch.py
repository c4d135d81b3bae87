"""`aimarket fetch` of every source, the keyed ones too, against recorded answers that take 200 ms each.

The pause between two requests to one host is left out: it is politeness towards vendors and no cost of ours.
What one more source costs is the difference between this registry and one with every second live source, both
against answers without delay; the smaller one is a copy of the code without the other sources.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench.table import Row, watched
from pipeline.registry import live_sources
from tests.conftest import FIXTURES
from tests.replay import ReplayServer
from warehouse.settings import REPOSITORY

LATENCY_SECONDS = 0.2
FETCH_SECONDS = 20.0
FETCH_MEGABYTES = 500.0
SOURCE_MILLISECONDS = 50.0
REPEATS = 3
PARTS_OF_URLS = {"TEAM": "TEAM", "ACCOUNT": "test-account", "GATEWAY": "test-gateway"}
"""Keys that are part of an address must be those of the recorded requests; any other value will do."""
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()", "fetch", "--json"]


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        with ReplayServer(FIXTURES, LATENCY_SECONDS) as server:
            seconds, megabytes = _fetch(REPOSITORY, Path(folder) / "slow", server.url)
        half, left_out = _half(Path(folder) / "half")
        with ReplayServer(FIXTURES) as server:
            whole_seconds, half_seconds = (
                min(_fetch(code, Path(folder) / f"{name}{run}", server.url)[0] for run in range(REPEATS))
                for name, code in (("whole", REPOSITORY), ("half", half))
            )
    more = (whole_seconds - half_seconds) / left_out * 1000
    what = f"fetch {len(live_sources())} sources, 200 ms an answer"
    return [
        Row(what, seconds, "promised", FETCH_SECONDS, 1.0),
        Row("its peak memory", megabytes, "promised", FETCH_MEGABYTES, 1.0, unit="MB"),
        Row("fetch, each further source", more, "promised", SOURCE_MILLISECONDS, 1.0, unit="ms"),
    ]


def _fetch(code: Path, home: Path, mirror_url: str) -> tuple[float, float]:
    """Seconds and peak megabytes of a fetch by the code in a folder. Raises where a source fails."""
    keys = {
        name: PARTS_OF_URLS.get(name.rpartition("_")[2], "any")
        for source in live_sources()
        for name in source.key_env
    }
    here = {"AIMARKET_HOME": str(home), "AIMARKET_MIRROR_URL": mirror_url, "PYTHONPATH": str(code)}
    environment = os.environ | keys | here | {"AIMARKET_REQUESTS_PER_SECOND": "1000", "NO_PROXY": "*"}
    return watched(COMMAND, environment, code)


def _half(folder: Path) -> tuple[Path, int]:
    """A copy of the code without every second live source, and how many it lacks."""
    for part in ("pipeline", "warehouse", "sql"):
        shutil.copytree(
            REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("data", "target", "__pycache__")
        )
    left_out = {source.source_id for source in live_sources()[::2]}
    seed = folder / "sql" / "seeds" / "sources.csv"
    with seed.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with seed.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(row for row in rows if row[0] not in left_out)
    for source_id in left_out:
        (folder / "pipeline" / "sources" / f"{source_id}.py").unlink()
    return folder, len(left_out)
