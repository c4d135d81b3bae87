"""The jobs of pipeline.definitions in this process: what the command line calls.

The instance is ephemeral and keeps no event: storing them, be it in memory, would cost as much as the fetch
itself. What a run leaves behind is in the archive, the lake and the releases; `aimarket dev` remembers the
runs it starts.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from pipeline.assets.fetch import asset_key, fetch_definitions
from pipeline.errors import BuildFailed, RegistryError
from pipeline.loading import Result
from pipeline.progress import Progress
from pipeline.registry import find_source
from warehouse.errors import AimarketError
from warehouse.publish import Release, current_release
from warehouse.settings import REPOSITORY, settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def fetch(progress: Progress, source_ids: Sequence[str] = (), again: bool = False) -> list[Result]:
    """Fetch the named sources, or all live ones, for today. A source that fails is in the results."""
    chosen = [find_source(source_id) for source_id in source_ids]
    if history := [source.source_id for source in chosen if not source.is_live]:
        raise RegistryError(
            f"{', '.join(history)}: a frozen history, nothing to fetch; see `aimarket backfill`"
        )
    with _instance() as instance, _quiet(_log("fetch"), "w"):
        fetch_definitions(progress).resolve_job_def("fetch").execute_in_process(
            instance=instance,
            partition_key=datetime.now(UTC).date().isoformat(),
            asset_selection=[asset_key(source) for source in chosen] or None,
            run_config=QUIET
            | {"ops": {"fetch_sources": {"config": {"again": again, "patience_seconds": 0}}}},
        )
    return progress.results


class Build:
    """The job `build`. Making it loads dbt and the project, running it costs what the data weigh."""

    def __init__(self, progress: Progress) -> None:
        with _quiet(_log("build"), "w"):
            # Here and not above: fetching needs none of it.
            from pipeline.assets.build import build_definitions

            self._job = build_definitions(progress).resolve_job_def("build")
            self._instance = _instance()

    def run(self) -> Release:
        """Build, audit, publish and report. Raises BuildFailed with what stopped it."""
        with self._instance as instance, _quiet(_log("build"), "a"):
            done = self._job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config=QUIET | {"ops": {"build_models": {"config": {"patience_seconds": 0}}}},
            )
        if not done.success:
            if _is_interrupted(done):
                raise KeyboardInterrupt
            step, why = _failed_step(done)
            raise BuildFailed(f"{why}\nsee {_log('build')}", step)
        published = current_release(settings().releases, settings().market)
        if published is None:
            raise AimarketError("the build succeeded but nothing is published")
        return published


def prune() -> dict[str, int]:
    """Remove what the settings no longer keep: files of the archive, and runs where Dagster remembers any."""
    from pipeline.assets.upkeep import prune_archive, prune_runs

    home = Path(os.environ.get("DAGSTER_HOME") or settings().home / "dagster")
    runs = 0
    if (home / "dagster.yaml").exists():
        with dg.DagsterInstance.from_config(str(home)) as instance:
            runs = prune_runs(instance)
    return {"files": prune_archive(), "runs": runs}


def dagster_home() -> str:
    """Where `aimarket dev` remembers runs and schedules; set up like a server with SQLite."""
    home = settings().home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        shutil.copyfile(REPOSITORY / "deploy" / "dagster.yaml", configuration)
    return str(home)


def _instance() -> dg.DagsterInstance:
    def forget(event: dg.EventLogEntry) -> None:
        """A job that runs in this process hands its caller all events anyway."""
        del event

    def no_records(asset_keys: Sequence[dg.AssetKey] | None = None) -> list[Any]:
        """What keeps no event knows of no asset; to look all the same takes a second per run."""
        del asset_keys
        return []

    def no_observations(*_: object, **__: object) -> dg.EventRecordsResult:
        return dg.EventRecordsResult([], cursor="", has_more=False)

    instance = dg.DagsterInstance.ephemeral()
    # The instance makes its storage itself and takes no other.
    storage = instance.event_log_storage
    storage.store_event = forget  # type: ignore[method-assign]
    storage.get_asset_records = no_records  # type: ignore[method-assign]
    storage.fetch_observations = no_observations  # type: ignore[method-assign]
    return instance


@contextmanager
def _quiet(log: Path, mode: str) -> Iterator[None]:
    """Keep the libraries' running commentary in a file: the screen belongs to the progress display."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open(mode, encoding="utf-8") as target, redirect_stdout(target):
        yield


def _log(job: str) -> Path:
    return settings().home / f"{job}.log"


def _is_interrupted(done: dg.ExecuteInProcessResult) -> bool:
    return any(
        event.step_failure_data.error.cls_name == "DagsterExecutionInterruptedError"
        for event in done.all_events
        if event.is_step_failure and event.step_failure_data.error
    )


def _failed_step(done: dg.ExecuteInProcessResult) -> tuple[str, str]:
    """The first failed step, and in which words with its innermost error."""
    for event in done.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            why = error.message.strip() if error else "no error was recorded"
            return str(event.step_key), f"step {event.step_key} failed: {why}"
    return "", "the build failed without a failed step"
