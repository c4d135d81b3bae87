"""Missed days: which they are, what still tells of them, and that nobody makes up the rest."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import pipeline.catchup
from pipeline.catchup import catch_up, settle
from pipeline.holes import missed_days, read_holes
from pipeline.loading import load
from pipeline.progress import Progress
from pipeline.registry import Source
from tests.helpers import LIST_URL, observations, price_list, quick_settings, stand_in
from tests.replay import Answer, LoopbackServer
from tests.test_backfill import PATH, Repository
from warehouse.archive import Archive, Exchange, Fetch, Outcome
from warehouse.errors import Held
from warehouse.files import exclusive
from warehouse.lake import Lake

TODAY = date(2026, 5, 10)


def may(*days: int) -> list[date]:
    return [date(2026, 5, day) for day in days]


class Store:
    """Archive and lake of a home, and fetches that happened on days of May 2026."""

    def __init__(self, home: Path) -> None:
        self.settings = quick_settings(home)
        self.archive, self.lake = Archive(self.settings.archive), Lake(self.settings.lake)
        self.lake.prepare()

    def fetched(
        self,
        day: int,
        source: Source | None = None,
        outcome: Outcome = "complete",
        body: bytes = b"",
        hour: int = 6,
    ) -> None:
        source = source or stand_in()
        at = datetime(2026, 5, day, hour, tzinfo=UTC)
        body = body or price_list(a="2.00")
        exchange = Exchange("GET", LIST_URL, 1, at, status=200, sha256=self.archive.put(body), is_data=True)
        error = "" if outcome != "failed" else f"broken on {at:%d at %H}"
        exchanges = [] if outcome == "failed" else [exchange]
        fetch = Fetch(source.source_id, at, at, outcome, exchanges, "BadStatus" if error else "", error)
        self.archive.record(fetch)
        load(fetch, source, self.archive, self.lake)

    def missed(self, *sources: Source, today: date = TODAY) -> dict[str, list[date]]:
        found = missed_days(sources or [stand_in()], self.archive, self.lake, today)
        return {source_id: [one.day for one in days] for source_id, days in found.items()}

    def settle(
        self, *sources: Source, today: date = TODAY
    ) -> dict[str, tuple[list[date], list[date], list[date]]]:
        caught = settle(sources or [stand_in()], self.archive, self.lake, self.settings, today)
        return {one.source_id: (one.recovered, one.lost, one.open) for one in caught}

    def lost(self) -> list[date]:
        return [hole.day for hole in read_holes(self.lake, ["price_list"])]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def published_in(repository: Path) -> Source:
    source = stand_in()
    source.module.HISTORY_URL, source.module.HISTORY_PATHS = str(repository), [PATH]  # type: ignore[attr-defined]
    return source


def test_days_without_a_good_fetch_are_missing_from_the_first_attempt_to_yesterday(store: Store) -> None:
    store.fetched(3)
    store.fetched(5, outcome="failed")
    store.fetched(6, outcome="failed", hour=6)
    store.fetched(6, outcome="unchanged", hour=9)
    store.fetched(9)
    assert store.missed() == {"price_list": may(4, 5, 7, 8)}
    assert store.missed(today=date(2026, 5, 7)) == {"price_list": may(4, 5)}


def test_a_failed_day_is_told_from_one_on_which_nobody_asked(store: Store) -> None:
    store.fetched(7)
    store.fetched(8, outcome="failed", hour=6)
    store.fetched(8, outcome="failed", hour=9)
    (failed, not_asked) = missed_days([stand_in()], store.archive, store.lake, TODAY)["price_list"]
    assert (failed.cause, failed.attempt_count, failed.error) == ("failed", 2, "broken on 08 at 09")
    assert (not_asked.cause, not_asked.attempt_count, not_asked.error) == ("not asked", 0, "")


def test_a_source_nobody_ever_asked_misses_nothing(store: Store) -> None:
    store.fetched(3, source=stand_in("other"))
    assert store.missed() == {}


def test_what_nothing_tells_of_is_lost_for_good_and_settled_once(store: Store) -> None:
    store.fetched(6)
    store.fetched(10)
    assert store.settle() == {"price_list": ([], may(7, 8, 9), [])}
    assert store.settle() == {}
    assert store.lost() == may(7, 8, 9)
    holes = observations(store.lake.root, "holes").filter(source_id="price_list")
    assert holes["cause"].to_list() == ["not asked"] * 3
    assert holes["sought_in"].unique().to_list() == ["later fetches"]


def test_days_stay_open_until_the_source_answers_again(store: Store) -> None:
    store.fetched(6)
    store.fetched(10, outcome="failed")
    assert store.settle() == {"price_list": ([], [], may(7, 8, 9))}
    assert store.lost() == []
    store.fetched(10, hour=12)
    assert store.settle() == {"price_list": ([], may(7, 8, 9), [])}


def test_a_later_payload_with_dated_rows_makes_its_days_good(store: Store) -> None:
    offers = ",".join(
        f'{{"key": "a", "usd": "2.0{day}", "observed_at": "2026-05-0{day}T12:00:00+00:00"}}' for day in (7, 9)
    )
    store.fetched(6)
    store.fetched(10, body=f'{{"offers": [{offers}]}}'.encode())
    assert store.settle() == {"price_list": (may(7, 9), may(8), [])}
    assert store.lost() == may(8)


def test_git_history_makes_good_what_it_knows_and_only_that(store: Store, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.prices(5, a="1.00")
    repository.prices(7, a="2.00")
    repository.prices(9, a="3.00")
    source = published_in(repository.folder)
    store.fetched(6, source)
    store.fetched(10, source)
    assert store.settle(source) == {"price_list": (may(7, 9), may(8), [])}
    rows = observations(store.lake.root, "gpu_offers").filter(evidence="reconstructed")
    # The commits of the missing days and no other; the price stood from the 7th and from the 9th.
    assert [(row["observed_at"].day, str(row["usd_per_hour"])[:4]) for row in rows.iter_rows(named=True)] == [
        (7, "2.00"),
        (9, "3.00"),
    ]
    holes = observations(store.lake.root, "holes").filter(source_id="price_list")
    assert holes["sought_in"].unique().to_list() == ["later fetches and git history"]


def test_a_history_that_cannot_be_read_keeps_the_days_open(store: Store, tmp_path: Path) -> None:
    source = published_in(tmp_path / "nowhere")
    store.fetched(6, source)
    store.fetched(10, source)
    assert store.settle(source) == {"price_list": ([], [], may(7, 8, 9))}
    Repository(tmp_path / "nowhere").prices(8, a="2.00")
    assert store.settle(source) == {"price_list": (may(8), may(7, 9), [])}


def test_one_broken_history_leaves_the_other_sources_settled(store: Store, tmp_path: Path) -> None:
    broken, other = published_in(tmp_path / "nowhere"), stand_in("other")
    for source in (broken, other):
        store.fetched(8, source)
        store.fetched(10, source)
    assert store.settle(broken, other) == {"price_list": ([], [], may(9)), "other": ([], may(9), [])}


def test_a_hole_that_a_back_fill_reaches_later_is_no_hole_any_more(store: Store, tmp_path: Path) -> None:
    store.fetched(8)
    store.fetched(10)
    store.settle()
    assert store.lost() == may(9)
    repository = Repository(tmp_path / "repository")
    repository.prices(9, a="2.00")
    pipeline.catchup._replay(
        published_in(repository.folder), repository.folder, TODAY - timedelta(days=3), TODAY, store.lake
    )
    assert store.lost() == []


def test_the_command_asks_first_and_can_be_stopped_in_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datetime.now(UTC).replace(hour=1) - timedelta(days=3)
    store.archive.record(Fetch("price_list", first, first, "complete", []))
    monkeypatch.setattr(pipeline.catchup, "live_sources", lambda: [stand_in()])
    with LoopbackServer(lambda _: Answer(price_list(a="2.00"))) as server:
        here = quick_settings(store.settings.home, server.url)
        monkeypatch.setattr(pipeline.catchup, "settings", lambda: here)
        with monkeypatch.context() as killed:
            killed.setattr(pipeline.catchup, "settle", stopped)
            with pytest.raises(KeyboardInterrupt):
                catch_up(Progress())
        assert len(server.requests) == 1
        results, caught = catch_up(Progress())
        assert results == []
        assert [one.lost for one in caught] == [[(first + timedelta(days=n)).date() for n in (1, 2)]]
        assert catch_up(Progress()) == ([], [])
        assert len(server.requests) == 1


def test_two_do_not_catch_up_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.catchup, "settings", lambda: store.settings)
    with exclusive(store.settings.lake.with_suffix(".lock")), pytest.raises(Held):
        catch_up(Progress())


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_pruning_keeps_what_is_named_and_the_last_good_fetch(store: Store) -> None:
    old, shared, new = price_list(a="1.00"), price_list(a="2.00"), price_list(a="3.00")
    other = stand_in("other")
    store.fetched(1, body=old)
    store.fetched(2, body=shared)
    store.fetched(3, body=new)
    store.fetched(9, body=shared)
    store.fetched(2, other, body=old, hour=7)
    store.fetched(9, other, outcome="failed")
    store.archive.prune(date(2026, 5, 9))
    left = [(fetch.source_id, fetch.started_at.day) for fetch in store.archive.fetches()]
    assert sorted(left) == [("other", 2), ("other", 9), ("price_list", 9)]
    kept = {path.stem for path in (store.archive.root / "objects").glob("*/*.zst")}
    assert kept == {hashlib.sha256(body).hexdigest() for body in (old, shared)}
    assert store.archive.days() == may(9, 2)
