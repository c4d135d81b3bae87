"""After days of downtime: which days of which sources are missing, and what of them can still be had.

A day of a source is missing when the archive holds no good fetch of it, although the source had been asked
before. Two things may still tell of it: what the source serves later, where that carries dated rows, and the
git history of the file it publishes. Once both were read the day is recorded in the lake's table `holes`,
made good or not, and never looked at again. Nothing is interpolated: a day without a reading stays one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from pipeline.backfill import backfill, git_history, open_repository
from pipeline.errors import EmptyHistory, HistoryError
from pipeline.fetching import fetch_all, is_due
from pipeline.loading import Result
from pipeline.progress import Progress
from pipeline.registry import Source, live_sources
from warehouse.archive import Archive, Attempt
from warehouse.files import exclusive
from warehouse.lake import HOLES_SCHEMA, Lake
from warehouse.settings import Settings, settings


@dataclass(frozen=True)
class Missed:
    """A day (UTC) of a source without a good fetch."""

    day: date
    attempt_count: int
    error: str
    """The last error of the day; empty where nobody asked."""

    @property
    def cause(self) -> str:
        return "failed" if self.attempt_count else "not asked"


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


def missed_days(
    sources: Collection[Source], archive: Archive, lake: Lake, today: date, since: date = date.min
) -> dict[str, list[Missed]]:
    """Days before ``today`` on which a source should have been read and was not, oldest first, by source.

    Days count from a source's first attempt on, or from ``since`` if that is later. Days that were settled
    before are left out.
    """
    by_day = {day: _by_source(archive.attempts(day)) for day in sorted(archive.days()) if day >= since}
    found = {}
    for source in sources:
        asked = [day for day, attempts in by_day.items() if source.source_id in attempts]
        if not asked:
            continue
        settled = _settled(lake, source.source_id)
        missed = []
        for day in _days(asked[0], today):
            attempts = by_day.get(day, {}).get(source.source_id, [])
            if day not in settled and all(attempt.outcome == "failed" for attempt in attempts):
                missed.append(Missed(day, len(attempts), attempts[-1].error if attempts else ""))
        if missed:
            found[source.source_id] = missed
    return found


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


def read_holes(lake: Lake, source_ids: Sequence[str]) -> dict[str, list[date]]:
    """Permanent holes by source, oldest first: recorded days of which no reading tells."""
    found = {source_id: sorted(_settled(lake, source_id)) for source_id in source_ids}
    read = _days_read(lake, [source_id for source_id, days in found.items() if days])
    return {
        source_id: [day for day in days if day not in read.get(source_id, ())]
        for source_id, days in found.items()
    }


def _settle(source: Source, missed: list[Missed], archive: Archive, lake: Lake, here: Settings) -> Caught:
    caught = Caught(source.source_id)
    answered = archive.last_good(source.source_id)
    last_answer = answered.started_at.astimezone(UTC).date() if answered else date.min
    sought = [one for one in missed if one.day < last_answer]
    if len(sought) < len(missed):
        caught.reason = f"{source.source_id} has not answered since {last_answer if answered else 'ever'}"
        caught.open = [one.day for one in missed[len(sought) :]]
    read = _days_read(lake, [source.source_id]).get(source.source_id, set())
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
        read = _days_read(lake, [source.source_id]).get(source.source_id, set())
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


def _by_source(attempts: Sequence[Attempt]) -> Mapping[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(attempt.source_id, []).append(attempt)
    return found


def _days(first: date, end: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((end - first).days))


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last day of each unbroken run of ordered days."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def _settled(lake: Lake, source_id: str) -> set[date]:
    files = [lake.read("holes", source_id, day) for day in lake.days("holes", source_id)]
    return {day for frame in files for day in frame["hole_date"]}


def _days_read(lake: Lake, source_ids: Sequence[str]) -> dict[str, set[date]]:
    """Days (UTC) of which a reading of the lake tells, by source."""
    lake.prepare()
    folders = [lake.root / "readings" / f"source={name}" for name in ("none", *source_ids)]
    files = [f"{folder}/*/*.parquet" for folder in folders if folder.exists()]
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select distinct source_id, (read_at at time zone 'UTC')::date "
            "from read_parquet(?, union_by_name = true) where row_count > 0",
            [files],
        ).fetchall()
    found: dict[str, set[date]] = {}
    for source_id, day in rows:
        found.setdefault(source_id, set()).add(day)
    return found
