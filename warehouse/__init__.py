"""Storage of aimarket: contracts, archive, lake, releases, queries. Knows neither Dagster nor the vendors.

``warehouse.connect()`` opens the current release for reading, ``warehouse.connect(as_of=day)`` a past day's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import duckdb


def connect(database: Path | None = None, as_of: date | None = None) -> duckdb.DuckDBPyConnection:
    """See warehouse.query.connect; duckdb is imported when first needed."""
    from warehouse.query import connect as open_release

    return open_release(database, as_of)
