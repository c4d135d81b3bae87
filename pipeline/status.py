"""The state of the warehouse, read from the lake itself: true also before the first release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.freshness import sights, stalled_reason
from pipeline.registry import all_sources
from pipeline.resources import missing_secrets
from pipeline.review import Review, waiting
from warehouse.lake import Lake
from warehouse.publish import current_release
from warehouse.settings import settings


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
class Status:
    """The current release and every source."""

    release_id: str | None
    home: str
    sources: list[SourceStatus]


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
    return Status(release.release_id if release else None, str(here.home), found)
