"""Read-only means read-only: no statement writes, reads another file, or opens the lock again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import warehouse
from warehouse.errors import NoRelease
from warehouse.query import connect, nearest_tables


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "market.duckdb"
    with duckdb.connect(str(path)) as connection:
        for schema in ("core", "marts", "ops"):
            connection.execute(f"create schema {schema}")
        connection.execute("create table marts.gpu_prices_daily as select 2.5 as usd_per_gpu_hour")
        connection.execute("create table marts.token_prices_daily as select 1 as a")
        connection.execute("create table core.dim_gpus as select 'h100-sxm-80gb' as gpu_id")
        connection.execute("create table ops.source_freshness as select 1 as a")
    return path


@pytest.fixture
def connection(release: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(release) as opened:
        yield opened


def test_a_release_can_be_asked(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql("select gpu_id from core.dim_gpus").fetchall() == [("h100-sxm-80gb",)]


def test_times_are_told_in_utc(connection: duckdb.DuckDBPyConnection, release: Path) -> None:
    query = "select strftime(timestamptz '2026-06-01 08:00:00+02', '%H:%M')"
    assert connection.sql(query).fetchall() == [("06:00",)]
    with connect(release) as second:
        assert second.sql(query).fetchall() == [("06:00",)]


@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.mine as select 1",
        "create view marts.mine as select 1",
        "create or replace table core.dim_gpus as select 1",
        "insert into core.dim_gpus values ('x')",
        "update core.dim_gpus set gpu_id = 'x'",
        "delete from core.dim_gpus",
        "drop table core.dim_gpus",
        "alter table core.dim_gpus add column x int",
        "comment on table core.dim_gpus is 'x'",
        "select 1; drop table core.dim_gpus",
        "copy core.dim_gpus to '{folder}/out.csv'",
        "copy (select 1) to '{folder}/out.parquet' (format parquet)",
        "copy core.dim_gpus to '/dev/stdout' (format csv)",
        "copy core.dim_gpus from '{folder}/file.csv'",
        "export database '{folder}/export'",
        "attach '{folder}/other.duckdb' as other",
        "attach ':memory:' as other",
        "select * from read_csv('{folder}/file.csv')",
        "select * from '{folder}/file.csv'",
        "select * from read_text('{folder}/file.csv')",
        "select * from read_blob('/etc/passwd')",
        "select * from read_parquet('{folder}/*.parquet')",
        "select * from read_json('{folder}/file.csv')",
        "select * from glob('{folder}/*')",
        "select * from sniff_csv('{folder}/file.csv')",
        "select * from 'https://example.org/file.csv'",
        "select * from 's3://bucket/file.parquet'",
        "install httpfs",
        "load httpfs",
        "install postgres_scanner",
        "load '{folder}/file.duckdb_extension'",
        "update extensions",
        "create secret (type s3, key_id 'x', secret 'y')",
        "set enable_external_access = true",
        "reset enable_external_access",
        "set lock_configuration = false",
        "reset lock_configuration",
        "set temp_directory = '{folder}'",
        "set profiling_output = '{folder}/profile'",
        "set allowed_directories = ['{folder}']",
        "set memory_limit = '1GB'",
        "set timezone = 'America/Denver'",
        "pragma threads = 1",
    ],
)
def test_what_would_write_or_read_elsewhere_is_refused(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, statement: str
) -> None:
    (tmp_path / "file.csv").write_text("a,b\n1,2\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(duckdb.Error):
        connection.execute(statement.replace("{folder}", str(tmp_path))).fetchall()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert connection.sql("select * from core.dim_gpus").fetchall() == [("h100-sxm-80gb",)]


def test_the_pointer_may_be_opened_as_well_as_a_release(release: Path, tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.duckdb"
    pointer.symlink_to(release.name)
    with connect(pointer) as connection:
        assert connection.sql("select count(*) from core.dim_gpus").fetchall() == [(1,)]


def test_many_may_read_at_once(release: Path) -> None:
    with connect(release) as one, connect(release) as other:
        assert one.sql("from core.dim_gpus").fetchall() == other.sql("from core.dim_gpus").fetchall()
        with pytest.raises(duckdb.Error, match="file system operations are disabled"):
            other.execute("select * from read_text('/etc/hostname')")


def test_where_nothing_was_published_the_way_to_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoRelease, match="`aimarket run` builds and publishes it"):
        connect(tmp_path / "market.duckdb")
    with pytest.raises(NoRelease):
        warehouse.connect(tmp_path / "market.duckdb")


def test_the_package_opens_the_same_connection(release: Path) -> None:
    with warehouse.connect(release) as connection, pytest.raises(duckdb.Error):
        connection.execute("create table marts.mine as select 1")


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("select * from marts.gpu_price_daily", "marts.gpu_prices_daily"),
        ("select * from token_prices", "marts.token_prices_daily"),
        ("select * from core.dim_gpu", "core.dim_gpus"),
    ],
)
def test_a_misspelt_table_is_answered_with_the_nearest_ones(
    connection: duckdb.DuckDBPyConnection, query: str, best: str
) -> None:
    with pytest.raises(duckdb.CatalogException) as failed:
        connection.execute(query)
    nearest = nearest_tables(connection, str(failed.value))
    assert nearest[0] == best
    assert len(nearest) == 3


def test_other_errors_name_no_tables(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error) as failed:
        connection.execute("selec 1")
    assert nearest_tables(connection, str(failed.value)) == []
