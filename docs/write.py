"""Writes what is generated in docs/: `python -m docs.write` after a change of models, words or history.

    cookbook.md          the answers below its questions; the questions and queries are written by hand
    data-dictionary.md   every public table and column, from the project and its build

Both stand on the bundled history alone, as known at AS_OF, so that they come out the same everywhere. A test
fails when a file is not what this would write.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb

from docs.dictionary import dictionary
from warehouse.query import answers, connect

AS_OF: Final = date(2026, 11, 23)
"""The day the answers stand at. Move it when history recorded later is bundled."""
HERE: Final = Path(__file__).parent
COOKBOOK: Final = HERE / "cookbook.md"
DICTIONARY: Final = HERE / "data-dictionary.md"
_QUESTION: Final = re.compile(r"(```sql\n(.*?)```\n)(.*?)(?=\n## |\Z)", re.DOTALL)


def build(home: Path) -> Path:
    """The warehouse of the bundled history alone, as known at AS_OF, built by the command a user types."""
    command = Path(sys.executable).with_name("aimarket")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIMARKET_")}
    done = subprocess.run(
        [command, "build", "--as-of", AS_OF.isoformat(), "--json"],
        env=kept | {"AIMARKET_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Path(json.loads(done.stdout)["path"])


def manifest() -> dict[str, Any]:
    """dbt's manifest of the project, parsed by a process of its own: dbt and Dagster are heavy to load."""
    program = "from pipeline.assets.transform import manifest_path; print(manifest_path())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(Path(done.stdout.splitlines()[-1]).read_text(encoding="utf-8"))
    return told


def cookbook(text: str, connection: duckdb.DuckDBPyConnection) -> str:
    """The cookbook with the answer below each query; what stood between it and the next question goes."""
    return _QUESTION.sub(lambda found: found[1] + "\n" + _answer(connection, found[2]), text)


def _answer(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    (result,) = ((answer.description, answer.fetchall()) for answer in answers(connection, query))
    columns, rows = [column[0] for column in result[0] or ()], result[1]
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return format(value.normalize(), "f")
        case float():
            return f"{value:.6g}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return str(value).replace("|", "\\|")


def main() -> None:
    with tempfile.TemporaryDirectory() as home, connect(build(Path(home))) as connection:
        COOKBOOK.write_text(cookbook(COOKBOOK.read_text(encoding="utf-8"), connection), encoding="utf-8")
        DICTIONARY.write_text(dictionary(connection, manifest()), encoding="utf-8")


if __name__ == "__main__":
    main()
