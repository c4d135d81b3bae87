"""Every dbt model as an asset, its tests as checks. dbt writes the private build file, nobody else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version

from pipeline.assets.fetch import asset_key
from pipeline.progress import Progress
from pipeline.registry import live_sources
from warehouse.files import exclusive
from warehouse.settings import DBT_PROJECT, HISTORY, settings

PROJECT = DbtProject(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT)


class Dbt(DbtCliResource):
    """dbt without two detours of several seconds each.

    The resource would ask the executable for its version and load dbt into this process for metadata on
    columns, which is not collected here. Both hooks are private in dagster-dbt 0.29; a release without them
    only brings the seconds back.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        del args


DBT = Dbt(
    project_dir=str(DBT_PROJECT),
    profiles_dir=str(DBT_PROJECT),
    # The one beside this Python, whether or not its environment is activated.
    dbt_executable=str(Path(sys.executable).with_name("dbt")),
)


LAST_BREATH_SECONDS = 1.0
"""Until the system has taken the locks of a killed process."""


class BuildConfig(dg.Config):
    """``as_of``: build as known at that UTC instant (ISO 8601); empty for now."""

    as_of: str = ""


class Translator(DagsterDbtTranslator):
    """Draws the line from the sources to the staging model of their contract."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        contract = unique_id.rpartition(".")[2].removeprefix("stg_")
        feeding = [asset_key(source) for source in live_sources() if contract in source.contracts]
        return spec.merge_attributes(deps=feeding)


def dbt_results_path() -> Path:
    return settings().build.with_name("run_results.json")


def _prepare_environment() -> None:
    """Tell dbt's profile and macros where this process keeps its data."""
    os.environ["DBT_MARKET_BUILD"] = str(settings().build)
    os.environ["DBT_MARKET_LAKE"] = str(settings().lake)
    os.environ["DBT_MARKET_HISTORY"] = str(HISTORY)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


def manifest_path() -> Path:
    """The project's manifest, parsed again where a file of the project is newer."""
    manifest = PROJECT.manifest_path
    watched = [path for path in DBT_PROJECT.rglob("*") if path.suffix in (".sql", ".yml", ".csv")]
    watched = [path for path in watched if "target" not in path.parts]
    if not manifest.exists() or manifest.stat().st_mtime < max(path.stat().st_mtime for path in watched):
        _prepare_environment()
        DBT.cli(["--quiet", "parse"], target_path=manifest.parent).wait()
    return manifest


@dbt_assets(
    manifest=manifest_path(), project=PROJECT, dagster_dbt_translator=Translator(), name="build_models"
)
def build_models(
    context: dg.AssetExecutionContext,
    config: BuildConfig,
    dbt: DbtCliResource,
    progress: dg.ResourceParam[Progress],
) -> Iterator[Any]:
    """`dbt build` into the private file; its results are kept for the publication's audit."""
    build = settings().build
    build.parent.mkdir(parents=True, exist_ok=True)
    results = dbt_results_path()
    # A variable that changes makes dbt parse the whole project again; without it a build stands at its start.
    moment = ["--vars", json.dumps({"as_of": config.as_of})] if config.as_of else []
    running = build.with_name("dbt.pid")
    with exclusive(build.with_suffix(".lock")):
        _end_orphan(running)
        results.unlink(missing_ok=True)
        _prepare_environment()
        invocation = dbt.cli(
            # Unit tests judge the code, not the data; `make test` runs them.
            ["build", "--exclude-resource-type", "unit_test", *moment],
            context=context,
            target_path=build.parent / "target",
            raise_on_error=True,
        )
        running.write_text(str(invocation.process.pid))
        progress.begin_build(len(invocation.manifest["nodes"]))
        try:
            for event in invocation.stream():
                progress.advance_build()
                yield event
        finally:
            running.unlink(missing_ok=True)
            written = invocation.target_path / "run_results.json"
            if written.exists():
                shutil.copyfile(written, results)


def _end_orphan(running: Path) -> None:
    """End the dbt process that a killed run left behind: it would go on writing the build file.

    Whoever holds the build's lock is the only one to build, so a dbt named here belongs to nobody any more.
    """
    if not running.exists():
        return
    process_id = int(running.read_text() or 0)
    ps = shutil.which("ps")
    asked = [ps, "-p", str(process_id), "-o", "command="] if ps and process_id else None
    command = subprocess.run(asked, capture_output=True, text=True, check=False).stdout if asked else ""
    if str(DBT.dbt_executable) in command:
        os.kill(process_id, signal.SIGKILL)
        time.sleep(LAST_BREATH_SECONDS)
    running.unlink()
