"""Read-only means read-only: no statement writes, reads another file, or opens the lock again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

import warehouse
from tests.desk import Desk
from warehouse.errors import BadQuery, NoRelease
from warehouse.query import answers, connect, nearest_tables
from warehouse.settings import settings


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


@pytest.mark.parametrize("function", ["enable_logging", "enable_profiling"])
@pytest.mark.parametrize(
    "form", ["call {call}", "from {call}", "select * from {call}", "explain analyze call {call}"]
)
def test_functions_that_name_files_are_refused_and_write_none(
    release: Path, tmp_path: Path, function: str, form: str
) -> None:
    path = {"enable_logging": "storage = 'file', storage_path", "enable_profiling": "save_location"}[function]
    statement = form.format(call=f"{function}({path} = '{tmp_path}/out.txt')")
    with connect(release) as connection:
        with pytest.raises(BadQuery, match="are not available here"):
            list(answers(connection, f"select 1; {statement.upper()}"))
        assert [answer.fetchall() for answer in answers(connection, "select 1")] == [[(1,)]]
    # In a notebook, where every function can be called: nothing is written all the same.
    program = (
        "import sys, warehouse; from pathlib import Path\n"
        "c = warehouse.connect(Path(sys.argv[1])); c.execute(sys.argv[2]); c.execute('select 42').fetchall()"
    )
    command = [sys.executable, "-c", program, str(release), statement]
    subprocess.run(command, capture_output=True, check=False)
    assert [path.name for path in tmp_path.iterdir()] == [release.name]


def test_each_statement_is_answered_that_has_an_answer(connection: duckdb.DuckDBPyConnection) -> None:
    text = """
        -- what follows is several statements
        set variable gpu = 'h100-sxm-80gb';
        select 1 as a, 'x;y' as b;
        create temp table mine as select 2 as a;
        from mine; describe core.dim_gpus;
        prepare twice as select 2 * $1; execute twice(4);
        select getvariable('gpu')
    """
    told = [answer.fetchall() for answer in answers(connection, text)]
    described = ("gpu_id", "VARCHAR", "YES", None, None, None)
    assert told == [[(1, "x;y")], [(2,)], [described], [(8,)], [("h100-sxm-80gb",)]]


def test_what_fails_is_told_with_the_nearest_tables(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(BadQuery, match=r"(?s)does not exist.*nearest tables: marts\.gpu_prices_daily"):
        list(answers(connection, "from gpu_price_daily"))
    with pytest.raises(BadQuery, match="syntax error"):
        list(answers(connection, "selec 1"))


def test_tables_are_found_without_their_schema(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql("select gpu_id from dim_gpus").fetchall() == [("h100-sxm-80gb",)]
    assert connection.sql("from gpu_prices_daily").fetchall() == [(Decimal("2.5"),)]


def test_answers_come_as_relation_arrow_polars_and_pandas(connection: duckdb.DuckDBPyConnection) -> None:
    relation = connection.sql("from core.dim_gpus").filter("gpu_id like 'h100%'")
    assert relation.to_arrow_table().to_pylist() == [{"gpu_id": "h100-sxm-80gb"}]
    assert relation.pl().to_dicts() == [{"gpu_id": "h100-sxm-80gb"}]
    assert relation.df().to_dict("records") == [{"gpu_id": "h100-sxm-80gb"}]
    mine = pl.DataFrame({"gpu_id": ["h100-sxm-80gb"], "rank": [1]})
    connection.register("mine", mine)
    assert connection.sql("select rank from mine join dim_gpus using (gpu_id)").fetchall() == [(1,)]


def test_a_past_day_is_asked_in_the_release_of_that_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "home")
    monkeypatch.setenv("AIMARKET_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    try:
        for value, day in ((1, "2026-06-01"), (2, "2026-06-02"), (3, "2026-06-04")):
            desk.built(value=value)
            manifest = desk.publish().path.with_suffix(".json")
            told = json.loads(manifest.read_text()) | {"created_at": f"{day}T23:30:00+00:00"}
            manifest.write_text(json.dumps(told))
        for day, value in (("2026-06-01", 1), ("2026-06-03", 2), ("2026-06-04", 3), ("2027-01-01", 3)):
            with warehouse.connect(as_of=date.fromisoformat(day)) as connection:
                assert connection.sql("select max(value) from prices").fetchall() == [(value,)]
        with pytest.raises(NoRelease, match="nothing is kept that was published by 2026-05-31"):
            warehouse.connect(as_of=date(2026, 5, 31))
    finally:
        settings.cache_clear()


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
