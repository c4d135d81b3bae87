"""Assembly only: what `dagster dev` and a deployed daemon load. `aimarket run` runs the same two jobs."""

from __future__ import annotations

import dagster as dg

from pipeline.assets.build import build_definitions
from pipeline.assets.fetch import fetch_definitions
from pipeline.progress import Progress
from pipeline.schedules import unattended

silent = Progress()
defs = dg.Definitions.merge(
    fetch_definitions(silent),
    build_definitions(silent),
    unattended,
    # One process per step costs seconds of CPU each; fetching has its own threads, and so has dbt.
    dg.Definitions(executor=dg.in_process_executor),
)
