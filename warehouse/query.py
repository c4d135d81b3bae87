"""Read-only SQL over a release: for notebooks, for the command line, for the report.

Read-only means read-only: the release is opened without write access, then access to other files and to the
network is switched off and the configuration locked, so no statement can switch it on again.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from warehouse.errors import NoRelease
from warehouse.settings import settings


def connect(database: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A sandboxed read-only connection to the current release, or to ``database``.

    Schemas: core, marts, ops. Raises NoRelease where nothing was published.
    """
    pointer = database or settings().market
    if not pointer.exists():
        raise NoRelease(f"{pointer} does not exist; `aimarket run` builds and publishes it")
    connection = duckdb.connect(str(pointer.resolve()), read_only=True)
    # Connections of one process to one file share their configuration: the first one locks it for all.
    if connection.execute("select current_setting('lock_configuration')").fetchone() == (False,):
        connection.execute("set global timezone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    return connection


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
