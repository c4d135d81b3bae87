"""A release in PostgreSQL, for tools that want a server.

The rows go into a schema of their own, `aimarket_<time of the export>`; what people read are views in core,
marts and ops that show the newest. All of it is one transaction: a dashboard sees the old release or the new
one, what others have built or granted upon our views stays, and an export that fails or is killed leaves
nothing. Tables of earlier exports are dropped afterwards, or by a later export where somebody reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import duckdb
from adbc_driver_manager import dbapi
from adbc_driver_postgresql.dbapi import connect

from warehouse.errors import ExportFailed, Held
from warehouse.export import Exported, Table, about, failing_clearly, leaving, opened
from warehouse.publish import PUBLISHED_SCHEMAS, Release, literal

READER: Final = "aimarket_reader"
"""The role that may read and nothing else; `grant aimarket_reader to <user>` lets somebody in."""
TYPES: Final = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "HUGEINT": "numeric(38)",
    "INTEGER": "integer",
    "SMALLINT": "smallint",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "TINYINT": "smallint",
    "UINTEGER": "bigint",
    "VARCHAR": "text",
}
BATCH_ROWS: Final = 100_000
OURS: Final = r"^aimarket_\d{8}t\d{12}z$"
"""Names of the schemas that hold our tables, in the regular expressions of both languages."""
LOCK_MILLISECONDS: Final = 500
"""Less than the second after which PostgreSQL looks for deadlocks: we give way, not the reader."""
SWAP_ATTEMPTS: Final = 60
"""How often, a second apart, to try for views that are being read."""
IN_USE: Final = ("55P03", "40P01")
"""SQLSTATE of a lock not had in time and of a deadlock."""


def export_postgres(release: Release, dsn: str, is_internal: bool = False) -> Exported:
    """Put ``release`` into the database that ``dsn`` names, a URL as libpq reads it.

    What the URL leaves out comes from libpq's environment variables and password file. Raises ExportFailed,
    and Held beside another export.
    """
    with failing_clearly(dsn, dbapi.Error), opened(release) as source, connect(dsn) as target:
        tables = leaving(source, is_internal)
        data = f"aimarket_{datetime.now(UTC):%Y%m%dt%H%M%S%fz}"
        with target.cursor() as cursor:
            _hold(cursor)
            _load(source, cursor, tables, data)
            _note(cursor, data, about(release, is_internal))
            _swap(cursor, tables, data)
            cursor.execute("select current_database()")
            ((database,),) = cursor.fetchall()
        target.commit()
        _drop_earlier(target, data)
    return Exported.of(release, f"PostgreSQL, database {database}", is_internal, tables)


def _hold(cursor: dbapi.Cursor) -> None:
    """One export at a time, until the end of the transaction."""
    cursor.execute("select pg_try_advisory_xact_lock(hashtext('aimarket export'))")
    if cursor.fetchall() != [(True,)]:
        raise Held("another export is at work in this database; wait for it to end")


def _load(
    source: duckdb.DuckDBPyConnection, cursor: dbapi.Cursor, tables: Sequence[Table], data: str
) -> None:
    """Copy the rows into new tables that nobody sees yet."""
    cursor.execute(f"create schema {data}")
    for table in tables:
        columns = ", ".join(f"{_name(column.name)} {_type(column.type, table)}" for column in table.columns)
        name = _inner(table.name)
        cursor.execute(f"create table {data}.{_name(name)} ({columns})")
        rows = source.execute(table.query).to_arrow_reader(BATCH_ROWS)
        cursor.adbc_ingest(name, rows, mode="append", db_schema_name=data)
        cursor.execute(f"analyze {data}.{_name(name)}")


def _note(cursor: dbapi.Cursor, data: str, facts: dict[str, object]) -> None:
    """Say in a table of one row which release this is."""
    types = {"created_at": "timestamptz", "as_of": "timestamptz", "is_internal": "boolean"}
    values = ", ".join(
        f"{'null' if value is None else literal(str(value))}::{types.get(name, 'text')} as {name}"
        for name, value in facts.items()
    )
    cursor.execute(f"create table {data}.exported_release as select {values}, now() as exported_at")


def _swap(cursor: dbapi.Cursor, tables: Sequence[Table], data: str) -> None:
    """Let the public views show the new tables, in one step; wait while somebody reads for long."""
    statements = [f"create schema if not exists {schema};" for schema in PUBLISHED_SCHEMAS]
    statements += _views(tables, data)
    statements += [
        f"if not exists (select from pg_roles where rolname = '{READER}') then",
        f"create role {READER} nologin;",
        "end if;",
        f"grant usage on schema {', '.join(PUBLISHED_SCHEMAS)} to {READER};",
        *(f"grant select on {_outer(table.name)} to {READER};" for table in tables),
        f"grant select on ops.exported_release to {READER};",
    ]
    cursor.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}")
    try:
        cursor.execute(f"do {literal(_tried(' '.join(statements)))}")
    except dbapi.Error as error:
        if error.sqlstate not in IN_USE:
            raise
        raise ExportFailed(
            f"the views were being read for more than {SWAP_ATTEMPTS} seconds; the last export stays. "
            "pg_stat_activity tells by whom."
        ) from error


def _tried(statements: str) -> str:
    """PL/pgSQL that runs statements as soon as nobody reads what they need; in between it holds no lock."""
    return f"""
        declare
            gone text;
            attempts int := 0;
        begin
            loop
                begin
                    {statements}
                    return;
                exception when lock_not_available or deadlock_detected then
                    attempts := attempts + 1;
                    if attempts >= {SWAP_ATTEMPTS} then
                        raise;
                    end if;
                    perform pg_sleep(1);
                end;
            end loop;
        end
    """


def _views(tables: Sequence[Table], data: str) -> Iterator[str]:
    """PL/pgSQL that lets each public view show its table in ``data`` and drops views of ours without one."""
    known = ", ".join(literal(table.name) for table in tables)
    yield f"""
        for gone in
            select distinct format('%I.%I', schemas.nspname, views.relname)
            from pg_class as views
            join pg_namespace as schemas on schemas.oid = views.relnamespace
            join pg_rewrite as rules on rules.ev_class = views.oid
            join pg_depend as needs on needs.classid = 'pg_rewrite'::regclass and needs.objid = rules.oid
            join pg_class as shown on needs.refclassid = 'pg_class'::regclass and needs.refobjid = shown.oid
            join pg_namespace as inner_schemas on inner_schemas.oid = shown.relnamespace
            where schemas.nspname in ({", ".join(map(literal, PUBLISHED_SCHEMAS))})
                and inner_schemas.nspname ~ '{OURS}'
                and schemas.nspname || '.' || views.relname not in ({known}, 'ops.exported_release')
        loop
            execute 'drop view ' || gone;
        end loop;
    """
    for table in tables:
        view = _outer(table.name)
        columns = ", ".join(_name(column.name) for column in table.columns)
        query = f"select {columns} from {data}.{_name(_inner(table.name))}"
        yield _view(view, query)
        yield f"comment on view {view} is {literal(table.comment)};"
        for column in table.columns:
            yield f"comment on column {view}.{_name(column.name)} is {literal(column.comment)};"
    yield _view("ops.exported_release", f"select * from {data}.exported_release")


def _view(view: str, query: str) -> str:
    """Replacing keeps what others built upon it, but cannot change columns; then the view is made anew."""
    return f"""
        begin
            create or replace view {view} as {query};
        exception when invalid_table_definition then
            drop view {view};
            create view {view} as {query};
        end;
    """


def _drop_earlier(target: dbapi.Connection, data: str) -> None:
    """Drop the tables of earlier exports, but for those that somebody reads or has built upon."""
    with target.cursor() as cursor:
        cursor.execute(f"select nspname from pg_namespace where nspname ~ '{OURS}' and nspname < '{data}'")
        for (schema,) in cursor.fetchall():
            try:
                cursor.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}")
                cursor.execute(f"select tablename from pg_tables where schemaname = '{schema}'")
                names = ", ".join(f"{schema}.{_name(name)}" for (name,) in cursor.fetchall())
                if names:
                    cursor.execute(f"drop table {names}")
                cursor.execute(f"drop schema {schema}")
                target.commit()
            except dbapi.Error:
                target.rollback()


def _type(name: str, table: Table) -> str:
    """PostgreSQL's type of the same meaning."""
    if name.endswith("[]"):
        return _type(name.removesuffix("[]"), table) + "[]"
    if name.startswith("DECIMAL("):
        return name.replace("DECIMAL", "numeric")
    if name.startswith("ENUM("):
        return "text"
    if name not in TYPES:
        raise ExportFailed(
            f"{table.name} holds a column of type {name}, which has no counterpart in PostgreSQL"
        )
    return TYPES[name]


def _inner(table: str) -> str:
    """The name of a table in the schema of an export."""
    return table.replace(".", "__")


def _outer(table: str) -> str:
    """The public name of a table, quoted."""
    schema, _, name = table.partition(".")
    return f"{schema}.{_name(name)}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
