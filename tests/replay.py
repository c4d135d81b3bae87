"""HTTP servers on the loopback: one that answers as a test tells it, one that replays recorded exchanges."""

from __future__ import annotations

import gzip
import hashlib
import socket
import struct
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client sent. ``path`` includes the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at_seconds: float
    """Monotonic time of its arrival."""


@dataclass(frozen=True)
class Answer:
    """What to send back. ``headers`` override those the server would add itself."""

    body: bytes = b""
    status: int = 200
    """0 closes the connection without an answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    then_reset: bool = False
    """Cut the connection hard after the body instead of closing it."""
    byte_pause_seconds: float = 0.0
    """Pause after each byte of the body: a trickle."""

    def gzipped(self) -> Answer:
        return Answer(
            gzip.compress(self.body, mtime=0), self.status, {"Content-Encoding": "gzip", **self.headers}
        )


class LoopbackServer:
    """A threaded server on a free port of 127.0.0.1; ``requests`` holds what it was asked, in order."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._server = _Server(("127.0.0.1", 0), _handler(self._respond))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        return self._answer(request)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange of a fixture folder."""

    source_id: str
    payload: Path
    url: str = ""
    method: str = "GET"
    body_contains: str = ""
    status: int = 200
    scope: str = ""
    path: str = ""
    """Path in a git repository: this payload is a file version, not an answer."""
    parse: bool = True

    @property
    def body(self) -> bytes:
        return self.payload.read_bytes()

    @property
    def is_served(self) -> bool:
        return bool(self.url) and not self.path

    def fits(self, request: Request) -> bool:
        """Whether this is the answer to ``request``. An exchange without a query answers any query."""
        asked, recorded = urlsplit(request.path), urlsplit(self.url)
        return (
            request.method == self.method
            and asked.path == f"/{recorded.netloc}{recorded.path}"
            and (not recorded.query or _query(asked.query) == _query(recorded.query))
            and self.body_contains.encode() in request.body
        )


def read_exchanges(folder: Path) -> list[Exchange]:
    """The exchanges of one fixture folder, in the order recorded."""
    listed = tomllib.loads((folder / "exchanges.toml").read_text(encoding="utf-8"))["exchange"]
    return [Exchange(folder.name, **{**entry, "payload": folder / entry["payload"]}) for entry in listed]


class ReplayServer(LoopbackServer):
    """Serves the exchanges of all fixture folders as /<host>/<path>?<query>.

    Answers carry an ETag and honour If-None-Match; what was not recorded is answered by 404.
    """

    def __init__(self, fixtures_dir: Path, latency_seconds: float = 0.0) -> None:
        super().__init__(self._replay)
        self._latency_seconds = latency_seconds
        self._exchanges = [
            exchange
            for folder in sorted(fixtures_dir.iterdir())
            if (folder / "exchanges.toml").exists()
            for exchange in read_exchanges(folder)
            if exchange.is_served
        ]
        # An exchange that names its query goes before one that answers any.
        self._exchanges.sort(key=lambda exchange: not urlsplit(exchange.url).query)

    def _replay(self, request: Request) -> Answer:
        time.sleep(self._latency_seconds)
        for exchange in self._exchanges:
            if exchange.fits(request):
                etag = f'"{hashlib.sha256(exchange.body).hexdigest()}"'
                if request.method == "GET" and request.headers.get("If-None-Match") == etag:
                    return Answer(status=304, headers={"ETag": etag})
                headers = {"ETag": etag} if request.method == "GET" else {}
                return Answer(exchange.body, exchange.status, headers)
        return Answer(b"not recorded", 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is part of the tests."""


def _handler(respond: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10.0

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            answer = respond(
                Request(self.command, self.path, dict(self.headers), body, at_seconds=time.monotonic())
            )
            if not answer.status:
                self.close_connection = True
                return
            self.send_response(answer.status)
            headers = {"Content-Type": "application/octet-stream", "Connection": "close"}
            if "Transfer-Encoding" not in answer.headers and answer.status != 304:
                headers["Content-Length"] = str(len(answer.body))
            for name, value in {**headers, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.byte_pause_seconds:
                for byte in answer.body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(answer.byte_pause_seconds)
            else:
                self.wfile.write(answer.body)
            self.close_connection = True
            if answer.then_reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the tests read `requests`."""

    return Handler


def _query(text: str) -> list[tuple[str, str]]:
    return sorted(parse_qsl(text, keep_blank_values=True))
