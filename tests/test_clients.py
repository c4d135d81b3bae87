"""The clients people connect with, on a published release and on its copies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import adbc_driver_duckdb
import adbc_driver_manager
import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest
import requests
from moto.server import ThreadedMotoServer
from pyarrow import fs
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.desk import Desk, registered
from tests.postgres import PostgresServer, find_server
from warehouse.errors import ExportFailed
from warehouse.parquet import export_parquet
from warehouse.postgres import export_postgres
from warehouse.publish import Release

PRICES = "select max(number) as number, count(*) as rows from marts.prices"
TYPED = "create table marts.typed as select 1.5::decimal(18,6) as usd, date '2026-06-01' as day"
needs_postgres = pytest.mark.skipif(
    find_server() is None, reason="no PostgreSQL server: no initdb on the PATH or below /usr/lib/postgresql"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "home")
    desk.built(TYPED)
    return desk


@pytest.fixture
def release(desk: Desk) -> Release:
    return desk.publish()


def test_sqlalchemy_and_pandas_read_the_published_file(desk: Desk, release: Release) -> None:
    engine = create_engine(f"duckdb:///{desk.pointer}", connect_args={"read_only": True}, poolclass=NullPool)
    assert "prices" in inspect(engine).get_table_names(schema="marts")
    frame = pd.read_sql(PRICES, engine)
    assert frame.to_dict("records") == [{"number": 99, "rows": 100}]
    with engine.connect() as connection, pytest.raises(Exception, match="read-only"):
        connection.execute(text("delete from marts.prices"))
    # With no pool each question opens the file anew, so the next release is seen without a restart.
    desk.built(TYPED, rows=90)
    desk.publish()
    assert pd.read_sql(PRICES, engine).to_dict("records") == [{"number": 89, "rows": 90}]
    assert release.path.exists()


def test_adbc_and_polars_read_the_published_file(release: Release) -> None:
    # The driver's own connect() opens for writing; this is how it is told not to.
    options = {"path": str(release.path), "access_mode": "read_only"}
    with (
        adbc_driver_manager.dbapi.connect(
            adbc_driver_duckdb.driver_path(), entrypoint="duckdb_adbc_init", db_kwargs=options
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(PRICES)
        assert cursor.fetch_arrow_table().to_pylist() == [{"number": 99, "rows": 100}]
        with pytest.raises(adbc_driver_manager.Error, match="read-only"):
            cursor.execute("delete from marts.prices")
    with duckdb.connect(str(release.path), read_only=True) as connection:
        frame = pl.read_database("select * from marts.typed", connection)
    assert frame.to_dicts() == [{"usd": Decimal("1.5"), "day": date(2026, 6, 1)}]


def test_polars_pandas_and_arrow_read_the_parquet_copy(release: Release, tmp_path: Path) -> None:
    export_parquet(release, str(tmp_path / "out"))
    folder = tmp_path / "out" / "latest" / "marts"
    assert pl.scan_parquet(folder / "prices" / "**" / "*.parquet").select(pl.len()).collect().item() == 100
    assert len(pd.read_parquet(folder / "prices")) == 100
    assert ds.dataset(folder / "prices", partitioning="hive").count_rows() == 100


@needs_postgres
def test_sqlalchemy_adbc_and_pandas_read_the_postgres_copy(release: Release) -> None:
    with PostgresServer() as server:
        export_postgres(release, server.url())
        engine = create_engine(server.url().replace("postgresql://", "postgresql+psycopg://"))
        look = inspect(engine)
        assert set(look.get_view_names(schema="marts")) == {"prices", "typed"}
        kinds = {column["name"]: str(column["type"]) for column in look.get_columns("typed", schema="marts")}
        assert kinds == {"usd": "NUMERIC(18, 6)", "day": "DATE"}
        assert pd.read_sql(PRICES, engine).to_dict("records") == [{"number": 99, "rows": 100}]
        engine.dispose()
        with (
            adbc_driver_postgresql.dbapi.connect(server.url()) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(PRICES)
            assert cursor.fetch_arrow_table().to_pylist() == [{"number": 99, "rows": 100}]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, fs.S3FileSystem]]:
    """An empty bucket on the loopback: what follows its name in an address, and a way to look into it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    requests.put(f"http://{host}:{port}/market", timeout=10).raise_for_status()
    try:
        yield (
            f"scheme=http&endpoint_override={host}:{port}&region=us-east-1",
            fs.S3FileSystem(scheme="http", endpoint_override=f"{host}:{port}", region="us-east-1"),
        )
    finally:
        server.stop()


def test_an_object_store_holds_the_same_as_a_folder(
    desk: Desk, bucket: tuple[str, fs.S3FileSystem], tmp_path: Path
) -> None:
    options, store = bucket
    desk.built(*registered("full", "derived"))
    release = desk.publish()
    export_parquet(release, str(tmp_path / "out"))
    done = export_parquet(release, f"s3://market/some/prefix?{options}")
    assert "geheim" not in done.location
    root = f"market/some/prefix/{release.release_id}"

    def manifest() -> bytes:
        with store.open_input_stream(f"{root}/manifest.json") as stream:
            return bytes(stream.read())

    listed = {
        name: [(file["path"], file["rows"]) for file in table["files"]]
        for name, table in json.loads(manifest())["tables"].items()
    }
    local = json.loads((tmp_path / "out" / "latest" / "manifest.json").read_text())
    assert listed == {
        name: [(file["path"], file["rows"]) for file in table["files"]]
        for name, table in local["tables"].items()
    }
    assert ds.dataset(f"{root}/core/fct_seen", filesystem=store).to_table().num_rows == 1
    # Asked again, it writes no file that is there.
    written = store.get_file_info(f"{root}/core/offers/data.parquet").mtime
    store.delete_file(f"{root}/marts/prices/data.parquet")
    export_parquet(release, f"s3://market/some/prefix?{options}")
    assert store.get_file_info(f"{root}/core/offers/data.parquet").mtime == written
    assert ds.dataset(f"{root}/marts/prices", filesystem=store).to_table().num_rows == 100


def test_a_bucket_that_is_not_there_is_told(desk: Desk, bucket: tuple[str, fs.S3FileSystem]) -> None:
    with pytest.raises(ExportFailed, match="nowhere"):
        export_parquet(desk.publish(), f"s3://nowhere/prefix?{bucket[0]}")
