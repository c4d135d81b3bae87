"""Releases: a build becomes public whole, audited, or not at all.

    releases/market-20261121T060000Z.duckdb   immutable
    releases/market-20261121T060000Z.json     manifest: rows, digests, freshness, versions, audit
    market.duckdb -> releases/…               the pointer, moved last

Readers open the pointer or a release read-only; nobody ever opens the file dbt writes. A running process that
re-opens the same path after the pointer moved still sees its old release, so long-lived readers ask
``current_release`` and open the versioned name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from warehouse.errors import NoRelease, PublicationRefused
from warehouse.files import sync, write_file
from warehouse.revisions import TABLE as REVISIONS
from warehouse.revisions import Revised, note_revisions, why

PUBLISHED_SCHEMAS: Final = ("core", "marts", "ops")
STORAGE_VERSION: Final = "v1.0.0"
"""Oldest DuckDB storage format that holds our types: any 1.x client can open a release."""
LARGEST_LOSS_OF_ROWS: Final = 0.25
"""A table that loses more than this share of its rows against the last release stops publication."""
PASSED: Final = ("success", "pass", "warn", "no-op")
"""Statuses of a dbt node that is as it should be; exposures have nothing to run and are a no-op."""
KEPT_RELEASES: Final = 30
"""Newest releases that stay; of older ones the last of each month, so that a past belief can be asked."""
MACROS: Final = Path(__file__).with_name("macros.sql")
"""What people may call inside a release; needs the marts it reads."""
AS_OF_COMMENT: Final = (
    "What had been published by the end of a UTC day: the release that held what was believed then, and the "
    "moment its build stands at. Ask it with `aimarket sql --as-of DAY` or warehouse.connect(as_of=DAY)."
)


@dataclass(frozen=True)
class Finding:
    """One thing the audit looked at."""

    check: str
    is_ok: bool
    detail: str


@dataclass(frozen=True)
class Release:
    """One published state of the warehouse."""

    release_id: str
    path: Path
    manifest: dict[str, Any]

    @property
    def created_on(self) -> date:
        """The UTC day of its publication."""
        return datetime.fromisoformat(self.manifest["created_at"]).astimezone(UTC).date()


def audit(build: Path, dbt_results: Path, last: Release | None) -> list[Finding]:
    """Judge a build: every dbt node of its run passed, every mart has rows, nothing vanished since ``last``.

    The results are re-read from disk, so that publication rests on what dbt wrote and not on what a caller
    believes. A build or a results file that is missing is a finding, too.
    """
    if not build.exists() or not dbt_results.exists():
        return [Finding("build", False, f"{build} or {dbt_results} is missing; run `aimarket build`")]
    nodes = json.loads(dbt_results.read_text())["results"]
    red = [node for node in nodes if node["status"] not in PASSED]
    findings = [Finding("dbt", bool(nodes) and not red, f"{len(nodes)} nodes, {len(red)} not passed")] + [
        Finding(f"dbt:{node['unique_id']}", False, str(node.get("message") or node["status"])) for node in red
    ]
    counts = table_counts(build)
    if not any(table.startswith("marts.") for table in counts):
        findings.append(Finding("marts", False, "the build holds no mart"))
    before = last.manifest["tables"] if last else {}
    for table, known in before.items():
        rows, now = known["rows"], counts.get(table)
        if table == REVISIONS:
            continue
        if now is None:
            findings.append(Finding(f"rows:{table}", False, "the table is gone"))
        elif table.startswith(("marts.", "core.")) and now < rows * (1 - LARGEST_LOSS_OF_ROWS):
            findings.append(Finding(f"rows:{table}", False, f"{rows} rows became {now}"))
    findings.append(Finding("rows", True, f"{len(counts)} tables, {sum(counts.values())} rows"))
    return findings


def publish(
    build: Path,
    dbt_results: Path,
    releases: Path,
    pointer: Path,
    versions: dict[str, str],
    grains: Mapping[str, Sequence[str]],
    macros: str = "",
) -> Release:
    """Audit ``build`` and make it the current release; on red raise PublicationRefused and change nothing.

    ``grains`` names the key columns of the tables whose final values are watched for changes. ``macros`` are
    statements to run inside the release, see MACROS.
    """
    last = current_release(releases, pointer)
    findings = audit(build, dbt_results, last)
    red = [finding for finding in findings if not finding.is_ok]
    if red:
        raise PublicationRefused("\n".join(f"{finding.check}: {finding.detail}" for finding in red))
    built = json.loads(dbt_results.read_text())
    as_of = built["args"]["vars"].get("as_of") or built["metadata"]["invocation_started_at"]
    created_at = datetime.now(UTC)
    release_id = created_at.strftime("%Y%m%dT%H%M%S%fZ")
    path = releases / f"market-{release_id}.duckdb"
    made = {"release_id": release_id, "created_at": created_at.isoformat(), "as_of": as_of, **versions}
    reason = why(last.manifest, versions) if last else ""
    vintages = last.manifest.get("vintages", {}) if last else {}
    revised: list[Revised] = []

    def fill(temporary: Path) -> None:
        with _copied(build, temporary, last) as connection:
            revised.extend(note_revisions(connection, release_id, grains, vintages, reason))
            connection.execute("use release")
            connection.execute(macros)
            connection.execute(_as_of_macro([*(known.manifest for known in all_releases(releases)), made]))

    write_file(path, fill)
    path.chmod(0o444)
    manifest = {
        **made,
        "duckdb_version": duckdb.__version__,
        "storage_version": STORAGE_VERSION,
        "bytes": path.stat().st_size,
        "tables": describe(path),
        "vintages": vintages | {found.table: found.vintage for found in revised},
        "revised": [asdict(found) for found in revised],
        "freshness": freshness(path),
        "audit": [asdict(finding) for finding in findings],
    }
    text = json.dumps(manifest, indent=1, default=str)
    write_file(path.with_suffix(".json"), lambda temporary: temporary.write_text(text))
    point(pointer, path)
    prune(releases, pointer)
    return Release(release_id, path, manifest)


def all_releases(releases: Path) -> list[Release]:
    """Releases with a manifest, oldest first. A file without one was never published."""
    manifests = sorted(releases.glob("market-*.json"))
    return [
        Release(manifest["release_id"], file.with_suffix(".duckdb"), manifest)
        for file in manifests
        if file.with_suffix(".duckdb").exists()
        for manifest in (json.loads(file.read_text()),)
    ]


def current_release(releases: Path, pointer: Path) -> Release | None:
    """What the pointer points to."""
    if not pointer.exists():
        return None
    target = pointer.resolve()
    return next((release for release in all_releases(releases) if release.path.resolve() == target), None)


def rollback(releases: Path, pointer: Path, release_id: str | None = None) -> Release:
    """Point to an earlier release: the named one, or the one before the current. Raises NoRelease."""
    known = all_releases(releases)
    current = current_release(releases, pointer)
    if release_id is None:
        earlier = [release for release in known if current and release.release_id < current.release_id]
        if not earlier:
            raise NoRelease("there is no earlier release to go back to")
        chosen = earlier[-1]
    else:
        named = [release for release in known if release.release_id == release_id]
        if not named:
            raise NoRelease(f"no release {release_id}; `aimarket releases` lists them")
        chosen = named[0]
    point(pointer, chosen.path)
    return chosen


def release_as_of(releases: Path, day: date) -> Release:
    """What had been published by the end of a UTC day. Raises NoRelease where nothing such is kept."""
    known = all_releases(releases)
    published = [release for release in known if release.created_on <= day]
    if not published:
        first = (
            f"the first kept release is of {known[0].created_on}" if known else "nothing was published yet"
        )
        raise NoRelease(f"nothing is kept that was published by {day}; {first}")
    return published[-1]


def prune(releases: Path, pointer: Path) -> list[Path]:
    """Remove old releases, and what publications left that were killed before their end.

    The newest KEPT_RELEASES stay, the last of each month, and the current one. Call it while nobody
    publishes.
    """
    current, known = current_release(releases, pointer), all_releases(releases)
    of_month = {(release.created_on.year, release.created_on.month): release for release in known}
    kept = [*known[-KEPT_RELEASES:], *of_month.values(), current]
    dropped = [release for release in known if release not in kept]
    # The manifest goes first: without it, what remains is a left-over.
    removed = [path for release in dropped for path in (release.path.with_suffix(".json"), release.path)]
    finished = {release.path for release in known}
    removed += [path for path in releases.glob("market-*.duckdb") if path not in finished]
    removed += releases.glob(".*.part*")
    for path in removed:
        path.unlink()
    return removed


def table_counts(database: Path) -> dict[str, int]:
    """Rows of each public table, by schema-qualified name."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            name: int(connection.sql(f"select count(*) from {name}").fetchall()[0][0])
            for name in _tables(connection, "main")
        }


def describe(database: Path) -> dict[str, dict[str, Any]]:
    """Rows and digest of each public table.

    The digest is the sum of a hash of every row: it depends on neither row order nor file layout, and
    compares between releases written by the same DuckDB version, which the manifest names.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        described = {}
        for name in _tables(connection, "main"):
            # The constant: a row of zeros alone has the hash 0 and would not count.
            query = f"select count(*), coalesce(sum(hash(t, 'row')::hugeint), 0)::varchar from {name} as t"
            ((rows, digest),) = connection.execute(query).fetchall()
            described[name] = {"rows": rows, "digest": digest}
        return described


def freshness(database: Path) -> dict[str, dict[str, Any]]:
    """Last reading and age of each source, from ops.source_freshness where the build has it."""
    with duckdb.connect(str(database), read_only=True) as connection:
        if "ops.source_freshness" not in _tables(connection, "main"):
            return {}
        rows = connection.sql(
            "select source_id, last_reading_at, age_days from ops.source_freshness"
        ).fetchall()
    return {source_id: {"last_reading_at": read_at, "age_days": age} for source_id, read_at, age in rows}


def copy_public(build: Path, target: Path) -> None:
    """Write the public schemas of a build to a database of their own, in place of what is there."""
    with _copied(build, target, None) as connection:
        connection.execute("use release")
        connection.execute(MACROS.read_text(encoding="utf-8"))


def point(pointer: Path, target: Path) -> None:
    """Make ``pointer`` a relative link to ``target``, in one step."""
    aside = pointer.with_name(f".{pointer.name}.new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(os.path.relpath(target, pointer.parent))
    aside.replace(pointer)
    sync(pointer.parent)


def literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _copied(build: Path, target: Path, last: Release | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The public schemas of a build as a compact database of its own, comments included.

    A view stays a view, so that what it shows is stored once. It may read public tables only, named without
    their database. The connection has the copy attached as ``release``, and the release before, if any, as
    ``last``.
    """
    target.unlink()
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(str(build))} as build (read_only)")
        before = f"{literal(str(last.path))} as last (read_only)" if last else "':memory:' as last"
        connection.execute(f"attach {before}")
        connection.execute(f"attach {literal(str(target))} as release (storage_version '{STORAGE_VERSION}')")
        connection.execute("use release")
        connection.begin()
        for schema in PUBLISHED_SCHEMAS:
            connection.execute(f"create schema release.{schema}")
        views = dict(
            connection.execute(
                "select schema_name || '.' || view_name, sql from duckdb_views() "
                "where database_name = 'build' and list_contains(?, schema_name) order by view_oid",
                [list(PUBLISHED_SCHEMAS)],
            ).fetchall()
        )
        for name in _tables(connection, "build"):
            if name not in views:
                connection.execute(f"create table release.{name} as from build.{name}")
        for view in views.values():
            connection.execute(view)
        comments = connection.execute(
            "select 'table', schema_name || '.' || table_name, null, comment from duckdb_tables() "
            "where database_name = 'build' and comment is not null and list_contains(?, schema_name) "
            "union all "
            "select 'view', schema_name || '.' || view_name, null, comment from duckdb_views() "
            "where database_name = 'build' and comment is not null and list_contains(?, schema_name) "
            "union all "
            "select 'column', schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
            "where database_name = 'build' and comment is not null and list_contains(?, schema_name)",
            [list(PUBLISHED_SCHEMAS)] * 3,
        ).fetchall()
        for kind, name, column, comment in comments:
            what = f'{name}."{column}"' if column else name
            connection.execute(f"comment on {kind} release.{what} is {literal(comment)}")
        yield connection
        connection.commit()
    target.with_name(target.name + ".wal").unlink(missing_ok=True)


def _as_of_macro(manifests: Sequence[dict[str, Any]]) -> str:
    """The statements that make marts.as_of, a table macro over what is known of all releases."""
    rows = ", ".join(
        "("
        + ", ".join(
            literal(text)
            for text in (
                manifest["release_id"],
                manifest["created_at"],
                manifest["as_of"],
                manifest.get("methodology_version", ""),
                manifest.get("code_version", ""),
            )
        )
        + ")"
        for manifest in manifests
    )
    return f"""
        create macro marts.as_of(day) as table (
            select
                known.release_id,
                cast(known.created_at as timestamptz) at time zone 'UTC' as published_at,
                cast(known.stands_at as timestamptz) at time zone 'UTC' as stands_at,
                known.methodology_version,
                known.code_version
            from (values {rows})
                as known (release_id, created_at, stands_at, methodology_version, code_version)
            where cast(known.created_at as timestamptz) at time zone 'UTC' < cast(day as date) + 1
            order by known.release_id desc
            limit 1
        );
        comment on macro table marts.as_of is {literal(AS_OF_COMMENT)};
    """


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> Sequence[str]:
    """Public tables and views of an attached database; `main` stands for the one opened."""
    where = "current_database()" if database == "main" else f"'{database}'"
    return [
        name
        for (name,) in connection.execute(
            f"select table_schema || '.' || table_name from information_schema.tables "
            f"where table_catalog = {where} and list_contains(?, table_schema) order by all",
            [list(PUBLISHED_SCHEMAS)],
        ).fetchall()
    ]
