"""The data dictionary: every public table, column and macro, from a build and the project's manifest."""

from __future__ import annotations

import re
from typing import Any, Final

import duckdb

from warehouse.revisions import COLUMNS, DESCRIPTION
from warehouse.revisions import TABLE as REVISIONS

NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
UNITS: Final = {
    r"usd_per_mtok(_output|_total)?$": "USD per million tokens",
    r"usd_per_gpu_hour$": "USD per accelerator-hour",
    r"usd_per_node_hour$": "USD per node and hour",
    r"usd_per_gpu$": "USD per accelerator",
    r"usd_per_hour$": "USD per hour",
    r"usd_per_day$": "USD per day",
    r"usd_per_(image|request|search)$": r"USD per \1",
    r"usd_per_unit$": "USD per unit of the currency",
    r"units_per_eur$": "units of the currency per EUR",
    r"^native_price$": "units of the currency per hour",
    r"usd_amount$|^(previous|next|withheld)_usd$|_median_usd$": "USD per unit",
    r"cost_usd$": "USD",
    r"tokens_per_second_per_(gpu|user)$": r"tokens per second and \1",
    r"tokens_per_second$": "tokens per second",
    r"tokens$": "tokens",
    r"^log_(change|influence)": "natural logarithm",
    r"^fall_factor_per_year|ratio$": "ratio",
    r"^probability": "probability",
    r"_coefficient$": "change of the natural logarithm of the price",
    r"points$": "points of the board",
    r"^labs_within|_count$|^providers_max$": "count",
    r"days|_days_(low|high)$": "days",
    r"_months$": "months",
    r"_hours$": "accelerator-hours",
    r"^index_(value|low|high)$": "base month = 100",
    r"score(_low|_high)?$": "unit of the board",
    r"^measured_value$": "measured_unit",
    r"_params_b$": "1e9 parameters",
    r"memory_gb$": "GB",
    r"gb_per_s$": "GB per second",
    r"tflops$": "1e12 operations per second",
    r"tdp_w$": "W",
    r"_kw$": "kW",
    r"flop_per_byte$": "operations per byte",
    r"bytes_per_token$": "bytes per token",
    r"^(hidden|head)_size$": "numbers per token",
    r"_r2$": "share of the variance",
    r"^concurrency$": "requests in flight",
    r"^rank$|_number$|^frontier_position$|^vintage$": "ordinal",
}
"""Units of numbers by the end of their names; the first that fits counts."""
_SOURCES: Final = ("source", "seed")


def dictionary(connection: duckdb.DuckDBPyConnection, nodes: dict[str, Any]) -> str:
    """The whole page, from a build and dbt's manifest. Raises LookupError for what is not described."""
    models = {
        f"{node['schema']}.{node['name']}": node
        for node in nodes["nodes"].values()
        if node["resource_type"] == "model"
    }
    tables = connection.execute(
        "select schema_name || '.' || table_name as name, "
        "list([column_name, data_type, coalesce(comment, '')] order by column_index) "
        "from duckdb_columns() "
        "where not internal and schema_name in ('core', 'marts', 'ops') group by name order by name"
    ).fetchall()
    comments = dict(
        connection.execute(
            "select schema_name || '.' || table_name, comment from duckdb_tables() union all "
            "select schema_name || '.' || view_name, comment from duckdb_views() where not internal"
        ).fetchall()
    )
    sections = {
        name: _table(name, comments[name], columns, _origin(models[name], nodes)) for name, columns in tables
    }
    revisions = [[name, kind.upper(), told] for name, (kind, told) in COLUMNS.items()]
    origin = "the publication, which compares each release with the one before"
    sections[REVISIONS] = _table(REVISIONS, DESCRIPTION, revisions, origin)
    return "\n".join([HEAD, *(sections[name] for name in sorted(sections)), _macros(connection)])


def unit(name: str, kind: str) -> str:
    """The unit of a column; of what is no number, what its name promises. Raises LookupError."""
    if kind.startswith(NUMBERS):
        for pattern, words in UNITS.items():
            if found := re.search(pattern, name):
                return found.expand(words)
        raise LookupError(
            f"{name} ({kind}) has no unit: end its name with one, or add it to docs/dictionary.py"
        )
    if kind == "DATE":
        return "UTC month, its first day" if name.endswith("_month") else "UTC day"
    return {
        "TIMESTAMP": "UTC instant",
        "TIMESTAMP WITH TIME ZONE": "UTC instant",
        "BOOLEAN": "true or false",
    }.get(kind, "text")


def _table(name: str, comment: str | None, columns: list[list[str]], origin: str) -> str:
    told = _line(comment or "")
    if not told.startswith("Grain: "):
        raise LookupError(f"{name} does not begin its description with its grain")
    lines = [f"## {name}", "", told, "", f"Comes from: {origin}.", ""]
    lines += ["| column | type | unit | description |", "|---|---|---|---|"]
    for column, kind, description in columns:
        if not description:
            raise LookupError(f"{name}.{column} has no description")
        cells = (f"`{column}`", kind.lower(), unit(column, kind), _line(description))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _origin(model: dict[str, Any], manifest: dict[str, Any]) -> str:
    """What a model reads, and what observations and seeds lie at the bottom of it."""
    known = manifest["nodes"] | manifest["sources"]
    direct = sorted(_named(known[parent]) for parent in model["depends_on"]["nodes"])
    bottom: set[str] = set()
    left = list(model["depends_on"]["nodes"])
    while left:
        node = known[left.pop()]
        if node["resource_type"] in _SOURCES:
            kind = "observations" if node["resource_type"] == "source" else "seed"
            bottom.add(f"{kind} `{node['name']}`")
        else:
            left += node["depends_on"]["nodes"]
    return ", ".join(direct) + "; in the end from " + ", ".join(sorted(bottom))


def _named(node: dict[str, Any]) -> str:
    public = node["schema"] in ("core", "marts", "ops")
    return (
        f"[`{node['schema']}.{node['name']}`](#{node['schema']}{node['name']})"
        if public
        else f"`{node['name']}`"
    )


def _macros(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        "select schema_name || '.' || function_name || '(' || array_to_string(parameters, ', ') || ')', "
        "comment from duckdb_functions() "
        "where not internal and function_type in ('macro', 'table_macro') order by 1"
    ).fetchall()
    lines = ["## Macros", "", MACROS_HEAD, "", "| call | answers |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{call}` | {_line(comment)} |" for call, comment in rows)]) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


HEAD: Final = """\
# Data dictionary

Written by `python -m docs.write` from the project and a build of the bundled history; a test fails where it
differs. Every table begins with its grain. Every column of a table is made of the tables it comes from; what
lies at the bottom are observations, with contracts in `warehouse/contracts.py`, and seeds in `sql/seeds`. The
same unit ends the name of the same quantity everywhere. Null is unknown, never zero.
"""
MACROS_HEAD: Final = """\
Called inside a release, with `aimarket sql` and `warehouse.connect()` also without `marts.`. Parameters that
may be left out: `segment := 'neocloud'`, `purchase_type := 'on_demand'`, `commitment_months := 0`,
`host := null`, `component := 'blended'`. A published release has `marts.as_of(day)`, too: the release that
readers had at the end of that UTC day."""
