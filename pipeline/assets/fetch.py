"""Every live source as an asset of its own; one step fetches them side by side.

One step for all, because fetching is waiting: a process per source costs seconds of CPU each. A source that
fails shows a failed check and no materialization; it fails neither the step nor the others.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from pipeline.fetching import fetch_all, is_due
from pipeline.freshness import (
    Sight,
    longest_sameness_days,
    longest_silence_days,
    sights,
    stalled_reason,
)
from pipeline.loading import Result
from pipeline.progress import Progress
from pipeline.registry import Source, live_sources
from pipeline.resources import missing_secrets
from warehouse.files import exclusive
from warehouse.lake import Lake
from warehouse.settings import settings

FIRST_DAY = "2026-11-21"
"""Day from which live readings exist; what came before is history and has no partition."""
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)


LONGEST_PATIENCE_SECONDS = 3600.0
"""How long an unattended run waits for another one to let go of the lake or the build."""


class Patience(dg.Config):
    """``patience_seconds``: how long to wait for another fetch, or build."""

    patience_seconds: float = LONGEST_PATIENCE_SECONDS


class FetchConfig(Patience):
    """``again``: fetch also what has a good reading today."""

    again: bool = False


def asset_key(source: Source) -> dg.AssetKey:
    return dg.AssetKey(["sources", source.source_id])


def _spec(source: Source) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(source),
        description=f"{source.publisher}: {', '.join(source.contracts)}. {source.license}",
        group_name="sources",
        kinds={"python", "parquet"},
        partitions_def=DAYS,
        skippable=True,
        metadata={"url": dg.MetadataValue.url(source.url), "redistribution": source.redistribution},
    )


def _checks(source: Source) -> list[dg.AssetCheckSpec]:
    key = asset_key(source)
    return [
        dg.AssetCheckSpec("fetched", asset=key, description="The source answered and could be read."),
        dg.AssetCheckSpec(
            "plausible_size",
            asset=key,
            description=f"At least {source.smallest_row_count} rows, the smallest plausible count, and no "
            "part that lost or gained over a quarter of its rows at once.",
        ),
        dg.AssetCheckSpec(
            "not_stalled",
            asset=key,
            description=f"No more than {longest_silence_days(source)} days without a good reading, "
            f"nor {longest_sameness_days(source)} with the same bytes.",
        ),
    ]


@dg.multi_asset(
    name="fetch_sources",
    specs=[_spec(source) for source in live_sources()],
    check_specs=[check for source in live_sources() for check in _checks(source)],
    can_subset=True,
)
def fetch_sources(
    context: dg.AssetExecutionContext, config: FetchConfig, progress: dg.ResourceParam[Progress]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Fetch and load the selected sources that are due today."""
    wanted = [source for source in live_sources() if asset_key(source) in context.selected_asset_keys]
    able = [source for source in wanted if not missing_secrets(source)]
    lake = Lake(settings().lake)
    with exclusive(lake.root.with_suffix(".lock"), config.patience_seconds):
        now = datetime.now(UTC)
        due = [source for source in able if config.again or is_due(source, lake, now)]
        context.log.info("%d of %d sources are due", len(due), len(wanted))
        progress.begin_fetch([source.source_id for source in due])
        by_id = {source.source_id: source for source in due}
        for result in fetch_all(due, settings(), progress.step):
            progress.finish(result)
            yield from _report(by_id[result.source_id], result)
        yield from _freshness(due, progress.results, now)


def _freshness(
    due: Sequence[Source], results: Sequence[Result], now: datetime
) -> Iterator[dg.AssetCheckResult]:
    """Whether what was just asked is stalled, be it silent or the same as ever."""
    seen = sights(settings(), [result.source_id for result in results if not result.is_good])
    seen |= {
        result.source_id: Sight(succeeded_at=now, content_since=result.content_since)
        for result in results
        if result.is_good
    }
    for source in due:
        reason = stalled_reason(source, seen[source.source_id], now.date())
        yield dg.AssetCheckResult(
            check_name="not_stalled",
            asset_key=asset_key(source),
            passed=not reason,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"reason": reason} if reason else {},
        )


def _report(source: Source, result: Result) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    key = asset_key(source)
    yield dg.AssetCheckResult(
        check_name="fetched",
        asset_key=key,
        passed=result.is_good,
        metadata={"error": result.error} if result.error else {},
    )
    if not result.is_good:
        return
    metadata: dict[str, str | int] = {"rows": result.rows, "smallest_plausible": source.smallest_row_count}
    if result.held:
        metadata |= {"held_rows": result.held, "decide_by": f"aimarket review {source.source_id}"}
    yield dg.AssetCheckResult(
        check_name="plausible_size",
        asset_key=key,
        passed=result.rows >= source.smallest_row_count and not result.held,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )
    yield dg.MaterializeResult(
        asset_key=key,
        metadata={
            "outcome": result.outcome,
            "rows": result.rows,
            "rejects": result.rejects,
            "held": result.held,
            "bytes": result.body_bytes,
            "requests": result.request_count,
            "seconds": result.seconds,
        },
    )


fetch_job = dg.define_asset_job(
    "fetch",
    # Of the checks only its own: others belong to the same assets and need a release.
    selection=dg.AssetSelection.assets(fetch_sources).without_checks()
    | dg.AssetSelection.checks(*fetch_sources.check_keys),
    description="Fetch every live source into the archive and the lake.",
)


def fetch_definitions(progress: Progress) -> dg.Definitions:
    """The job `fetch`, telling ``progress`` what happens."""
    return dg.Definitions(assets=[fetch_sources], jobs=[fetch_job], resources={"progress": progress})
