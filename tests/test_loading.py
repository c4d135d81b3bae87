"""From archive to lake: twice changes nothing, killed is completed, one failing source harms no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.errors import ParserFault, PayloadError
from pipeline.fetching import fetch_all, is_due, unloaded
from pipeline.http import Http
from pipeline.loading import Result, is_loaded, load, parse, replay_all
from pipeline.parsing import Context, Parsed, Rows
from pipeline.registry import Source
from tests.helpers import (
    LIST_URL,
    OBSERVED_AT,
    gpu_offer,
    observations,
    parse_price_list,
    price_list,
    quick_settings,
    stand_in,
)
from tests.replay import Answer, LoopbackServer, Request
from warehouse import settings as settings_module
from warehouse.archive import Archive, Exchange, Fetch, Outcome
from warehouse.lake import Lake
from warehouse.settings import Settings


def archived(archive: Archive, *bodies: tuple[str, bytes], at: datetime = OBSERVED_AT, **facts: Any) -> Fetch:
    """A fetch as the network session records it: one good exchange per (scope, body)."""
    exchanges = [
        Exchange(
            method="GET",
            url=LIST_URL,
            attempt=1,
            fetched_at=at,
            status=200,
            sha256=archive.put(body),
            body_bytes=len(body),
            scope=scope,
            is_data=True,
        )
        for scope, body in bodies
    ]
    outcome: Outcome = facts.pop("outcome", "complete")
    fetch = Fetch("price_list", at, at + timedelta(seconds=1), outcome, exchanges, **facts)
    archive.record(fetch)
    return fetch


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.parquet")}


def test_a_reading_becomes_rows_readings_and_a_line_about_the_attempt(archive: Archive, lake: Lake) -> None:
    body = price_list(a="2.00", b="0", c="3.50")
    result = load(archived(archive, ("", body)), stand_in(), archive, lake)
    assert (result.outcome, result.rows, result.rejects) == ("complete", 2, 1)
    assert result.rows_by_contract == {"gpu_offers": 2}
    rows = observations(lake.root, "gpu_offers")
    assert rows.select("offer_key", "usd_per_hour", "observed_at", "observed_until").rows() == [
        ("a", Decimal(2), OBSERVED_AT, OBSERVED_AT),
        ("c", Decimal("3.5"), OBSERVED_AT, OBSERVED_AT),
    ]
    digest = archive.put(body)
    assert rows["payload_ref"].to_list() == [f"sha256:{digest}#offers/0", f"sha256:{digest}#offers/2"]
    (reading,) = observations(lake.root, "readings").iter_rows(named=True)
    assert (reading["read_at"], reading["row_count"], reading["rejected_count"]) == (OBSERVED_AT, 2, 1)
    assert reading["recorded_at"] == rows["recorded_at"][0]
    (reject,) = observations(lake.root, "quarantine").iter_rows(named=True)
    assert reject["payload_ref"] == f"sha256:{digest}#offers/1"
    (attempt,) = observations(lake.root, "fetches").iter_rows(named=True)
    assert attempt == {
        "source_id": "price_list",
        "started_at": OBSERVED_AT,
        "finished_at": OBSERVED_AT + timedelta(seconds=1),
        "outcome": "complete",
        "error_kind": None,
        "error": None,
        "request_count": 1,
        "body_bytes": len(body),
        "row_count": 2,
        "rejected_count": 1,
        "content_since": None,
    }


def test_loading_twice_gives_the_same_files_with_the_same_rows(archive: Archive, lake: Lake) -> None:
    fetch = archived(archive, ("", price_list(a="2.00", b="0")))
    load(fetch, stand_in(), archive, lake)
    before, names = observations(lake.root, "gpu_offers"), set(files(lake.root))
    load(fetch, stand_in(), archive, lake)
    assert set(files(lake.root)) == names
    assert observations(lake.root, "gpu_offers").drop("recorded_at").equals(before.drop("recorded_at"))


def test_a_run_that_has_nothing_to_do_writes_nothing(archive: Archive, lake: Lake) -> None:
    fetch = archived(archive, ("", price_list(a="2.00")))
    assert unloaded(stand_in(), archive, lake) == [fetch]
    load(fetch, stand_in(), archive, lake)
    assert unloaded(stand_in(), archive, lake) == []


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(("fetches",), id="before its last file"),
        pytest.param(("fetches", "readings"), id="before the readings"),
        pytest.param(("fetches", "readings", "quarantine"), id="after the rows"),
        pytest.param(("fetches", "readings", "quarantine", "gpu_offers"), id="before anything"),
    ],
)
def test_a_load_killed_at_any_point_is_completed_by_the_next_run(
    archive: Archive, lake: Lake, lost: tuple[str, ...]
) -> None:
    fetch = archived(archive, ("", price_list(a="2.00", b="0")))
    load(fetch, stand_in(), archive, lake)
    whole = set(files(lake.root))
    for table in lost:
        shutil.rmtree(lake.root / table / "source=price_list")
    assert not is_loaded(fetch, stand_in(), lake)
    assert unloaded(stand_in(), archive, lake) == [fetch]
    load(fetch, stand_in(), archive, lake)
    assert set(files(lake.root)) == whole
    assert observations(lake.root, "gpu_offers").height == 1


def test_what_a_killed_run_fetched_is_loaded_before_the_next_fetch(tmp_path: Path) -> None:
    archive, lake = Archive(tmp_path / "raw"), Lake(tmp_path / "lake")
    left = archived(archive, ("", price_list(a="2.00")))
    with LoopbackServer(lambda _: Answer(price_list(a="2.50"))) as server:
        (result,) = fetch_all([stand_in()], quick_settings(tmp_path, server.url))
    assert result.outcome == "complete"
    assert is_loaded(left, stand_in(), lake)
    rows = observations(lake.root, "gpu_offers").sort("observed_at")
    assert rows["usd_per_hour"].to_list() == [Decimal(2), Decimal("2.5")]
    assert rows["observed_at"][0] == OBSERVED_AT


def test_only_days_back_to_the_last_whole_one_are_looked_at(archive: Archive, lake: Lake) -> None:
    days = [
        archived(archive, ("", price_list(a="2.00")), at=OBSERVED_AT + timedelta(days=day))
        for day in range(4)
    ]
    for day in (1, 3):
        load(days[day], stand_in(), archive, lake)
    assert unloaded(stand_in(), archive, lake) == []
    shutil.rmtree(lake.root / "fetches" / "source=price_list" / "date=2026-06-04")
    assert unloaded(stand_in(), archive, lake) == [days[2], days[3]]


def test_a_newer_parser_reads_the_archived_bytes_again_and_adds_to_what_was_known(
    archive: Archive, lake: Lake
) -> None:
    def parse_better(body: bytes, _context: Context) -> Parsed:
        rows = Rows("gpu_offers")
        for position, offer in enumerate(json.loads(body)["offers"]):
            rows.add(position, **gpu_offer(offer["key"], usd_per_hour=offer["usd"], vcpus=16))
        return {"gpu_offers": rows}

    first = archived(archive, ("", price_list(a="2.00")))
    second = archived(archive, ("", price_list(a="2.10")), at=OBSERVED_AT + timedelta(days=1))
    old, new = stand_in(), stand_in(parse=parse_better, parser_version=2)
    for fetch in (first, second):
        load(fetch, old, archive, lake)
    before = files(lake.root)
    assert unloaded(new, archive, lake) == [first, second]
    for fetch in unloaded(new, archive, lake):
        load(fetch, new, archive, lake)
    after = files(lake.root)
    assert {name: after[name] for name in before} == before
    rows = observations(lake.root, "gpu_offers").sort("observed_at", "recorded_at")
    assert rows.select("usd_per_hour", "parser_version", "vcpus").rows() == [
        (Decimal("2.0"), 1, None),
        (Decimal("2.0"), 2, 16.0),
        (Decimal("2.1"), 1, None),
        (Decimal("2.1"), 2, 16.0),
    ]
    recorded = rows["recorded_at"]
    assert recorded[1] > recorded[0]
    assert recorded[3] > recorded[2]


def test_a_failed_fetch_is_a_line_without_rows(archive: Archive, lake: Lake) -> None:
    fetch = archived(archive, outcome="failed", error_kind="Unreachable", error="no answer")
    result = load(fetch, stand_in(), archive, lake)
    assert not result.is_good
    attempts = observations(lake.root, "fetches")
    assert attempts.select("outcome", "error_kind", "error", "row_count").rows() == [
        ("failed", "Unreachable", "no answer", 0)
    ]
    assert observations(lake.root, "readings").is_empty()


def test_a_part_without_rows_is_a_reading_that_showed_nothing(archive: Archive, lake: Lake) -> None:
    fetch = archived(archive, ("north", price_list(a="2.00")), ("south", price_list()))
    load(fetch, stand_in(), archive, lake)
    readings = observations(lake.root, "readings").sort("reading_scope")
    assert readings.select("reading_scope", "row_count").rows() == [("north", 1), ("south", 0)]


def test_two_pages_of_one_scope_are_one_reading_and_a_repeated_offer_is_rejected(
    archive: Archive, lake: Lake
) -> None:
    fetch = archived(archive, ("", price_list(a="2.00", b="3.00")), ("", price_list(b="3.10", c="4.00")))
    result = load(fetch, stand_in(), archive, lake)
    assert (result.rows, result.rejects) == (3, 1)
    assert observations(lake.root, "readings")["row_count"].to_list() == [3]
    assert observations(lake.root, "gpu_offers")["usd_per_hour"].to_list() == [2, 3, 4]
    assert observations(lake.root, "quarantine")["reason"].item().startswith("duplicate")


def test_the_same_offer_in_two_scopes_is_two_rows(archive: Archive, lake: Lake) -> None:
    fetch = archived(archive, ("north", price_list(a="2.00")), ("south", price_list(a="2.00")))
    assert load(fetch, stand_in(), archive, lake).rows == 2


def test_rows_that_state_their_days_become_spells_of_their_own_readings(archive: Archive, lake: Lake) -> None:
    dated = [
        {"key": "a", "usd": usd, "observed_at": f"2026-05-0{day}T00:00:00Z"}
        for day, usd in ((1, "2"), (2, "2"), (3, "3"))
    ]
    load(archived(archive, ("", json.dumps({"offers": dated}).encode())), stand_in(), archive, lake)
    rows = observations(lake.root, "gpu_offers")
    assert [
        (f"{first:%d}", f"{last:%d}") for first, last in rows[["observed_at", "observed_until"]].rows()
    ] == [
        ("01", "02"),
        ("03", "03"),
    ]
    readings = observations(lake.root, "readings")
    assert [(f"{read_at:%d}", count) for read_at, count in readings[["read_at", "row_count"]].rows()] == [
        ("01", 1),
        ("02", 1),
        ("03", 1),
    ]


def test_bytes_the_archive_has_lost_fail_their_source_with_a_clear_message(
    archive: Archive, lake: Lake
) -> None:
    fetch = archived(archive, ("", price_list(a="2.00")))
    for path in (archive.root / "objects").rglob("*.zst"):
        path.unlink()
    result = load(fetch, stand_in(), archive, lake)
    assert (result.outcome, result.error_kind) == ("failed", "ArchiveDamaged")
    assert LIST_URL in result.error


def give_float_money(_body: bytes, _context: Context) -> Parsed:
    rows = Rows("gpu_offers")
    rows.add(0, **gpu_offer(usd_per_hour=2.0))
    return {"gpu_offers": rows}


def give_unknown_column(_body: bytes, _context: Context) -> Parsed:
    rows = Rows("gpu_offers")
    rows.add(0, **gpu_offer(), usd_per_gpu_hour="2.00")
    return {"gpu_offers": rows}


def give_another_contract(_body: bytes, _context: Context) -> Parsed:
    return {"token_prices": Rows("token_prices")}


def break_down(_body: bytes, _context: Context) -> Parsed:
    raise ZeroDivisionError("no GPUs")


@pytest.mark.parametrize(
    ("faulty", "said"),
    [
        (give_float_money, "money and came as float"),
        (give_unknown_column, "no column usd_per_gpu_hour"),
        (give_another_contract, "token_prices"),
        (break_down, "ZeroDivisionError: no GPUs"),
    ],
)
def test_a_fault_in_a_parser_is_ours_named_and_leaves_no_rows(
    archive: Archive, lake: Lake, faulty: Any, said: str
) -> None:
    result = load(archived(archive, ("", price_list(a="2.00"))), stand_in(parse=faulty), archive, lake)
    assert (result.outcome, result.error_kind, result.rows) == ("failed", "ParserFault", 0)
    assert said in result.error
    assert "price_list" in result.error
    assert observations(lake.root, "gpu_offers").is_empty()
    assert observations(lake.root, "readings").is_empty()


def test_errors_of_a_parser_name_the_payload() -> None:
    context = Context("price_list", OBSERVED_AT, url=LIST_URL)
    with pytest.raises(PayloadError, match=r"list\.json: the body is empty"):
        parse(stand_in(), b"", context)
    with pytest.raises(ParserFault, match=r"list\.json: .*price_list\.py failed with ZeroDivisionError"):
        parse(stand_in(parse=break_down), b"{}", context)


def shop(source_id: str, **module: Any) -> Source:
    """A source with an address of its own."""

    def ask(http: Http) -> None:
        http.get(f"https://{source_id}.example/list.json")

    return stand_in(source_id, fetch=ask, **module)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Settings]:
    """Vendors by host: one is down, one shows a login page, all others sell."""

    def answer(request: Request) -> Answer:
        host = request.path.split("/")[1]
        if host == "down.example":
            return Answer(b"", 503)
        if host == "login.example":
            return Answer(b"<html>Sign in</html>")
        return Answer(price_list(a="2.00", b="3.00"))

    with LoopbackServer(answer) as server:
        yield quick_settings(tmp_path, server.url)


def test_one_failing_source_leaves_the_others_unharmed(market: Settings) -> None:
    def vanish(http: Http) -> None:
        raise AttributeError(f"{http} has no attribute nonsense")

    broken = [
        shop("down"),
        shop("login"),
        shop("parser", parse=break_down),
        stand_in("module", fetch=vanish),
        shop("floats", parse=give_float_money),
    ]
    good = [shop("first"), shop("second")]
    results = {result.source_id: result for result in fetch_all([*broken, *good], market)}
    assert {source_id: (result.outcome, result.error_kind) for source_id, result in results.items()} == {
        "down": ("failed", "BadStatus"),
        "login": ("failed", "PayloadError"),
        "parser": ("failed", "ParserFault"),
        "module": ("failed", "ParserFault"),
        "floats": ("failed", "ParserFault"),
        "first": ("complete", ""),
        "second": ("complete", ""),
    }
    rows = observations(market.lake, "gpu_offers")
    assert rows.group_by("source_id").len().sort("source_id").rows() == [("first", 2), ("second", 2)]
    attempts = observations(market.lake, "fetches")
    assert sorted(attempts["source_id"]) == sorted(results)
    manifests = list((market.archive / "manifest").rglob("*.json"))
    assert len(manifests) == len(results)


def test_a_module_that_cannot_be_imported_fails_its_source_alone(market: Settings) -> None:
    """A row whose module does not exist: the real Source looks it up and fails before any request."""
    template = shop("first")
    kept = {field.name: getattr(template, field.name) for field in fields(Source)}
    missing = Source(**{**kept, "source_id": "no_such_module"})
    results = {result.source_id: result for result in fetch_all([missing, shop("second")], market)}
    assert results["no_such_module"].outcome == "failed"
    assert "No module named" in results["no_such_module"].error
    assert results["second"].outcome == "complete"


def test_an_archive_damaged_for_one_source_fails_that_source_alone(market: Settings) -> None:
    archive = Archive(market.archive)
    left = archived(archive, ("", price_list(z="9.00")))
    (archive.root / "objects" / left.exchanges[0].sha256[:2] / f"{left.exchanges[0].sha256}.zst").unlink()
    results = {result.source_id: result for result in fetch_all([shop("price_list"), shop("first")], market)}
    assert {source_id: result.outcome for source_id, result in results.items()} == {
        "price_list": "complete",
        "first": "complete",
    }
    attempts = observations(market.lake, "fetches").filter(pl.col("source_id") == "price_list")
    assert sorted(attempts["outcome"]) == ["complete", "failed"]


def test_sources_are_fetched_side_by_side(tmp_path: Path) -> None:
    slow = [shop(f"shop{number}") for number in range(8)]
    with LoopbackServer(lambda _: Answer(price_list(a="2.00"), byte_pause_seconds=0.01)) as server:
        begun = datetime.now(UTC)
        results = list(fetch_all(slow, quick_settings(tmp_path, server.url)))
        took = (datetime.now(UTC) - begun).total_seconds()
    assert [result.outcome for result in results] == ["complete"] * 8
    alone = len(price_list(a="2.00")) * 0.01
    assert took < 4 * alone + 1


def test_a_source_tells_what_it_does_while_it_works(market: Settings) -> None:
    steps: list[tuple[str, str]] = []
    list(fetch_all([shop("first")], market, lambda source_id, step: steps.append((source_id, step))))
    assert steps[0] == ("first", "fetching")
    assert ("first", "0.0 MB") in steps
    assert steps[-2:] == [("first", "loading"), ("first", "complete")]


@pytest.mark.parametrize(
    ("source_id", "later", "due"),
    [
        pytest.param("first", timedelta(0), False, id="read today"),
        pytest.param("first", timedelta(days=1), True, id="not read tomorrow"),
        pytest.param("down", timedelta(0), True, id="failed today"),
        pytest.param("login", timedelta(0), True, id="answered today with something else"),
        pytest.param("never", timedelta(0), True, id="never tried"),
    ],
)
def test_a_source_is_due_until_it_has_a_good_reading_of_the_day(
    market: Settings, source_id: str, later: timedelta, due: bool
) -> None:
    list(fetch_all([shop(name) for name in ("first", "down", "login")], market))
    day = max(fetch.started_at for fetch in Archive(market.archive).fetches())
    assert is_due(shop(source_id), Lake(market.lake), day + later) is due


def test_replay_has_nothing_to_do_where_the_lake_is_up_to_date(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMARKET_HOME", str(settings.home))
    settings_module.settings.cache_clear()
    try:
        assert replay_all([]) == []
    finally:
        settings_module.settings.cache_clear()


def test_a_result_adds_up_what_its_fetch_cost(archive: Archive, lake: Lake) -> None:
    fetch = archived(archive, ("north", b'{"offers": []}'), ("south", b'{"offers":[]}'))
    result = load(fetch, stand_in(parse=parse_price_list), archive, lake)
    assert result == Result(
        "price_list",
        "complete",
        rows=0,
        body_bytes=27,
        request_count=2,
        seconds=1.0,
        rows_by_contract={"gpu_offers": 0},
    )
