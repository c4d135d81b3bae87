"""Old captures of a source's pages, from the Internet Archive, for the parser that reads the page today.

What belongs here: which captures there are, and bringing each distinct one here once. What does not: turning
them into observations (pipeline/backfill.py) and what a page says (pipeline/sources).

A module names its pages in ARCHIVED_PAGES, reading scope to address; an address that ends in /* stands for
all pages below it, whose last part is their scope. The index knows captures of the same bytes by their
digest: one is fetched, each is a reading. What was brought is kept in the raw archive at once, so that a
second run goes on where the first one stopped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, groupby
from urllib.parse import urlsplit

from pipeline.backfill import Backfilled, History, Version, backfill
from pipeline.errors import HistoryError, PayloadError, SourceError, Unreachable
from pipeline.http import Http, Pace
from pipeline.parsing import decode
from pipeline.progress import Progress
from pipeline.registry import Source
from warehouse.archive import Archive, Capture
from warehouse.lake import Lake
from warehouse.settings import Settings

INDEX_URL = "https://web.archive.org/cdx/search/cdx"
CAPTURE_URL = "https://web.archive.org/web/{timestamp}id_/{url}"
"""``id_``: the bytes as they were captured, without the archive's own frame and links."""
FIELDS = ("timestamp", "original", "mimetype", "statuscode", "digest")
REVISIT = "warc/revisit"
"""Type of a capture that found the bytes of an earlier one; it states no status."""
DIGEST = re.compile(r"[A-Za-z0-9]+")
OVERLOADED = frozenset({429, 502, 503, 504})
"""Statuses by which the Internet Archive asks to be left alone for a while."""


@dataclass(frozen=True)
class Listed:
    """A line of the index."""

    captured_at: datetime
    url: str
    mimetype: str
    status: str
    digest: str


def backfill_pages(
    source: Source,
    here: Settings,
    lake: Lake,
    since: date | None = None,
    until: date | None = None,
    progress: Progress | None = None,
) -> Backfilled:
    """Bring the captures of a source's pages that are not here yet and replay all of them.

    Stops asking where the Internet Archive does not answer or wants to be left alone; what is here is
    replayed all the same, and ``missing_captures`` says how many are left to a later run. Raises a
    SourceError where the index cannot be had, HistoryError where there is no page, no capture or nothing that
    can be read.
    """
    pages: Mapping[str, str] = getattr(source.module, "ARCHIVED_PAGES", {})
    if not pages:
        raise HistoryError(f"{source.source_id} names no page of which there could be captures")
    progress = progress or Progress()
    progress.begin_fetch([source.source_id])
    archive = Archive(here.archive)
    with closing(Http(archive, here, Pace(here.requests_per_second))) as http:
        listed = _by_scope(pages, http, since, until)
        if not listed:
            raise HistoryError(f"the Internet Archive holds no capture of {', '.join(pages.values())}")
        bodies, missing = _bring(source.source_id, listed, archive, http, progress)
    total = Backfilled(source.source_id, missing_captures=missing)
    for scope, lines in listed.items():
        _replay(source, scope, lines, bodies, archive, lake, total)
    if not total.readings:
        raise HistoryError(
            f"{source.source_id}: none of {total.versions} captures could be read, {missing} could not be "
            f"had; {'; '.join(total.failed_versions[:3])}"
        )
    return total


def _by_scope(
    pages: Mapping[str, str], http: Http, since: date | None, until: date | None
) -> dict[str, list[Listed]]:
    """Usable captures by reading scope, oldest first."""
    found: dict[str, list[Listed]] = defaultdict(list)
    for scope, url in pages.items():
        for line in _index(url, http, since, until):
            if url.endswith("/*"):
                below = urlsplit(line.url).path.removeprefix(urlsplit(url).path[:-1]).strip("/")
                if below and "/" not in below and not urlsplit(line.url).query:
                    found[below].append(line)
            else:
                found[scope].append(line)
    usable = {scope: _usable(lines) for scope, lines in found.items()}
    return {scope: lines for scope, lines in usable.items() if lines}


def _index(url: str, http: Http, since: date | None, until: date | None) -> Iterator[Listed]:
    """The lines of the index for one address. Raises a SourceError."""
    bounds = {"from": since, "to": until}
    params = {"url": url, "output": "json", "fl": ",".join(FIELDS)}
    params |= {name: f"{day:%Y%m%d}" for name, day in bounds.items() if day}
    answer = decode(http.get(INDEX_URL, params=params, parse=False), list[tuple[str, str, str, str, str]])
    # The first line names the fields; there is none where there is no capture.
    for timestamp, original, mimetype, status, digest in answer[1:]:
        try:
            captured_at = datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            captured_at = None
        if captured_at is None or not DIGEST.fullmatch(digest):
            raise PayloadError(f"{INDEX_URL}: not a line of the index: {timestamp} {original} {digest}")
        yield Listed(captured_at, original, mimetype, status, digest)


def _usable(lines: Sequence[Listed]) -> list[Listed]:
    """Captures that show a page: good answers, and revisits of one. One per instant, oldest first."""
    good = {line.digest for line in lines if line.status == "200"}
    shown = [
        line for line in lines if line.status == "200" or (line.mimetype == REVISIT and line.digest in good)
    ]
    # Where two stand at one instant, the answer goes before the revisit.
    by_instant = {line.captured_at: line for line in sorted(shown, key=lambda line: line.status)}
    return [by_instant[instant] for instant in sorted(by_instant)]


def _bring(
    source_id: str, listed: Mapping[str, Sequence[Listed]], archive: Archive, http: Http, progress: Progress
) -> tuple[dict[str, str], int]:
    """SHA-256 of each body by the index's digest, and how many distinct bodies could not be had."""
    bodies = {
        capture.digest: capture.exchange.sha256
        for capture in archive.captures(source_id)
        if archive.holds(capture.exchange.sha256)
    }
    wanted: dict[str, list[Listed]] = defaultdict(list)
    for line in chain.from_iterable(listed.values()):
        if line.status == "200":
            wanted[line.digest].append(line)
    for digest in sorted(wanted.keys() - bodies.keys(), key=lambda digest: wanted[digest][0].captured_at):
        progress.step(source_id, f"{len(wanted.keys() & bodies.keys())} of {len(wanted)} captures")
        for line in wanted[digest]:
            try:
                http.get(_capture_url(line))
            except SourceError as error:
                if isinstance(error, Unreachable) or http.exchanges[-1].status in OVERLOADED:
                    return bodies, len(wanted.keys() - bodies.keys())
                continue
            capture = Capture(line.url, line.captured_at, digest, http.exchanges[-1])
            archive.record_capture(source_id, capture)
            bodies[digest] = capture.exchange.sha256
            break
    return bodies, len(wanted.keys() - bodies.keys())


def _capture_url(line: Listed) -> str:
    return CAPTURE_URL.format(timestamp=f"{line.captured_at:%Y%m%d%H%M%S}", url=line.url)


def _replay(
    source: Source,
    scope: str,
    lines: Sequence[Listed],
    bodies: Mapping[str, str],
    archive: Archive,
    lake: Lake,
    total: Backfilled,
) -> None:
    """Backfill the captures of one scope that are here and add what came of it to ``total``."""
    here = [line for line in lines if line.digest in bodies]
    runs = [list(run) for _, run in groupby(here, key=lambda line: line.digest)]

    def versions() -> Iterator[Version]:
        for run in runs:
            digest, first, last = bodies[run[0].digest], run[0].captured_at, run[-1].captured_at
            yield Version(archive.get(digest), "", f"sha256:{digest}", first, last, _capture_url(run[0]))

    read_at = [line.captured_at for line in here]
    try:
        done = backfill(source, History(versions(), read_at, scope, True), lake, datetime.now(UTC))
    except HistoryError as error:
        total.versions += len(runs)
        total.failed_versions.append(str(error))
        return
    total.versions += done.versions
    total.failed_versions += done.failed_versions
    total.readings += done.readings
    total.rows += done.rows
    total.rejects += done.rejects
    total.first_read_at = min(filter(None, (total.first_read_at, done.first_read_at)))
    total.last_read_at = max(filter(None, (total.last_read_at, done.last_read_at)))
