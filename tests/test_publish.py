"""Releases: audited or refused, immutable, swapped in one step under the eyes of readers, and reversible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.desk import AS_OF, VERSIONS, Desk
from warehouse.errors import NoRelease, PublicationRefused
from warehouse.publish import (
    KEPT_RELEASES,
    all_releases,
    audit,
    current_release,
    describe,
    prune,
    release_as_of,
    rollback,
    table_counts,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "home")
    desk.built()
    return desk


def refusal(desk: Desk) -> str:
    before = desk.current, sorted(desk.releases.glob("*")) if desk.releases.exists() else []
    with pytest.raises(PublicationRefused) as refused:
        desk.publish()
    after = desk.current, sorted(desk.releases.glob("*")) if desk.releases.exists() else []
    assert after == before
    return str(refused.value)


def test_a_good_build_becomes_the_current_release(desk: Desk) -> None:
    release = desk.publish()
    assert desk.current == release
    assert desk.pointer.resolve() == release.path.resolve()
    assert desk.value() == 1
    assert release.manifest["as_of"] == AS_OF
    assert release.manifest["code_version"] == "0.1.0"
    assert release.manifest["bytes"] == release.path.stat().st_size
    assert {name: table["rows"] for name, table in release.manifest["tables"].items()} == {
        "core.offers": 100,
        "marts.prices": 100,
        "ops.problems": 1,
        "ops.value_revisions": 0,
    }
    assert all(finding["is_ok"] for finding in release.manifest["audit"])
    assert json.loads(release.path.with_suffix(".json").read_text()) == release.manifest


def test_private_schemas_stay_private(desk: Desk) -> None:
    release = desk.publish()
    with duckdb.connect(str(release.path), read_only=True) as connection:
        schemas = {
            name for (name,) in connection.sql("select distinct schema_name from duckdb_tables()").fetchall()
        }
    assert schemas == {"core", "marts", "ops"}


@pytest.mark.parametrize("status", ["fail", "error", "skipped", "runtime error"])
def test_one_red_result_of_dbt_refuses_the_publication(desk: Desk, status: str) -> None:
    desk.tested("success", status, "pass")
    said = refusal(desk)
    assert "dbt: 3 nodes, 1 not passed" in said
    assert f"dbt:test.aimarket.number_1: it was {status}" in said
    assert desk.current is None


def test_every_red_result_is_listed(desk: Desk) -> None:
    desk.tested("fail", "pass", "error")
    assert [line.split(":")[1] for line in refusal(desk).splitlines()[1:]] == [
        "test.aimarket.number_0",
        "test.aimarket.number_2",
    ]


def test_results_that_hold_nothing_refuse_the_publication(desk: Desk) -> None:
    desk.tested()
    assert "dbt: 0 nodes" in refusal(desk)


@pytest.mark.parametrize("missing", ["build", "results"])
def test_a_build_or_results_that_are_missing_refuse_the_publication(desk: Desk, missing: str) -> None:
    path = getattr(desk, missing)
    path.unlink()
    assert str(path) in refusal(desk)


def test_a_build_without_marts_refuses_the_publication(desk: Desk) -> None:
    desk.built("drop table marts.prices")
    assert "marts: the build holds no mart" in refusal(desk)


@pytest.mark.parametrize("table", ["marts.prices", "core.offers", "ops.problems"])
def test_a_table_that_is_gone_refuses_the_publication(desk: Desk, table: str) -> None:
    desk.publish()
    desk.built(f"drop table {table}", "create table marts.other as select 1 as one")
    assert f"rows:{table}: the table is gone" in refusal(desk)


@pytest.mark.parametrize("table", ["marts.prices", "core.offers"])
def test_a_table_that_lost_more_than_a_quarter_of_its_rows_refuses_the_publication(
    desk: Desk, table: str
) -> None:
    desk.publish()
    desk.built(f"delete from {table} where number >= 74")
    assert f"rows:{table}: 100 rows became 74" in refusal(desk)
    assert desk.value() == 1


def test_a_quarter_of_the_rows_may_go(desk: Desk) -> None:
    desk.publish()
    desk.built(rows=75, value=2)
    desk.publish()
    assert desk.value() == 2


def test_operational_tables_may_shrink_and_new_tables_may_come(desk: Desk) -> None:
    desk.publish()
    desk.built("delete from ops.problems", "create table marts.more as select 1 as one")
    assert desk.publish().manifest["tables"]["ops.problems"]["rows"] == 0


def test_the_audit_compares_with_the_release_readers_see(desk: Desk) -> None:
    desk.publish()
    desk.built(rows=130)
    desk.publish()
    rollback(desk.releases, desk.pointer)
    desk.built(rows=80, value=2)
    desk.publish()
    assert desk.value() == 2


def test_an_audit_judges_without_changing_anything(desk: Desk) -> None:
    findings = audit(desk.build, desk.results, None)
    assert [(finding.check, finding.is_ok) for finding in findings] == [("dbt", True), ("rows", True)]
    assert findings[-1].detail == "3 tables, 201 rows"
    assert not desk.releases.exists()


def test_a_release_never_changes_and_stays_readable_while_others_follow(desk: Desk) -> None:
    first = desk.publish()
    before = first.path.read_bytes()
    with duckdb.connect(str(first.path), read_only=True) as reader:
        for value in (2, 3):
            desk.built(value=value)
            desk.publish()
            assert reader.sql("select max(value) from marts.prices").fetchall() == [(1,)]
    assert first.path.read_bytes() == before
    assert first.path.stat().st_mode & 0o777 == 0o444
    assert desk.value() == 3
    assert [release.release_id for release in all_releases(desk.releases)] == sorted(
        path.stem.removeprefix("market-") for path in desk.releases.glob("*.duckdb")
    )


def test_rollback_points_to_the_release_before(desk: Desk) -> None:
    ids = []
    for value in (1, 2, 3):
        desk.built(value=value)
        ids.append(desk.publish().release_id)
    assert rollback(desk.releases, desk.pointer).release_id == ids[1]
    assert desk.value() == 2
    assert rollback(desk.releases, desk.pointer).release_id == ids[0]
    assert desk.value() == 1
    with pytest.raises(NoRelease, match="no earlier release"):
        rollback(desk.releases, desk.pointer)
    assert rollback(desk.releases, desk.pointer, ids[2]).release_id == ids[2]
    assert desk.value() == 3


def test_rollback_to_an_unknown_release_changes_nothing(desk: Desk) -> None:
    desk.publish()
    with pytest.raises(NoRelease, match="no release 20200101T000000Z; `aimarket releases` lists them"):
        rollback(desk.releases, desk.pointer, "20200101T000000Z")
    with pytest.raises(NoRelease, match="no earlier release"):
        rollback(desk.releases, desk.pointer)
    assert desk.value() == 1


def test_nothing_published_has_no_current_release(desk: Desk) -> None:
    assert desk.current is None
    assert all_releases(desk.releases) == []
    with pytest.raises(NoRelease):
        rollback(desk.releases, desk.pointer)


def test_a_home_that_was_moved_still_has_its_release(desk: Desk, tmp_path: Path) -> None:
    desk.publish()
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    pointer = tmp_path / "elsewhere" / "market.duckdb"
    release = current_release(tmp_path / "elsewhere" / "releases", pointer)
    assert release is not None
    assert pointer.resolve() == release.path.resolve()


def test_digests_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    def digest(name: str, *statements: str) -> dict[str, Any]:
        path = tmp_path / f"{name}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema marts")
            for statement in statements:
                connection.execute(statement)
        return describe(path)["marts.t"]

    rows = "create table marts.t as select range as a, range % 7 as b from range(5000)"
    up, down = digest("up", f"{rows} order by a"), digest("down", f"{rows} order by a desc")
    updated = digest("updated", rows, "update marts.t set b = b + 1", "update marts.t set b = b - 1")
    other = digest("other", rows, "update marts.t set b = 9 where a = 4711")
    twice = digest("twice", rows, "insert into marts.t values (0, 0)")
    assert up == down == updated
    assert up["rows"] == 5000
    assert len({up["digest"], other["digest"], twice["digest"]}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [("null::varchar", "'NULL'"), ("''", "null::varchar"), ("['a', 'b']", "['a, b']"), ("'1'", "' 1'")],
)
def test_digests_tell_alike_looking_values_apart(tmp_path: Path, one: str, other: str) -> None:
    digests = []
    for number, value in enumerate((one, other)):
        path = tmp_path / f"{number}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create schema marts; create table marts.t as select {value} as a, 1 as b")
        digests.append(describe(path)["marts.t"]["digest"])
    assert digests[0] != digests[1]


def test_an_empty_table_has_a_digest(desk: Desk) -> None:
    desk.built("create table marts.empty (a int)")
    assert desk.publish().manifest["tables"]["marts.empty"]["rows"] == 0


def test_comments_types_and_row_order_are_carried_over(desk: Desk) -> None:
    desk.built(
        "create table marts.typed as select 1.5::decimal(18,6) as usd, 'n'::enum('n', 's') as place, "
        "timestamptz '2026-06-01 06:00:00+00' as at from range(3)",
        "comment on table marts.typed is 'What it''s about: \"prices\"'",
        "comment on column marts.typed.usd is 'USD; the vendor''s'",
        "create table marts.ordered as select range as a from range(5) order by a desc",
    )
    release = desk.publish()
    with duckdb.connect(str(release.path), read_only=True) as connection:
        comments = connection.sql(
            "select comment from duckdb_tables() where table_name = 'typed' union all "
            "select comment from duckdb_columns() where table_name = 'typed' and column_name = 'usd'"
        ).fetchall()
        types = connection.sql("select column_type from (describe marts.typed)").fetchall()
        ordered = connection.sql("from marts.ordered").fetchall()
    assert comments == [('What it\'s about: "prices"',), ("USD; the vendor's",)]
    assert types == [("DECIMAL(18,6)",), ("ENUM('n', 's')",), ("TIMESTAMP WITH TIME ZONE",)]
    assert ordered == [(4,), (3,), (2,), (1,), (0,)]


def test_a_view_stays_a_view_under_whatever_name_the_release_is_attached(desk: Desk) -> None:
    desk.built(
        "create view marts.high_prices as select number from marts.prices where number >= 90",
        "comment on view marts.high_prices is 'Prices that aren''t low'",
        "comment on column marts.high_prices.number is 'Their number'",
    )
    release = desk.publish()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release.path}' as elsewhere (read_only)")
        assert connection.sql("select count(*) from elsewhere.marts.high_prices").fetchall() == [(10,)]
        kept = connection.sql(
            "select comment from duckdb_views() where view_name = 'high_prices' union all "
            "select comment from duckdb_columns() where table_name = 'high_prices' union all "
            "select count(*)::varchar from duckdb_tables() where table_name = 'high_prices'"
        ).fetchall()
    assert kept == [("Prices that aren't low",), ("Their number",), ("0",)]
    assert release.manifest["tables"]["marts.high_prices"]["rows"] == 10


def test_the_manifest_says_how_fresh_each_source_is(desk: Desk) -> None:
    desk.built(
        "create table ops.source_freshness as select 'vastai' as source_id, "
        "timestamptz '2026-05-31 06:00:00+00' as last_reading_at, 1.0::double as age_days"
    )
    fresh = desk.publish().manifest["freshness"]["vastai"]
    assert fresh["age_days"] == 1.0


def test_any_client_of_duckdb_1_can_open_a_release(desk: Desk) -> None:
    release = desk.publish()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release.path}' as release (read_only)")
        tags = connection.sql(
            "select tags from duckdb_databases() where database_name = 'release'"
        ).fetchall()
    assert "v1.0.0" in str(tags)


def test_old_releases_are_pruned_and_the_current_one_is_kept(desk: Desk) -> None:
    desk.releases.mkdir()
    for number in range(KEPT_RELEASES + 3):
        path = desk.releases / f"market-{number:03}.duckdb"
        path.touch()
        manifest = {"release_id": f"{number:03}", "created_at": "2026-06-01T06:00:00+00:00", "tables": {}}
        path.with_suffix(".json").write_text(json.dumps(manifest))
    desk.pointer.symlink_to(desk.releases / "market-000.duckdb")
    removed = prune(desk.releases, desk.pointer)
    assert sorted(path.name for path in removed) == [
        f"market-{number}.{suffix}" for number in ("001", "002") for suffix in ("duckdb", "json")
    ]
    left = [release.release_id for release in all_releases(desk.releases)]
    assert left == ["000", *(f"{number:03}" for number in range(3, KEPT_RELEASES + 3))]


def test_of_old_releases_the_last_of_each_month_stays(desk: Desk) -> None:
    desk.releases.mkdir()
    first_day = datetime(2026, 1, 30, 6, tzinfo=UTC)
    days = [first_day + timedelta(days=number) for number in range(KEPT_RELEASES + 4)]
    for day in days:
        path = desk.releases / f"market-{day:%Y%m%d}.duckdb"
        path.touch()
        manifest = {"release_id": f"{day:%Y%m%d}", "created_at": day.isoformat(), "tables": {}}
        path.with_suffix(".json").write_text(json.dumps(manifest))
    desk.pointer.symlink_to(path)
    removed = {path.stem for path in prune(desk.releases, desk.pointer)}
    assert removed == {"market-20260130", "market-20260201", "market-20260202"}
    told = {
        day: release_as_of(desk.releases, day).release_id
        for day in (date(2026, 1, 31), date(2026, 2, 2), date(2026, 2, 3), date(2027, 1, 1))
    }
    assert list(told.values()) == ["20260131", "20260131", "20260203", f"{days[-1]:%Y%m%d}"]
    with pytest.raises(NoRelease, match="by 2026-01-30; the first kept release is of 2026-01-31"):
        release_as_of(desk.releases, date(2026, 1, 30))


def test_what_had_been_published_on_a_past_day_is_asked_inside_a_release(desk: Desk) -> None:
    first = desk.publish()
    second = desk.publish()
    today, yesterday = first.created_on, first.created_on - timedelta(days=1)
    with duckdb.connect(str(second.path), read_only=True) as connection:
        asked = "select release_id, stands_at, methodology_version from marts.as_of(?)"
        assert connection.execute(asked, [today]).fetchall() == [
            (second.release_id, datetime(2026, 6, 1, 6), "1")  # noqa: DTZ001
        ]
        assert connection.execute(asked, [yesterday]).fetchall() == []
    with duckdb.connect(str(first.path), read_only=True) as connection:
        assert connection.execute(asked, [today]).fetchall()[0][0] == first.release_id
    assert release_as_of(desk.releases, today) == second
    with pytest.raises(NoRelease, match="by 2020-01-01; the first kept release is of"):
        release_as_of(desk.releases, date(2020, 1, 1))


def test_what_killed_publications_left_is_removed_by_the_next_one(desk: Desk) -> None:
    release = desk.publish()
    for name in (".abc.part", ".abc.part.wal", "market-20200101T000000000000Z.duckdb"):
        (desk.releases / name).write_bytes(b"half")
    second = desk.publish()
    assert {path.name for path in desk.releases.iterdir()} == {
        path.name for kept in (release, second) for path in (kept.path, kept.path.with_suffix(".json"))
    }


PUBLISHES = """
import sys
from pathlib import Path
from warehouse.publish import publish

build, results, releases, pointer = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    publish(build, results, releases, pointer, {}, {})
"""


@pytest.mark.parametrize("moment", ["*.part", "market-2*.duckdb", "market-2*.json"])
def test_a_publication_killed_at_any_moment_leaves_a_whole_release(desk: Desk, moment: str) -> None:
    first = desk.publish()
    known = {first.path, first.path.with_suffix(".json")}
    desk.built(value=2)
    paths = [str(path) for path in (desk.build, desk.results, desk.releases, desk.pointer)]
    command = [sys.executable, "-c", PUBLISHES, *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as publisher:
        assert publisher.stdout is not None
        publisher.stdout.readline()
        until = time.monotonic() + 20
        while not set(desk.releases.glob(moment)) - known and time.monotonic() < until:
            pass
        publisher.kill()
    assert publisher.returncode == -9
    assert desk.current is not None
    assert desk.value() in (1, 2)
    assert describe(desk.current.path) == desk.current.manifest["tables"]
    desk.built(value=3)
    desk.publish()
    assert desk.value() == 3
    assert not list(desk.releases.glob(".*"))


READS = """
import sys, time
from functools import partial
from pathlib import Path
import duckdb
import warehouse

pointer, stop = Path(sys.argv[1]), Path(sys.argv[2])
# As a person asks, and as a tool does that knows nothing of us.
plain = partial(duckdb.connect, str(pointer), read_only=True)
open_it = partial(warehouse.connect, pointer) if sys.argv[3] == "ours" else plain
seen, reads = [], 0
while not stop.exists():
    with open_it() as connection:
        ((a, b, rows),) = connection.execute(
            "select (select max(value) from marts.prices), (select min(value) from core.offers), "
            "(select count(*) from marts.prices)"
        ).fetchall()
    assert a == b, f"a mixed release: {a} and {b}"
    assert rows == 100, f"a half release: {rows} rows"
    if not reads:
        print("reading", flush=True)
    if a not in seen:
        seen.append(a)
    reads += 1
    time.sleep(0.2)
print(reads, *seen)
"""


def test_eight_readers_see_no_error_and_no_mixed_release_over_fifty_publications(
    desk: Desk, tmp_path: Path
) -> None:
    desk.publish()
    stop = tmp_path / "stop"
    command: Sequence[str] = [sys.executable, "-c", READS, str(desk.pointer), str(stop)]
    readers = [
        subprocess.Popen([*command, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for how in ("ours", "plain") * 4
    ]
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == b"reading\n"
        for value in range(2, 52):
            desk.built(value=value)
            desk.publish()
    finally:
        stop.touch()
        told = [reader.communicate(timeout=60) for reader in readers]
    assert [
        (reader.returncode, complained) for reader, (_, complained) in zip(readers, told, strict=True)
    ] == [(0, b"")] * 8
    for said, _ in told:
        reads, *seen = map(int, said.split())
        # Each reader saw many of them, each in its turn, and none that was not published.
        assert reads >= len(seen) >= 5
        assert seen == sorted(seen)
        assert set(seen) <= set(range(1, 52))
    assert desk.value() == 51


def test_the_pointer_is_moved_in_one_step(desk: Desk) -> None:
    """While it moves, the name always leads somewhere: it is replaced, never removed."""
    first, second = desk.publish(), desk.publish()
    inode = os.lstat(desk.pointer).st_ino
    assert desk.current == second
    rollback(desk.releases, desk.pointer)
    assert desk.current == first
    assert os.lstat(desk.pointer).st_ino != inode
    assert [path.name for path in desk.pointer.parent.iterdir() if path.name.startswith(".")] == []


def test_table_counts_cover_the_public_schemas(desk: Desk) -> None:
    assert table_counts(desk.build) == {"core.offers": 100, "marts.prices": 100, "ops.problems": 1}


def test_a_final_value_that_changes_is_a_new_vintage_with_its_reason(desk: Desk) -> None:
    desk.levels(
        ("2026-05-01", "2.5", "final"), ("2026-05-02", "2.6", "final"), ("2026-05-30", "2.7", "provisional")
    )
    first = desk.publish()
    assert desk.revisions() == []
    desk.levels(
        ("2026-05-01", "2.5", "final"), ("2026-05-02", "2.4", "final"), ("2026-05-30", "3.0", "final")
    )
    second = desk.publish()
    (revised,) = desk.revisions()
    assert revised == (
        second.release_id,
        2,
        '{"day":"2026-05-02"}',
        '{"usd_per_hour":2.6}',
        '{"usd_per_hour":2.4}',
        "observations recorded since",
    )
    assert first.manifest["revised"] == []
    assert second.manifest["vintages"] == {"marts.levels": 2}
    assert [(found["final_rows"], found["changed_rows"]) for found in second.manifest["revised"]] == [(2, 1)]


def test_the_list_of_revisions_goes_on_from_release_to_release(desk: Desk) -> None:
    for usd, methodology in (("2.5", "1"), ("2.6", "1"), ("2.7", "2"), ("2.7", "2")):
        desk.versions = VERSIONS | {"methodology_version": methodology}
        desk.levels(("2026-05-01", usd, "final"))
        desk.publish()
    assert [(vintage, reason) for _, vintage, _, _, _, reason in desk.revisions()] == [
        (2, "observations recorded since"),
        (3, "methodology changed from 1 to 2"),
    ]


def test_a_final_value_that_is_gone_or_suppressed_now_is_a_revision(desk: Desk) -> None:
    desk.levels(*((f"2026-05-{day:02}", "2.5", "final") for day in range(1, 11)))
    desk.publish()
    desk.levels(
        *((f"2026-05-{day:02}", "2.5", "final") for day in range(2, 10)), ("2026-05-10", None, "suppressed")
    )
    desk.publish()
    told = {key: (before, after) for _, _, key, before, after, _ in desk.revisions()}
    assert told == {
        '{"day":"2026-05-01"}': ('{"usd_per_hour":2.5}', None),
        '{"day":"2026-05-10"}': ('{"usd_per_hour":2.5}', "{}"),
    }


def test_last_digits_of_floating_point_are_no_revision(desk: Desk) -> None:
    for value in ("0.1 + 0.2", "0.3"):
        row = f"select 1 as day, cast({value} as double) as ratio, 'final' as status"
        desk.built(f"create table marts.levels as {row}")
        desk.publish()
    assert desk.revisions() == []
