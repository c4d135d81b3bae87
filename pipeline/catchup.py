"""After days of downtime: read what still tells of the missing days, record the rest as holes.

Two things may still tell of a day that nobody read: what the source serves later, where that carries dated
rows, and the git history of the file it publishes. Once both were read the day is settled, made good or not,
and never looked at again. Nothing is interpolated: a day without a reading stays one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline.backfill import backfill, git_history, open_repository
from pipeline.errors import EmptyHistory, HistoryError
from pipeline.fetching import fetch_all, is_due
from pipeline.holes import Missed, days_read, missed_days
from pipeline.loading import Result
from pipeline.progress import Progress
from pipeline.registry import Source, live_sources
from warehouse.archive import Archive
from warehouse.files import exclusive
from warehouse.lake import HOLES_SCHEMA, Lake
from warehouse.settings import Settings, settings


@dataclass
class Caught:
    """What became of one source's missing days."""

    source_id: str
    recovered: list[date] = field(default_factory=list)
    """A later payload or the file's history tells of them."""
    lost: list[date] = field(default_factory=list)
    """Nothing does: permanent holes."""
    open: list[date] = field(default_factory=list)
    """Not settled yet: what may tell of them could not be read."""
    reason: str = ""
    """Why they are open."""


def settle(
    sources: Collection[Source], archive: Archive, lake: Lake, here: Settings, today: date
) -> list[Caught]:
    """Read the histories that may tell of missing days and record what can no longer change.

    Call it after today's fetch: a source that has not answered since a day was missed keeps that day open.
    May be stopped at any time and called again; a source is settled in one step.
    """
    missed = missed_days(sources, archive, lake, today)
    by_id = {source.source_id: source for source in sources}
    return [_settle(by_id[source_id], days, archive, lake, here) for source_id, days in missed.items()]


def catch_up(progress: Progress, patience_seconds: float = 0) -> tuple[list[Result], list[Caught]]:
    """Fetch what is due of the sources that miss days, then settle these days.

    Raises Held where another process is still fetching after ``patience_seconds``.
    """
    here = settings()
    archive, lake = Archive(here.archive), Lake(here.lake)
    lake.prepare()
    with exclusive(here.lake.with_suffix(".lock"), patience_seconds):
        now = datetime.now(UTC)
        missed = missed_days(live_sources(), archive, lake, now.date())
        sources = [source for source in live_sources() if source.source_id in missed]
        due = [source for source in sources if is_due(source, lake, now)]
        progress.begin_fetch([source.source_id for source in due])
        for result in fetch_all(due, here, progress.step):
            progress.finish(result)
        return progress.results, settle(sources, archive, lake, here, now.date())


def _settle(source: Source, missed: list[Missed], archive: Archive, lake: Lake, here: Settings) -> Caught:
    caught = Caught(source.source_id)
    answered = archive.last_good(source.source_id)
    last_answer = answered.started_at.astimezone(UTC).date() if answered else date.min
    sought = [one for one in missed if one.day < last_answer]
    if len(sought) < len(missed):
        caught.reason = f"has not answered since {last_answer}" if answered else "has never answered"
        caught.open = [one.day for one in missed[len(sought) :]]
    read = days_read(lake, [source.source_id]).get(source.source_id, set())
    sought_in = "later fetches"
    location = getattr(source.module, "HISTORY_URL", None)
    if location and (unread := [one.day for one in sought if one.day not in read]):
        try:
            repository = open_repository(location, here.home / "git")
            for first, last in _spans(unread):
                _replay(source, repository, first, last, lake)
        except HistoryError as error:
            caught.open, caught.reason = [one.day for one in missed], str(error)
            return caught
        sought_in += " and git history"
        read = days_read(lake, [source.source_id]).get(source.source_id, set())
    caught.recovered = [one.day for one in sought if one.day in read]
    caught.lost = [one.day for one in sought if one.day not in read]
    now = datetime.now(UTC)
    rows = [
        {
            "source_id": source.source_id,
            "hole_date": one.day,
            "cause": one.cause,
            "attempt_count": one.attempt_count,
            "error": one.error or None,
            "sought_in": sought_in,
            "recorded_at": now,
        }
        for one in sought
    ]
    lake.add("holes", source.source_id, now.date(), f"{now:%H%M%S%f}", pl.DataFrame(rows, HOLES_SCHEMA))
    return caught


def _replay(source: Source, repository: Path, first: date, last: date, lake: Lake) -> None:
    paths = getattr(source.module, "HISTORY_PATHS", ())
    # Nobody may have touched the files in these days.
    with suppress(EmptyHistory):
        backfill(source, git_history(repository, paths, first, last), lake, datetime.now(UTC))


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last day of each unbroken run of ordered days."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
