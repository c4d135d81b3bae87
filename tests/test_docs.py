"""The documentation that is generated is what the project gives, and every answer in it is a real one."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from docs import write
from docs.dictionary import dictionary, unit
from tests.postgres import PostgresServer, find_server
from warehouse.postgres import READER, export_postgres
from warehouse.publish import Release
from warehouse.query import connect
from warehouse.settings import REPOSITORY

pytestmark = pytest.mark.xdist_group("docs")
AGAIN = "run `python -m docs.write` and read what it changes"


@pytest.fixture(scope="module")
def market(bundled: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(bundled) as connection:
        yield connection


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return write.manifest()


def sections(text: str) -> dict[str, str]:
    """The body below each heading of the second level."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_answer_of_the_cookbook_is_what_its_query_gives(market: duckdb.DuckDBPyConnection) -> None:
    text = write.COOKBOOK.read_text(encoding="utf-8")
    now, stated = sections(write.cookbook(text, market)), sections(text)
    assert {question: body for question, body in now.items() if body != stated[question]} == {}, AGAIN


def test_the_cookbook_has_twenty_questions_with_answers() -> None:
    answered = {
        question: re.search(r"```\n\n\| .+ \|\n\| --- .*\|\n(\| .+ \|\n)+", body) is not None
        for question, body in sections(write.COOKBOOK.read_text(encoding="utf-8")).items()
    }
    assert len(answered) >= 20
    assert all(answered.values()), [question for question, is_there in answered.items() if not is_there]


def test_the_dictionary_is_what_the_project_gives(
    market: duckdb.DuckDBPyConnection, project: dict[str, Any]
) -> None:
    assert write.DICTIONARY.read_text(encoding="utf-8") == dictionary(market, project), AGAIN


def test_every_public_column_has_its_line(market: duckdb.DuckDBPyConnection) -> None:
    told = sections(write.DICTIONARY.read_text(encoding="utf-8"))
    for table, column in market.execute(
        "select table_schema || '.' || table_name, column_name from information_schema.columns "
        "where table_schema in ('core', 'marts', 'ops')"
    ).fetchall():
        line = next(line for line in told[table].splitlines() if line.startswith(f"| `{column}` |"))
        assert all(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]), f"{table}.{column}"
        assert told[table].lstrip().startswith("Grain: ")


def dashboards() -> dict[str, str]:
    """The queries of the example dashboards, by file and title."""
    grafana = json.loads((write.HERE / "bi" / "grafana.json").read_text(encoding="utf-8"))
    metabase = json.loads((write.HERE / "bi" / "metabase.json").read_text(encoding="utf-8"))
    found = {
        f"grafana: {panel['title']}": re.sub(
            r"\$__timeFilter\((\w+)\)", r"\1 >= '2020-01-01'", target["rawSql"]
        )
        for panel in grafana["panels"]
        for target in panel["targets"]
    }
    return found | {f"metabase: {question['name']}": question["query"] for question in metabase["questions"]}


@pytest.mark.skipif(find_server() is None, reason="no PostgreSQL server to ask the dashboards' queries")
def test_every_panel_of_the_example_dashboards_shows_something(bundled: Path) -> None:
    stands_at = f"{write.AS_OF}T00:00:00+00:00"
    release = Release("docs", bundled, {"created_at": stands_at, "as_of": stands_at})
    with PostgresServer() as server:
        export_postgres(release, server.url())
        with psycopg.connect(server.url()) as connection:
            connection.execute(f"create role dashboard in role {READER}")
            connection.execute("set role dashboard")
            shown = {
                title: len(connection.execute(query).fetchall()) for title, query in dashboards().items()
            }
    assert len(shown) == 8
    assert all(shown.values()), shown


def test_the_pages_lead_to_files_that_are_there() -> None:
    for page in write.HERE.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} leads to {target}"


def test_every_dependency_has_its_reason() -> None:
    stated = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    project = stated["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *stated["dependency-groups"].values(),
    ]
    named = [re.match(r"[\w-]+", line)[0] for group in groups for line in group]  # type: ignore[index]
    assert len(named) == len(set(named)), "named twice"
    table = (write.HERE / "decisions.md").read_text(encoding="utf-8").partition("## Design")[0]
    reasons = {word for line in table.splitlines() for word in re.findall(r"[\w-]+", line.split(" | ")[0])}
    assert set(named) - reasons == set()


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("median_usd_per_gpu_hour", "DECIMAL(18,6)", "USD per accelerator-hour"),
        ("blended_usd_per_mtok", "DECIMAL(18,9)", "USD per million tokens"),
        ("web_search_usd_per_search", "DECIMAL(18,9)", "USD per search"),
        ("output_tokens_per_second_per_gpu", "DOUBLE", "tokens per second and gpu"),
        ("context_tokens", "BIGINT", "tokens"),
        ("age_days", "INTEGER", "days"),
        ("price_month", "DATE", "UTC month, its first day"),
        ("observed_at", "TIMESTAMP", "UTC instant"),
        ("is_thin", "BOOLEAN", "true or false"),
        ("gpu_id", "VARCHAR", "text"),
    ],
)
def test_a_column_has_the_unit_its_name_ends_with(name: str, kind: str, words: str) -> None:
    assert unit(name, kind) == words


def test_a_number_without_a_unit_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"memory .* has no unit"):
        unit("memory", "DOUBLE")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("comment on column {table}.lab_id is null", "core.dim_labs.lab_id has no description"),
        (
            "comment on table {table} is 'Labs.'",
            "core.dim_labs does not begin its description with its grain",
        ),
        ("alter table {table} add column size double", "size .* has no unit"),
    ],
)
def test_what_is_not_described_is_an_error(
    tmp_path: Path, project: dict[str, Any], statement: str, said: str
) -> None:
    with duckdb.connect(str(tmp_path / "market.duckdb")) as connection:
        connection.execute("create schema core; create table core.dim_labs (lab_id varchar)")
        connection.execute("comment on table core.dim_labs is 'Grain: one row per lab_id.'")
        connection.execute("comment on column core.dim_labs.lab_id is 'Key.'")
        assert "| `lab_id` | varchar | text | Key. |" in dictionary(connection, project)
        connection.execute(statement.format(table="core.dim_labs"))
        if "add column" in statement:
            connection.execute("comment on column core.dim_labs.size is 'Size.'")
        with pytest.raises(LookupError, match=said):
            dictionary(connection, project)
