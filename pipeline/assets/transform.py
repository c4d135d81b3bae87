"""Every dbt model as an asset, its tests as checks. dbt writes the private build file, nobody else."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from pipeline.assets.fetch import Patience, asset_key
from pipeline.dbt import begin_anew_if_changed, results
from pipeline.progress import Progress
from pipeline.registry import live_sources
from warehouse.files import exclusive
from warehouse.lake import Lake
from warehouse.settings import DBT_PROJECT, settings

PROJECT = DbtProject(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT)


class Translator(DagsterDbtTranslator):
    """Draws the line from the sources to the staging model of their contract."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        contract = unique_id.rpartition(".")[2].removeprefix("stg_")
        feeding = [asset_key(source) for source in live_sources() if contract in source.contracts]
        return spec.merge_attributes(deps=feeding)


def dbt_results_path() -> Path:
    return settings().build.with_name("run_results.json")


def manifest_path() -> Path:
    """The project's manifest, parsed again where a file of the project is newer."""
    manifest = PROJECT.manifest_path
    watched = [path for path in DBT_PROJECT.rglob("*") if path.suffix in (".sql", ".yml", ".csv")]
    watched = [path for path in watched if "target" not in path.parts]
    if not manifest.exists() or manifest.stat().st_mtime < max(path.stat().st_mtime for path in watched):
        list(results(["--quiet", "parse"], manifest.parent))
    return manifest


@dbt_assets(
    manifest=manifest_path(), project=PROJECT, dagster_dbt_translator=Translator(), name="build_models"
)
def build_models(
    context: dg.AssetExecutionContext, config: Patience, progress: dg.ResourceParam[Progress]
) -> Iterator[Any]:
    """`dbt build` into the private file; its results are kept for the publication's audit."""
    build = settings().build
    target = build.parent / "target"
    target.mkdir(parents=True, exist_ok=True)
    chosen = get_updated_cli_invocation_params_for_context(context, {}, Translator())
    # Unit tests judge the code, not the data; `make test` runs them.
    command = ["build", "--exclude-resource-type", "unit_test", *chosen.selection_args]
    if chosen.indirect_selection:
        command += ["--indirect-selection", chosen.indirect_selection]
    project = Path(chosen.dbt_project.project_dir) if chosen.dbt_project else DBT_PROJECT
    # A lake from before a column or a table lacks it; SQL reads it all the same.
    Lake(settings().lake).prepare()
    with exclusive(build.with_suffix(".lock"), config.patience_seconds):
        dbt_results_path().unlink(missing_ok=True)
        begin_anew_if_changed(build)
        progress.begin_build(len(chosen.manifest["nodes"]))
        try:
            for event in results(command, target, project):
                progress.advance_build()
                told = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
                yield from told.to_default_asset_events(
                    chosen.manifest, chosen.dagster_dbt_translator, context, target, PROJECT
                )
        finally:
            if (target / "run_results.json").exists():
                shutil.copyfile(target / "run_results.json", dbt_results_path())
