"""What a release costs beyond the bytes it holds: publication and exports against bare copies; the report.

The publication and the report use a build of the bundled history, the exports a table of made-up prices for
timing only.
Each time is the best of some runs. Without a PostgreSQL server the last line is left out.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

from bench.published import AIMARKET, published, settled
from bench.table import Row, stopwatch
from tests.postgres import PostgresServer, find_server
from warehouse.parquet import export_parquet
from warehouse.postgres import export_postgres
from warehouse.publish import MACROS, PUBLISHED_SCHEMAS, Release, publish
from warehouse.settings import Settings

PARQUET_ROWS = 10_000_000
POSTGRES_ROWS = 1_000_000
REPORT_SECONDS = 10.0
OVERVIEW_MB = 3.0
REPEATS = 3
VERSIONS = {"code_version": "bench", "methodology_version": "bench"}


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = [_publication(home), *_report(), _parquet(home)]
        if find_server() is None:
            print("\nserve: PostgreSQL left out; no server of the system's packages")
        else:
            rows.append(_postgres(home))
    return rows


def _publication(home: Path) -> Row:
    here = Settings(home=published())
    results, macros = here.build.with_name("run_results.json"), MACROS.read_text(encoding="utf-8")

    def bare() -> None:
        target = home / "bare.duckdb"
        target.unlink(missing_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"attach '{here.build}' as build (read_only); attach '{target}' as bare")
            names = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                "where database_name = 'build' and list_contains(?, schema_name)",
                [list(PUBLISHED_SCHEMAS)],
            ).fetchall()
            for schema in PUBLISHED_SCHEMAS:
                connection.execute(f"create schema bare.{schema}")
            for (name,) in names:
                connection.execute(f"create table bare.{name} as from build.{name}")

    def ours() -> None:
        publish(here.build, results, home / "releases", home / "market.duckdb", VERSIONS, {}, macros)

    return Row("publish the bundled history", _best(ours), "bare copies of its tables", _best(bare), 1.5)


def _report() -> list[Row]:
    home = published()

    def draw() -> None:
        subprocess.run([AIMARKET, "report"], env=settled(home), check=True, capture_output=True)

    seconds = _best(draw)
    overview_mb = (home / "report" / "index.html").stat().st_size / 1e6
    return [
        Row("report of the bundled history", seconds, "promised seconds", REPORT_SECONDS, 1.0),
        Row("its overview page", overview_mb, "promised", OVERVIEW_MB, 1.0, unit="MB"),
    ]


def _parquet(home: Path) -> Row:
    release = _release(home / "wide.duckdb", PARQUET_ROWS)
    runs = iter(range(REPEATS))

    def ours() -> None:
        export_parquet(release, str(home / f"parquet-{next(runs)}"))

    def bare() -> None:
        with duckdb.connect(str(release.path), read_only=True) as connection:
            connection.execute(
                f"copy marts.prices to '{home / 'bare.parquet'}' (format parquet, compression zstd)"
            )

    seconds = _best(ours)
    return Row(f"{PARQUET_ROWS:,} rows: export parquet", seconds, "DuckDB's own COPY", _best(bare), 1.3)


def _postgres(home: Path) -> Row:
    release = _release(home / "narrow.duckdb", POSTGRES_ROWS)
    with PostgresServer(max_wal_size="4GB") as server:
        file = server.folder / "prices.csv"
        with duckdb.connect(str(release.path), read_only=True) as connection:
            connection.execute(f"copy marts.prices to '{file}' (format csv, header false)")
        ours = _best(lambda: export_postgres(release, server.url()))
        # As it came, with COPY by the server itself from a file that is there.
        file.chmod(0o644)
        bare = _best(lambda: server.run(_copied_from(file)))
    # At least 0.7 of its speed is at most 1 / 0.7 of its time.
    return Row(f"{POSTGRES_ROWS:,} rows: export postgres", ours, "COPY from a file", bare, round(1 / 0.7, 3))


def _copied_from(file: Path) -> str:
    columns = ", ".join(
        f"{name} {kind}"
        for name, kind in (("price_date", "date"), ("offer_id", "bigint"), ("seller", "text"))
    )
    return (
        f"drop table if exists bare; create table bare ({columns}, gpu text, usd_per_hour numeric(18, 6), "
        f"score double precision, seen_at timestamp, is_outlier boolean); "
        f"copy bare from '{file}' (format csv)"
    )


def _release(path: Path, rows: int) -> Release:
    """A release with one mart of prices, in the order of their days."""
    with duckdb.connect(str(path)) as connection:
        for schema in PUBLISHED_SCHEMAS:
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table marts.prices as select "
            f"date '2024-01-01' + cast(range * 900 // {rows} as integer) as price_date, range as offer_id, "
            "'seller-' || (hash(range) % 50) as seller, 'gpu-' || (hash(range * 7) % 90) as gpu, "
            "cast(hash(range) % 9000000 as decimal(18, 6)) / 1000 as usd, "
            "(hash(range * 3) % 1000000) / 7.0 as score, "
            "timestamp '2024-01-01' + to_seconds(range) as seen_at, "
            f"range % 11 = 0 as is_outlier from range({rows})"
        )
        connection.execute("alter table marts.prices alter usd type decimal(18, 6)")
        connection.execute("alter table marts.prices rename usd to usd_per_hour")
    return Release("bench", path, json.loads("{}"))


def _best(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        with stopwatch() as watch:
            run()
        seconds.append(watch.seconds)
    return min(seconds)
