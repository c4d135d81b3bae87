"""The jobs of pipeline.definitions in this process: what the command line calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from pipeline.assets.fetch import asset_key
from pipeline.definitions import definitions
from pipeline.loading import Result
from pipeline.progress import Progress
from pipeline.registry import find_source
from warehouse.errors import AimarketError
from warehouse.publish import Release, current_release
from warehouse.settings import settings


def run_fetch(progress: Progress, source_ids: Sequence[str] = (), again: bool = False) -> list[Result]:
    """Fetch the named sources, or all live ones, for today. A source that fails is in the results."""
    selection = [asset_key(find_source(source_id)) for source_id in source_ids] or None
    with _instance() as instance:
        definitions(progress).resolve_job_def("fetch").execute_in_process(
            instance=instance,
            partition_key=datetime.now(UTC).date().isoformat(),
            asset_selection=selection,
            run_config={"ops": {"fetch_sources": {"config": {"again": again}}}},
        )
    return progress.results


def run_build(progress: Progress, as_of: str = "") -> Release:
    """Build, audit, publish and report. Raises AimarketError with what stopped it."""
    with _instance() as instance:
        done = (
            definitions(progress)
            .resolve_job_def("build")
            .execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"ops": {"build_models": {"config": {"as_of": as_of}}}},
            )
        )
    if not done.success:
        raise AimarketError(_why(done))
    published = current_release(settings().releases, settings().market)
    if published is None:
        raise AimarketError("the build succeeded but nothing is published")
    return published


def dagster_home() -> str:
    """Where runs and schedules are remembered; the same for the command line and `aimarket dev`."""
    home = settings().home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text("telemetry:\n  enabled: false\n")
    return str(home)


def _instance() -> dg.DagsterInstance:
    os.environ["DAGSTER_HOME"] = dagster_home()
    return dg.DagsterInstance.get()


def _why(done: dg.ExecuteInProcessResult) -> str:
    """The first failed step and its innermost error."""
    for event in done.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return (
                f"step {event.step_key} failed: {error.message.strip() if error else 'no error was recorded'}"
            )
    return "the build failed without a failed step"
