"""When what runs. Two daily jobs, so that a dead vendor never keeps the last good data from being published.

All schedules and sensors run as soon as there is a daemon; `aimarket dev` has one while it is open.
"""

import time
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from pipeline.aftermath import conclude
from pipeline.assets.build import build_job
from pipeline.assets.fetch import asset_key, fetch_job
from pipeline.assets.upkeep import catch_up_job, prune_job
from pipeline.causes import Outcome
from pipeline.holes import missed_days
from pipeline.registry import find_source, live_sources
from warehouse.archive import Archive
from warehouse.lake import Lake
from warehouse.settings import settings

RUNNING = dg.DefaultScheduleStatus.RUNNING
LATE = dg.SkipReason("a tick of an earlier day, which nobody can read any more: catch_up settles it")
JOBS: list[Any] = [fetch_job, build_job, catch_up_job, prune_job]


@dg.schedule(job=fetch_job, cron_schedule="0 6 * * *", execution_timezone="UTC", default_status=RUNNING)
def fetch_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """At 06:00 UTC, when the catalogues of the day before are up; later, when the daemon was off then."""
    day = context.scheduled_execution_time.date()
    return dg.RunRequest(partition_key=day.isoformat()) if day == _today() else LATE


@dg.schedule(
    job=fetch_job, cron_schedule="0 0-5,7-23 * * *", execution_timezone="UTC", default_status=RUNNING
)
def fetch_hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """In every other hour, the sources of AIMARKET_HOURLY."""
    chosen = [find_source(source_id) for source_id in settings().hourly.split()]
    if not chosen:
        return dg.SkipReason("AIMARKET_HOURLY names no source")
    day = context.scheduled_execution_time.date()
    if day != _today():
        return LATE
    return dg.RunRequest(
        partition_key=day.isoformat(),
        asset_selection=[asset_key(source) for source in chosen],
        run_config={"ops": {"fetch_sources": {"config": {"again": True}}}},
    )


build_daily = dg.ScheduleDefinition(
    name="build_daily",
    job=build_job,
    cron_schedule="0 7 * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="An hour after the fetch began, whatever became of it.",
)

prune_daily = dg.ScheduleDefinition(
    name="prune_daily",
    job=prune_job,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Before the day's fetch.",
)


@dg.sensor(job=catch_up_job, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def catch_up_on_start(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Once a day, first when the daemon starts: whether days were missed that are not settled."""
    today = _today()
    if context.cursor == today.isoformat():
        return dg.SkipReason("looked at today")
    here = settings()
    missed = missed_days(live_sources(), Archive(here.archive), Lake(here.lake), today)
    requests = [dg.RunRequest(run_key=today.isoformat())] if missed else []
    return dg.SensorResult(run_requests=requests, cursor=today.isoformat())


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[catch_up_job],
    request_job=build_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def build_after_catch_up(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """What was caught up is published without waiting for the next morning."""
    return dg.RunRequest(run_key=context.dagster_run.run_id)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=JOBS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def tell_success(context: dg.RunStatusSensorContext) -> None:
    """Metrics and alerts after a good run; after a good build the sign of life."""
    conclude(_outcome(context), context.dagster_run.job_name == build_job.name)


@dg.run_failure_sensor(monitored_jobs=JOBS, default_status=dg.DefaultSensorStatus.RUNNING)
def tell_failure(context: dg.RunFailureSensorContext) -> None:
    """Metrics and alerts after a run that failed or was killed."""
    failures = context.get_step_failure_events()
    step = str(failures[0].step_key) if failures else ""
    error = failures[0].event_specific_data.error if failures else None  # type: ignore[union-attr]
    while error is not None and error.cause is not None:
        error = error.cause
    said = error.message.strip() if error else str(context.failure_event.message)
    conclude(_outcome(context, step, said), False)


def _outcome(context: dg.RunStatusSensorContext, step: str = "", error: str = "") -> Outcome:
    run = context.dagster_run
    stats = context.instance.get_run_stats(run.run_id)
    ended = stats.end_time or time.time()
    return Outcome(
        job=run.job_name,
        is_good=run.status == dg.DagsterRunStatus.SUCCESS,
        ended_at=datetime.fromtimestamp(ended, UTC),
        seconds=ended - (stats.start_time or ended),
        failed_step=step,
        error=error,
    )


def _today() -> date:
    return datetime.now(UTC).date()


def unattended_definitions() -> dg.Definitions:
    """What a daemon does without being asked. A function, because a module may hold one Definitions only."""
    return dg.Definitions(
        jobs=[catch_up_job, prune_job],
        schedules=[fetch_daily, fetch_hourly, build_daily, prune_daily],
        sensors=[catch_up_on_start, build_after_catch_up, tell_success, tell_failure],
    )
