"""Final values that a release states otherwise than the one before it: nothing changes silently.

A final value may only change for a reason. The release that changes it keeps a row per value in
``ops.value_revisions``: what it was, what it is, and why. The table goes on from release to release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

TABLE: Final = "ops.value_revisions"
MOST_ROWS: Final = 1_000
"""Changed values of one table listed per release; the count is of all of them."""
COLUMNS: Final = {
    "release_id": ("varchar", "Release that changed the value."),
    "table_name": ("varchar", "Table of the value, schema-qualified."),
    "vintage": ("integer", "Number of the table's vintages up to this one; the first publication is 1."),
    "value_key": ("varchar", "Key of the row, JSON by column."),
    "value_before": (
        "varchar",
        "Its numbers in the release before, JSON by column; only those that changed.",
    ),
    "value_after": ("varchar", "The same numbers now; null where the row is gone."),
    "reason": ("varchar", "What differs between the two builds and can have moved the value."),
}
DESCRIPTION: Final = (
    "Grain: one row per release_id, table_name and value_key. Values that were final and are others now, "
    f"at most {MOST_ROWS:,} rows per table and release."
)
_NUMBERS: Final = ("DECIMAL%", "DOUBLE", "FLOAT")


@dataclass(frozen=True)
class Revised:
    """How many final values of one table a release changed."""

    table: str
    vintage: int
    final_rows: int
    changed_rows: int
    reason: str


def note_revisions(
    connection: duckdb.DuckDBPyConnection,
    release_id: str,
    grains: Mapping[str, Sequence[str]],
    last_vintages: Mapping[str, int],
    reason: str,
) -> list[Revised]:
    """Compare database ``release`` with ``last``, both attached, and write the table into ``release``.

    ``grains``: key columns of each table that is compared, namely where both hold it and its ``status``.
    ``last_vintages``: of the tables so far. Returns what changed, by table; empty where nothing did.
    """
    stated = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    connection.execute(f"create table release.{TABLE} ({stated})")
    if _columns(connection, "last", TABLE):
        connection.execute(f"insert into release.{TABLE} select {', '.join(COLUMNS)} from last.{TABLE}")
    revised = [
        found
        for table, grain in sorted(grains.items())
        if (found := _revise(connection, release_id, table, grain, last_vintages.get(table, 1) + 1, reason))
    ]
    connection.execute(f"comment on table release.{TABLE} is '{DESCRIPTION}'")
    for name, (_, comment) in COLUMNS.items():
        connection.execute(f"comment on column release.{TABLE}.{name} is $${comment}$$")
    return revised


def _revise(
    connection: duckdb.DuckDBPyConnection,
    release_id: str,
    table: str,
    grain: Sequence[str],
    vintage: int,
    reason: str,
) -> Revised | None:
    now, before = _columns(connection, "release", table), _columns(connection, "last", table)
    numbers = [name for name, is_number in now.items() if is_number and before.get(name)]
    if not numbers or "status" not in before or not set(grain) <= now.keys() & before.keys():
        return None
    same_key = " and ".join(f"old.{name} is not distinct from new.{name}" for name in grain)
    differs = {
        name: f"new.status is null or old.{name} is distinct from new.{name} "
        # Sums of floating point differ in their last digits between two runs.
        f"and not coalesce(abs(old.{name} - new.{name}) <= 1e-9 * abs(old.{name}), false)"
        for name in numbers
    }
    connection.execute(
        f"create or replace temp table changed as select {_json('old', grain)} as value_key, "
        f"{_json('old', numbers, differs)} as value_before, "
        f"case when new.status is not null then {_json('new', numbers, differs)} end as value_after "
        f"from last.{table} as old left join release.{table} as new on {same_key} "
        f"where old.status = 'final' and ({' or '.join(f'({test})' for test in differs.values())})"
    )
    ((changed_rows,),) = connection.execute("select count(*) from changed").fetchall()
    if not changed_rows:
        return None
    connection.execute(
        f"insert into release.{TABLE} select ?, ?, ?, value_key, value_before, value_after, ? "
        f"from changed order by value_key limit {MOST_ROWS}",
        [release_id, table, vintage, reason],
    )
    ((final_rows,),) = connection.execute(
        f"select count(*) from last.{table} where status = 'final'"
    ).fetchall()
    return Revised(table, vintage, final_rows, changed_rows, reason)


def why(last: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """What differs between the last release and this build that can move a final value."""
    told = {
        "methodology_version": "methodology",
        "code_version": "code",
        "project_digest": "models or seeds",
    }
    changed = [
        f"{word} changed" + (f" from {last.get(key)} to {versions[key]}" if key != "project_digest" else "")
        for key, word in told.items()
        if key in versions and last.get(key) != versions[key]
    ]
    return "; ".join(changed) or "observations recorded since"


def _columns(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> dict[str, bool]:
    """Columns of a table of an attached database, and whether they hold numbers that are no counts."""
    kinds = " or ".join(f"data_type like '{kind}'" for kind in _NUMBERS)
    return dict(
        connection.execute(
            f"select column_name, {kinds} from duckdb_columns() "
            "where database_name = ? and schema_name || '.' || table_name = ? order by column_index",
            [database, table],
        ).fetchall()
    )


def _json(relation: str, names: Sequence[str], tests: Mapping[str, str] | None = None) -> str:
    """A JSON object of the columns, each as text; with ``tests`` only of those whose test holds."""
    parts = ", ".join(
        f"'{name}', case when {tests[name]} then {relation}.{name} end"
        if tests
        else f"'{name}', {relation}.{name}"
        for name in names
    )
    written = f"cast(json_object({parts}) as varchar)"
    return f"cast(json_merge_patch('{{}}', {written}) as varchar)" if tests else written
