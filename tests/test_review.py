"""Readings held for review: what is held, that nothing of it is published or lost, and who may let it go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.fetching import fetch_all
from pipeline.loading import Result, load
from pipeline.parsing import Context, Parsed, Rows, decode
from pipeline.registry import Source
from pipeline.review import decide, difference, is_step, waiting
from tests.helpers import gpu_offer, observations, parse_price_list, price_list, quick_settings, stand_in
from tests.replay import Answer, LoopbackServer
from warehouse.archive import Archive, Exchange, Fetch
from warehouse.lake import Lake

AIMARKET = str(Path(sys.executable).with_name("aimarket"))
DAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("usual", "now", "held"),
    [
        pytest.param(3, 4, False, id="a third more, but one row"),
        pytest.param(12, 8, False, id="a third less, but four rows"),
        pytest.param(12, 7, True, id="five rows of twelve"),
        pytest.param(20, 15, False, id="exactly a quarter less"),
        pytest.param(20, 14, True, id="more than a quarter less"),
        pytest.param(20, 26, True, id="more than a quarter more"),
        pytest.param(1000, 1250, False, id="exactly a quarter more"),
        pytest.param(1000, 0, True, id="all of them"),
        pytest.param(0, 4, False, id="four from nothing"),
        pytest.param(0, 5, True, id="five from nothing"),
        pytest.param(50, 50, False, id="the same"),
    ],
)
def test_a_part_is_held_when_over_a_quarter_and_at_least_five_of_its_rows_come_or_go(
    usual: int, now: int, held: bool
) -> None:
    assert is_step(usual, now) is held


def offers(count: int, first: int = 0) -> bytes:
    return price_list(**{f"offer{number:03}": "2.00" for number in range(first, first + count)})


def read(
    archive: Archive, lake: Lake, day: int, source: Source | None = None, hour: int = 6, **bodies: bytes
) -> Result:
    """Archive and load a fetch of that day of June: one body for each part of the source, by name."""
    at, source = datetime(2026, 6, day, hour, tzinfo=UTC), source or stand_in()
    exchanges = [
        Exchange(
            "GET",
            "https://prices.example/list.json",
            1,
            at,
            status=200,
            sha256=archive.put(body),
            body_bytes=len(body),
            scope="" if scope == "all" else scope,
            is_data=True,
        )
        for scope, body in bodies.items()
    ]
    fetch = Fetch(source.source_id, at, at + timedelta(seconds=1), "complete", exchanges)
    archive.record(fetch)
    return load(fetch, source, archive, lake)


def published(lake: Lake) -> list[tuple[int, str, int]]:
    """(day of June, scope, rows) of every reading in the lake, as last recorded, with its rows there."""
    latest = observations(lake.root, "readings").filter(
        pl.col("recorded_at") == pl.col("recorded_at").max().over("contract", "reading_scope", "read_at")
    )
    rows = observations(lake.root, "gpu_offers").rename({"observed_at": "read_at"})
    counted = latest.join(rows, on=["reading_scope", "read_at", "recorded_at"], how="left").group_by(
        "read_at", "reading_scope", "row_count"
    )
    found = counted.agg(pl.col("offer_key").count().alias("rows")).sort("read_at", "reading_scope")
    assert found["rows"].to_list() == found["row_count"].to_list(), "a reading without its rows"
    return [(at.day, scope, rows) for at, scope, _, rows in found.iter_rows()]


def reviews(lake: Lake) -> list[tuple[int, str, str]]:
    """(day of June, verdict, reason) in the order decided."""
    rows = observations(lake.root, "reviews").sort("decided_at")
    return [
        (at.day, verdict, reason) for at, verdict, reason in rows["fetched_at", "verdict", "reason"].rows()
    ]


def test_the_first_reading_is_never_held(archive: Archive, lake: Lake) -> None:
    assert read(archive, lake, 1, all=offers(200)).held == 0
    assert waiting(lake, ["price_list"]) == []


def test_a_vendor_that_loses_half_its_rows_is_held_and_nothing_is_lost_or_published(tmp_path: Path) -> None:
    archive, lake = Archive(tmp_path / "raw"), Lake(tmp_path / "lake")
    lake.prepare()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    usual = Exchange(
        "GET",
        "https://prices.example/list.json",
        1,
        yesterday,
        status=200,
        sha256=archive.put(offers(20)),
        is_data=True,
    )
    first = Fetch("price_list", yesterday, yesterday, "complete", [usual])
    archive.record(first)
    load(first, stand_in(), archive, lake)
    served = price_list(**{f"offer{number:03}": "2.00" for number in range(10)}, broken="0")
    with LoopbackServer(lambda _: Answer(served)) as server:
        (result,) = fetch_all([stand_in()], quick_settings(tmp_path, server.url))
    assert (result.outcome, result.rows, result.held) == ("complete", 0, 10)
    (held,) = waiting(lake, ["price_list"])
    assert (held.row_count, held.usual_row_count, held.compared_with_at) == (10, 20, yesterday)
    assert observations(lake.root, "readings")["read_at"].to_list() == [yesterday]
    assert observations(lake.root, "gpu_offers").height == 20
    assert observations(lake.root, "quarantine").is_empty()
    aside = observations(lake.held.root, "gpu_offers")
    assert sorted(aside["offer_key"]) == [f"offer{number:03}" for number in range(10)]
    assert observations(lake.held.root, "quarantine").height == 1
    (fetch,) = list(archive.fetches("price_list", held.fetched_at.date()))[-1:]
    assert archive.get(fetch.exchanges[0].sha256) == served
    gone = difference(held, lake)
    assert (gone.gone_count, gone.gone_examples) == (10, ["offer010", "offer011", "offer012"])
    assert (gone.new_count, gone.new_examples) == (0, [])


def test_a_part_is_held_alone(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, north=offers(20), south=offers(20))
    result = read(archive, lake, 2, north=offers(8), south=offers(21))
    assert (result.rows, result.held) == (21, 8)
    assert published(lake) == [(1, "north", 20), (1, "south", 20), (2, "south", 21)]


def test_a_part_that_is_not_in_the_answer_or_new_in_it_holds_nothing(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, north=offers(20))
    assert read(archive, lake, 2, south=offers(90)).held == 0
    assert published(lake) == [(1, "north", 20), (2, "south", 90)]


def test_an_empty_answer_of_a_part_that_had_rows_is_held(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(0))
    assert [held.row_count for held in waiting(lake, ["price_list"])] == [0]
    assert published(lake) == [(1, "", 20)]


def test_a_small_list_may_change_as_it_likes(archive: Archive, lake: Lake) -> None:
    for day, count in enumerate((3, 4, 1, 5), start=1):
        assert read(archive, lake, day, all=offers(count)).held == 0


def test_one_contract_of_a_source_is_held_without_the_other(archive: Archive, lake: Lake) -> None:
    def parse_two(body: bytes, context: Context) -> Parsed:
        facts = Rows("model_facts")
        for number in range(
            decode(body, dict[str, list[dict[str, str]]])["offers"].__len__() // 10 * 10 or 1
        ):
            facts.add(number, host_raw="host", model_raw=f"model{number}")
        return {**parse_price_list(body, context), "model_facts": facts}

    source = stand_in(parse=parse_two, contracts=("gpu_offers", "model_facts"))
    read(archive, lake, 1, source, all=offers(20))
    result = read(archive, lake, 2, source, all=offers(19))
    assert (result.rows_by_contract, result.held) == ({"gpu_offers": 19, "model_facts": 0}, 10)


def test_what_is_accepted_by_hand_is_published_as_learned_then(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=price_list(a="1.00", b="0"))
    held = waiting(lake, ["price_list"])
    before = datetime.now(UTC)
    decide(held, "accepted", "decided by hand", lake)
    assert waiting(lake, ["price_list"]) == []
    assert published(lake) == [(1, "", 20), (2, "", 1)]
    assert reviews(lake)[-1] == (2, "accepted", "decided by hand")
    accepted = observations(lake.root, "gpu_offers").filter(offer_key="a")
    assert accepted["recorded_at"].item() >= before
    assert observations(lake.root, "quarantine").height == 1
    assert read(archive, lake, 3, all=offers(2)).held == 0, "the accepted size is the usual one now"


def test_what_is_rejected_by_hand_stays_aside(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(2))
    decide(waiting(lake, ["price_list"]), "rejected", "decided by hand", lake)
    assert waiting(lake, ["price_list"]) == []
    assert published(lake) == [(1, "", 20)]
    assert observations(lake.held.root, "gpu_offers").height == 2
    read(archive, lake, 3, all=offers(2))
    assert [held.fetched_at.day for held in waiting(lake, ["price_list"])] == [3], (
        "a new reading, a new question"
    )


def test_a_reading_of_a_later_day_confirms_a_held_one_and_both_are_published(
    archive: Archive, lake: Lake
) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(10))
    assert read(archive, lake, 2, hour=7, all=offers(10)).held == 10, "the same day proves nothing"
    assert read(archive, lake, 3, all=offers(11)).held == 0
    assert published(lake) == [(1, "", 20), (2, "", 10), (2, "", 10), (3, "", 11)]
    assert waiting(lake, ["price_list"]) == []
    seen = "the reading of 2026-06-03 06:00 UTC has 11 rows"
    assert sorted(set(reviews(lake)))[-2:] == [
        (2, "accepted", seen),
        (2, "held", "10 rows where the last good reading had 20"),
    ]


def test_a_reading_of_the_usual_size_rejects_a_held_one(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(3))
    assert read(archive, lake, 3, all=offers(21)).held == 0
    assert published(lake) == [(1, "", 20), (3, "", 21)]
    assert waiting(lake, ["price_list"]) == []
    assert reviews(lake)[-1] == (2, "rejected", "the reading of 2026-06-03 06:00 UTC has 21 rows")


def test_a_third_size_confirms_nothing(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(10))
    assert read(archive, lake, 3, all=offers(90)).held == 90
    assert [held.row_count for held in waiting(lake, ["price_list"])] == [10, 90]


def parse_with_cpus(body: bytes, _context: Context) -> Parsed:
    """A newer parser that also makes two rows of each offer."""
    rows = Rows("gpu_offers")
    for position, offer in enumerate(json.loads(body)["offers"]):
        for count in (1, 2):
            rows.add(f"{position}/{count}", **gpu_offer(f"{offer['key']}/{count}", gpu_count=count, vcpus=16))
    return {"gpu_offers": rows}


@pytest.mark.parametrize(
    ("verdict", "days"),
    [
        pytest.param("held", [1], id="waiting"),
        pytest.param("rejected", [1], id="rejected"),
        pytest.param("accepted", [1, 2], id="accepted"),
    ],
)
def test_a_verdict_survives_a_replay_by_a_newer_parser(
    archive: Archive, lake: Lake, verdict: str, days: list[int]
) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(10))
    if verdict != "held":
        decide(
            waiting(lake, ["price_list"]),
            "accepted" if verdict == "accepted" else "rejected",
            "by hand",
            lake,
        )
    newer = stand_in(parse=parse_with_cpus, parser_version=2)
    for fetch in archive.fetches("price_list"):
        load(fetch, newer, archive, lake)
    rows = observations(lake.root, "gpu_offers").filter(parser_version=2)
    assert sorted({at.day for at in rows["observed_at"]}) == days
    counts = {1: 40, 2: 20}
    assert published(lake) == [(day, "", counts[day]) for day in days]
    if verdict == "held":
        decide(waiting(lake, ["price_list"]), "accepted", "by hand", lake)
        assert published(lake) == [(1, "", 40), (2, "", 20)], "the newest parser's rows are published"


def test_a_newer_parser_that_reads_more_rows_is_no_step_of_the_vendor(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    newer = stand_in(parse=parse_with_cpus, parser_version=2)
    assert read(archive, lake, 2, newer, all=offers(20)).held == 0


def test_a_load_killed_before_its_end_is_judged_again_alike(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    read(archive, lake, 2, all=offers(10))
    for path in (lake.root / "fetches" / "source=price_list" / "date=2026-06-02").iterdir():
        path.unlink()
    (_, fetch) = archive.fetches("price_list")
    assert load(fetch, stand_in(), archive, lake).held == 10
    assert len(waiting(lake, ["price_list"])) == 1


def test_a_part_that_was_not_read_for_five_weeks_is_new_again(archive: Archive, lake: Lake) -> None:
    read(archive, lake, 1, all=offers(20))
    at = datetime(2026, 7, 7, 6, tzinfo=UTC)
    exchange = Exchange("GET", "https://x", 1, at, status=200, sha256=archive.put(offers(2)), is_data=True)
    assert load(Fetch("price_list", at, at, "complete", [exchange]), stand_in(), archive, lake).held == 0


def run(home: Path, *arguments: str, exits: int = 0) -> str:
    done = subprocess.run(
        [AIMARKET, *arguments],
        env={**os.environ, "AIMARKET_HOME": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_command_line_shows_what_is_held_and_decides(tmp_path: Path) -> None:
    archive, lake = Archive(tmp_path / "raw"), Lake(tmp_path / "lake")
    lake.prepare()
    source = stand_in("akash")
    read(archive, lake, 1, source, all=offers(20))
    read(archive, lake, 2, source, all=offers(12, first=10))
    (status,) = [
        s for s in json.loads(run(tmp_path, "status", "--json"))["sources"] if s["source_id"] == "akash"
    ]
    assert [(held["row_count"], held["usual_row_count"]) for held in status["held"]] == [(12, 20)]
    assert "`aimarket review akash --accept`" in " ".join(run(tmp_path, "status").split())
    told = run(tmp_path, "review")
    assert "10: offer000, offer001, offer002" in told
    assert "2: offer020, offer021" in told
    assert "aimarket review akash --accept" in told
    assert json.loads(run(tmp_path, "review", "vastai", "--json")) == []
    assert "Accepted 12 rows of akash" in run(tmp_path, "review", "akash", "--accept")
    assert published(lake) == [(1, "", 20), (2, "", 12)]
    assert "No reading is held" in run(tmp_path, "review")


@pytest.mark.parametrize(
    ("arguments", "exits", "said"),
    [
        (["--accept"], 2, "name the source"),
        (["akash", "--accept", "--reject"], 2, "not both"),
        (["nonsense", "--accept"], 1, "no source 'nonsense'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_decision_names_one_source_and_one_verdict(
    tmp_path: Path, arguments: list[str], exits: int, said: str
) -> None:
    assert said in run(tmp_path, "review", *arguments, exits=exits)
