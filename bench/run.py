"""`aimarket run` without a network on a fresh home, and again the same day, against the promised seconds."""

from __future__ import annotations

import json
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.published import AIMARKET, settled
from bench.table import Row, watched

FIRST_RUN_SECONDS = 45.0
SECOND_RUN_SECONDS = 30.0
ORCHESTRATION_SECONDS = 10.0
ANALYTICS_SECONDS = 20.0
NAMES_AND_STEPS_SECONDS = 15.0
NAMES_AND_STEPS = re.compile(
    r"names|coverage|price_steps|corrections|prices__(steps|judged|events|elsewhere|beside|in_error)"
)
"""Models that resolve names and tell changes from corrections."""


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        environment = settled(Path(home))
        first, _ = watched((AIMARKET, "run"), environment)
        results = json.loads((Path(home) / "build" / "run_results.json").read_text())
        dbt = _dbt_seconds(results)
        report, _ = watched((AIMARKET, "report"), environment)
        second, _ = watched((AIMARKET, "run"), environment)
    orchestration = first - dbt - report
    return [
        Row("first run", first, "promised seconds", FIRST_RUN_SECONDS, 1.0),
        Row("first run but dbt and report", orchestration, "promised seconds", ORCHESTRATION_SECONDS, 1.0),
        Row("second run of the day", second, "promised seconds", SECOND_RUN_SECONDS, 1.0),
        Row("all models and tests over the bundled history", dbt, "promised seconds", ANALYTICS_SECONDS, 1.0),
        Row("names and steps of it", _names_and_steps(results), "promised", NAMES_AND_STEPS_SECONDS, 1.0),
    ]


def _dbt_seconds(results: dict[str, Any]) -> float:
    """Seconds in which dbt parsed the project and ran models and tests."""
    told = results["metadata"]
    begun, ended = (datetime.fromisoformat(told[name]) for name in ("invocation_started_at", "generated_at"))
    return (ended - begun).total_seconds()


def _names_and_steps(results: dict[str, Any]) -> float:
    """Seconds of a core: two of them may have run at once."""
    nodes = (node for node in results["results"] if node["unique_id"].startswith("model."))
    return sum(float(node["execution_time"]) for node in nodes if NAMES_AND_STEPS.search(node["unique_id"]))
