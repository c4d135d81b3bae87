"""The copy in PostgreSQL, against a real server of the system's packages."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.desk import AS_OF, Desk, registered
from tests.postgres import PostgresServer, find_server
from warehouse import postgres
from warehouse.errors import ExportFailed, Held
from warehouse.postgres import READER, export_postgres

pytestmark = pytest.mark.skipif(
    find_server() is None, reason="no PostgreSQL server: no initdb on the PATH or below /usr/lib/postgresql"
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    """A database of its own for each test."""
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        connection.execute("create database market")
        yield server.url("market")
        connection.execute("drop database market with (force)")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "home")
    desk.built()
    return desk


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def do(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def our_schemas(url: str) -> list[str]:
    return [
        name for (name,) in ask(url, f"select nspname from pg_namespace where nspname ~ '{postgres.OURS}'")
    ]


def test_rows_types_and_descriptions_arrive(desk: Desk, url: str) -> None:
    desk.built(
        "create table marts.typed as select date '2026-06-01' as price_date, "
        "12345.678901234::decimal(18,9) as usd, timestamp '2026-06-01 06:00:00.123456' as seen_at, "
        "timestamptz '2026-06-01 08:00:00+02' as zoned_at, "
        "'it''s \\ a \"name\"\t\n\\N' as name, null::int as rank, ['a', null] as names, true as is_free, "
        "1.5::double as score, 7::bigint as votes, 3::smallint as months, 9::hugeint as huge, "
        "'n'::enum('n', 's') as place",
        "insert into marts.typed (price_date, score) values (null, 'infinity')",
        "comment on table marts.typed is 'What it''s about: $aimarket$ \"prices\"'",
        "comment on column marts.typed.usd is 'USD; the vendor''s'",
    )
    release = desk.publish()
    done = export_postgres(release, url)
    assert (done.tables, done.rows, done.rows_withheld) == (5, 203, 0)
    assert ask(url, "select * from marts.typed order by usd") == [
        (
            date(2026, 6, 1),
            Decimal("12345.678901234"),
            datetime(2026, 6, 1, 6, 0, 0, 123456),  # noqa: DTZ001
            datetime(2026, 6, 1, 6, tzinfo=UTC),
            'it\'s \\ a "name"\t\n\\N',
            None,
            ["a", None],
            True,
            1.5,
            7,
            3,
            Decimal(9),
            "n",
        ),
        (*[None] * 8, float("inf"), *[None] * 4),
    ]
    types = ask(
        url,
        "select format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = 'marts.typed'::regclass and attnum > 0 order by attnum",
    )
    assert [name for (name,) in types] == [
        "date",
        "numeric(18,9)",
        "timestamp without time zone",
        "timestamp with time zone",
        "text",
        "integer",
        "text[]",
        "boolean",
        "double precision",
        "bigint",
        "smallint",
        "numeric(38,0)",
        "text",
    ]
    assert ask(
        url,
        "select obj_description('marts.typed'::regclass), col_description('marts.typed'::regclass, 2), "
        "col_description('marts.typed'::regclass, 1)",
    ) == [('What it\'s about: $aimarket$ "prices"', "USD; the vendor's", None)]
    assert ask(url, "select count(*), sum(number) from core.offers") == [(100, 4950)]
    told = ask(url, "select release_id, as_of, is_internal, methodology_version from ops.exported_release")
    assert told == [(release.release_id, datetime.fromisoformat(AS_OF), False, "1")]


def test_only_what_may_leave_arrives(desk: Desk, url: str) -> None:
    desk.built(*registered("full", "derived", "none"))
    release = desk.publish()
    export_postgres(release, url)
    assert ask(url, "select source_id from core.fct_seen") == [("is_full",)]
    assert ask(url, "select count(*) from marts.levels") == [(0,)]
    export_postgres(release, url, is_internal=True)
    assert len(ask(url, "select source_id from core.fct_seen")) == 3
    assert ask(url, "select is_internal from ops.exported_release") == [(True,)]


def test_what_others_built_upon_a_view_outlives_the_next_export(desk: Desk, url: str) -> None:
    export_postgres(desk.publish(), url)
    do(
        url,
        "create schema team",
        "create view team.answer as select max(value) as value from marts.prices",
        "create role somebody login",
        "grant select on marts.prices to somebody",
    )
    desk.built(value=2)
    export_postgres(desk.publish(), url)
    assert ask(url, "select value from team.answer") == [(2,)]
    assert ask(url, "select has_table_privilege('somebody', 'marts.prices', 'select')") == [(True,)]
    do(url, "drop owned by somebody", "drop role somebody")


def test_only_the_newest_rows_are_kept(desk: Desk, url: str) -> None:
    for value in (1, 2, 3):
        desk.built(value=value)
        export_postgres(desk.publish(), url)
        assert len(our_schemas(url)) == 1


def test_rows_that_somebody_still_reads_are_dropped_by_a_later_export(desk: Desk, url: str) -> None:
    release = desk.publish()
    export_postgres(release, url)
    (first,) = our_schemas(url)
    with psycopg.connect(url) as reader:
        reader.execute(f"lock table {first}.marts__prices in access share mode")
        export_postgres(release, url)
        assert len(our_schemas(url)) == 2
        # A reader of the tables that were replaced goes on undisturbed.
        assert reader.execute(f"select count(*) from {first}.marts__prices").fetchall() == [(100,)]
    export_postgres(release, url)
    assert len(our_schemas(url)) == 1


def test_the_reader_reads_and_does_nothing_else(desk: Desk, url: str, server: PostgresServer) -> None:
    export_postgres(desk.publish(), url)
    do(url, "create role dashboard login", f"grant {READER} to dashboard")
    as_dashboard = server.url("market", "dashboard")
    try:
        assert ask(as_dashboard, "select count(*) from marts.prices") == [(100,)]
        assert len(ask(as_dashboard, "select release_id from ops.exported_release")) == 1
        (inner,) = our_schemas(url)
        for statement in (
            "insert into marts.prices values (1, 1)",
            "update marts.prices set value = 2",
            "delete from core.offers",
            f"truncate {inner}.core__offers",
            "drop view marts.prices",
            "create view marts.mine as select 1",
            "create table public.mine (a int)",
            "alter view marts.prices rename to mine",
            "comment on view marts.prices is 'mine'",
            f"select * from {inner}.marts__prices",
            f"create role other in role {READER}",
            "copy (select 1) to '/tmp/out'",
            "select pg_read_file('/etc/passwd')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                do(as_dashboard, statement)
        assert ask(
            url, "select rolcanlogin, rolsuper, rolcreatedb from pg_roles where rolname = 'aimarket_reader'"
        ) == [(False, False, False)]
    finally:
        do(url, "drop role dashboard")


def test_new_columns_come_and_tables_that_are_gone_go(desk: Desk, url: str) -> None:
    desk.built("create table marts.gone as select 1 as one", "create table marts.wider as select 1 as one")
    export_postgres(desk.publish(), url)
    for path in desk.releases.iterdir():
        path.unlink()
    desk.pointer.unlink()
    desk.built("create table marts.wider as select 'x' as name, 1 as one")
    export_postgres(desk.publish(), url)
    assert ask(url, "select * from marts.wider") == [("x", 1)]
    assert ask(url, "select to_regclass('marts.gone')") == [(None,)]


def test_what_stands_in_the_way_is_named_and_nothing_changes(desk: Desk, url: str) -> None:
    desk.built("create table marts.wider as select 1 as one")
    export_postgres(desk.publish(), url)
    do(url, "create view public.mine as select one from marts.wider")
    before = our_schemas(url)
    desk.built("create table marts.wider as select 'x' as name, 1 as one", value=2)
    with pytest.raises(ExportFailed, match=r"(?s)cannot drop view marts\.wider.*view mine depends on"):
        export_postgres(desk.publish(), url)
    assert ask(url, "select one from marts.wider") == [(1,)]
    assert ask(url, "select max(value) from marts.prices") == [(1,)]
    assert our_schemas(url) == before


def test_a_type_without_a_counterpart_is_refused_by_name(desk: Desk, url: str) -> None:
    desk.built("create table marts.odd as select interval 1 day as duration")
    with pytest.raises(ExportFailed, match=r"marts\.odd holds a column of type INTERVAL"):
        export_postgres(desk.publish(), url)
    assert our_schemas(url) == []


def test_one_export_at_a_time(desk: Desk, url: str) -> None:
    release = desk.publish()
    with psycopg.connect(url) as other:
        other.execute("select pg_advisory_xact_lock(hashtext('aimarket export'))")
        with pytest.raises(Held, match="another export is at work in this database"):
            export_postgres(release, url)
    export_postgres(release, url)


def test_an_export_waits_for_a_long_read_and_then_gives_up(
    desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_postgres(desk.publish(), url)
    desk.built(value=2)
    second = desk.publish()
    monkeypatch.setattr(postgres, "SWAP_ATTEMPTS", 2)
    with psycopg.connect(url) as reader:
        reader.execute("select count(*) from marts.prices")
        with pytest.raises(
            ExportFailed, match="were being read for more than 2 seconds; the last export stays"
        ):
            export_postgres(second, url)
        # Others were not kept waiting for longer than the lock is tried.
        assert ask(url, "select max(value) from marts.prices") == [(1,)]
    monkeypatch.undo()
    reader = psycopg.connect(url)
    reader.execute("select count(*) from marts.prices")
    timer = threading.Timer(1.0, reader.close)
    timer.start()
    export_postgres(second, url)
    timer.join()
    assert ask(url, "select max(value) from marts.prices") == [(2,)]


EXPORTS = """
import sys
from pathlib import Path
from warehouse.postgres import export_postgres
from warehouse.publish import current_release

export_postgres(current_release(Path(sys.argv[1]), Path(sys.argv[2])), sys.argv[3])
"""


def test_an_export_that_is_killed_leaves_nothing(desk: Desk, url: str) -> None:
    export_postgres(desk.publish(), url)
    before = our_schemas(url)
    desk.built(rows=1_000_000, value=2)
    desk.publish()
    command = [sys.executable, "-c", EXPORTS, str(desk.releases), str(desk.pointer), url]
    working = "select count(*) from pg_stat_activity where datname = 'market' and query ilike 'copy%'"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as exporter:
        until = time.monotonic() + 60
        while ask(url, working) == [(0,)] and time.monotonic() < until:
            pass
        exporter.kill()
    assert exporter.returncode == -9
    until = time.monotonic() + 20
    while ask(url, working) != [(0,)] and time.monotonic() < until:
        time.sleep(0.05)
    assert our_schemas(url) == before
    assert ask(url, "select max(value), count(*) from marts.prices") == [(1, 100)]
    export_postgres(desk.publish(), url)
    assert ask(url, "select max(value), count(*) from marts.prices") == [(2, 1_000_000)]


def test_a_dashboard_sees_whole_releases_only(desk: Desk, url: str, server: PostgresServer) -> None:
    export_postgres(desk.publish(), url)
    do(url, "create role dashboard login", f"grant {READER} to dashboard")
    stop, faults, seen = threading.Event(), [], [set[int]() for _ in range(4)]
    query = (
        "select (select min(value) from marts.prices), (select max(value) from core.offers), "
        "(select count(*) from marts.prices), (select count(*) from ops.exported_release)"
    )

    def look(values: set[int]) -> None:
        try:
            with psycopg.connect(server.url("market", "dashboard"), autocommit=True) as connection:
                while not stop.is_set():
                    ((one, other, rows, releases),) = connection.execute(query).fetchall()
                    if (one, rows, releases) != (other, 100, 1):
                        faults.append(f"half a release: {one}, {other}, {rows} rows, {releases} releases")
                    values.add(one)
                    time.sleep(0.005)
        except psycopg.Error as error:
            faults.append(str(error))

    readers = [threading.Thread(target=look, args=[values]) for values in seen]
    for reader in readers:
        reader.start()
    try:
        for value in range(2, 12):
            desk.built(value=value)
            export_postgres(desk.publish(), url)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        do(url, "drop role dashboard")
    assert faults == []
    assert all(len(values) >= 5 and values <= set(range(1, 12)) for values in seen)


def test_who_may_not_make_roles_is_told_so_and_may_export_once_the_role_is_there(
    desk: Desk, url: str, server: PostgresServer
) -> None:
    release = desk.publish()
    do(url, "create role loader login", "grant create on database market to loader")
    as_loader = server.url("market", "loader")
    try:
        if ask(url, f"select 1 from pg_roles where rolname = '{READER}'"):
            do(url, f"drop owned by {READER}", f"drop role {READER}")
        with pytest.raises(ExportFailed, match="permission denied to create role"):
            export_postgres(release, as_loader)
        do(url, f"create role {READER}")
        export_postgres(release, as_loader)
        assert ask(as_loader, "select count(*) from marts.prices") == [(100,)]
    finally:
        do(url, "drop owned by loader cascade", "drop role loader")


@pytest.mark.usefixtures("url")
def test_no_password_is_told(desk: Desk, server: PostgresServer) -> None:
    release = desk.publish()
    for address in (
        "postgresql://somebody:geheim%231@127.0.0.1:1/market",
        "postgresql://somebody:geheim%zz@127.0.0.1/market",
        server.url("no_such_database", password="geheim"),
        server.url("market", "no_such_role", "geheim"),
    ):
        with pytest.raises(ExportFailed) as failed:
            export_postgres(release, address)
        assert "geheim" not in str(failed.value)
        assert failed.value.__cause__ is None
    assert "geheim" not in server.log
