"""The lake: checked observations as immutable Parquet, the only state the warehouse is built from.

    lake/<table>/source=<id>/date=<yyyy-mm-dd>/<name>.parquet

Tables are the contracts, `readings` (when which source was seen), `quarantine` (rows that broke a rule, with
reason), `fetches` (what came of each attempt), `reviews` (readings held for review and what was decided) and
`holes` (days a source was not read and what of them could be made good).
Rows that are held lie aside, laid out the same below lake/held, where no model reads them.

A file name follows from what was read and by which parser version, so loading the same thing twice writes
nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl

from warehouse.contracts import CONTRACTS, QUARANTINE_SCHEMA, READINGS_SCHEMA, UTC_TIME, Contract, Schema
from warehouse.files import write_file

FETCHES_SCHEMA: Final[Schema] = {
    "source_id": pl.String,
    "started_at": UTC_TIME,
    "finished_at": UTC_TIME,
    "outcome": pl.String,
    "error_kind": pl.String,
    "error": pl.String,
    "request_count": pl.Int64,
    "body_bytes": pl.Int64,
    "row_count": pl.Int64,
    "rejected_count": pl.Int64,
    "content_since": UTC_TIME,
}
REVIEWS_SCHEMA: Final[Schema] = {
    "source_id": pl.String,
    "contract": pl.String,
    "reading_scope": pl.String,
    "fetched_at": UTC_TIME,
    "row_count": pl.Int64,
    "compared_with_at": UTC_TIME,
    "usual_row_count": pl.Int64,
    "verdict": pl.String,
    "reason": pl.String,
    "decided_at": UTC_TIME,
}
"""One row per decision on one part of a fetch; the latest of a part counts. `fetched_at` and
`compared_with_at` are the starts of the fetch and of the one whose `usual_row_count` it left by too much."""
HOLES_SCHEMA: Final[Schema] = {
    "source_id": pl.String,
    "hole_date": pl.Date,
    "cause": pl.String,
    "attempt_count": pl.Int64,
    "error": pl.String,
    "sought_in": pl.String,
    "recorded_at": UTC_TIME,
}
"""One row per source and day without a good fetch, recorded once whatever may still tell of the day was read.
`cause` is `not asked` or `failed`; `error` is the last one of the day."""
SCHEMAS: Final[dict[str, Schema]] = {
    **{name: contract.schema for name, contract in CONTRACTS.items()},
    "readings": READINGS_SCHEMA,
    "quarantine": QUARANTINE_SCHEMA,
    "fetches": FETCHES_SCHEMA,
    "reviews": REVIEWS_SCHEMA,
    "holes": HOLES_SCHEMA,
}


class Lake:
    """Tables below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Give every table an empty file that states its schema, so that SQL can always read it.

        It is written anew when the schema has changed: the files of before lack the new columns.
        """
        for table, schema in SCHEMAS.items():
            path = self._path(table, "none", date(1970, 1, 1), "schema")
            if not path.exists() or pl.read_parquet_schema(path) != schema:
                self._write(path, pl.DataFrame(schema=schema))

    @property
    def held(self) -> Lake:
        """Where rows lie that are held for review."""
        return Lake(self.root / "held")

    def days(self, table: str, source_id: str) -> list[date]:
        """Days on which files of one source lie, newest first."""
        folders = (self.root / table / f"source={source_id}").glob("date=*")
        return sorted((date.fromisoformat(f.name.removeprefix("date=")) for f in folders), reverse=True)

    def names(self, table: str, source_id: str, day: date) -> list[str]:
        """Names of one source's files of one day, in order."""
        folder = self._path(table, source_id, day, "x").parent
        return sorted(path.stem for path in folder.glob("[!.]*.parquet"))

    def read_file(self, table: str, source_id: str, day: date, name: str) -> pl.DataFrame:
        """The rows of one file; none where it does not exist."""
        path = self._path(table, source_id, day, name)
        empty = pl.DataFrame(schema=SCHEMAS[table])
        return pl.concat([empty, pl.read_parquet(path)], how="diagonal") if path.exists() else empty

    def holds(self, table: str, source_id: str, day: date, name: str) -> bool:
        return self._path(table, source_id, day, name).exists()

    def read(self, table: str, source_id: str, day: date) -> pl.DataFrame:
        """One source's rows of one day's files, in file order; a column younger than a file is null there."""
        files = sorted(self._path(table, source_id, day, "x").parent.glob("[!.]*.parquet"))
        frames = [pl.DataFrame(schema=SCHEMAS[table]), *(pl.read_parquet(file) for file in files)]
        return pl.concat(frames, how="diagonal")

    def add(self, table: str, source_id: str, day: date, name: str, frame: pl.DataFrame) -> None:
        """Add one file of ``frame``, which carries the table's schema. Nothing is written for no rows.

        Raises TypeError for another schema: one file with another type spoils the table for every reader.
        """
        ordered = frame.select(*SCHEMAS[table])
        if ordered.schema != SCHEMAS[table]:
            raise TypeError(f"not the schema of {table}: {ordered.schema}")
        if not ordered.is_empty():
            self._write(self._path(table, source_id, day, name), ordered)

    def _path(self, table: str, source_id: str, day: date, name: str) -> Path:
        return self.root / table / f"source={source_id}" / f"date={day.isoformat()}" / f"{name}.parquet"

    def _write(self, path: Path, frame: pl.DataFrame) -> None:
        write_file(path, lambda temporary: frame.write_parquet(temporary, compression="zstd"))


def to_spells(contract: Contract, rows: pl.DataFrame, readings: pl.DataFrame) -> pl.DataFrame:
    """Merge sightings that say the same in consecutive readings into one row each.

    ``rows`` carry the contract's schema; each was seen at every reading of its scope from observed_at to
    observed_until. ``readings`` has columns reading_scope, read_at: every reading of every scope. Two rows of
    one key merge when their values agree and no reading lies between them. The merged row keeps the first
    sighting's payload_ref. Row order of the result: source, scope, key, time.
    """
    ordered = (
        readings.select("reading_scope", pl.col("read_at").cast(UTC_TIME))
        .unique()
        .sort("reading_scope", "read_at")
    )
    numbered = ordered.with_columns(pl.int_range(pl.len()).over("reading_scope").alias("number"))
    identity = ["source_id", "reading_scope", *contract.key]
    spelled = (
        rows.join(
            numbered.rename({"read_at": "observed_at", "number": "first"}),
            on=["reading_scope", "observed_at"],
        )
        .join(
            numbered.rename({"read_at": "observed_until", "number": "last"}),
            on=["reading_scope", "observed_until"],
        )
        .with_columns(pl.struct(contract.value_columns).alias("value"))
        .sort(*identity, "first", nulls_last=True)
        .with_columns(
            (
                (pl.col("value") != pl.col("value").shift()).fill_null(True)
                | (pl.col("first") != pl.col("last").shift() + 1).fill_null(True)
                | ~pl.struct(identity).eq_missing(pl.struct(identity).shift())
            )
            .cum_sum()
            .alias("spell")
        )
    )
    if spelled.height != rows.height:
        raise ValueError(
            f"{rows.height - spelled.height} rows of {contract.name} were seen at no stated reading"
        )
    return (
        spelled.group_by("spell", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in contract.schema if name != "observed_until"),
            pl.col("observed_until").last(),
        )
        .select(*contract.schema)
    )


def count_readings(
    contract: Contract, rows: pl.DataFrame, rejects: pl.DataFrame, readings: pl.DataFrame
) -> pl.DataFrame:
    """``readings`` (reading_scope, read_at) of one contract with the rows and rejects each of them showed."""
    by = ["reading_scope", "read_at"]

    def counted(frame: pl.DataFrame, instant: str, name: str) -> pl.DataFrame:
        return frame.group_by("reading_scope", pl.col(instant).alias("read_at")).agg(
            pl.len().cast(pl.Int64).alias(name)
        )

    parts = (
        counted(rows, "observed_at", "begun"),
        counted(rows, "observed_until", "ended"),
        counted(rejects, "observed_at", "rejected_count"),
    )
    frame = readings.select(by).unique().sort(by)
    for part in parts:
        frame = frame.join(part, on=by, how="left", maintain_order="left")
    begun, ended = (pl.col(name).fill_null(0).cum_sum().over("reading_scope") for name in ("begun", "ended"))
    return frame.select(
        pl.lit(contract.name).alias("contract"),
        *by,
        (begun - ended + pl.col("ended").fill_null(0)).alias("row_count"),
        pl.col("rejected_count").fill_null(0),
    )


def stated_readings(rows: pl.DataFrame) -> pl.DataFrame:
    """The readings rows speak of themselves: reading_scope, read_at."""
    return rows.select("reading_scope", pl.col("observed_at").alias("read_at")).unique()


def readings_at(scopes_and_instants: Iterable[tuple[str, datetime]]) -> pl.DataFrame:
    """Readings known from elsewhere than rows: reading_scope, read_at."""
    schema: Schema = {"reading_scope": pl.String, "read_at": UTC_TIME}
    return pl.DataFrame(list(scopes_and_instants), schema, orient="row").unique()
