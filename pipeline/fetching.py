"""From the vendors to the archive: every source at once, each failing alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import polars as pl

from pipeline.errors import ParserFault, SourceError
from pipeline.http import Http, Pace
from pipeline.loading import Result, is_loaded, load
from pipeline.registry import Source
from pipeline.resources import missing_secrets, secrets_of
from warehouse.archive import Archive, Fetch, Outcome
from warehouse.lake import Lake
from warehouse.settings import Settings

MOST_AT_ONCE = 16
"""Sources fetched side by side. They wait for the network; per host the pace holds."""

OnProgress = Callable[[str, str], None]
"""Called with a source_id and what it is doing now."""


def fetch_all(
    sources: Sequence[Source], settings: Settings, on_progress: OnProgress = lambda _source, _step: None
) -> Iterator[Result]:
    """Fetch and load each source; yield results as they finish. A source that fails does not raise."""
    archive, lake = Archive(settings.archive), Lake(settings.lake)
    lake.prepare()
    pace = Pace(settings.requests_per_second)
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        running = [
            pool.submit(_fetch_and_load, source, archive, lake, settings, pace, on_progress)
            for source in sources
        ]
        for done in as_completed(running):
            yield done.result()


def fetch(
    source: Source,
    archive: Archive,
    settings: Settings,
    pace: Pace,
    on_progress: OnProgress = lambda _source, _step: None,
) -> Fetch:
    """Read one source into the archive. The returned record is on disk; a failure is in it, not raised."""
    started_at = datetime.now(UTC)
    received = 0

    def count(chunk_bytes: int) -> None:
        nonlocal received
        received += chunk_bytes
        on_progress(source.source_id, f"{received / 1e6:.1f} MB")

    previous = archive.last_good(source.source_id)
    http = Http(archive, settings, pace, previous, count, secrets_of(source))
    outcome: Outcome = "complete"
    error_kind = error_text = ""
    try:
        with closing(http):
            source.module.fetch(http)
    except SourceError as error:
        outcome, error_kind, error_text = "failed", type(error).__name__, str(error)
    except Exception as error:  # noqa: BLE001 - one broken module must not stop the other sources
        outcome, error_kind = "failed", ParserFault.__name__
        error_text = f"pipeline/sources/{source.source_id}.py failed with {type(error).__name__}: {error}"
    data = [exchange for exchange in http.exchanges if exchange.is_data]
    if outcome == "complete" and data and all(exchange.status == 304 for exchange in data):
        outcome = "unchanged"
    record = Fetch(
        source.source_id, started_at, datetime.now(UTC), outcome, http.exchanges, error_kind, error_text
    )
    if outcome != "failed":
        record = msgspec.structs.replace(record, content_since=_content_since(record, previous))
    archive.record(record)
    return record


def _content_since(record: Fetch, previous: Fetch | None) -> datetime:
    if previous is None or previous.bodies != record.bodies:
        return record.started_at
    return previous.content_since or previous.started_at


def unloaded(source: Source, archive: Archive, lake: Lake) -> list[Fetch]:
    """Archived fetches that a killed run left outside the lake, oldest first.

    Days are walked backwards until one whose fetches are all loaded: the check costs a day, not the history.
    """
    found: list[Fetch] = []
    for day in archive.days():
        recorded = list(archive.fetches(source.source_id, day))
        missing = [fetch for fetch in recorded if not is_loaded(fetch, source, lake)]
        found = missing + found
        if recorded and not missing:
            break
    return found


def is_due(source: Source, lake: Lake, now: datetime) -> bool:
    """Whether the source can be asked and has no good reading on this UTC day."""
    if missing_secrets(source):
        return False
    today = lake.read("fetches", source.source_id, now.astimezone(UTC).date())
    return today.filter(pl.col("outcome") != "failed").is_empty()


def _fetch_and_load(
    source: Source, archive: Archive, lake: Lake, settings: Settings, pace: Pace, on_progress: OnProgress
) -> Result:
    """One source from vendor to lake. Whatever goes wrong stays in the result: the others go on."""
    begun = time.monotonic()
    try:
        for left_over in unloaded(source, archive, lake):
            load(left_over, source, archive, lake)
        on_progress(source.source_id, "fetching")
        record = fetch(source, archive, settings, pace, on_progress)
        on_progress(source.source_id, "loading")
        result = load(record, source, archive, lake)
    except Exception as error:  # noqa: BLE001 - a module that cannot even be imported must not stop the others
        said = f"pipeline/sources/{source.source_id}.py failed with {type(error).__name__}: {error}"
        result = Result(source.source_id, "failed", error_kind=ParserFault.__name__, error=said)
    result.seconds = time.monotonic() - begun
    on_progress(source.source_id, result.outcome)
    return result
