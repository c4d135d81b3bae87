"""Does the published release follow from the lake, and do its rows lead to bytes that are there?"""

from __future__ import annotations

import json
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from pipeline.dbt import project_digest, results
from pipeline.progress import Progress
from warehouse.archive import Archive
from warehouse.errors import NoRelease
from warehouse.files import exclusive
from warehouse.publish import current_release, describe
from warehouse.query import connect
from warehouse.settings import DBT_PROJECT, settings


@dataclass(frozen=True)
class Verified:
    """What the check found. ``differing``: tables whose recomputed rows are not the published ones."""

    release_id: str
    as_of: str
    tables: int
    rows: int
    differing: list[str]
    has_same_project: bool
    objects: int
    damaged_objects: list[str]

    @property
    def is_good(self) -> bool:
        return not self.differing and not self.damaged_objects


def verify(progress: Progress) -> Verified:
    """Build the current release again from lake and seeds as of its own moment and compare every table.

    Also reads each archived object that a published row names, and checks that its bytes have the digest
    it is named by. Raises NoRelease.
    """
    here = settings()
    release = current_release(here.releases, here.market)
    if release is None:
        raise NoRelease("nothing is published; `aimarket run` builds and publishes")
    aside = here.home / "verify"
    with exclusive(aside.with_suffix(".lock")):
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        nodes = [*DBT_PROJECT.glob("models/**/*.sql"), *DBT_PROJECT.glob("seeds/*.csv")]
        progress.begin_build(len(nodes))
        moment = json.dumps({"as_of": release.manifest["as_of"]})
        kinds = ["--resource-type", "seed", "--resource-type", "model"]
        with (aside / "verify.log").open("w", encoding="utf-8") as log, redirect_stdout(log):
            for _ in results(["build", *kinds, "--vars", moment], aside, build=aside / "market.duckdb"):
                progress.advance_build()
        recomputed = describe(aside / "market.duckdb")
        shutil.rmtree(aside)
    published = release.manifest["tables"]
    objects = _objects(release.path)
    archive = Archive(here.archive)
    return Verified(
        release_id=release.release_id,
        as_of=release.manifest["as_of"],
        tables=len(published),
        rows=sum(table["rows"] for table in published.values()),
        differing=[
            name for name in sorted(published | recomputed) if published.get(name) != recomputed.get(name)
        ],
        has_same_project=release.manifest.get("project_digest") == project_digest(),
        objects=len(objects),
        damaged_objects=[digest for digest in objects if not archive.holds(digest)],
    )


def _objects(release: Path) -> list[str]:
    """Digests of the archive objects that rows of the release name in a column payload_ref."""
    with connect(release) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_columns() where column_name = 'payload_ref'"
        ).fetchall()
        refs = " union ".join(f"select payload_ref from {table}" for (table,) in tables)
        return [
            digest
            for (digest,) in connection.execute(
                "select distinct regexp_extract(payload_ref, '^sha256:([0-9a-f]+)', 1) as digest "
                f"from ({refs}) where payload_ref like 'sha256:%' order by all"
            ).fetchall()
        ]
