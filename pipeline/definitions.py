"""Assembly only: what `dagster dev` and a deployed daemon load. `aimarket run` runs the same two jobs."""

from __future__ import annotations

import dagster as dg

from pipeline.assets.build import build_definitions
from pipeline.assets.fetch import fetch_definitions
from pipeline.progress import Progress
from pipeline.schedules import unattended_definitions

silent = Progress()
defs = dg.Definitions.merge(
    fetch_definitions(silent),
    build_definitions(silent),
    unattended_definitions(),
    # One process per step costs seconds of CPU each; fetching has its own threads, and so has dbt.
    dg.Definitions(executor=dg.in_process_executor),
)
