"""The state of the warehouse, read from the lake itself: true also before the first release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from pipeline.registry import all_sources
from pipeline.resources import missing_secrets
from warehouse.lake import Lake
from warehouse.publish import current_release
from warehouse.settings import HISTORY, settings


@dataclass(frozen=True)
class SourceStatus:
    """One source: its last attempt and its newest data. ``outcome`` is `history` where nothing is fetched."""

    source_id: str
    outcome: str
    attempted_at: datetime | None
    rows: int | None
    rejects: int | None
    error_kind: str
    error: str
    last_reading_at: datetime | None
    age_days: float | None


@dataclass(frozen=True)
class Status:
    """The current release and every source."""

    release_id: str | None
    home: str
    sources: list[SourceStatus]


def status(now: datetime | None = None) -> Status:
    """What is published and how every source stands."""
    here, now = settings(), now or datetime.now(UTC)
    Lake(here.lake).prepare()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        attempts = {
            row[0]: row[1:]
            for row in connection.execute(
                "select source_id, outcome, started_at, row_count, rejected_count, error_kind, error "
                "from read_parquet(?) qualify started_at = max(started_at) over (partition by source_id)",
                [f"{here.lake}/fetches/**/*.parquet"],
            ).fetchall()
        }
        readings = dict(
            connection.execute(
                "select source_id, max(read_at) from read_parquet(?) where row_count > 0 group by all",
                [_globs("readings")],
            ).fetchall()
        )
    found = []
    for source in all_sources().values():
        never = ("never fetched" if source.is_live else "history", None, None, None, "", "")
        if missing := missing_secrets(source):
            never = ("no key", None, None, None, "", f"set {' and '.join(missing)}")
        outcome, attempted_at, rows, rejects, error_kind, error = attempts.get(source.source_id, never)
        last_reading_at = readings.get(source.source_id)
        age_days = (now - last_reading_at).total_seconds() / 86_400 if last_reading_at else None
        found.append(
            SourceStatus(
                source.source_id,
                outcome,
                attempted_at,
                rows,
                rejects,
                error_kind or "",
                error or "",
                last_reading_at,
                age_days,
            )
        )
    release = current_release(here.releases, here.market)
    return Status(release.release_id if release else None, str(here.home), found)


def _globs(table: str) -> list[str]:
    """The lake's files of a table and, where there are any, the bundled ones."""
    bundled = HISTORY / table
    return [f"{root}/**/*.parquet" for root in (settings().lake / table, bundled) if root.exists()]
