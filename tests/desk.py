"""A home with a small build, published by the real publication."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from warehouse.publish import Release, current_release, publish

AS_OF = "2026-06-01T06:00:00+00:00"
GRAINS = {"marts.levels": ["day"], "marts.prices": ["number"]}
VERSIONS = {"code_version": "0.1.0", "methodology_version": "1"}


class Desk:
    """A home with a build to publish from."""

    def __init__(self, home: Path) -> None:
        self.build, self.results = home / "build" / "market.duckdb", home / "build" / "run_results.json"
        self.releases, self.pointer = home / "releases", home / "market.duckdb"
        self.build.parent.mkdir(parents=True)
        self.versions = VERSIONS

    def built(self, *statements: str, rows: int = 100, value: int = 1) -> None:
        """A build with a mart and a core table of ``rows`` rows, all holding ``value``, and an ops table."""
        self.build.unlink(missing_ok=True)
        with duckdb.connect(str(self.build)) as connection:
            for schema in ("core", "marts", "ops", "staging"):
                connection.execute(f"create schema {schema}")
            numbers = f"select range::int as number, {value} as value from range({rows})"
            for table in ("marts.prices", "core.offers"):
                connection.execute(f"create table {table} as {numbers}")
            connection.execute("create table ops.problems as select 'x' as name")
            connection.execute("create table staging.secret as select 1 as one")
            for statement in statements:
                connection.execute(statement)
        self.tested("success", "pass", "warn")

    def tested(self, *statuses: str) -> None:
        """The results file dbt leaves behind."""
        results = [
            {"unique_id": f"test.aimarket.number_{number}", "status": status, "message": f"it was {status}"}
            for number, status in enumerate(statuses)
        ]
        self.results.write_text(json.dumps({"args": {"vars": {"as_of": AS_OF}}, "results": results}))

    def publish(self) -> Release:
        return publish(self.build, self.results, self.releases, self.pointer, self.versions, GRAINS)

    def levels(self, *rows: tuple[str, str | None, str]) -> None:
        """A build with a mart of levels: day, USD per hour, status."""
        self.built(
            "create table marts.levels "
            "(day date, usd_per_hour decimal(18, 6), row_count integer, status varchar)",
            *(
                f"insert into marts.levels values ('{day}', {usd or 'null'}, {number}, '{status}')"
                for number, (day, usd, status) in enumerate(rows)
            ),
        )

    def revisions(self) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.pointer.resolve()), read_only=True) as connection:
            return connection.sql(
                "select release_id, vintage, value_key, value_before, value_after, reason "
                "from ops.value_revisions order by all"
            ).fetchall()

    @property
    def current(self) -> Release | None:
        return current_release(self.releases, self.pointer)

    def value(self) -> int:
        """What a reader of the pointer sees."""
        with duckdb.connect(str(self.pointer.resolve()), read_only=True) as connection:
            return int(connection.sql("select max(value) from marts.prices").fetchall()[0][0])


def registered(*classes: str) -> list[str]:
    """Statements that give a build a register with a source `is_<class>` of each class, read ones all."""
    sources = ", ".join(f"('is_{name}', '{name}')" for name in classes)
    from_ids = f"from (select unnest({[f'is_{name}' for name in classes]}) as source_id)"
    return [
        f"create table core.dim_sources as from (values {sources}) as t (source_id, redistribution)",
        "create table ops.source_freshness as select source_id, 5 as row_count, now()::timestamp as "
        f"last_reading_at, 0 as age_days {from_ids}",
        f"create table core.fct_seen as select date '2026-06-01' as price_date, source_id {from_ids}",
        f"create table marts.gpu_prices_daily as select date '2026-06-01' as price_date, * {from_ids}",
        f"create table ops.unresolved_names as select source_id {from_ids}",
        "create table marts.levels as select 2.5::decimal(18,6) as usd_per_gpu_hour",
    ]
