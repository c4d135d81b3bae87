"""When a live source counts as stalled: it goes silent, or it serves the same bytes for too long.

The rule follows from cadence_days, the days within which the publisher usually brings something new. The
model ops.source_freshness states the same rule in SQL; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from pipeline.registry import Source
from warehouse.lake import Lake
from warehouse.settings import HISTORY, Settings

LONGEST_SILENCE_DAYS = 7
"""Every source is asked every day, so a slow publisher is no excuse for not answering longer than this."""


@dataclass(frozen=True)
class Sight:
    """What is known of one source's fetches and readings. Instants are UTC; null where there was none."""

    attempted_at: datetime | None = None
    outcome: str | None = None
    rows: int | None = None
    rejects: int | None = None
    error_kind: str | None = None
    error: str | None = None
    first_attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    content_since: datetime | None = None
    """Start of the first fetch in the latest unbroken run of good ones that brought the same bytes."""
    last_reading_at: datetime | None = None


def sights(here: Settings, source_ids: Sequence[str]) -> dict[str, Sight]:
    """What lake and bundled history hold of the named sources; an empty one where they hold nothing."""
    lake = Lake(here.lake)
    lake.prepare()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(
            """
            with attempts as (
                select
                    source_id,
                    max(started_at) as attempted_at,
                    arg_max_null(outcome, started_at) as outcome,
                    arg_max_null(row_count, started_at) as rows,
                    arg_max_null(rejected_count, started_at) as rejects,
                    arg_max_null(error_kind, started_at) as error_kind,
                    arg_max_null(error, started_at) as error,
                    min(started_at) as first_attempted_at,
                    max(started_at) filter (where outcome != 'failed') as succeeded_at,
                    arg_max_null(content_since, started_at)
                        filter (where outcome != 'failed') as content_since
                from read_parquet($fetches, union_by_name = true)
                group by all
            ),
            readings as (
                select source_id, max(read_at) as last_reading_at
                from read_parquet($readings, union_by_name = true)
                where row_count > 0
                group by all
            )
            select * from attempts full join readings using (source_id)
            """,
            {
                "fetches": _files(lake.root / "fetches", source_ids),
                "readings": _files(lake.root / "readings", source_ids)
                + _files(HISTORY / "readings", source_ids),
            },
        ).fetchall()
    known = {source_id: Sight(*values) for source_id, *values in found}
    return {source_id: known.get(source_id, Sight()) for source_id in source_ids}


def _files(table: Path, source_ids: Sequence[str]) -> list[str]:
    """Patterns of the sources' files below one table, and of the empty one that states its schema."""
    folders = [table / f"source={source_id}" for source_id in ("none", *source_ids)]
    return [f"{folder}/*/*.parquet" for folder in folders if folder.exists()]


def longest_silence_days(source: Source) -> int:
    """Days without a good answer that are nothing to worry about."""
    return min(source.cadence_days, LONGEST_SILENCE_DAYS) + 1


def longest_sameness_days(source: Source) -> int:
    """Days over which the same bytes are nothing to worry about."""
    return 2 * source.cadence_days + 1


def stalled_reason(source: Source, sight: Sight, today: date) -> str:
    """Why the source counts as stalled on that UTC day; empty when it does not.

    A closed history never stalls. A source nobody has tried is not stalled either, one that has been tried in
    vain for too long is.
    """
    if not source.is_live:
        return ""
    seen = [instant for instant in (sight.succeeded_at, sight.last_reading_at) if instant]
    quiet_since = _day(max(seen)) if seen else _day(sight.first_attempted_at)
    if quiet_since and (today - quiet_since).days > longest_silence_days(source):
        return f"no good reading since {quiet_since}" if seen else f"tried in vain since {quiet_since}"
    same_since, last_good = _day(sight.content_since), _day(sight.succeeded_at)
    if same_since and last_good and (last_good - same_since).days > longest_sameness_days(source):
        return f"the same bytes since {same_since}"
    return ""


def _day(instant: datetime | None) -> date | None:
    return instant.astimezone(UTC).date() if instant else None
