"""Days a source was not read: which ones, and which of them are lost.

A day (UTC) of a source is missing when the archive holds no good fetch of it, although the source had been
asked before. It stays missing until `pipeline/catchup.py` settles it: then it stands in the lake's table
`holes`, and it is lost unless a reading tells of it all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb

from pipeline.registry import Source
from warehouse.archive import Archive, Attempt
from warehouse.lake import Lake


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


@dataclass(frozen=True)
class Hole:
    """A day (UTC) of a source that is lost for good."""

    source_id: str
    day: date
    cause: str
    recorded_at: datetime


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


def read_holes(lake: Lake, source_ids: Sequence[str]) -> list[Hole]:
    """Permanent holes, oldest first: recorded days of which no reading tells."""
    found = [
        Hole(source_id, row["hole_date"], row["cause"], row["recorded_at"])
        for source_id in source_ids
        for day in lake.days("holes", source_id)
        for row in lake.read("holes", source_id, day).iter_rows(named=True)
    ]
    read = days_read(lake, {hole.source_id for hole in found}) if found else {}
    lost = [hole for hole in found if hole.day not in read.get(hole.source_id, ())]
    return sorted(lost, key=lambda hole: (hole.day, hole.source_id))


def days_read(lake: Lake, source_ids: Iterable[str]) -> dict[str, set[date]]:
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


def _by_source(attempts: Sequence[Attempt]) -> Mapping[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(attempt.source_id, []).append(attempt)
    return found


def _days(first: date, end: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((end - first).days))


def _settled(lake: Lake, source_id: str) -> set[date]:
    files = [lake.read("holes", source_id, day) for day in lake.days("holes", source_id)]
    return {day for frame in files for day in frame["hole_date"]}
