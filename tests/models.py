"""The project's own SQL over small tables: compiled once by dbt, run in memory, nothing mocked.

What belongs here: the way from given rows to a model's rows. What does not: rows of any subject.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from warehouse.lake import Lake
from warehouse.settings import DBT_PROJECT

AS_OF = date(2030, 1, 1)
"""The day every compiled model stands at."""


class Models:
    """A warehouse of empty tables in memory, with the seeds filled.

    ``build`` puts rows into some tables, works out the models that follow from them, and forgets both
    again, so that calls do not see each other. Incremental models are worked out in full.
    """

    def __init__(self, folder: Path) -> None:
        """Compile the project into ``folder``: about eight seconds, so share one object per session."""
        Lake(folder / "lake").prepare()
        _compile(folder)
        manifest = json.loads((folder / "target" / "manifest.json").read_text())
        self._nodes: dict[str, dict[str, Any]] = {
            node["name"]: node
            for node in manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed")
        }
        # A table of the lake and a model may share their name.
        self._parents = {
            name: [
                parent.rpartition(".")[2]
                for parent in node.get("depends_on", {}).get("nodes", ())
                if not parent.startswith("source.")
            ]
            for name, node in self._nodes.items()
        }
        self._connection = duckdb.connect()
        self._connection.execute(
            "set TimeZone = 'UTC'; set threads = 1; attach ':memory:' as market; use market"
        )
        for name in self._in_order(self._nodes):
            self._connection.execute(f"create schema if not exists {self._nodes[name]['schema']}")
            self._create(name)

    def build(self, given: Mapping[str, pl.DataFrame], *wanted: str) -> dict[str, pl.DataFrame]:
        """The rows of the ``wanted`` models where the ``given`` tables hold these rows and no others.

        Models between the given and the wanted ones are worked out on the way; whatever else they read is
        empty, seeds excepted. A column a given frame lacks is null; one the table lacks raises duckdb.Error.
        """
        with self._forgetting():
            for name, rows in given.items():
                self._connection.execute(f"delete from {self._place(name)}")
                self._connection.register("given_rows", rows)
                self._connection.execute(f"insert into {self._place(name)} by name from given_rows")
            for name in self._in_order(self._following(given, wanted)):
                self._create(name)
            return {name: self._connection.sql(f"from {self._place(name)}").pl() for name in wanted}

    def _following(self, given: Mapping[str, Any], wanted: Sequence[str]) -> set[str]:
        """Models on a way from a given table to a wanted one."""
        moved: dict[str, bool] = dict.fromkeys(given, True)

        def is_moved(name: str) -> bool:
            if name not in moved:
                moved[name] = any(is_moved(parent) for parent in self._parents.get(name, ()))
            return moved[name]

        still = [name for name in wanted if not is_moved(name)]
        assert not still, f"{still} read nothing of {list(given)}"
        needed: set[str] = set()
        open_names = list(wanted)
        while open_names:
            name = open_names.pop()
            if name in given or name in needed or not is_moved(name):
                continue
            needed.add(name)
            open_names += self._parents[name]
        return needed

    def _in_order(self, names: Mapping[str, Any] | set[str]) -> list[str]:
        """Parents before children."""
        ordered: dict[str, None] = {}

        def add(name: str) -> None:
            if name not in ordered and name in self._nodes:
                for parent in self._parents[name]:
                    add(parent)
                ordered[name] = None

        for name in sorted(names):
            add(name)
        return [name for name in ordered if name in names]

    def _place(self, name: str) -> str:
        return f"{self._nodes[name]['schema']}.{name}"

    def _create(self, name: str) -> None:
        node = self._nodes[name]
        if node["resource_type"] == "seed":
            types = node["config"]["column_types"]
            file = DBT_PROJECT / node["original_file_path"]
            source = f"read_csv('{file}', header = true, nullstr = '', types = {types})"
            self._connection.execute(f"create or replace table {self._place(name)} as from {source}")
        else:
            query = node["compiled_code"]
            self._connection.execute(f"create or replace table {self._place(name)} as {query}")

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        finally:
            self._connection.rollback()


def _compile(folder: Path) -> None:
    (folder / "history").mkdir()
    places = {
        "DBT_MARKET_BUILD": folder / "market.duckdb",
        "DBT_MARKET_LAKE": folder / "lake",
        "DBT_MARKET_HISTORY": folder / "history",
        "DBT_TARGET_PATH": folder / "target",
        "DBT_LOG_PATH": folder / "logs",
    }
    project = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            "compile",
            "--vars",
            json.dumps({"as_of": AS_OF.isoformat()}),
            *project,
        ],
        env=os.environ | {name: str(path) for name, path in places.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
