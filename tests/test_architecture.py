"""Who may import whom: read from the source files, and for the quick commands from a running process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from warehouse.settings import REPOSITORY

FILES = sorted(
    path.relative_to(REPOSITORY)
    for part in ("pipeline", "warehouse")
    for path in (REPOSITORY / part).rglob("*.py")
)
SOURCES = [path for path in FILES if path.parent == Path("pipeline/sources") and path.stem != "__init__"]
MAY_IMPORT_DAGSTER = {
    Path("pipeline") / name for name in ("definitions.py", "running.py", "schedules.py")
} | {path for path in FILES if path.parent == Path("pipeline/assets")}
CLOCK_AND_DISK = {"now", "utcnow", "today", "open", "read_bytes", "read_text"}


def tree(path: Path) -> ast.Module:
    return ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))


def imported(path: Path, for_types: bool = True) -> set[str]:
    """Dotted names a file imports anywhere, in functions too; without ``for_types`` only what runs."""
    return {
        name
        for node in _nodes(tree(path), for_types)
        for name in _names(node)
        if name not in ("__future__", "typing")
    }


def _nodes(node: ast.AST, for_types: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING" and not for_types:
            continue
        yield child
        yield from _nodes(child, for_types)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert not node.level, "relative imports hide the arrows"
        # `from pipeline import sources` imports a module, too.
        return [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "warehouse"], ids=str)
def test_the_warehouse_knows_neither_pipeline_nor_dagster_nor_dbt(path: Path) -> None:
    assert not packages(imported(path)) & {"pipeline", "dagster", "dagster_dbt", "dbt", "requests", "tests"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_source_knows_neither_orchestration_nor_network_nor_disk(path: Path) -> None:
    heavy = {"dagster", "dagster_dbt", "dbt", "duckdb", "requests", "urllib3", "http", "socket"}
    outside = {"os", "pathlib", "subprocess", "time", "random", "shutil", "tempfile"}
    assert not packages(imported(path)) & (heavy | outside)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_source_uses_the_parser_toolkit_and_no_other_part_of_the_pipeline(path: Path) -> None:
    used = {
        ".".join(name.split(".")[:2])
        for name in imported(path, for_types=False)
        if name.startswith("pipeline")
    }
    assert used <= {"pipeline", "pipeline.parsing", "pipeline.errors"}
    assert "warehouse" not in packages(imported(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_source_asks_no_clock_and_opens_no_file(path: Path) -> None:
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
    }
    assert not called & CLOCK_AND_DISK


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_imports_the_tests(path: Path) -> None:
    assert "tests" not in packages(imported(path))


def test_only_the_orchestration_imports_dagster() -> None:
    found = {path for path in FILES if packages(imported(path)) & {"dagster", "dagster_dbt"}}
    assert found <= MAY_IMPORT_DAGSTER


def test_only_the_network_session_and_the_alerts_import_network_libraries() -> None:
    found = {path for path in FILES if packages(imported(path)) & {"requests", "urllib3", "socket"}}
    assert found == {Path("pipeline/http.py"), Path("pipeline/alerts.py")}


def test_levels_of_other_publishers_enter_no_figure_of_ours() -> None:
    models = (REPOSITORY / "sql" / "models").rglob("*.sql")
    found = {path.name for path in models if "reference_index_levels" in path.read_text(encoding="utf-8")}
    assert found == {"stg_reference_index_levels.sql", "reference_index_levels.sql"}


LISTS_ITS_MODULES = """
import json, sys
from pipeline.cli import main

sys.argv[0] = "aimarket"
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def modules_after(home: Path, *arguments: str) -> set[str]:
    """Top-level packages in memory when the command line is done."""
    done = subprocess.run(
        [sys.executable, "-c", LISTS_ITS_MODULES, *arguments],
        env={"AIMARKET_HOME": str(home), "PATH": ""},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "market.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.t as select 1 as one")
    return tmp_path


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]], ids=" ".join)
def test_help_is_quick(tmp_path: Path, arguments: list[str]) -> None:
    heavy = {"dagster", "dagster_dbt", "dbt", "polars", "duckdb", "pyarrow", "requests", "altair"}
    assert not modules_after(tmp_path, *arguments) & heavy


@pytest.mark.parametrize("command", ["status", "releases"])
def test_the_commands_that_read_import_neither_dagster_nor_dbt(published: Path, command: str) -> None:
    assert not modules_after(published, command) & {"dagster", "dagster_dbt", "dbt", "altair"}


def test_a_question_is_answered_without_what_the_pipeline_needs(published: Path) -> None:
    used = modules_after(published, "sql", "select * from marts.t")
    assert not used & {"dagster", "dagster_dbt", "dbt", "polars", "requests", "altair"}


def test_importing_the_warehouse_loads_no_database() -> None:
    command = "import sys, warehouse; print('duckdb' in sys.modules or 'polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], cwd=REPOSITORY, capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]
