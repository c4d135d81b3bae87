"""The release and what is drawn from it."""

from importlib.metadata import version

import dagster as dg
import yaml

from pipeline.assets.fetch import LONGEST_PATIENCE_SECONDS
from pipeline.assets.transform import build_models, dbt_results_path, manifest_path
from pipeline.dbt import grains, project_digest
from warehouse.files import exclusive
from warehouse.publish import MACROS, publish
from warehouse.report import draw_report
from warehouse.settings import DBT_PROJECT, settings


@dg.asset(deps=[build_models], group_name="release", kinds={"duckdb"})
def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Audit the build and make it the current release."""
    here = settings()
    versions = {
        "code_version": version("aimarket"),
        "methodology_version": _methodology_version(),
        "project_digest": project_digest(),
    }
    with exclusive(here.build.with_suffix(".lock"), LONGEST_PATIENCE_SECONDS):
        published = publish(
            here.build,
            dbt_results_path(),
            here.releases,
            here.market,
            versions,
            grains(manifest_path()),
            MACROS.read_text(encoding="utf-8"),
        )
    context.log.info("published %s", published.release_id)
    row_count = sum(table["rows"] for table in published.manifest["tables"].values())
    return dg.MaterializeResult(
        metadata={
            "release_id": published.release_id,
            "as_of": published.manifest["as_of"],
            "rows": row_count,
            "bytes": published.manifest["bytes"],
            "revised_final_values": sum(found["changed_rows"] for found in published.manifest["revised"]),
        }
    )


@dg.asset(deps=[release], group_name="release", kinds={"html"})
def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """The current release as a site of HTML pages."""
    path = draw_report()
    context.log.info("wrote %s", path)
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(path), "bytes": path.stat().st_size})


def _methodology_version() -> str:
    """Of docs/methodology.md; stated once, where SQL can read it too."""
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    return str(project["vars"]["methodology_version"])
