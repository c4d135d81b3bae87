"""What leaves the machine: only what may, whole or not at all, and continued where it was stopped."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.desk import AS_OF, Desk, registered
from warehouse import parquet
from warehouse.errors import ExportFailed
from warehouse.export import COMPUTED, KEPT, leaving, opened
from warehouse.parquet import export_parquet
from warehouse.query import connect
from warehouse.settings import DBT_PROJECT


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "home")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out"


def read(target: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    """The rows of an exported table, as a user reads them."""
    path = table.replace(".", "/")
    return duckdb.sql(f"select {columns} from '{target}/latest/{path}/**/*.parquet' order by all").fetchall()


def manifest(target: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((target / "latest" / "manifest.json").read_text())
    return told


def sources_of(desk: Desk, is_internal: bool = False) -> dict[str, set[str] | int]:
    """Of each table that leaves, the sources whose rows do; of one without sources the number of rows."""
    found: dict[str, set[str] | int] = {}
    release = desk.publish()
    with opened(release) as connection:
        for table in leaving(connection, is_internal):
            if any(column.name == "source_id" for column in table.columns):
                rows = connection.execute(f"select distinct source_id from ({table.query})").fetchall()
                found[table.name] = {source.removeprefix("is_") for (source,) in rows}
            else:
                found[table.name] = table.rows
    return found


def test_of_each_source_only_what_its_class_allows_leaves(desk: Desk) -> None:
    desk.built(*registered("full", "derived"))
    assert sources_of(desk) == {
        "core.dim_sources": {"full", "derived"},
        "core.fct_seen": {"full"},
        "core.offers": 100,
        "marts.gpu_prices_daily": {"full", "derived"},
        "marts.levels": 1,
        "marts.prices": 100,
        "ops.unresolved_names": {"full", "derived"},
        "ops.problems": 1,
        "ops.value_revisions": 0,
        "ops.source_freshness": {"full", "derived"},
    }


def test_a_source_that_allows_nothing_takes_the_figures_over_many_sources_with_it(desk: Desk) -> None:
    desk.built(*registered("full", "derived", "none"))
    found = sources_of(desk)
    assert found["core.fct_seen"] == {"full"}
    assert found["marts.gpu_prices_daily"] == {"full", "derived"}
    assert (found["marts.levels"], found["core.offers"]) == (0, 0)
    assert found["ops.unresolved_names"] == {"full", "derived", "none"}


def test_a_source_that_allows_nothing_and_was_never_read_takes_nothing_with_it(desk: Desk) -> None:
    desk.built(
        *registered("full", "none"),
        "update ops.source_freshness set row_count = 0 where source_id = 'is_none'",
    )
    assert sources_of(desk)["marts.levels"] == 1


def test_what_two_sources_said_leaves_where_both_allow_it(desk: Desk) -> None:
    pairs = "('is_full', 'is_full'), ('is_full', 'is_derived'), ('is_derived', 'is_full'), ('is_full', null)"
    desk.built(
        *registered("full", "derived"),
        f"create table ops.disagreements as from (values {pairs}) as t (source_id, other_source_id)",
        "insert into ops.disagreements values (null, 'is_full')",
    )
    with opened(desk.publish()) as connection:
        (table,) = (found for found in leaving(connection, False) if found.name == "ops.disagreements")
        assert connection.execute(f"{table.query} order by all").fetchall() == [
            ("is_full", "is_full"),
            ("is_full", None),
        ]
    assert (table.rows, table.rows_withheld) == (2, 3)


def test_revised_values_leave_as_the_values_do(desk: Desk) -> None:
    keys = ("{}", '{"source_id": "is_full"}', '{"source_id": "is_derived"}')
    revised = "select 1 as number, unnest([{}]) as value_key"
    desk.built(
        *registered("full", "derived"),
        "create table ops.revised as " + revised.format(", ".join(f"'{key}'" for key in keys)),
    )
    with opened(desk.publish()) as connection:
        (table,) = (found for found in leaving(connection, False) if found.name == "ops.revised")
        assert connection.execute(f"select value_key from ({table.query}) order by all").fetchall() == [
            ('{"source_id": "is_full"}',),
            ("{}",),
        ]


def test_an_internal_export_holds_everything(desk: Desk) -> None:
    desk.built(*registered("full", "derived", "none"))
    found = sources_of(desk, is_internal=True)
    assert found["core.fct_seen"] == {"full", "derived", "none"}
    assert found["marts.levels"] == 1


def test_without_a_register_no_row_of_a_source_leaves(desk: Desk) -> None:
    desk.built(*registered("full"), "drop table core.dim_sources")
    found = sources_of(desk)
    assert found["core.fct_seen"] == set()
    assert found["marts.gpu_prices_daily"] == set()
    assert found["marts.levels"] == 1


def test_the_exceptions_name_tables_that_exist() -> None:
    models = {
        f"{schema}.{model['name']}"
        for schema in ("core", "marts", "ops")
        for file in (DBT_PROJECT / "models" / schema).rglob("*.yml")
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])
    }
    assert {*COMPUTED, *KEPT} <= models


def test_parquet_holds_the_rows_types_and_descriptions_of_the_release(desk: Desk, target: Path) -> None:
    desk.built(
        "create table marts.typed as select date '2026-06-01' as price_date, 1.5::decimal(18,6) as usd, "
        "timestamp '2026-06-01 06:00:00.123456' as seen_at, 'it''s' as name, null::int as rank, "
        "['a', 'b'] as names",
        "comment on table marts.typed is 'What it''s about: {braces}'",
        "comment on column marts.typed.usd is 'USD.'",
    )
    release = desk.publish()
    done = export_parquet(release, str(target))
    # prices, offers, problems, typed
    assert done.rows == 100 + 100 + 1 + 1
    types = "typeof(usd), typeof(seen_at), name, rank, names"
    assert read(target, "marts.typed", types) == [("DECIMAL(18,6)", "TIMESTAMP", "it's", None, ["a", "b"])]
    assert read(target, "marts.prices") == [(number, 1) for number in range(100)]
    told = manifest(target)
    assert (told["release_id"], told["as_of"], told["is_internal"]) == (release.release_id, AS_OF, False)
    typed = told["tables"]["marts.typed"]
    assert typed["comment"] == "What it's about: {braces}"
    assert typed["columns"][1] == {"name": "usd", "type": "DECIMAL(18,6)", "comment": "USD."}
    kept = duckdb.sql(
        f"select decode(value) from parquet_kv_metadata('{target}/latest/marts/typed/data.parquet') "
        "where decode(key) = 'description'"
    ).fetchall()
    assert kept == [("What it's about: {braces}",)]


def test_a_release_that_this_process_reads_can_be_exported(desk: Desk, target: Path) -> None:
    desk.built()
    release = desk.publish()
    with connect(release.path) as reader:
        export_parquet(release, str(target))
        assert reader.sql("select count(*) from marts.prices").fetchall() == [(100,)]
    assert len(read(target, "marts.prices")) == 100


def test_a_view_leaves_as_a_table_and_by_the_same_rule(desk: Desk, target: Path) -> None:
    desk.built(
        *registered("full", "derived"),
        "create view core.shown as select source_id, price_date from core.fct_seen",
        "comment on view core.shown is 'What was seen.'",
    )
    export_parquet(desk.publish(), str(target))
    assert read(target, "core.shown", "source_id") == [("is_full",)]
    told = manifest(target)["tables"]["core.shown"]
    assert (told["rows"], told["rows_withheld"], told["comment"]) == (1, 1, "What was seen.")


def test_the_manifest_names_every_file_with_its_rows_and_digest(desk: Desk, target: Path) -> None:
    desk.built()
    export_parquet(desk.publish(), str(target))
    told = manifest(target)
    files = [file for table in told["tables"].values() for file in table["files"]]
    folder = target / json.loads((target / "latest.json").read_text())["folder"]
    assert folder.resolve() == (target / "latest").resolve()
    assert {file["path"] for file in files} == {
        str(path.relative_to(folder)) for path in folder.rglob("*.parquet")
    }
    for file in files:
        body = (folder / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        rows = duckdb.sql(f"select count(*) from '{folder}/{file['path']}'").fetchall()
        assert rows == [(file["rows"],)]


def test_a_large_table_has_a_file_per_month_and_loses_no_row(
    desk: Desk, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "PARTITIONED_FROM_ROWS", 90)
    desk.built(
        "create table marts.daily as select case when range < 92 then date '2026-05-31' + range::int end "
        "as price_date, range as number from range(95)"
    )
    export_parquet(desk.publish(), str(target))
    listed = {file["path"]: file["rows"] for file in manifest(target)["tables"]["marts.daily"]["files"]}
    assert listed == {
        "marts/daily/month=2026-05-01/data.parquet": 1,
        "marts/daily/month=2026-06-01/data.parquet": 30,
        "marts/daily/month=2026-07-01/data.parquet": 31,
        "marts/daily/month=2026-08-01/data.parquet": 30,
        "marts/daily/month=__HIVE_DEFAULT_PARTITION__/data.parquet": 3,
    }
    assert read(target, "marts.daily", "number") == [(number,) for number in range(95)]
    # Another first column, or fewer rows: one file.
    assert [file["path"] for file in manifest(target)["tables"]["marts.prices"]["files"]] == [
        "marts/prices/data.parquet"
    ]


def test_an_export_goes_on_where_it_was_stopped(desk: Desk, target: Path) -> None:
    desk.built()
    release = desk.publish()
    folder = target / release.release_id
    export_parquet(release, str(target))
    whole, half = folder / "core/offers/data.parquet", folder / "marts/prices/data.parquet"
    # As if it had been killed in the middle, and a disk had lost the end of a file.
    (folder / "manifest.json").unlink()
    (target / "latest.json").unlink()
    half.write_bytes(half.read_bytes()[:100])
    before = whole.stat().st_mtime_ns, whole.stat().st_ino
    export_parquet(release, str(target))
    assert (whole.stat().st_mtime_ns, whole.stat().st_ino) == before
    assert len(read(target, "marts.prices")) == 100
    assert manifest(target)["tables"]["marts.prices"]["rows"] == 100


EXPORTS = """
import sys
from pathlib import Path
from warehouse.parquet import export_parquet
from warehouse.publish import current_release

release = current_release(Path(sys.argv[1]), Path(sys.argv[2]))
while True:
    export_parquet(release, sys.argv[3])
    Path(sys.argv[3], release.release_id, "marts/prices/data.parquet").unlink()
"""


def test_an_export_killed_at_any_moment_leaves_whole_files(desk: Desk, target: Path) -> None:
    desk.built(rows=200_000)
    release = desk.publish()
    command = [sys.executable, "-c", EXPORTS, str(desk.releases), str(desk.pointer), str(target)]
    folder = target / release.release_id
    with subprocess.Popen(command) as exporter:
        until = time.monotonic() + 60
        while not list(folder.glob("marts/prices/.*.part")) and time.monotonic() < until:
            pass
        exporter.kill()
    for file in folder.rglob("[!.]*.parquet"):
        assert duckdb.sql(f"select count(*) from '{file}'").fetchall()[0][0] in (1, 200_000)
    export_parquet(release, str(target))
    assert len(read(target, "marts.prices", "number")) == 200_000


def test_releases_and_kinds_of_export_do_not_mix(desk: Desk, target: Path) -> None:
    desk.built(*registered("full", "derived"))
    first = desk.publish()
    export_parquet(first, str(target))
    desk.built(*registered("full", "derived"), value=2)
    second = desk.publish()
    export_parquet(second, str(target), is_internal=True)
    assert (target / "latest").resolve().name == f"{second.release_id}-internal"
    assert read(target, "marts.prices", "max(value)") == [(2,)]
    assert read(target, "core.fct_seen", "source_id") == [("is_derived",), ("is_full",)]
    (target / "latest").unlink()
    (target / "latest").symlink_to(first.release_id)
    assert read(target, "core.fct_seen", "source_id") == [("is_full",)]
    assert manifest(target)["tables"]["core.fct_seen"]["rows_withheld"] == 1


def test_a_place_that_cannot_be_written_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.built()
    (tmp_path / "file").touch()
    with pytest.raises(ExportFailed, match=r"the export failed: .*file"):
        export_parquet(desk.publish(), str(tmp_path / "file" / "below"))
    with pytest.raises(ExportFailed, match="the export failed"):
        export_parquet(desk.publish(), "nonsense://bucket/prefix")


def test_no_secret_of_the_address_is_told(desk: Desk) -> None:
    desk.built()
    with pytest.raises(ExportFailed) as failed:
        export_parquet(
            desk.publish(), "s3://KEY:geheim%2F1@b/x?scheme=nonsense&endpoint_override=127.0.0.1:9"
        )
    assert "geheim" not in str(failed.value)
