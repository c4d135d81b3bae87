"""The state of the warehouse, read from the lake itself: true also before the first release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pipeline.freshness import sights, stalled_reason
from pipeline.holes import Hole, missed_days, read_holes
from pipeline.registry import all_sources, live_sources
from pipeline.resources import missing_secrets
from pipeline.review import Review, waiting
from warehouse.archive import Archive
from warehouse.lake import Lake
from warehouse.publish import Release, current_release
from warehouse.query import connect
from warehouse.settings import settings

LOOKED_BACK_DAYS: Final = 35
"""Missing days further back are for `aimarket catchup` to find: it reads every manifest there is."""
MART_FRESH_DAYS: Final = 2
"""The variable mart_fresh_days of the dbt project: a release that is not rebuilt ages all the same."""
TABLES: Final = "select table_schema, table_name from information_schema.tables"
MARTS: Final = """
    select mart, newest_read_at, source_count, stalled_source_count, is_stale
    from ops.mart_freshness order by mart
"""
MOVEMENTS: Final = """
    select source_id, contract, read_date, movement_ratio, limit_ratio, median_price_ratio
    from ops.source_movements
    qualify read_date = max(read_date) over (partition by source_id, contract) and is_anomaly
    order by all
"""
HAS_FLOORS: Final = """
    select count(*) from information_schema.columns
    where table_schema = 'ops' and table_name = 'name_coverage' and column_name = 'floor_ratio'
"""
COVERAGE: Final = """
    select kind, population, name_count, row_count, resolved_ratio, floor_ratio
    from ops.name_coverage where source_id is null order by kind, population
"""


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
    stalled_reason: str
    """Why it counts as stalled; empty when it does not."""
    held: list[Review]
    """Readings that wait for a decision."""


@dataclass(frozen=True)
class MartStatus:
    """How old the data are that a mart of the current release stands on."""

    mart: str
    newest_read_at: datetime | None
    age_days: int | None
    source_count: int
    stalled_source_count: int
    is_stale: bool


@dataclass(frozen=True)
class Movement:
    """Prices of a source that moved far more than it is used to, on the last day it was read."""

    source_id: str
    contract: str
    read_date: date
    movement_ratio: float
    limit_ratio: float
    median_price_ratio: float


@dataclass(frozen=True)
class Coverage:
    """Of a kind of names the share of rows that are resolved, 0 to 1, and what it is to be at least."""

    kind: str
    population: str
    names: int
    rows: int
    resolved_ratio: float
    floor_ratio: float | None


@dataclass(frozen=True)
class Status:
    """The current release, how far its names are resolved, every source and every mart."""

    release_id: str | None
    released_at: datetime | None
    row_count: int
    home: str
    names: list[Coverage]
    sources: list[SourceStatus]
    marts: list[MartStatus]
    movements: list[Movement]
    holes: list[Hole]
    """Days lost for good."""
    missed: dict[str, list[date]]
    """Recent days that `aimarket catchup` has still to settle, by source."""


def status(now: datetime | None = None) -> Status:
    """What is published and how every source stands."""
    here, now = settings(), now or datetime.now(UTC)
    lake = Lake(here.lake)
    seen = sights(here, list(all_sources()))
    found = []
    for source in all_sources().values():
        sight = seen[source.source_id]
        missing = missing_secrets(source)
        outcome, error = sight.outcome, sight.error
        if outcome is None:
            outcome = "no key" if missing else "never fetched" if source.is_live else "history"
            error = f"set {' and '.join(missing)}" if missing else ""
        read_at = sight.last_reading_at
        found.append(
            SourceStatus(
                source.source_id,
                outcome,
                sight.attempted_at,
                sight.rows,
                sight.rejects,
                sight.error_kind or "",
                error or "",
                read_at,
                (now - read_at).total_seconds() / 86_400 if read_at else None,
                stalled_reason(source, sight, now.astimezone(UTC).date()),
                waiting(lake, [source.source_id]),
            )
        )
    release = current_release(here.releases, here.market)
    marts, movements, names = _of_release(release, now) if release else ([], [], [])
    today = now.astimezone(UTC).date()
    since = today - timedelta(days=LOOKED_BACK_DAYS)
    missed = missed_days(live_sources(), Archive(here.archive), lake, today, since)
    return Status(
        release_id=release.release_id if release else None,
        released_at=datetime.fromisoformat(release.manifest["created_at"]) if release else None,
        row_count=sum(table["rows"] for table in release.manifest["tables"].values()) if release else 0,
        home=str(here.home),
        names=names,
        sources=found,
        marts=marts,
        movements=movements,
        holes=read_holes(lake, list(all_sources())),
        missed={source_id: [one.day for one in days] for source_id, days in missed.items()},
    )


def _of_release(release: Release, now: datetime) -> tuple[list[MartStatus], list[Movement], list[Coverage]]:
    """Ages of the marts as of ``now``, movements that stand out, and how far names are resolved.

    Nothing where the tables are missing, or are of an older release and have other columns.
    """
    with connect(release.path) as connection:
        known = {f"{schema}.{table}" for schema, table in connection.execute(TABLES).fetchall()}
        marts = connection.execute(MARTS).fetchall() if "ops.mart_freshness" in known else []
        moved = connection.execute(MOVEMENTS).fetchall() if "ops.source_movements" in known else []
        has_floors = connection.execute(HAS_FLOORS).fetchall() == [(1,)]
        covered = connection.execute(COVERAGE).fetchall() if has_floors else []
    found = []
    for mart, stated, source_count, stalled_source_count, was_stale in marts:
        read_at = stated.replace(tzinfo=UTC) if stated else None
        age_days = (now.astimezone(UTC).date() - read_at.date()).days if read_at else None
        is_stale = was_stale or age_days is None or age_days > MART_FRESH_DAYS
        found.append(MartStatus(mart, read_at, age_days, source_count, stalled_source_count, is_stale))
    return found, [Movement(*row) for row in moved], [Coverage(*row) for row in covered]
