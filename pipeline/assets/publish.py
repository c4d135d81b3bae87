"""The release and what is drawn from it."""

from importlib.metadata import version
from pathlib import Path

import dagster as dg
from warehouse.report import write_report

from pipeline.assets.transform import build_models, dbt_results_path
from warehouse.errors import NoRelease
from warehouse.files import exclusive
from warehouse.publish import current_release, publish
from warehouse.query import connect
from warehouse.settings import settings

METHODOLOGY_VERSION = "0.1"
"""Of docs/methodology.md; changes whenever a published number could."""


@dg.asset(deps=[build_models], group_name="release", kinds={"duckdb"})
def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Audit the build and make it the current release."""
    here = settings()
    versions = {"code_version": version("aimarket"), "methodology_version": METHODOLOGY_VERSION}
    with exclusive(here.build.with_suffix(".lock")):
        published = publish(here.build, dbt_results_path(), here.releases, here.market, versions)
    context.log.info("published %s", published.release_id)
    row_count = sum(table["rows"] for table in published.manifest["tables"].values())
    return dg.MaterializeResult(
        metadata={
            "release_id": published.release_id,
            "as_of": published.manifest["as_of"],
            "rows": row_count,
            "bytes": published.manifest["bytes"],
        }
    )


@dg.asset(deps=[release], group_name="release", kinds={"html"})
def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """The current release as one HTML page."""
    path = draw_report()
    context.log.info("wrote %s", path)
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(path), "bytes": path.stat().st_size})


def draw_report() -> Path:
    """Write the report of the current release. Raises NoRelease where there is none."""
    here = settings()
    current = current_release(here.releases, here.market)
    if current is None:
        raise NoRelease(f"{here.market} does not exist; `aimarket run` builds and publishes it")
    with connect(current.path) as connection:
        write_report(connection, current.manifest, here.report)
    return here.report
