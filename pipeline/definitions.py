"""Assembly only: what `dagster dev`, a deployed daemon and `aimarket run` all load."""

from __future__ import annotations

import dagster as dg

from pipeline.assets.fetch import fetch_sources
from pipeline.assets.publish import release, report
from pipeline.assets.transform import DBT, build_models
from pipeline.progress import Progress
from pipeline.schedules import build_job, daily_schedules, fetch_job


def definitions(progress: Progress | None = None) -> dg.Definitions:
    """The definitions, telling ``progress`` what happens while they run."""
    return dg.Definitions(
        assets=[fetch_sources, build_models, release, report],
        jobs=[fetch_job, build_job],
        schedules=daily_schedules,
        resources={
            "dbt": DBT,
            "progress": progress or Progress(),
        },
        # One process per step costs seconds of CPU each; fetching has its own threads, dbt its own process.
        executor=dg.in_process_executor,
    )


defs = definitions()
