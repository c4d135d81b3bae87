"""What of a release may leave the machine, for every way out: Parquet, PostgreSQL.

Each source has a class (`core.dim_sources.redistribution`): `full`, its rows may be passed on; `derived`,
only figures worked out from them; `none`, nothing. So

* a row that repeats what sources said (a table with a column source_id, or one that ends so) leaves when each
  of them is `full`;
* a figure of ours about one source (COMPUTED) leaves unless its source is `none`;
* figures over many sources leave, unless a source of class `none` was read, which cannot be taken out again;
* what we keep ourselves (KEPT) leaves whole.

An internal export holds everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import duckdb

from warehouse.errors import ExportFailed
from warehouse.publish import PUBLISHED_SCHEMAS, Release, literal

COMPUTED: Final = ("marts.gpu_prices_daily",)
"""Tables with a source_id whose figures are worked out: medians over offers."""
KEPT: Final = (
    "core.dim_gpus",
    "core.dim_labs",
    "core.dim_models",
    "core.dim_providers",
    "core.dim_sources",
    "ops.catalogue_lag_summary",
    "ops.held_readings",
    "ops.holes",
    "ops.name_coverage",
    "ops.quarantine_summary",
    "ops.source_freshness",
    "ops.source_movements",
    "ops.unresolved_names",
)
"""Tables we keep ourselves: what things are, and how the reading of sources fares. They hold no price."""


@dataclass(frozen=True)
class Column:
    """``comment``: description with unit."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A public table and the part of it that leaves: the rows for which ``where`` is true."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    where: str
    rows: int
    rows_withheld: int

    @property
    def query(self) -> str:
        return f"select * from {self.name} where {self.where}"


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    release_id: str
    location: str
    is_internal: bool
    tables: int
    rows: int
    rows_withheld: int

    @classmethod
    def of(cls, release: Release, location: str, is_internal: bool, tables: Sequence[Table]) -> Exported:
        rows, withheld = (sum(table.rows for table in tables), sum(table.rows_withheld for table in tables))
        return cls(release.release_id, location, is_internal, len(tables), rows, withheld)


def about(release: Release, is_internal: bool) -> dict[str, Any]:
    """What an export says of itself."""
    kept = ("release_id", "created_at", "as_of", "code_version", "methodology_version")
    return {name: release.manifest.get(name) for name in kept} | {"is_internal": is_internal}


@contextmanager
def opened(release: Release) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a release for statements of ours: read-only there, but free to write other files.

    Attached to a database of its own, because readers in this process have locked the release's.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {literal(str(release.path))} as release (read_only)")
        connection.execute("use release")
        yield connection


def leaving(connection: duckdb.DuckDBPyConnection, is_internal: bool) -> list[Table]:
    """The public tables and views of a release, each with what of it may leave."""
    described = connection.execute(
        """
        with tables as (
            select database_oid, table_oid, schema_name, table_name, comment from duckdb_tables()
            union all
            select database_oid, view_oid, schema_name, view_name, comment
            from duckdb_views()
            where not internal
        )

        select
            tables.schema_name || '.' || tables.table_name as name,
            coalesce(any_value(tables.comment), ''),
            list(
                [columns.column_name, columns.data_type, coalesce(columns.comment, '')]
                order by columns.column_index
            )
        from tables
        inner join duckdb_columns() as columns
            on tables.database_oid = columns.database_oid and tables.table_oid = columns.table_oid
        where list_contains(?, tables.schema_name)
        group by name
        order by name
        """,
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    names = {name for name, _, _ in described}
    has_register = "core.dim_sources" in names
    is_mixed = has_register and "ops.source_freshness" in names and _has_read_what_may_not_leave(connection)
    tables = []
    for name, comment, fields in described:
        columns = tuple(Column(*field) for field in fields)
        where = "true" if is_internal else _rule(name, columns, has_register, is_mixed)
        counted = f"select count(*) filter (where {where}), count(*) from {name}"
        ((rows, all_rows),) = connection.execute(counted).fetchall()
        tables.append(Table(name, comment, columns, where, rows, all_rows - rows))
    return tables


def _rule(name: str, columns: tuple[Column, ...], has_register: bool, is_mixed: bool) -> str:
    """The condition for a row to leave."""
    if name in KEPT:
        return "true"
    # The list of revised values names a source inside the key of a value, where the value has one.
    stated = {"value_key": "json_extract_string(value_key, '$.source_id')"}
    said_by = [
        stated.get(column.name, column.name)
        for column in columns
        if column.name in ("source_id", *stated) or column.name.endswith("_source_id")
    ]
    if not said_by:
        return "false" if is_mixed else "true"
    if not has_register:
        # Where no register says so, nothing is free.
        return "false"
    allowed = "redistribution <> 'none'" if name in COMPUTED else "redistribution = 'full'"
    free = f"(select source_id from core.dim_sources where {allowed})"
    # A row without its source is nobody's to give; one without a second source has only the first.
    return " and ".join(
        f"coalesce({source} in {free}, {source != 'source_id' and not is_mixed})" for source in said_by
    )


def _has_read_what_may_not_leave(connection: duckdb.DuckDBPyConnection) -> bool:
    return connection.execute(
        "select count(*) > 0 from core.dim_sources inner join ops.source_freshness using (source_id) "
        "where redistribution = 'none' and row_count > 0"
    ).fetchall() == [(True,)]


@contextmanager
def failing_clearly(target: str, library: type[Exception]) -> Iterator[None]:
    """Tell what goes wrong as ExportFailed, without the secrets that ``target`` may hold.

    ``library``: the base of the errors of the one that writes.
    """
    try:
        yield
    except (OSError, duckdb.Error, library) as error:
        raise ExportFailed(f"the export failed: {_without_password(str(error).strip(), target)}") from None


def _without_password(message: str, target: str) -> str:
    password = urlsplit(target).password
    for secret in {password, unquote(password)} if password else ():
        message = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", message)
    return message
