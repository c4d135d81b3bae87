"""A release as Parquet files in a folder or an object store.

    <target>/20261121T060000Z/marts/gpu_prices_daily/month=2026-06-01/data.parquet
    <target>/20261121T060000Z/manifest.json     tables, columns, files with rows and SHA-256; written last
    <target>/latest.json                        names the folder above, once it is complete
    <target>/latest -> 20261121T060000Z         the same as a link, where the target is a local folder

A file is whole or absent, and so is a release: readers take the folder that `latest` names. An export that
was stopped goes on where it was when it is asked for again. Old folders stay until somebody removes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa
from pyarrow import fs
from pyarrow import parquet as pq

from warehouse.archive import without_secrets
from warehouse.export import Exported, Table, about, failing_clearly, leaving, opened
from warehouse.files import write_file
from warehouse.publish import Release, literal, point

PARTITIONED_FROM_ROWS: Final = 100_000
"""A smaller table is one file; a larger one whose first column is a date has one per month of it."""
FILES_AT_ONCE: Final = 2
"""One file leaves cores idle at its end and while it is flushed to disk."""
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"
"""The partition of rows without a date, by the convention of Hive."""


def export_parquet(release: Release, target: str, is_internal: bool = False) -> Exported:
    """Write ``release`` below ``target``, a local folder or s3://bucket/prefix. Raises ExportFailed.

    An internal export has `-internal` in the name of its folder. Credentials of an object store come from the
    environment or its configuration files.
    """
    folder = release.release_id + ("-internal" if is_internal else "")
    with failing_clearly(target, pa.ArrowException), opened(release) as connection:
        place = _Place(target)
        tables = leaving(connection, is_internal)
        listed = {}
        for table in tables:

            def write(part: tuple[str, str, int], table: Table = table) -> dict[str, Any]:
                path, query, rows = part
                file = place.find(f"{folder}/{path}", rows)
                if file is None:
                    file = place.put(f"{folder}/{path}", _copy(connection, query, table, release))
                return {"path": path, "rows": rows, **file}

            with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
                files = list(pool.map(write, _parts(connection, table)))
            listed[table.name] = {
                "rows": table.rows,
                "rows_withheld": table.rows_withheld,
                "comment": table.comment,
                "columns": [asdict(column) for column in table.columns],
                "files": files,
            }
        told = about(release, is_internal)
        place.tell(f"{folder}/manifest.json", told | {"tables": listed})
        place.tell("latest.json", told | {"folder": folder})
        place.point_to(folder)
    return Exported.of(release, f"{without_secrets(target)}/{folder}", is_internal, tables)


def _parts(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[tuple[str, str, int]]:
    """Path, query and rows of each file of a table."""
    path, day = table.name.replace(".", "/"), table.columns[0]
    if table.rows < PARTITIONED_FROM_ROWS or day.type != "DATE":
        yield f"{path}/data.parquet", table.query, table.rows
        return
    month_of_row = f"cast(date_trunc('month', {day.name}) as date)"
    months = connection.execute(
        f"select {month_of_row}, count(*) from ({table.query}) group by 1 order by 1"
    ).fetchall()
    for month, rows in months:
        span = f"between date '{month}' and last_day(date '{month}')" if month else "is null"
        yield f"{path}/month={month or NO_MONTH}/data.parquet", f"{table.query} and {day.name} {span}", rows


def _copy(
    connection: duckdb.DuckDBPyConnection, query: str, table: Table, release: Release
) -> Callable[[Path], object]:
    """What writes the rows of a query to a file."""
    told = {"release_id": release.release_id, "table_name": table.name, "description": table.comment}
    facts = ", ".join(f"{name}: {literal(value)}" for name, value in told.items())
    options = f"format parquet, compression zstd, kv_metadata {{{facts}}}"

    def copy(path: Path) -> None:
        # A connection of its own in each thread.
        with connection.cursor() as cursor:
            cursor.execute("use release")
            cursor.execute(f"copy ({query}) to {literal(str(path))} ({options})")

    return copy


class _Place:
    """Where the files go: a local folder, or what else pyarrow can write to."""

    def __init__(self, target: str) -> None:
        self._local = None if "://" in target else Path(target).resolve()
        if self._local:
            self._files, self._root = fs.LocalFileSystem(), str(self._local)
        else:
            self._files, self._root = fs.FileSystem.from_uri(target)

    def find(self, path: str, rows: int) -> dict[str, Any] | None:
        """Size and digest of a file with so many rows that an earlier attempt left, if there is one."""
        place = f"{self._root}/{path}"
        found = self._files.get_file_info(place)
        if found.type != fs.FileType.File:
            return None
        try:
            with self._files.open_input_file(place) as file:
                if pq.ParquetFile(file).metadata.num_rows != rows:
                    return None
        except pa.ArrowInvalid:
            return None
        with self._files.open_input_stream(place) as stream:
            return {"bytes": found.size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}

    def put(self, path: str, fill: Callable[[Path], object]) -> dict[str, Any]:
        """Let ``fill`` write a file, whole or not at all; its size and digest."""
        told: dict[str, Any] = {}

        def write(temporary: Path) -> None:
            fill(temporary)
            with temporary.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            told.update(bytes=temporary.stat().st_size, sha256=digest)

        if self._local:
            write_file(self._local / path, write)
            return told
        # An object appears when its upload is complete.
        with TemporaryDirectory() as aside:
            temporary = Path(aside) / "part"
            write(temporary)
            fs.copy_files(
                str(temporary),
                f"{self._root}/{path}",
                source_filesystem=fs.LocalFileSystem(),
                destination_filesystem=self._files,
            )
        return told

    def tell(self, path: str, value: dict[str, Any]) -> None:
        """Write JSON."""
        text = json.dumps(value, indent=1)
        self.put(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def point_to(self, folder: str) -> None:
        """Name the newest folder that is complete."""
        if self._local:
            point(self._local / "latest", self._local / folder)
