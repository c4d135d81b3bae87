"""What the lake says about a moment: of the current release, or of a past day."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.dbt import build_as_of, project_digest
from pipeline.progress import Progress
from warehouse.archive import Archive
from warehouse.errors import AimarketError, NoRelease
from warehouse.files import exclusive, write_file
from warehouse.lake import Lake
from warehouse.publish import copy_public, current_release, describe, table_counts
from warehouse.query import connect
from warehouse.revisions import TABLE as REVISIONS
from warehouse.settings import settings


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
        build = build_as_of(datetime.fromisoformat(release.manifest["as_of"]), aside, progress)
        recomputed = describe(build)
        shutil.rmtree(aside)
    # It tells of the releases before this one, which the lake does not hold.
    published = {name: about for name, about in release.manifest["tables"].items() if name != REVISIONS}
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


def as_known(moment: datetime, progress: Progress) -> Path:
    """Write the public tables as they follow from what was recorded up to ``moment`` (UTC), and say where.

    The file stands beside the releases and is none: readers of the current release see nothing of it. The
    same moment gives the same rows whenever it is asked for. Raises AimarketError where nothing was recorded.
    """
    here = settings()
    place = here.home / "as-of" / f"market-{moment:%Y%m%dT%H%M%SZ}.duckdb"
    aside = here.home / "as-of" / "build"
    Lake(here.lake).prepare()
    with exclusive(aside.with_suffix(".lock")):
        build = build_as_of(moment, aside, progress)
        if not any(rows for name, rows in table_counts(build).items() if name.startswith("core.fct_")):
            raise AimarketError(
                f"nothing was recorded here by {moment:%Y-%m-%d %H:%M} UTC: a history tells what was seen "
                "when, but this warehouse learned it only when it was installed"
            )
        write_file(place, lambda temporary: copy_public(build, temporary))
        shutil.rmtree(aside)
    return place


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
