"""dbt in this process: started in no time once it is imported, and gone when the process is.

A dbt of its own would cost seconds of start-up in every run, and would go on writing the build file after the
run that started it was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import FACTORY
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.flags import get_flags
from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import msg_to_dict

from pipeline.progress import Progress
from warehouse.errors import AimarketError
from warehouse.files import write_file
from warehouse.settings import DBT_PROJECT, HISTORY, settings

RESULTS = ("LogModelResult", "LogSeedResult", "LogTestResult")
"""Events that end a node."""
INTERRUPT_AGAIN_SECONDS = 0.1


def results(
    arguments: Sequence[str], target: Path, project: Path = DBT_PROJECT, build: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Run dbt and yield an event per finished node, in the form of its JSON log.

    Artifacts go to ``target``, tables into ``build``, by default the private file of the settings. Raises
    AimarketError when dbt fails or a node does. When the listener is interrupted, so is dbt.
    """
    _tell_places(build or settings().build)
    told: SimpleQueue[EventMsg | dbtRunnerResult] = SimpleQueue()
    places = {"project-dir": project, "profiles-dir": project, "target-path": target, "log-path": target}
    command = [*arguments, *(text for name, path in places.items() for text in (f"--{name}", str(path)))]
    work = Thread(target=lambda: told.put(dbtRunner(callbacks=[told.put]).invoke(command)), daemon=True)
    work.start()
    try:
        while not isinstance(event := told.get(), dbtRunnerResult):
            if event.info.name in RESULTS:
                yield msg_to_dict(event)
    except BaseException:
        # Its own way to stop is to fail: queries that are cancelled do, and then it begins no other node.
        object.__setattr__(get_flags(), "FAIL_FAST", True)
        while work.is_alive():
            for adapter in FACTORY.adapters.values():
                adapter.cancel_open_connections()
            work.join(INTERRUPT_AGAIN_SECONDS)
        raise
    finally:
        work.join()
        # Otherwise this process would keep the build file open and nobody could attach it.
        DuckDBConnectionManager.close_all_connections()
    if not event.success:
        raise AimarketError(f"dbt {arguments[0]} failed: {_why(event)}")


def build_as_of(moment: datetime, folder: Path, progress: Progress) -> Path:
    """Build a database in ``folder`` from the rows recorded up to ``moment``, and return its path.

    What stands in the folder is removed first. Raises AimarketError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nodes = [*DBT_PROJECT.glob("models/**/*.sql"), *DBT_PROJECT.glob("seeds/*.csv")]
    progress.begin_build(len(nodes))
    kinds = ["--resource-type", "seed", "--resource-type", "model"]
    as_of = json.dumps({"as_of": moment.isoformat()})
    build = folder / "market.duckdb"
    with (folder / "build.log").open("w", encoding="utf-8") as log, redirect_stdout(log):
        for _ in results(["build", *kinds, "--vars", as_of], folder, build=build):
            progress.advance_build()
    return build


def write_site() -> Path:
    """dbt's documentation of the last build as one page that needs no network, and where it is.

    Raises AimarketError where nothing was built.
    """
    here = settings()
    if not here.build.exists():
        raise AimarketError("nothing is built; `aimarket build` builds")
    target, page = here.home / "docs" / "target", here.home / "docs" / "index.html"
    target.mkdir(parents=True, exist_ok=True)
    with (target / "docs.log").open("w", encoding="utf-8") as log, redirect_stdout(log):
        for _ in results(["--quiet", "docs", "generate", "--static"], target):
            pass
    written = (target / "static_index.html").read_bytes()
    write_file(page, lambda temporary: temporary.write_bytes(written))
    return page


def project_digest() -> str:
    """SHA-256 over the project's models, macros and seeds, by name and content."""
    parts = [DBT_PROJECT / "dbt_project.yml"]
    parts += [path for part in ("models", "macros", "seeds") for path in (DBT_PROJECT / part).rglob("*.*")]
    digest = hashlib.sha256()
    for path in sorted(parts):
        digest.update(f"{path.relative_to(DBT_PROJECT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def begin_anew_if_changed(build: Path) -> None:
    """Remove a build made by other models or seeds: what is built day by day would keep their rows.

    Call it under the build's lock, before dbt runs.
    """
    mark, digest = build.with_suffix(".project"), project_digest()
    if not mark.exists() or mark.read_text(encoding="utf-8") != digest:
        for path in (build, build.with_name(f"{build.name}.wal")):
            path.unlink(missing_ok=True)
        write_file(mark, lambda temporary: temporary.write_text(digest, encoding="utf-8"))


def grains(manifest: Path) -> dict[str, list[str]]:
    """Key columns of each mart, from the test that holds them unique."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    keys = {
        node["attached_node"]: node["test_metadata"]["kwargs"]["combination_of_columns"]
        for node in nodes.values()
        if node.get("test_metadata") and node["test_metadata"]["name"] == "unique_combination_of_columns"
    }
    return {
        f"{nodes[model]['schema']}.{nodes[model]['name']}": columns
        for model, columns in keys.items()
        if nodes[model]["schema"] == "marts"
    }


def _why(outcome: dbtRunnerResult) -> str:
    if outcome.exception:
        return str(outcome.exception).strip()
    nodes = getattr(outcome.result, "results", ())
    red = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
    first = red[0] if red else None
    return f"{first.node.unique_id}: {first.message}, {len(red)} in all" if first else "no node says why"


def _tell_places(build: Path) -> None:
    """Tell dbt's profile and macros where this process keeps its data."""
    os.environ["DBT_MARKET_BUILD"] = str(build)
    os.environ["DBT_MARKET_LAKE"] = str(settings().lake)
    os.environ["DBT_MARKET_HISTORY"] = str(HISTORY)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
