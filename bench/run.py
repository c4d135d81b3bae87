"""`aimarket run` without a network on a fresh home, and again the same day, against the promised seconds."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from bench.start import AIMARKET
from bench.table import Row, stopwatch

FIRST_RUN_SECONDS = 45.0
SECOND_RUN_SECONDS = 30.0
ORCHESTRATION_SECONDS = 10.0


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"AIMARKET_HOME": home}
        first = _run(environment)
        dbt = _dbt_seconds(Path(home))
        with stopwatch() as report:
            subprocess.run([AIMARKET, "report"], env=environment, check=True, capture_output=True)
        second = _run(environment)
    orchestration = first - dbt - report.seconds
    return [
        Row("first run", first, "promised seconds", FIRST_RUN_SECONDS, 1.0),
        Row("first run but dbt and report", orchestration, "promised seconds", ORCHESTRATION_SECONDS, 1.0),
        Row("second run of the day", second, "promised seconds", SECOND_RUN_SECONDS, 1.0),
    ]


def _dbt_seconds(home: Path) -> float:
    """Seconds in which dbt parsed the project and ran models and tests."""
    metadata = json.loads((home / "build" / "run_results.json").read_text())["metadata"]
    begun, ended = (
        datetime.fromisoformat(metadata[name]) for name in ("invocation_started_at", "generated_at")
    )
    return (ended - begun).total_seconds()


def _run(environment: dict[str, str]) -> float:
    with stopwatch() as watch:
        subprocess.run([AIMARKET, "run"], env=environment, check=True, capture_output=True)
    return watch.seconds
