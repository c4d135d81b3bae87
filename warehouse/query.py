"""Read-only SQL over a release: for notebooks, for the command line, for the report.

Read-only means read-only: the release is opened without write access, then access to other files and to the
network is switched off and the configuration locked, so no statement can switch it on again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from warehouse.errors import BadQuery, NoRelease
from warehouse.publish import PUBLISHED_SCHEMAS, release_as_of
from warehouse.settings import settings

REFUSED: Final = re.compile(r"enable_(logging|profiling)", re.IGNORECASE)
"""Table functions that name files. Locked out of the disk they write none, but leave the session broken."""


def connect(database: Path | None = None, as_of: date | None = None) -> duckdb.DuckDBPyConnection:
    """A sandboxed read-only connection to the current release, to that of a past day, or to ``database``.

    Schemas: core, marts, ops; their tables and macros are found without the schema, too. ``as_of``: what had
    been published by the end of that UTC day. Raises NoRelease where nothing was published.
    """
    if as_of is not None:
        database = release_as_of(settings().releases, as_of).path
    pointer = database or settings().market
    if not pointer.exists():
        raise NoRelease(f"{pointer} does not exist; `aimarket run` builds and publishes it")
    connection = duckdb.connect(str(pointer.resolve()), read_only=True)
    # Connections of one process to one file share their configuration: the first one locks it for all.
    if connection.execute("select current_setting('lock_configuration')").fetchone() == (False,):
        connection.execute("set global timezone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    present = connection.execute(
        "select schema_name from duckdb_schemas() where database_name = current_database() "
        "and list_contains(?, schema_name) order by schema_name = 'marts' desc",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    connection.execute(f"set search_path = '{','.join(['main', *(schema for (schema,) in present)])}'")
    return connection


def answers(connection: duckdb.DuckDBPyConnection, text: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run the statements of ``text`` one by one; yield the result of each that has one, to be read at once.

    Raises BadQuery for what fails or is not answered; the message names tables with a like name.
    """
    if REFUSED.search(text):
        raise BadQuery("enable_logging and enable_profiling are not available here")
    try:
        for statement in connection.extract_statements(text):
            result = connection.execute(statement)
            if statement.expected_result_type == [duckdb.ExpectedResultType.QUERY_RESULT]:
                yield result
    except duckdb.Error as error:
        near = nearest_tables(connection, str(error))
        raise BadQuery(str(error) + (f"\nnearest tables: {', '.join(near)}" if near else "")) from error


def nearest_tables(connection: duckdb.DuckDBPyConnection, error: str) -> list[str]:
    """Public tables whose name is like the one an error message could not find, best first."""
    missing = re.search(r"Table with name (\S+) does not exist", error)
    if not missing:
        return []
    return [
        name
        for (name,) in connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema in ('core', 'marts', 'ops') "
            "order by jaro_winkler_similarity(table_name, ?) desc limit 3",
            [missing[1]],
        ).fetchall()
    ]
