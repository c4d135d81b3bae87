"""When a source counts as stalled: worked out by hand, through real fetches, and as Dagster tells it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from msgspec import structs

from pipeline.fetching import fetch, fetch_all
from pipeline.freshness import Sight, sights, stalled_reason
from pipeline.http import Http, Pace
from pipeline.loading import load
from pipeline.registry import Source, find_source
from tests.helpers import OBSERVED_AT, observations, price_list, quick_settings, stand_in
from tests.replay import Answer, LoopbackServer, Request
from warehouse import settings as settings_module
from warehouse.archive import Archive, Exchange, Fetch
from warehouse.contracts import CONTRACTS
from warehouse.lake import Lake
from warehouse.settings import DBT_PROJECT, Settings

TODAY = date(2026, 6, 20)


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence_days", "sight", "reason"),
    [
        pytest.param(
            1, Sight(succeeded_at=at(6, 18), content_since=at(6, 15)), "", id="two days are no silence"
        ),
        pytest.param(
            1,
            Sight(succeeded_at=at(6, 17), content_since=at(6, 17)),
            "no good reading since 2026-06-17",
            id="three are",
        ),
        pytest.param(
            1,
            Sight(succeeded_at=at(6, 20), content_since=at(6, 17)),
            "",
            id="three days the same are nothing",
        ),
        pytest.param(
            1,
            Sight(succeeded_at=at(6, 20), content_since=at(6, 16)),
            "the same bytes since 2026-06-16",
            id="four are too many",
        ),
        pytest.param(
            30,
            Sight(succeeded_at=at(6, 12), content_since=at(4, 12)),
            "",
            id="a price page may stand 61 days",
        ),
        pytest.param(
            30,
            Sight(succeeded_at=at(6, 12), content_since=at(4, 11)),
            "the same bytes since 2026-04-11",
            id="not 62",
        ),
        pytest.param(
            30,
            Sight(succeeded_at=at(6, 11), content_since=at(6, 11)),
            "no good reading since 2026-06-11",
            id="and may not be silent for longer than a week and a day",
        ),
        pytest.param(
            1,
            Sight(first_attempted_at=at(6, 19), last_reading_at=at(5, 1)),
            "no good reading since 2026-05-01",
            id="an old history is no reading of today",
        ),
        pytest.param(1, Sight(first_attempted_at=at(6, 18)), "", id="tried in vain for two days"),
        pytest.param(
            1, Sight(first_attempted_at=at(6, 17)), "tried in vain since 2026-06-17", id="tried for three"
        ),
        pytest.param(1, Sight(), "", id="never tried"),
    ],
)
def test_a_source_stalls_when_its_cadence_is_over(cadence_days: int, sight: Sight, reason: str) -> None:
    source = replace(stand_in(), cadence_days=cadence_days)
    assert stalled_reason(source, sight, TODAY) == reason


def test_a_closed_history_never_stalls() -> None:
    closed = replace(stand_in(), kind="history", cadence_days=0)
    assert stalled_reason(closed, Sight(last_reading_at=at(1, 1)), TODAY) == ""


def ask(http: Http) -> None:
    http.get("https://prices.example/a.json")
    http.get("https://prices.example/b.json")


def fetched(settings: Settings, answer: Callable[[Request], Answer]) -> Fetch:
    with LoopbackServer(answer) as server:
        here = settings.model_copy(update={"mirror_url": server.url})
        return fetch(stand_in(fetch=ask), Archive(settings.archive), here, Pace(1000))


def test_the_first_sight_of_the_bytes_is_remembered_while_they_stay_the_same(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)

    def confirm(request: Request) -> Answer:
        if request.headers.get("If-None-Match") == '"1"':
            return Answer(status=304)
        return Answer(price_list(a="2.00"), headers={"ETag": '"1"'})

    def swap(request: Request) -> Answer:
        """The same two bodies, each at the other's address."""
        return Answer(price_list(a="2.00") if request.path.endswith("b.json") else price_list(b="1.00"))

    first = fetched(settings, lambda _: Answer(price_list(a="2.00"), headers={"ETag": '"1"'}))
    assert first.content_since == first.started_at
    confirmed = fetched(settings, confirm)
    assert (confirmed.outcome, confirmed.content_since) == ("unchanged", first.started_at)
    same_again = fetched(settings, lambda _: Answer(price_list(a="2.00")))
    assert (same_again.outcome, same_again.content_since) == ("complete", first.started_at)
    failed = fetched(settings, lambda _: Answer(status=404))
    assert (failed.outcome, failed.content_since) == ("failed", None)
    after_failure = fetched(settings, lambda _: Answer(price_list(a="2.00")))
    assert after_failure.content_since == first.started_at
    one_changed = fetched(
        settings,
        lambda request: Answer(price_list(**{request.path[-6]: "2.00" if "a.j" in request.path else "1.00"})),
    )
    assert one_changed.content_since == one_changed.started_at
    swapped = fetched(settings, swap)
    assert swapped.content_since == one_changed.started_at
    assert Archive(settings.archive).last_good("price_list") == swapped


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Settings]:
    with LoopbackServer(lambda _: Answer(price_list(a="2.00"))) as server:
        yield quick_settings(tmp_path, server.url)


def remembered(settings: Settings, source: Source, first_seen: datetime) -> None:
    """An archived and loaded fetch of that day with the bytes the shop still serves."""
    archive, lake = Archive(settings.archive), Lake(settings.lake)
    lake.prepare()
    body = price_list(a="2.00")
    exchange = Exchange(
        "GET",
        "https://prices.example/list.json",
        1,
        first_seen,
        status=200,
        sha256=archive.put(body),
        body_bytes=len(body),
        is_data=True,
    )
    known = Fetch(source.source_id, first_seen, first_seen, "complete", [exchange], content_since=first_seen)
    archive.record(known)
    load(known, source, archive, lake)


def test_a_source_that_serves_the_same_bytes_for_too_long_is_flagged_by_the_next_run(shop: Settings) -> None:
    source, now = stand_in(), datetime.now(UTC)
    remembered(shop, source, now - timedelta(days=4))
    (result,) = fetch_all([source], shop)
    seen = sights(shop, [source.source_id])[source.source_id]
    assert seen.outcome == "complete"
    assert seen.content_since == result.content_since == now - timedelta(days=4)
    since = (now - timedelta(days=4)).date()
    assert stalled_reason(source, seen, now.date()) == f"the same bytes since {since}"


def test_a_source_that_fails_for_too_long_is_flagged_and_its_last_error_is_the_latest(tmp_path: Path) -> None:
    source, now = stand_in(), datetime.now(UTC)
    with LoopbackServer(lambda _: Answer(status=403)) as server:
        settings = quick_settings(tmp_path, server.url)
        remembered(settings, source, now - timedelta(days=3))
        list(fetch_all([source], settings))
    seen = sights(settings, [source.source_id])[source.source_id]
    assert (seen.outcome, seen.error_kind) == ("failed", "BadStatus")
    since = (now - timedelta(days=3)).date()
    assert stalled_reason(source, seen, now.date()) == f"no good reading since {since}"


def test_a_source_nobody_knows_has_an_empty_sight(tmp_path: Path) -> None:
    assert sights(quick_settings(tmp_path), ["nobody"]) == {"nobody": Sight()}


def test_a_lake_from_before_a_column_is_read_with_nulls(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.prepare()
    day = tmp_path / "lake" / "fetches" / "source=price_list" / f"date={OBSERVED_AT.date()}"
    schema = tmp_path / "lake" / "fetches" / "source=none" / "date=1970-01-01" / "schema.parquet"
    attempt = {
        "source_id": "price_list",
        "started_at": OBSERVED_AT,
        "finished_at": OBSERVED_AT,
        "outcome": "complete",
        "row_count": 3,
    }
    young = pl.read_parquet(schema)
    old = pl.DataFrame([attempt], young.drop("content_since").schema)
    day.mkdir(parents=True)
    old.write_parquet(day / "060000000000-v1.parquet")
    young.drop("content_since").write_parquet(schema)
    lake.prepare()
    assert "content_since" in pl.read_parquet_schema(schema)
    assert lake.read("fetches", "price_list", OBSERVED_AT.date())["content_since"].to_list() == [None]
    seen = sights(quick_settings(tmp_path), ["price_list"])["price_list"]
    assert (seen.rows, seen.content_since, seen.succeeded_at) == (3, None, OBSERVED_AT)
    assert observations(tmp_path / "lake", "readings").is_empty()


@pytest.fixture
def dagster_here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The assets read the environment, so it leads them to this test's data and replay server."""
    monkeypatch.setenv("AIMARKET_HOME", str(settings.home))
    monkeypatch.setenv("AIMARKET_MIRROR_URL", settings.mirror_url)
    monkeypatch.setenv("AIMARKET_REQUESTS_PER_SECOND", "1000")
    settings_module.settings.cache_clear()
    yield settings
    settings_module.settings.cache_clear()


def test_dagster_shows_a_stalled_source_and_one_that_jumped_as_failed_checks(dagster_here: Settings) -> None:
    import dagster as dg

    from pipeline.assets.fetch import asset_key, fetch_sources
    from pipeline.progress import Progress

    stalled, fresh = find_source("akash"), find_source("oci")
    archive, now = Archive(dagster_here.archive), datetime.now(UTC)
    list(fetch_all([stalled, fresh], dagster_here))
    (known,) = archive.fetches(stalled.source_id)
    archive.record(structs.replace(known, content_since=now - timedelta(days=4)))
    lake = Lake(dagster_here.lake)
    ((name),) = lake.names("readings", fresh.source_id, now.date())
    seen = lake.read_file("readings", fresh.source_id, now.date(), name)
    lake.add(
        "readings", fresh.source_id, now.date(), name, seen.with_columns(row_count=pl.lit(100, pl.Int64))
    )
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [fetch_sources],
            instance=instance,
            partition_key=f"{now:%Y-%m-%d}",
            selection=[asset_key(stalled), asset_key(fresh)],
            resources={"progress": Progress()},
            run_config={
                "ops": {"fetch_sources": {"config": {"again": True}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    found = {
        (check.asset_key.path[-1], check.check_name): (check.passed, set(check.metadata))
        for check in done.get_asset_check_evaluations()
    }
    assert found["akash", "not_stalled"] == (False, {"reason"})
    assert found["oci", "not_stalled"] == (True, set())
    # Both recordings are smaller than a plausible reading; only one also left its usual size.
    known = {"rows", "smallest_plausible"}
    assert found["akash", "plausible_size"] == (False, known)
    assert found["oci", "plausible_size"] == (False, known | {"held_rows", "decide_by"})


def test_every_mart_states_which_of_its_observations_have_to_be_new() -> None:
    texts = {path.stem: path.read_text() for path in (DBT_PROJECT / "models").rglob("*.sql")}
    parents = {name: set(re.findall(r"ref\('(\w+)'\)", text)) for name, text in texts.items()}

    def read_by(name: str) -> set[str]:
        direct = parents.get(name, set())
        return direct.union(*map(read_by, direct))

    for path in (DBT_PROJECT / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            stated = model["config"]["meta"]["fed_by"]
            observed = {f"stg_{contract}" for contract in CONTRACTS} & read_by(model["name"])
            assert {f"stg_{contract}" for contract in stated} <= observed, model["name"]
            assert stated or not observed, f"{model['name']} reads observations and says it needs none"
