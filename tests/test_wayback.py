"""Old captures of a page: found by the index, fetched once each, replayed at the instant they were taken."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.errors import HistoryError, PayloadError, Unreachable
from pipeline.parsing import Context, Parsed
from pipeline.registry import Source, all_sources
from pipeline.wayback import backfill_pages
from tests.helpers import StandIn, observations, parse_price_list, price_list, quick_settings, stand_in
from tests.replay import Answer, LoopbackServer, Request
from warehouse.archive import Archive
from warehouse.lake import Lake
from warehouse.settings import Settings

AIMARKET = str(Path(sys.executable).with_name("aimarket"))
PAGE = "https://prices.example/list"
FIELDS = ["timestamp", "original", "mimetype", "statuscode", "digest"]


def digest_of(body: bytes) -> str:
    return base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


@dataclass
class InternetArchive:
    """Captures as (timestamp, url, status, body); an index over them and the bytes as captured."""

    captures: list[tuple[str, str, str, bytes]]
    refuse_after: int | None = None
    """Answers captures with 429 once so many were given."""
    retry_after: str = "3600"
    broken: frozenset[str] = frozenset()
    """Timestamps whose capture is answered by 404."""
    given: list[str] = field(default_factory=list)
    """Timestamps of the captures that were asked for, in order."""

    def answer(self, request: Request) -> Answer:
        asked = urlsplit(request.path)
        if asked.path == "/web.archive.org/cdx/search/cdx":
            return Answer(self._index({name: values[0] for name, values in parse_qs(asked.query).items()}))
        prefix, _, url = asked.path.partition("id_/")
        timestamp = prefix.removeprefix("/web.archive.org/web/")
        self.given.append(timestamp)
        if self.refuse_after is not None and len(self.given) > self.refuse_after:
            return Answer(b"slow down", 429, {"Retry-After": self.retry_after})
        found = [body for at, page, _, body in self.captures if (at, page) == (timestamp, url)]
        return Answer(found[0]) if found and timestamp not in self.broken else Answer(b"no", 404)

    def _index(self, asked: Mapping[str, str]) -> bytes:
        assert asked["output"] == "json"
        names = asked["fl"].split(",")
        page, first, last = asked["url"], asked.get("from", "0"), asked.get("to", "9") + "9" * 6
        lines = []
        for timestamp, url, status, body in self.captures:
            is_page = url.startswith(page[:-1]) if page.endswith("*") else url == page
            if is_page and first <= timestamp <= last:
                mimetype = "warc/revisit" if status == "-" else "text/html"
                line = dict(zip(FIELDS, (timestamp, url, mimetype, status, digest_of(body)), strict=True))
                lines.append([line[name] for name in names])
        return json.dumps([names, *lines] if lines else []).encode()


def page_of(**module: Any) -> Source:
    """The stand-in vendor as a source with a page."""
    template = stand_in()
    offered = {
        "PARSER_VERSION": 1,
        "parse": parse_price_list,
        "ARCHIVED_PAGES": {"": PAGE},
        **module,
    }
    return StandIn(**{**vars(template), "stand_in": SimpleNamespace(**offered)})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[InternetArchive, Settings]]:
    archive = InternetArchive([])
    with LoopbackServer(archive.answer) as server:
        yield archive, quick_settings(tmp_path, server.url)


def spells(lake: Lake) -> list[tuple[str, Decimal, str, str]]:
    """(offer, price, first and last instant seen) in the order of time."""
    rows = observations(lake.root, "gpu_offers").sort("offer_key", "observed_at")
    shown = rows["offer_key", "usd_per_hour", "observed_at", "observed_until"].rows()
    return [
        (key, usd, f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}") for key, usd, first, last in shown
    ]


def readings(lake: Lake) -> list[tuple[str, str, int]]:
    rows = observations(lake.root, "readings").sort("reading_scope", "read_at")
    return [
        (scope, f"{at:%Y-%m-%d}", count)
        for scope, at, count in rows["reading_scope", "read_at", "row_count"].rows()
    ]


def test_every_capture_is_a_reading_and_the_same_bytes_are_fetched_once(
    served: tuple[InternetArchive, Settings], lake: Lake
) -> None:
    internet, settings = served
    two, three = price_list(a="2.00"), price_list(a="3.00", b="1.00")
    internet.captures = [
        ("20230501120000", PAGE, "200", two),
        ("20230601120000", PAGE, "-", two),
        ("20230701120000", PAGE, "200", two),
        ("20230801120000", PAGE, "200", three),
        ("20230901120000", PAGE, "200", two),
        ("20231001120000", PAGE, "301", b"moved"),
        ("20231101120000", PAGE, "-", b"of a capture nobody has"),
    ]
    done = backfill_pages(page_of(), settings, lake)
    assert internet.given == ["20230501120000", "20230801120000"]
    assert (done.versions, done.readings, done.rows, done.missing_captures) == (3, 5, 4, 0)
    assert done.failed_versions == []
    assert (done.first_read_at, done.last_read_at) == (
        datetime(2023, 5, 1, 12, tzinfo=UTC),
        datetime(2023, 9, 1, 12, tzinfo=UTC),
    )
    assert spells(lake) == [
        ("a", Decimal(2), "2023-05-01 12:00", "2023-07-01 12:00"),
        ("a", Decimal(3), "2023-08-01 12:00", "2023-08-01 12:00"),
        ("a", Decimal(2), "2023-09-01 12:00", "2023-09-01 12:00"),
        ("b", Decimal(1), "2023-08-01 12:00", "2023-08-01 12:00"),
    ]
    rows = observations(lake.root, "gpu_offers")
    assert set(rows["evidence"]) == {"reconstructed"}
    digest = rows.filter(offer_key="b")["payload_ref"].item().removeprefix("sha256:").partition("#")[0]
    assert Archive(settings.archive).get(digest) == three


def test_a_second_run_asks_for_nothing_it_has(served: tuple[InternetArchive, Settings], lake: Lake) -> None:
    internet, settings = served
    internet.captures = [
        (f"2023050{day}120000", PAGE, "200", price_list(a=f"{day}.00")) for day in range(1, 6)
    ]
    internet.refuse_after = 2
    first = backfill_pages(page_of(), settings, lake)
    assert (first.readings, first.missing_captures) == (2, 3)
    assert internet.given == ["20230501120000", "20230502120000", "20230503120000"], "no knocking after a 429"
    internet.refuse_after, internet.given = None, []
    second = backfill_pages(page_of(), settings, lake)
    assert (second.readings, second.missing_captures) == (5, 0)
    assert internet.given == ["20230503120000", "20230504120000", "20230505120000"]
    internet.given.clear()
    backfill_pages(page_of(), settings, lake)
    assert internet.given == []


def test_a_short_pause_the_archive_asks_for_is_kept(
    served: tuple[InternetArchive, Settings], lake: Lake
) -> None:
    internet, settings = served
    internet.captures = [("20230501120000", PAGE, "200", price_list(a="1.00"))]
    internet.refuse_after, internet.retry_after = 0, "0"
    with pytest.raises(HistoryError, match="1 could not be had"):
        backfill_pages(page_of(), settings, lake)
    assert internet.given == ["20230501120000"] * 3, "asked again after the pause, three times in all"


def test_a_capture_that_is_damaged_there_is_replaced_by_another_of_the_same_bytes(
    served: tuple[InternetArchive, Settings], lake: Lake
) -> None:
    internet, settings = served
    internet.captures = [
        ("20230501120000", PAGE, "200", price_list(a="1.00")),
        ("20230601120000", PAGE, "200", price_list(a="1.00")),
        ("20230701120000", PAGE, "200", price_list(a="2.00")),
    ]
    internet.broken = frozenset({"20230501120000", "20230701120000"})
    done = backfill_pages(page_of(), settings, lake)
    assert (done.readings, done.missing_captures) == (2, 1)
    assert spells(lake) == [("a", Decimal(1), "2023-05-01 12:00", "2023-06-01 12:00")]


def test_a_capture_the_parser_cannot_read_is_named_and_is_no_reading(
    served: tuple[InternetArchive, Settings], lake: Lake
) -> None:
    internet, settings = served
    internet.captures = [
        ("20230501120000", PAGE, "200", price_list(a="1.00")),
        ("20230601120000", PAGE, "200", b"<html>another layout</html>"),
        ("20230701120000", PAGE, "200", price_list(a="1.00")),
    ]
    done = backfill_pages(page_of(), settings, lake)
    assert (done.versions, done.readings) == (3, 2)
    (failed,) = done.failed_versions
    assert "web.archive.org/web/20230601120000id_/https://prices.example/list" in failed
    # Nothing says that the offer was gone in June.
    assert readings(lake) == [("", "2023-05-01", 1), ("", "2023-07-01", 1)]
    assert spells(lake) == [("a", Decimal(1), "2023-05-01 12:00", "2023-07-01 12:00")]


def test_only_the_asked_days_are_brought(served: tuple[InternetArchive, Settings], lake: Lake) -> None:
    internet, settings = served
    internet.captures = [
        (f"2023050{day}235959", PAGE, "200", price_list(a=f"{day}.00")) for day in range(1, 6)
    ]
    done = backfill_pages(page_of(), settings, lake, date(2023, 5, 2), date(2023, 5, 4))
    assert internet.given == ["20230502235959", "20230503235959", "20230504235959"]
    assert done.readings == 3


def test_each_page_is_a_scope_and_a_star_stands_for_all_pages_below(
    served: tuple[InternetArchive, Settings], lake: Lake
) -> None:
    internet, settings = served
    seen: list[tuple[str, str]] = []

    def parse(body: bytes, context: Context) -> Parsed:
        seen.append((context.scope, f"{context.observed_at:%Y-%m-%d}"))
        return parse_price_list(body, context)

    internet.captures = [
        ("20230501120000", f"{PAGE}/north", "200", price_list(a="1.00")),
        ("20230601120000", f"{PAGE}/south/", "200", price_list(a="1.00")),
        ("20230701120000", f"{PAGE}/south/", "200", price_list(b="2.00")),
        ("20230701120000", f"{PAGE}/south/details", "200", price_list(c="2.00")),
        ("20230701120000", f"{PAGE}/south?print=1", "200", price_list(d="2.00")),
        ("20230701120000", "https://prices.example/extra", "200", price_list(e="5.00")),
    ]
    pages = {"": f"{PAGE}/*", "extra": "https://prices.example/extra"}
    done = backfill_pages(page_of(ARCHIVED_PAGES=pages, parse=parse), settings, lake)
    assert (done.readings, done.rows) == (4, 4)
    assert readings(lake) == [
        ("extra", "2023-07-01", 1),
        ("north", "2023-05-01", 1),
        ("south", "2023-06-01", 1),
        ("south", "2023-07-01", 1),
    ]
    assert sorted(seen) == [
        ("extra", "2023-07-01"),
        ("north", "2023-05-01"),
        ("south", "2023-06-01"),
        ("south", "2023-07-01"),
    ]
    assert set(observations(lake.root, "gpu_offers")["reading_scope"]) == {"extra", "north", "south"}


def test_what_is_not_there_is_said(served: tuple[InternetArchive, Settings], lake: Lake) -> None:
    _, settings = served
    with pytest.raises(HistoryError, match=f"no capture of {PAGE}"):
        backfill_pages(page_of(), settings, lake)
    with pytest.raises(HistoryError, match="price_list names no page"):
        backfill_pages(page_of(ARCHIVED_PAGES={}), settings, lake)
    assert not list(lake.root.glob("gpu_offers/source=price_list/**/*.parquet"))


def test_captures_none_of_which_can_be_read_are_an_error_that_shows_why(
    served: tuple[InternetArchive, Settings], lake: Lake
) -> None:
    internet, settings = served
    internet.captures = [("20230501120000", PAGE, "200", b"<html></html>")]
    with pytest.raises(HistoryError, match=r"none of 1 captures could be read.*markup where data belongs"):
        backfill_pages(page_of(), settings, lake)


@pytest.mark.parametrize(
    "index",
    [b"<html>down for maintenance</html>", b'[["timestamp"], ["x"]]', b'{"a": 1}'],
    ids=["a page", "short lines", "another shape"],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, lake: Lake, index: bytes) -> None:
    with LoopbackServer(lambda _: Answer(index)) as server, pytest.raises(PayloadError):
        backfill_pages(page_of(), quick_settings(tmp_path, server.url), lake)


@pytest.mark.parametrize(
    ("timestamp", "digest"), [("20231301120000", "ABC"), ("20230101120000", "../../x"), ("soon", "ABC")]
)
def test_a_line_of_the_index_that_is_none_is_refused(
    tmp_path: Path, lake: Lake, timestamp: str, digest: str
) -> None:
    index = json.dumps([FIELDS, [timestamp, PAGE, "text/html", "200", digest]]).encode()
    with (
        LoopbackServer(lambda _: Answer(index)) as server,
        pytest.raises(PayloadError, match="not a line of the index"),
    ):
        backfill_pages(page_of(), quick_settings(tmp_path, server.url), lake)


def test_without_a_network_it_says_so(tmp_path: Path, lake: Lake) -> None:
    with pytest.raises(Unreachable):
        backfill_pages(page_of(), quick_settings(tmp_path, "http://network.invalid"), lake)


def test_every_page_source_names_its_pages() -> None:
    named = {
        source.source_id: source.module.ARCHIVED_PAGES
        for source in all_sources().values()
        if hasattr(source.module, "ARCHIVED_PAGES")
    }
    assert {"nebius_page", "crusoe_page", "coreweave_page", "sfcompute_page", "hal", "vals_ai", "hle"} <= set(
        named
    )
    for source_id, pages in named.items():
        assert source_id == "hal" or list(pages) == [""]
        assert all(url.startswith("https://") for url in pages.values())


def test_the_command_line_replays_a_real_page_source(tmp_path: Path) -> None:
    page, url = "<html><h1>Buy H100s from ${}/hr</h1></html>", "https://sfcompute.com/"
    internet = InternetArchive(
        [
            ("20250301080000", url, "200", page.format("1.20").encode()),
            ("20250401080000", url, "200", page.format("1.20").encode()),
            ("20250501080000", url, "200", page.format("1.45").encode()),
        ]
    )

    def run(*arguments: str, exits: int = 0) -> str:
        here = {"AIMARKET_HOME": str(tmp_path), "AIMARKET_REQUESTS_PER_SECOND": "1000"}
        done = subprocess.run(
            [AIMARKET, "backfill", *arguments],
            env={**os.environ, **here, "AIMARKET_MIRROR_URL": server.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == exits, done.stdout + done.stderr
        return done.stdout + done.stderr

    with LoopbackServer(internet.answer) as server:
        told = json.loads(run("sfcompute_page", "--wayback", "--json"))
        assert (told["versions"], told["readings"], told["rows"]) == (2, 3, 2)
        assert "2025-03-01 to 2025-05-01" in run("sfcompute_page", "--wayback")
        assert len(internet.given) == 2
        assert "names no page" in run("vastai", "--wayback", exits=1)
        assert "one of them" in run("sfcompute_page", "--wayback", "--git", "x", exits=2)
    assert ("H100", Decimal("1.45"), "2025-05-01 08:00", "2025-05-01 08:00") in spells(
        Lake(tmp_path / "lake")
    )
