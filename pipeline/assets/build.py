"""The job `build`: from the lake to a release, its report and what it says about its data."""

import dagster as dg

from pipeline.assets.checks import release_checks
from pipeline.assets.publish import release, report
from pipeline.assets.transform import build_models
from pipeline.progress import Progress

build_job = dg.define_asset_job(
    "build",
    selection=dg.AssetSelection.assets(build_models, release, report)
    | dg.AssetSelection.checks(release_checks),
    description="Build, audit and publish the warehouse from the lake; draw the report.",
)


def build_definitions(progress: Progress) -> dg.Definitions:
    """The job `build`, telling ``progress`` what happens."""
    return dg.Definitions(
        assets=[build_models, release, report],
        asset_checks=[release_checks],
        jobs=[build_job],
        resources={"progress": progress},
    )
