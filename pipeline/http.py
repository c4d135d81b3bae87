"""The one way to the network: polite, bounded, and everything it hears goes to the archive.

What belongs here: timeouts, retries, rate limits, the size cap, conditional requests, the record of every
attempt. What does not: which URLs a source has (pipeline/sources) and what bodies mean.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from pipeline.errors import BadStatus, BodyTooLarge, PayloadError, SourceError, Unreachable
from warehouse.archive import KEPT_HEADERS, Archive, Exchange, Fetch, without_secrets
from warehouse.settings import Settings

ATTEMPTS = 3
RETRIED_STATUSES = frozenset({408, 429, *range(500, 600)})
LONGEST_PAUSE_SECONDS = 60.0
"""A vendor that asks for more than this in Retry-After is asked again at the next run instead."""
CHUNK_BYTES = 1 << 16
NAMELESS_HOSTS_OFFLINE = 5
"""So many names that do not resolve, and none that does, make a machine without a network."""
NO_SUCH_NAME = "the name does not resolve"


class Pace:
    """Spaces the requests to each host, over all threads of the process.

    A host whose name does not resolve is given up for the rest of the run, so that many sources of one host
    do not queue for nothing. Where several names do not resolve and no host has answered yet there is no
    network, and all are given up: a resolver that nobody answers takes many seconds per name.
    """

    def __init__(self, requests_per_second: float) -> None:
        self._interval_seconds = 1 / requests_per_second
        self._changed = threading.Condition()
        self._next_at: dict[str, float] = defaultdict(float)
        self._unknown_hosts: set[str] = set()
        self._has_network = False

    def wait(self, host: str) -> bool:
        """Wait for the host's next turn; False, at once, where its name does not resolve."""
        with self._changed:
            start = max(time.monotonic(), self._next_at[host])
            self._next_at[host] = start + self._interval_seconds
            while not self._is_given_up(host) and (left := start - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._is_given_up(host)

    def _is_given_up(self, host: str) -> bool:
        is_offline = not self._has_network and len(self._unknown_hosts) >= NAMELESS_HOSTS_OFFLINE
        return is_offline or host in self._unknown_hosts

    def note_answer(self) -> None:
        """Some host answered: there is a network."""
        self._has_network = True

    def give_up(self, host: str) -> None:
        """Its name does not resolve."""
        with self._changed:
            self._unknown_hosts.add(host)
            self._changed.notify_all()


@dataclass(frozen=True)
class _Handling:
    """What becomes of one answer."""

    scope: str
    is_parsed: bool
    is_optional: bool
    is_private: bool


class Http:
    """The requests of one fetch of one source, recorded in ``exchanges`` in the order they were made."""

    def __init__(
        self,
        archive: Archive,
        settings: Settings,
        pace: Pace,
        previous: Fetch | None = None,
        on_progress: Callable[[int], None] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """``previous`` is the last good fetch; its validators make requests conditional.

        ``secrets`` are the values of the variables the source's row names, by name; none of them is recorded.
        """
        self.exchanges: list[Exchange] = []
        self.started_at = datetime.now(UTC)
        self._secrets = dict(secrets or {})
        self._archive = archive
        self._settings = settings
        self._pace = pace
        self._on_progress = on_progress
        self._session = requests.Session()
        contact = f"; +{settings.contact}" if settings.contact else ""
        self._session.headers["User-Agent"] = (
            f"aimarket/{version('aimarket')} (AI market data warehouse{contact})"
        )
        self._session.headers["Accept-Encoding"] = "gzip"
        self._known = {
            (exchange.method, exchange.url, exchange.request_body): exchange
            for exchange in (previous.exchanges if previous else ())
            if exchange.sha256 and exchange.status in (200, 304)
        }

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def secret(self, name: str) -> str:
        """The value of a variable that the source's seed row names in key_env."""
        return self._secrets[name]

    def get(
        self,
        url: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        scope: str = "",
        parse: bool = True,
        optional: bool = False,
        private: bool = False,
    ) -> bytes:
        """The body of a GET.

        ``scope`` names the part of the source this body covers; ``parse=False`` marks a body without rows;
        ``optional=True`` turns a 404 into an empty body and lets the fetch go on; ``private=True`` keeps the
        body out of archive and parser. Headers are never recorded. Raises a SourceError.
        """
        prepared = self._session.prepare_request(requests.Request("GET", url, headers, params=params))
        return self._send(prepared, _Handling(scope, parse, optional, private))

    def post(
        self,
        url: str,
        json: Any,
        headers: Mapping[str, str] | None = None,
        scope: str = "",
        parse: bool = True,
        private: bool = False,
    ) -> bytes:
        """The body of the answer to a JSON POST; ``private=True`` keeps what was sent out of the archive."""
        prepared = self._session.prepare_request(requests.Request("POST", url, headers, json=json))
        return self._send(prepared, _Handling(scope, parse, False, private))

    def _send(self, request: requests.PreparedRequest, handling: _Handling) -> bytes:
        body = b"" if handling.is_private else request.body or b""
        url, method = self._public(str(request.url)), str(request.method)
        sent = self._public(body.decode() if isinstance(body, bytes) else str(body))
        known = self._known.get((method, url, sent))
        if known and not self._archive.holds(known.sha256):
            known = None
        if known and (etag := known.headers.get("etag")):
            request.headers["If-None-Match"] = etag
        if known and (modified := known.headers.get("last-modified")):
            request.headers["If-Modified-Since"] = modified
        for attempt in range(1, ATTEMPTS + 1):
            exchange, answer, failure = self._try(request, known, attempt, sent, handling)
            if failure is None and answer is not None:
                self._record(exchange, is_data=handling.is_parsed and not handling.is_private)
                return answer
            self._record(exchange, is_data=False)
            if handling.is_optional and exchange.status == 404:
                return b""
            pause = self._pause_seconds(exchange, attempt)
            if pause is None:
                raise failure or SourceError(f"{method} {url}: no answer")
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _try(
        self,
        request: requests.PreparedRequest,
        known: Exchange | None,
        attempt: int,
        sent: str,
        handling: _Handling,
    ) -> tuple[Exchange, bytes | None, SourceError | None]:
        """One attempt: what to record, the body if it is good, else why not."""
        url = self._public(str(request.url))
        host = urlsplit(url).netloc
        is_known = self._pace.wait(host)
        base = Exchange(
            method=str(request.method),
            url=url,
            attempt=attempt,
            fetched_at=datetime.now(UTC),
            request_body=sent,
            scope=handling.scope,
        )
        label = f"{base.method} {url}"
        if not is_known:
            return _with(base, error=NO_SUCH_NAME), None, _nameless(label, host)
        try:
            response = self._session.send(
                self._mirrored(request), stream=True, timeout=self._settings.timeout_seconds
            )
        except requests.RequestException as error:
            if _has_cause(error, NameResolutionError):
                self._pace.give_up(host)
            return _with(base, error=self._public(_short(error))), None, _unreachable(label, error)
        self._pace.note_answer()
        with response:
            received, broken = self._read(response)
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        base = _with(base, status=response.status_code, headers=headers)
        if response.status_code == 304 and known:
            confirmed = _with(
                base, sha256=known.sha256, body_bytes=known.body_bytes, headers=known.headers | headers
            )
            return confirmed, self._archive.get(known.sha256), None
        body: bytes | None = None
        if not broken:
            body, broken = self._decoded(received, response.headers.get("Content-Encoding", ""))
        kept = received if body is None else body
        is_kept = bool(kept) and not handling.is_private
        base = _with(base, sha256=self._archive.put(kept) if is_kept else "", body_bytes=len(kept))
        failure: SourceError | None = None
        if len(kept) > self._limit:
            failure = BodyTooLarge(
                f"{label}: the body is over {self._settings.body_limit_mb} MB; raise AIMARKET_BODY_LIMIT_MB"
            )
        elif response.status_code != 200:
            failure = BadStatus(f"{label}: status {response.status_code} {response.reason}")
        elif broken or not kept:
            failure = PayloadError(f"{label}: {broken or 'the body is empty'}")
        if failure:
            return _with(base, error=str(failure)), None, failure
        return base, body, None

    def _public(self, text: str) -> str:
        """A URL or body as it may be recorded and shown."""
        shown = without_secrets(text) if "://" in text.partition("?")[0] else text
        for value in self._secrets.values():
            shown = shown.replace(value, "***")
        return shown

    @property
    def _limit(self) -> int:
        return self._settings.body_limit_mb * 1_000_000

    def _read(self, response: requests.Response) -> tuple[bytes, str]:
        """Bytes as they came over the wire, and what broke them off."""
        received = bytearray()
        until = time.monotonic() + self._settings.answer_seconds
        try:
            # One system call at a time: what came before a break is kept, and a trickle is noticed.
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                received += chunk
                if self._on_progress:
                    self._on_progress(len(chunk))
                if len(received) > self._limit:
                    break
                if time.monotonic() > until:
                    return bytes(received), f"too slow: {len(received)} bytes within the time limit"
        except (HTTPError, OSError) as error:
            return bytes(received), f"the connection dropped after {len(received)} bytes: {_short(error)}"
        return bytes(received), ""

    def _decoded(self, received: bytes, encoding: str) -> tuple[bytes | None, str]:
        if encoding.lower() not in ("gzip", "deflate") or not received:
            return received, ""
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            body = unpack.decompress(received, self._limit + 1)
        except zlib.error as error:
            return None, f"the {encoding} body is damaged: {error}"
        if len(body) <= self._limit and not unpack.eof:
            return None, f"the {encoding} body is cut off after {len(received)} bytes"
        return body, ""

    def _pause_seconds(self, exchange: Exchange, attempt: int) -> float | None:
        """How long to wait before the next attempt; None where another attempt is pointless."""
        is_dropped = exchange.status == 200 and ("dropped" in exchange.error or "cut off" in exchange.error)
        is_reset = exchange.status is None and exchange.error.startswith("dropped: ")
        if attempt == ATTEMPTS or not (is_dropped or is_reset or exchange.status in RETRIED_STATUSES):
            return None
        asked = _retry_after_seconds(exchange.headers.get("retry-after", ""))
        if asked is not None:
            return asked if asked <= LONGEST_PAUSE_SECONDS else None
        return self._settings.retry_pause_seconds * float(2 ** (attempt - 1)) * random.uniform(0.8, 1.2)

    def _mirrored(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not self._settings.mirror_url:
            return request
        moved = request.copy()
        parts = urlsplit(str(request.url))
        query = f"?{parts.query}" if parts.query else ""
        moved.url = f"{self._settings.mirror_url.rstrip('/')}/{parts.netloc}{parts.path}{query}"
        return moved

    def _record(self, exchange: Exchange, is_data: bool) -> None:
        self.exchanges.append(_with(exchange, is_data=is_data))


def _with(exchange: Exchange, **changes: Any) -> Exchange:
    fields = {name: getattr(exchange, name) for name in exchange.__struct_fields__}
    return Exchange(**(fields | changes))


def _unreachable(label: str, error: requests.RequestException) -> Unreachable:
    host = urlsplit(label.split(" ", 1)[1]).netloc
    if _has_cause(error, NameResolutionError):
        return _nameless(label, host)
    return Unreachable(f"{label}: {_short(error)}")


def _nameless(label: str, host: str) -> Unreachable:
    return Unreachable(f"{label}: the name {host} does not resolve; is there a network?")


def _short(error: BaseException) -> str:
    """One line that tells a dropped connection from one that never stood."""
    if _has_cause(error, NameResolutionError):
        return NO_SUCH_NAME
    innermost = error
    while (cause := innermost.__cause__ or innermost.__context__) is not None:
        innermost = cause
    if _has_cause(error, NewConnectionError):
        return f"no connection: {innermost}"
    if _has_cause(error, ConnectTimeoutError):
        return "no connection within the time limit"
    return f"dropped: {type(innermost).__name__}: {innermost}"


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind) or any(isinstance(argument, kind) for argument in seen.args):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _retry_after_seconds(text: str) -> float | None:
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
