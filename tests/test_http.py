"""Bad input at the network's edge, from a real server: what is retried, what is kept, what a user is told."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.fetching import fetch
from pipeline.http import NAMELESS_HOSTS_OFFLINE, Http, Pace
from pipeline.loading import Result, load
from pipeline.registry import Source
from tests.helpers import LIST_URL, observations, price_list, quick_settings, stand_in
from tests.replay import Answer, LoopbackServer, Request
from warehouse.archive import Archive, Fetch
from warehouse.lake import Lake

GOOD = price_list(a="2.00", b="3.50")


class Vendor:
    """A vendor on the loopback that gives the listed answers in turn, and the last one ever after."""

    def __init__(self, home: Path, server: LoopbackServer) -> None:
        self.home, self.server = home, server
        self.archive, self.lake = Archive(home / "raw"), Lake(home / "lake")
        self.lake.prepare()

    def read(self, source: Source | None = None, **settings: object) -> tuple[Fetch, Result]:
        source = source or stand_in()
        here = quick_settings(self.home, self.server.url, **settings)
        fetched = fetch(source, self.archive, here, Pace(here.requests_per_second))
        return fetched, load(fetched, source, self.archive, self.lake)


@contextmanager
def vendor(home: Path, *answers: Answer) -> Iterator[Vendor]:
    waiting = list(answers)

    def answer(_: Request) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    with LoopbackServer(answer) as server:
        yield Vendor(home, server)


def waits(requests: Sequence[Request]) -> list[float]:
    """Seconds between one request and the next."""
    times = [request.at_seconds for request in requests]
    return [later - earlier for earlier, later in pairwise(times)]


def http_of(home: Path, mirror_url: str = "", **settings: object) -> Http:
    here = quick_settings(home, mirror_url, **settings)
    return Http(Archive(home / "raw"), here, Pace(here.requests_per_second))


def test_a_good_answer_is_archived_and_becomes_rows(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(GOOD, headers={"ETag": '"1"', "X-Other": "x"})) as shop:
        fetched, result = shop.read()
    (exchange,) = fetched.exchanges
    assert (exchange.method, exchange.url, exchange.status) == ("GET", LIST_URL, 200)
    assert exchange.headers["etag"] == '"1"'
    assert "x-other" not in exchange.headers
    assert shop.archive.get(exchange.sha256) == GOOD
    assert list(shop.archive.fetches("price_list")) == [fetched]
    assert (result.outcome, result.rows, result.rejects, result.body_bytes) == ("complete", 2, 0, len(GOOD))


def test_a_compressed_answer_is_kept_unpacked(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(GOOD).gzipped()) as shop:
        fetched, result = shop.read()
    assert shop.archive.get(fetched.exchanges[0].sha256) == GOOD
    assert result.rows == 2


BAD_PAYLOADS = {
    "HTML where JSON belongs": (
        Answer(b"<!doctype html><title>Sign in</title>"),
        "markup where data belongs",
    ),
    "JSON of another shape": (Answer(b'{"error": "quota"}'), "another shape"),
    "JSON cut in the middle": (Answer(GOOD[:30]), "not JSON"),
    "binary rubbish": (Answer(b"\x80\x81\xff\x00"), "not JSON"),
    "blanks only": (Answer(b" \n "), "the body is empty"),
    "empty body": (Answer(b""), "the body is empty"),
    "damaged gzip": (Answer(b"\x1f\x8bnot gzip", headers={"Content-Encoding": "gzip"}), "is damaged"),
}


@pytest.mark.parametrize("case", BAD_PAYLOADS)
def test_bytes_that_are_not_the_sources_data_fail_the_reading_and_are_kept(tmp_path: Path, case: str) -> None:
    answer, said = BAD_PAYLOADS[case]
    with vendor(tmp_path, answer) as shop:
        fetched, result = shop.read()
    assert (result.outcome, result.error_kind, result.rows) == ("failed", "PayloadError", 0)
    assert said in result.error
    assert LIST_URL in result.error
    (exchange,) = fetched.exchanges
    if answer.body:
        assert shop.archive.get(exchange.sha256) == answer.body
    assert observations(tmp_path / "lake", "gpu_offers").is_empty()
    assert observations(tmp_path / "lake", "readings").is_empty()
    assert observations(tmp_path / "lake", "fetches")["error_kind"].to_list() == ["PayloadError"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 599])
def test_a_passing_fault_is_tried_three_times_and_then_reported(tmp_path: Path, status: int) -> None:
    with vendor(tmp_path, Answer(b"later", status)) as shop:
        fetched, result = shop.read()
    assert [exchange.attempt for exchange in fetched.exchanges] == [1, 2, 3]
    assert {exchange.status for exchange in fetched.exchanges} == {status}
    assert [shop.archive.get(exchange.sha256) for exchange in fetched.exchanges] == [b"later"] * 3
    assert (result.outcome, result.error_kind) == ("failed", "BadStatus")
    assert f"status {status}" in result.error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_a_lasting_refusal_is_not_tried_again(tmp_path: Path, status: int) -> None:
    with vendor(tmp_path, Answer(b"no" if status != 204 else b"", status)) as shop:
        fetched, result = shop.read()
    assert [exchange.status for exchange in fetched.exchanges] == [status]
    assert (result.outcome, result.error_kind) == ("failed", "BadStatus")
    if status != 204:
        assert shop.archive.get(fetched.exchanges[0].sha256) == b"no"


def test_a_fault_that_passes_costs_a_pause_and_nothing_else(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(b"busy", 503), Answer(b"busy", 503), Answer(GOOD)) as shop:
        fetched, result = shop.read(retry_pause_seconds=0.1)
    assert [exchange.is_data for exchange in fetched.exchanges] == [False, False, True]
    assert (result.outcome, result.rows) == ("complete", 2)
    first, second = waits(shop.server.requests)
    assert first >= 0.06
    assert second >= 0.12


def test_the_pause_a_vendor_asks_for_in_seconds_is_kept(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(b"", 429, {"Retry-After": "1"}), Answer(GOOD)) as shop:
        _, result = shop.read()
    assert result.outcome == "complete"
    assert waits(shop.server.requests)[0] >= 0.9


def test_the_pause_a_vendor_asks_for_as_a_date_is_kept(tmp_path: Path) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    asked = Answer(b"", 429, {"Retry-After": format_datetime(until, usegmt=True)})
    with vendor(tmp_path, asked, Answer(GOOD)) as shop:
        _, result = shop.read()
    assert result.outcome == "complete"
    # The header counts whole seconds.
    assert datetime.now(UTC) >= until.replace(microsecond=0)


def test_a_pause_of_more_than_a_minute_is_left_to_the_next_run(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(b"", 503, {"Retry-After": "61"}), Answer(GOOD)) as shop:
        fetched, result = shop.read()
    assert len(fetched.exchanges) == 1
    assert result.outcome == "failed"


@pytest.mark.parametrize(
    "asked", ["soon", "-5", "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00"]
)
def test_a_pause_nobody_can_read_or_that_is_over_does_not_stop_the_next_attempt(
    tmp_path: Path, asked: str
) -> None:
    with vendor(tmp_path, Answer(b"", 503, {"Retry-After": asked}), Answer(GOOD)) as shop:
        _, result = shop.read()
    assert result.outcome == "complete"


def test_a_connection_that_drops_within_the_body_is_tried_again(tmp_path: Path) -> None:
    cut = Answer(GOOD[:20], headers={"Content-Length": str(len(GOOD))})
    with vendor(tmp_path, cut, Answer(GOOD)) as shop:
        fetched, result = shop.read()
    assert (result.outcome, result.rows) == ("complete", 2)
    dropped, good = fetched.exchanges
    assert "the connection dropped after 20 bytes" in dropped.error
    assert shop.archive.get(dropped.sha256) == GOOD[:20]
    assert good.is_data
    assert not dropped.is_data


DROPPED = {
    "before an answer": (Answer(status=0), b"", "Unreachable"),
    "within a chunk": (
        Answer(b"50\r\n" + GOOD[:33], headers={"Transfer-Encoding": "chunked"}),
        GOOD[:33],
        "PayloadError",
    ),
    "between two chunks": (
        Answer(b"14\r\n" + GOOD[:20] + b"\r\n", headers={"Transfer-Encoding": "chunked"}),
        GOOD[:20],
        "PayloadError",
    ),
    "by a reset": (
        Answer(GOOD[:20], headers={"Content-Length": str(len(GOOD))}, then_reset=True),
        None,
        "PayloadError",
    ),
    "within a gzip body of the right length": (
        Answer(gzip.compress(GOOD)[:40], headers={"Content-Encoding": "gzip"}),
        gzip.compress(GOOD)[:40],
        "PayloadError",
    ),
}


@pytest.mark.parametrize("case", DROPPED)
def test_a_connection_that_keeps_dropping_fails_after_three_attempts(tmp_path: Path, case: str) -> None:
    answer, kept, error_kind = DROPPED[case]
    with vendor(tmp_path, answer) as shop:
        fetched, result = shop.read()
    assert len(fetched.exchanges) == 3
    assert (result.outcome, result.error_kind) == ("failed", error_kind)
    if kept:
        assert [shop.archive.get(exchange.sha256) for exchange in fetched.exchanges] == [kept] * 3


def test_an_answer_that_never_comes_ends_with_the_time_limit(tmp_path: Path) -> None:
    stop = threading.Event()

    def hang(_: Request) -> Answer:
        stop.wait(5)
        return Answer(GOOD)

    with LoopbackServer(hang) as server:
        fetched, result = Vendor(tmp_path, server).read(timeout_seconds=0.1)
        stop.set()
    assert len(fetched.exchanges) == 3
    assert (result.outcome, result.error_kind) == ("failed", "Unreachable")


def test_an_answer_that_trickles_for_ever_ends_with_the_time_limit(tmp_path: Path) -> None:
    begun = time.monotonic()
    with vendor(tmp_path, Answer(GOOD * 20, byte_pause_seconds=0.02)) as shop:
        fetched, result = shop.read(answer_seconds=0.2)
    assert time.monotonic() - begun < 3
    assert "too slow" in result.error
    assert len(fetched.exchanges) == 1
    assert (GOOD * 20).startswith(shop.archive.get(fetched.exchanges[0].sha256))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "a gzip bomb"])
def test_a_body_over_the_cap_is_cut_off_and_no_data(tmp_path: Path, packed: bool) -> None:
    big = Answer(b"[" + b" " * 20_000_000)
    with vendor(tmp_path, big.gzipped() if packed else big) as shop:
        fetched, result = shop.read(body_limit_mb=1)
    assert (result.outcome, result.error_kind) == ("failed", "BodyTooLarge")
    assert "AIMARKET_BODY_LIMIT_MB" in result.error
    (exchange,) = fetched.exchanges
    # A megabyte and at most one read more, never the whole.
    assert 1_000_000 < len(shop.archive.get(exchange.sha256)) <= 1_000_000 + 65_536


def test_a_body_just_under_the_cap_is_data(tmp_path: Path) -> None:
    body = GOOD + b" " * (1_000_000 - len(GOOD))
    with vendor(tmp_path, Answer(body)) as shop:
        _, result = shop.read(body_limit_mb=1)
    assert (result.outcome, result.body_bytes) == ("complete", 1_000_000)


def test_a_refused_connection_fails_at_once_and_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        source = stand_in(
            fetch=lambda http: void(http.get(f"http://127.0.0.1:{taken.getsockname()[1]}/list"))
        )
        here = quick_settings(tmp_path)
        fetched = fetch(source, Archive(tmp_path / "raw"), here, Pace(1000))
    assert (fetched.outcome, fetched.error_kind) == ("failed", "Unreachable")
    assert "Connection refused" in fetched.error
    assert len(fetched.exchanges) == 1


def test_a_name_that_does_not_resolve_fails_at_once(tmp_path: Path) -> None:
    source = stand_in(fetch=lambda http: void(http.get("https://nothing.invalid/list")))
    begun = time.monotonic()
    fetched = fetch(source, Archive(tmp_path / "raw"), quick_settings(tmp_path), Pace(1000))
    assert time.monotonic() - begun < 2
    assert (fetched.outcome, fetched.error_kind) == ("failed", "Unreachable")
    assert "the name nothing.invalid does not resolve" in fetched.error
    assert len(fetched.exchanges) == 1
    assert fetched.exchanges[0].status is None


def test_after_several_nameless_hosts_and_no_answer_nobody_waits_for_the_resolver_any_more() -> None:
    offline, online = Pace(1000), Pace(1000)
    online.note_answer()
    for pace in (offline, online):
        for number in range(NAMELESS_HOSTS_OFFLINE):
            assert pace.wait(f"new-{number}.invalid")
            pace.give_up(f"new-{number}.invalid")
    assert not offline.wait("another.invalid")
    assert online.wait("another.invalid")
    assert not online.wait("new-0.invalid")


def test_a_confirmed_answer_is_an_unchanged_reading_with_all_rows_of_the_day(tmp_path: Path) -> None:
    answers = Answer(GOOD, headers={"ETag": '"v1"', "Last-Modified": "Mon, 01 Jun 2026 05:00:00 GMT"})
    with vendor(tmp_path, answers, Answer(status=304), Answer(status=304)) as shop:
        first, _ = shop.read()
        second, result = shop.read()
        third, _ = shop.read()
    asked = shop.server.requests[1].headers
    assert asked["If-None-Match"] == '"v1"'
    assert asked["If-Modified-Since"] == "Mon, 01 Jun 2026 05:00:00 GMT"
    assert shop.server.requests[2].headers["If-None-Match"] == '"v1"'
    assert (first.outcome, second.outcome, third.outcome) == ("complete", "unchanged", "unchanged")
    assert second.exchanges[0].sha256 == first.exchanges[0].sha256
    assert (result.outcome, result.rows) == ("unchanged", 2)
    rows = observations(tmp_path / "lake", "gpu_offers")
    assert sorted(rows["observed_at"].unique()) == [first.started_at, second.started_at, third.started_at]
    assert rows.height == 6
    assert observations(tmp_path / "lake", "fetches")["outcome"].to_list() == [
        "complete",
        "unchanged",
        "unchanged",
    ]


def test_a_failure_between_two_readings_does_not_forget_what_was_known(tmp_path: Path) -> None:
    answers = (Answer(GOOD, headers={"ETag": '"v1"'}), Answer(b"", 404), Answer(status=304))
    with vendor(tmp_path, *answers) as shop:
        outcomes = [shop.read()[0].outcome for _ in range(3)]
    assert outcomes == ["complete", "failed", "unchanged"]


def test_without_the_bytes_of_the_last_reading_everything_is_asked_for_again(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(GOOD, headers={"ETag": '"v1"'})) as shop:
        shop.read()
        for path in (tmp_path / "raw" / "objects").rglob("*.zst"):
            path.write_bytes(b"spoilt")
        fetched, result = shop.read()
    assert "If-None-Match" not in shop.server.requests[1].headers
    assert (result.outcome, result.rows) == ("complete", 2)
    assert shop.archive.get(fetched.exchanges[0].sha256) == GOOD


def test_a_confirmation_nobody_asked_for_is_a_failure(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(status=304)) as shop:
        _, result = shop.read()
    assert (result.outcome, result.error_kind) == ("failed", "BadStatus")


@pytest.mark.parametrize(
    ("contact", "said"),
    [("", "warehouse)"), ("https://example.org/me", "warehouse; +https://example.org/me)")],
)
def test_the_user_agent_says_who_asks_and_how_to_reach_them(tmp_path: Path, contact: str, said: str) -> None:
    with vendor(tmp_path, Answer(GOOD)) as shop:
        shop.read(contact=contact)
    agent = shop.server.requests[0].headers["User-Agent"]
    assert agent.startswith("aimarket/")
    assert agent.endswith(said)


def test_the_key_of_a_source_reaches_the_vendor_and_no_disk(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        http.get(LIST_URL, params={"api_key": "s3cret", "page": 1})

    with vendor(tmp_path, Answer(b"", 500)) as shop:
        fetched, result = shop.read(stand_in(fetch=ask))
    assert "api_key=s3cret" in shop.server.requests[0].path
    assert fetched.exchanges[0].url == f"{LIST_URL}?api_key=***&page=1"
    on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret" not in on_disk
    assert "s3cret" not in result.error


def test_one_host_is_asked_no_faster_than_the_pace_allows(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        for page in range(4):
            http.get(LIST_URL, params={"page": page})

    with vendor(tmp_path, Answer(GOOD)) as shop:
        shop.read(stand_in(fetch=ask), requests_per_second=20)
    assert len(shop.server.requests) == 4
    assert sum(waits(shop.server.requests)) >= 0.12


def test_the_pace_of_a_host_holds_over_all_threads_and_other_hosts_do_not_wait() -> None:
    pace, ended = Pace(requests_per_second=20), dict[str, float]()

    def ask(host: str, number: int) -> None:
        pace.wait(host)
        ended[f"{host}/{number}"] = time.monotonic()

    begun = time.monotonic()
    threads = [threading.Thread(target=ask, args=("a.example", number)) for number in range(4)]
    threads.append(threading.Thread(target=ask, args=("b.example", 0)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(ended.values()) - begun >= 0.15
    assert ended["b.example/0"] < max(ended.values())


def test_an_optional_part_that_is_not_there_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        assert http.get(f"{LIST_URL}/extra", scope="extra", optional=True) == b""
        http.get(LIST_URL)

    with vendor(tmp_path, Answer(b"none", 404), Answer(GOOD)) as shop:
        fetched, result = shop.read(stand_in(fetch=ask))
    assert [(exchange.status, exchange.is_data) for exchange in fetched.exchanges] == [
        (404, False),
        (200, True),
    ]
    assert (result.outcome, result.rows) == ("complete", 2)


def test_an_index_page_is_kept_and_not_parsed(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        assert http.get(f"{LIST_URL}/index", parse=False) == b"<a href=list.json>"
        http.get(LIST_URL)

    with vendor(tmp_path, Answer(b"<a href=list.json>"), Answer(GOOD)) as shop:
        fetched, result = shop.read(stand_in(fetch=ask))
    assert [exchange.is_data for exchange in fetched.exchanges] == [False, True]
    assert result.rows == 2


def test_what_was_posted_is_recorded_with_its_answer(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        http.post(LIST_URL, json={"type": "bid"}, scope="bid")

    with vendor(tmp_path, Answer(GOOD)) as shop:
        fetched, _ = shop.read(stand_in(fetch=ask))
    (exchange,) = fetched.exchanges
    assert (exchange.method, json.loads(exchange.request_body), exchange.scope) == (
        "POST",
        {"type": "bid"},
        "bid",
    )
    assert json.loads(shop.server.requests[0].body) == {"type": "bid"}


def test_a_part_that_fails_fails_the_whole_reading(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        http.get(LIST_URL, params={"page": 1})
        http.get(LIST_URL, params={"page": 2})

    with vendor(tmp_path, Answer(GOOD), Answer(b"", 404)) as shop:
        fetched, result = shop.read(stand_in(fetch=ask))
    assert (result.outcome, result.rows) == ("failed", 0)
    assert shop.archive.get(fetched.exchanges[0].sha256) == GOOD


def test_a_module_that_breaks_while_fetching_is_a_fault_of_ours_and_stops_nothing(tmp_path: Path) -> None:
    def ask(http: Http) -> None:
        raise KeyError(http.get(LIST_URL))

    with vendor(tmp_path, Answer(GOOD)) as shop:
        fetched, result = shop.read(stand_in(fetch=ask))
    assert (result.outcome, result.error_kind) == ("failed", "ParserFault")
    assert "price_list.py failed with KeyError" in result.error
    assert shop.archive.get(fetched.exchanges[0].sha256) == GOOD


def test_the_mirror_gets_the_whole_address_and_the_archive_the_vendors_own(tmp_path: Path) -> None:
    with vendor(tmp_path, Answer(GOOD)) as shop:
        http = http_of(tmp_path, shop.server.url + "/")
        http.get("https://prices.example/v1/list", params={"q": "a b"})
        http.close()
    assert shop.server.requests[0].path == "/prices.example/v1/list?q=a+b"
    assert http.exchanges[0].url == "https://prices.example/v1/list?q=a+b"


def void(_: object) -> None:
    """For lambdas that stand where nothing is returned."""
