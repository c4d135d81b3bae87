"""What a server does beside its two daily jobs: settle missed days, and keep what it stores within bounds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from pipeline.assets.fetch import LONGEST_PATIENCE_SECONDS, asset_key
from pipeline.catchup import catch_up
from pipeline.progress import Progress
from pipeline.registry import find_source
from warehouse.archive import Archive
from warehouse.files import exclusive
from warehouse.settings import settings

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
RUNS_AT_ONCE = 100


@dg.op
def settle_missed_days(context: dg.OpExecutionContext) -> None:
    """Fetch what is due of the sources that miss days, read what still tells of the days, record the rest."""
    results, caught = catch_up(Progress(), LONGEST_PATIENCE_SECONDS)
    day = datetime.now(UTC).date().isoformat()
    for result in results:
        if result.is_good:
            key = asset_key(find_source(result.source_id))
            context.log_event(dg.AssetMaterialization(key, partition=day, metadata={"rows": result.rows}))
    for one in caught:
        counts = f"{len(one.recovered)} days recovered, {len(one.lost)} lost, {len(one.open)} open"
        context.log.info("%s: %s %s", one.source_id, counts, one.reason)


@dg.job(
    name="catch_up", description="After days of downtime: read what still tells of them, record the rest."
)
def catch_up_job() -> None:
    settle_missed_days()


@dg.op
def remove_what_is_old(context: dg.OpExecutionContext) -> None:
    """Remove raw bytes and Dagster's runs that are older than the settings keep them."""
    files = prune_archive()
    runs = prune_runs(context.instance)
    context.log.info("removed %d files of the archive and %d runs", files, runs)


@dg.job(name="prune", description="Remove raw bytes and runs that are older than the settings keep them.")
def prune_job() -> None:
    remove_what_is_old()


def prune_archive() -> int:
    """Remove raw bytes older than AIMARKET_KEEP_ARCHIVE_DAYS, none without it; return the files removed."""
    here = settings()
    if here.keep_archive_days is None:
        return 0
    before = datetime.now(UTC).date() - timedelta(days=here.keep_archive_days)
    with exclusive(here.lake.with_suffix(".lock"), LONGEST_PATIENCE_SECONDS):
        return len(Archive(here.archive).prune(before))


def prune_runs(instance: dg.DagsterInstance, now: datetime | None = None) -> int:
    """Remove ended runs older than AIMARKET_KEEP_RUNS_DAYS with their events and logs; return how many.

    Dagster has a setting for the ticks of schedules and sensors only; dagster.yaml uses it.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=settings().keep_runs_days)
    old = dg.RunsFilter(statuses=ENDED, created_before=before)
    count = 0
    while run_ids := [run.run_id for run in instance.get_runs(old, limit=RUNS_AT_ONCE)]:
        for run_id in run_ids:
            _remove_run(instance, run_id)
        count += len(run_ids)
    return count


def _remove_run(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    # What Dagster leaves behind: what checks said, and in SQLite the run's own file.
    events = instance.event_log_storage
    if isinstance(events, SqlEventLogStorage):
        with events.index_connection() as connection:
            table = AssetCheckExecutionsTable
            connection.execute(table.delete().where(table.c.run_id == run_id))
    if isinstance(events, SqliteEventLogStorage):
        Path(events.path_for_shard(run_id)).unlink(missing_ok=True)
