"""Where a published value comes from: its inputs, level by level down to the bytes, and what was left out.

The release alone answers. ``warehouse.lineage`` knows which rows a value stands on; here they are looked up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import duckdb

from warehouse.errors import BadQuery, NotOneValue
from warehouse.lineage import RULES, SHOWN, Inputs
from warehouse.publish import Release
from warehouse.query import connect

MOST_ROWS: Final = 200
"""Inputs of a level that are listed; all are counted, and the level's query gives all."""
MOST_VALUES: Final = 5
"""Rows named where a condition matches several."""
CLOSE: Final = {"rel_tol": 1e-4, "abs_tol": 1e-6}
"""How near a figure worked out from published, hence rounded, inputs comes to the published one."""

ROOT: Final = "the_value"
"""Name of the query that gives the row asked about."""


@dataclass(frozen=True)
class Recomputed:
    """A column of the value, worked out again from the inputs that count."""

    column: str
    published: Any
    value: Any
    is_equal: bool
    """But for rounding."""


@dataclass(frozen=True)
class Level:
    """Inputs of one table, of the value itself or of inputs of a level before it."""

    number: str
    """2.1 is the first level below level 2."""
    what: str
    table: str
    counted: int
    """Rows that enter."""
    left_out: dict[str, int]
    """Rows that belong here and do not enter, by reason."""
    rows: list[dict[str, Any]]
    """The first of them, those that enter first; ``left_out_because`` is null for these."""
    formula: str
    recomputed: list[Recomputed]
    sql: str
    """Query that gives all rows."""

    @property
    def depth(self) -> int:
        return self.number.count(".")


@dataclass(frozen=True)
class Explanation:
    """Everything behind one value."""

    mart: str
    where: str
    release_id: str
    as_of: str
    methodology_version: str
    section: str
    """Heading in docs/methodology.md."""
    description: str
    key: dict[str, Any]
    value: dict[str, Any]
    formula: str
    recomputed: list[Recomputed]
    seeds: tuple[str, ...]
    """Files of sql/seeds that figures enter from, each row with its source."""
    levels: list[Level] = field(default_factory=list)

    @property
    def payloads(self) -> dict[str, str]:
        """Where the bytes are, of the value itself or of the inputs listed that enter: object and source."""
        entering = [row for level in self.levels for row in level.rows if row["left_out_because"] is None]
        return {
            row["payload_ref"].partition("#")[0]: row["source_id"]
            for row in [self.value, *entering]
            if row.get("payload_ref")
        }


def explain(release: Release, mart: str, where: str) -> Explanation:
    """Tell what the one row of ``mart`` that ``where`` selects stands on.

    ``mart`` may be named with or without its schema. Raises BadQuery where there is no such mart or the
    condition is none, NotOneValue where it selects no row or several.
    """
    with connect(release.path) as connection:
        table = _known(mart)
        description = _description(connection, table)
        key = _key(connection, table, description)
        value = _the_one(connection, table, where, key)
        rule = RULES[table]
        root = (
            f"select *, 0 as value_id, null as left_out_because from {table} where {_condition(value, key)}"
        )
        connection.execute(f"create temp table {ROOT} as {root}")
        return Explanation(
            mart=table,
            where=where,
            release_id=release.release_id,
            as_of=str(release.manifest["as_of"]),
            methodology_version=str(release.manifest["methodology_version"]),
            section=rule.section,
            description=description,
            key={name: value[name] for name in key},
            value=value,
            formula=rule.formula,
            recomputed=_recomputed(connection, rule.formula, ROOT, value),
            seeds=rule.seeds,
            levels=list(_levels(connection, table, [(ROOT, root)], value, "")),
        )


def _known(mart: str) -> str:
    """The full name of a mart. Raises BadQuery, which names the nearest."""
    name = mart.strip().lower()
    if f"marts.{name.removeprefix('marts.')}" in RULES:
        return f"marts.{name.removeprefix('marts.')}"
    with duckdb.connect() as anywhere:
        near = anywhere.execute(
            "select name from unnest(?) as t (name) order by jaro_winkler_similarity(name, ?) desc limit 3",
            [list(RULES), "marts." + name.rpartition(".")[2]],
        ).fetchall()
    raise BadQuery(f"there is no mart {mart}; nearest: {', '.join(name for (name,) in near)}")


def _description(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    found = connection.execute(
        "select comment from duckdb_tables() where schema_name || '.' || table_name = $table "
        "union all select comment from duckdb_views() where schema_name || '.' || view_name = $table",
        {"table": table},
    ).fetchone()
    if found is None:
        raise BadQuery(f"the current release has no {table}; `aimarket build` makes one that has it")
    return " ".join((found[0] or "").split())


def _key(connection: duckdb.DuckDBPyConnection, table: str, description: str) -> list[str]:
    """Columns that tell the rows apart: those the table's description says its grain is made of."""
    columns = {
        name
        for (name,) in connection.execute(
            "select column_name from duckdb_columns() where schema_name || '.' || table_name = ?", [table]
        ).fetchall()
    }
    grain = description.partition(".")[0]
    return [word for word in dict.fromkeys(re.findall(r"\w+", grain)) if word in columns]


def _the_one(connection: duckdb.DuckDBPyConnection, table: str, where: str, key: list[str]) -> dict[str, Any]:
    condition = f"from {table} where (\n{where}\n)"
    try:
        if len(connection.extract_statements(f"select * {condition}")) > 1:
            raise BadQuery("--where takes one condition, as behind the word where of a query")
        found = _records(
            connection, f"select * {condition} order by {', '.join(key)} limit {MOST_VALUES + 1}"
        )
        if len(found) == 1:
            return found[0]
        matched = connection.sql(f"select count(*) {condition}").fetchall()[0][0] if found else 0
        examples = found[:MOST_VALUES] or _records(connection, f"select * from {table} limit {MOST_VALUES}")
    except duckdb.Error as error:
        raise BadQuery(str(error)) from error
    named = "\n".join(f"  {_condition(row, key)}" for row in examples)
    said = f"{matched:,} rows of {table} match; name one" if matched else f"no row of {table} matches"
    raise NotOneValue(f"{said}, for example\n{named}" if examples else f"{said}: it is empty")


def _condition(row: dict[str, Any], key: list[str]) -> str:
    """The condition that this row alone meets."""
    return " and ".join(f"{name} = {_literal(row[name])}" for name in key)


def _literal(value: Any) -> str:
    """The value of a key column, which is never null, as SQL writes it."""
    match value:
        case bool() | int() | float() | Decimal():
            return str(value).lower()
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def _levels(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    steps: list[tuple[str, str]],
    value: dict[str, Any] | None,
    above: str,
) -> Iterator[Level]:
    """Levels of inputs of the rows of ``table`` that the last of ``steps`` found, one below the other.

    Steps are names and queries; what each gave stands in a temporary table of its name, so that the queries
    of a level, read one after the other, are what was run. ``value`` is None but at the top.
    """
    position = 1
    for inputs in RULES[table].inputs:
        if inputs.at_top and value is None:
            continue
        number = f"{above}{position}"
        name = f"inputs_{number.replace('.', '_')}"
        query = _query(inputs, steps[-1][0])
        connection.execute(f"create or replace temp table {name} as {query}")
        count = f"select left_out_because, count(*) from {name} group by 1"
        reasons = dict(connection.sql(count).fetchall())
        if not reasons:
            continue
        position += 1
        counted = reasons.pop(None, 0)
        here = [*steps, (name, query)]
        yield Level(
            number=number,
            what=inputs.what,
            table=inputs.table,
            counted=counted,
            left_out=dict(sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))),
            rows=_records(connection, _first_rows(name, inputs.table)),
            formula=inputs.formula,
            recomputed=_recomputed(connection, inputs.formula, name, value) if counted else [],
            sql="with "
            + ",\n".join(f"{step} as ({text})" for step, text in here)
            + f"\nselect * exclude (value_id) from {name} order by left_out_because nulls first, value_id",
        )
        if counted and inputs.is_followed and inputs.table in RULES:
            yield from _levels(connection, inputs.table, here, None, f"{number}.")


def _query(inputs: Inputs, parent: str) -> str:
    """Each input once, with the reason why it does not enter; one that enters anywhere enters."""
    excluded, condition = (" ".join(text.split()) for text in (inputs.excluded, inputs.condition))
    return (
        f"select * from (select input.*, input.rowid as value_id, {excluded} as left_out_because "
        f"from (select * exclude (left_out_because) from {parent} where left_out_because is null) as value "
        f"inner join {inputs.table} as input on {condition}) "
        "qualify row_number() over (partition by value_id order by left_out_because nulls first) = 1"
    )


def _first_rows(name: str, table: str) -> str:
    """Some that enter and some that do not; of the rows that one payload stands for one before others."""
    place = ", payload_ref" if "payload_ref" in SHOWN[table].split() else ""
    return (
        "select * exclude (value_id, sight) from (select *, row_number() over ("
        f"partition by left_out_because is null{place} order by value_id) as sight from {name}) "
        "qualify row_number() over (partition by left_out_because is null order by sight, value_id) "
        f"<= {MOST_ROWS} order by left_out_because nulls first, sight, value_id"
    )


def _recomputed(
    connection: duckdb.DuckDBPyConnection, formula: str, name: str, value: dict[str, Any] | None
) -> list[Recomputed]:
    """What a formula gives over the inputs of a level, beside what is published where that is not empty."""
    if not formula or value is None:
        return []
    [found] = _records(
        connection,
        f"with counted as (select * from {name} where left_out_because is null), "
        f"value as (select * from {ROOT}) {formula}",
    )
    return [
        Recomputed(column, value[column], again, math.isclose(value[column], again, **CLOSE))
        for column, again in found.items()
        if again is not None and value[column] is not None
    ]


def _records(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = connection.sql(query)
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
