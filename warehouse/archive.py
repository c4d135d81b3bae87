"""The raw archive: bytes as received, never changed, each with the request that brought it.

    raw/objects/ab/abcdef….zst                       one body, content-addressed, zstd
    raw/manifest/date=2026-11-21/<source>-<time>.json   one fetch: every request, its answer, the outcome
    raw/captures/<source>/<time>-<digest>.json          one old capture of a page, with its request

The manifest of a fetch is written last and in one step, so a fetch either has happened or has not.
What does not belong here: what the bytes mean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import zstandard

from warehouse.errors import NoPayload
from warehouse.files import write_file

Outcome = Literal["complete", "unchanged", "failed"]

SECRET_NAMES = frozenset(
    {"key", "api_key", "apikey", "api-key", "token", "access_token", "signature", "sig"}
    | {"secret", "client_secret", "password"}
)
"""Query parameters and headers whose values never reach the disk."""
KEPT_HEADERS = ("etag", "last-modified", "date", "content-type", "content-encoding", "retry-after")
ZSTD_LEVEL = 9


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request and what came of it."""

    method: str
    url: str
    attempt: int
    fetched_at: datetime
    request_body: str = ""
    status: int | None = None
    headers: dict[str, str] = {}
    sha256: str = ""
    """Of the body; on a 304, of the body it confirms. Empty when no body came."""
    body_bytes: int = 0
    scope: str = ""
    is_data: bool = False
    """The body goes to the source's parser. Index pages and failed attempts do not."""
    error: str = ""


class Fetch(msgspec.Struct, frozen=True):
    """One reading of one source, or the attempt at it."""

    source_id: str
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    exchanges: list[Exchange]
    error_kind: str = ""
    error: str = ""
    content_since: datetime | None = None
    """Start of the first fetch in an unbroken run that brought these same bodies; None for a failed one."""

    @property
    def bodies(self) -> list[str]:
        """Digests of the bodies that hold data, whatever the addresses and the order they came in."""
        return sorted(exchange.sha256 for exchange in self.exchanges if exchange.is_data)

    @property
    def name(self) -> str:
        return f"{self.source_id}-{self.started_at:%H%M%S%f}"


class Capture(msgspec.Struct, frozen=True):
    """A page as a web archive kept it."""

    url: str
    """Of the page, not of the archive."""
    captured_at: datetime
    digest: str
    """The web archive's own, by which it knows the same bytes again."""
    exchange: Exchange


class Attempt(msgspec.Struct, frozen=True):
    """What a manifest says of a fetch as a whole: cheaper to read than its requests."""

    source_id: str
    outcome: Outcome
    error: str = ""


class Archive:
    """Bodies and manifests below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, body: bytes) -> str:
        """Keep ``body`` and return its SHA-256 in hex. The same bytes are kept once; a damaged copy
        is replaced.
        """
        digest = hashlib.sha256(body).hexdigest()
        if not self.holds(digest):
            packed = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
            write_file(self._object(digest), lambda temporary: temporary.write_bytes(packed))
        return digest

    def holds(self, digest: str) -> bool:
        """Whether the object is there and whole."""
        try:
            self.get(digest)
        except (FileNotFoundError, ValueError):
            return False
        return True

    def get(self, digest: str) -> bytes:
        """The bytes of one object. Raises FileNotFoundError, or ValueError when the object is damaged."""
        packed = self._object(digest).read_bytes()
        try:
            body = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        except zstandard.ZstdError as error:
            raise ValueError(f"archive object {digest} is damaged: {error}") from error
        if hashlib.sha256(body).hexdigest() != digest:
            raise ValueError(f"archive object {digest} is damaged: its bytes have another digest")
        return body

    def payload(self, ref: str) -> bytes:
        """The bytes a ``payload_ref`` names. Raises NoPayload where they are not in this archive."""
        kind, _, place = ref.partition("#")[0].partition(":")
        if kind == "git":
            raise NoPayload(
                f"reconstructed from a repository's history: in a clone of it, `git show {place}`; "
                "warehouse/history/PROVENANCE.md names the repositories"
            )
        if kind == "file":
            raise NoPayload(
                f"read from the file {place}; warehouse/history/PROVENANCE.md says where it comes from"
            )
        if kind != "sha256" or not re.fullmatch("[0-9a-f]{64}", place):
            raise NoPayload(f"{ref} is no payload_ref: sha256:<digest>#<position>, git:… or file:…")
        try:
            return self.get(place)
        except FileNotFoundError as error:
            raise NoPayload(f"no object {place} in {self.root}; it was read elsewhere or pruned") from error
        except ValueError as error:
            raise NoPayload(str(error)) from error

    def record(self, fetch: Fetch) -> None:
        """Acknowledge a fetch. Call it after every body it names was put."""
        text = msgspec.json.format(msgspec.json.encode(fetch), indent=1)
        write_file(self._manifest(fetch), lambda temporary: temporary.write_bytes(text))

    def fetches(self, source_id: str | None = None, day: date | None = None) -> Iterator[Fetch]:
        """Recorded fetches, oldest first."""
        pattern = f"date={day.isoformat() if day else '*'}/{source_id or '*'}-*.json"
        found = (
            msgspec.json.decode(path.read_bytes(), type=Fetch)
            for path in sorted((self.root / "manifest").glob(pattern))
        )
        wanted = [fetch for fetch in found if source_id in (None, fetch.source_id)]
        yield from sorted(wanted, key=lambda fetch: fetch.started_at)

    def attempts(self, day: date) -> list[Attempt]:
        """What became of each fetch of a day, oldest first by source."""
        paths = sorted((self.root / "manifest" / f"date={day.isoformat()}").glob("*.json"))
        return [msgspec.json.decode(path.read_bytes(), type=Attempt) for path in paths]

    def days(self) -> list[date]:
        """Days that have a manifest, newest first."""
        folders = (self.root / "manifest").glob("date=*")
        return sorted(
            (date.fromisoformat(folder.name.removeprefix("date=")) for folder in folders), reverse=True
        )

    def record_capture(self, source_id: str, capture: Capture) -> None:
        """Acknowledge a capture. Call it after its body was put."""
        path = (
            self.root / "captures" / source_id / f"{capture.captured_at:%Y%m%d%H%M%S}-{capture.digest}.json"
        )
        text = msgspec.json.format(msgspec.json.encode(capture), indent=1)
        write_file(path, lambda temporary: temporary.write_bytes(text))

    def captures(self, source_id: str) -> list[Capture]:
        """Captures of a source's pages that were brought here, oldest first."""
        paths = sorted((self.root / "captures" / source_id).glob("*.json"))
        return [msgspec.json.decode(path.read_bytes(), type=Capture) for path in paths]

    def last_good(self, source_id: str) -> Fetch | None:
        """The latest fetch that brought data or confirmed it, for conditional requests."""
        for day in self.days():
            good = [fetch for fetch in self.fetches(source_id, day) if fetch.outcome != "failed"]
            if good:
                return good[-1]
        return None

    def digests(self) -> set[str]:
        """SHA-256 of every body that a fetch or a capture names."""
        fetched = {exchange.sha256 for fetch in self.fetches() for exchange in fetch.exchanges}
        captures = (self.root / "captures").glob("*/*.json")
        captured = {msgspec.json.decode(path.read_bytes(), type=Capture).exchange.sha256 for path in captures}
        return (fetched | captured) - {""}

    def prune(self, before: date) -> list[Path]:
        """Remove fetches of earlier days, then bodies that nothing names any more; return what went.

        The last good fetch of each source stays, however old: the next one is conditional on it. Call it
        while nobody fetches: a body is kept before its fetch is recorded.
        """
        old = [day for day in self.days() if day < before]
        last_good = {source_id: self.last_good(source_id) for source_id in self._source_ids(old)}
        removed = [
            self._manifest(fetch)
            for day in old
            for fetch in self.fetches(day=day)
            if fetch != last_good[fetch.source_id]
        ]
        for path in removed:
            path.unlink()
        named = self.digests()
        orphans = [path for path in (self.root / "objects").glob("*/*.zst") if path.stem not in named]
        for path in orphans:
            path.unlink()
        for day in old:
            with suppress(OSError):  # Not empty: a last good fetch lies in it.
                (self.root / "manifest" / f"date={day.isoformat()}").rmdir()
        return removed + orphans

    def _source_ids(self, days: Iterable[date]) -> set[str]:
        return {attempt.source_id for day in days for attempt in self.attempts(day)}

    def _object(self, digest: str) -> Path:
        return self.root / "objects" / digest[:2] / f"{digest}.zst"

    def _manifest(self, fetch: Fetch) -> Path:
        day = fetch.started_at.astimezone(UTC).date()
        return self.root / "manifest" / f"date={day.isoformat()}" / f"{fetch.name}.json"


def without_secrets(url: str) -> str:
    """The URL as it may be stored: credentials and secret parameters replaced by `***`."""
    parts = urlsplit(url)
    query = urlencode(
        [
            (name, "***" if name.lower() in SECRET_NAMES else value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ],
        safe="*$'(),",
    )
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, query, ""))
