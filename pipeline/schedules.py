"""Two jobs, so that a dead vendor never keeps the last good data from being built and published."""

import dagster as dg

from pipeline.assets.fetch import fetch_job
from pipeline.assets.publish import build_job


@dg.schedule(job=fetch_job, cron_schedule="0 6 * * *", execution_timezone="UTC")
def fetch_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 06:00 UTC, when the daily catalogues of the day before are up."""
    return dg.RunRequest(partition_key=context.scheduled_execution_time.strftime("%Y-%m-%d"))


build_daily = dg.ScheduleDefinition(
    job=build_job,
    cron_schedule="0 7 * * *",
    execution_timezone="UTC",
    description="An hour after the fetch began, whatever became of it.",
)

daily_schedules = [fetch_daily, build_daily]
