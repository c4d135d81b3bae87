"""docs/bi.md followed to a chart in Superset: the server it starts, the addresses it enters."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import requests

from docs import write
from tests.postgres import PostgresServer, find_server
from warehouse.postgres import READER, export_postgres
from warehouse.publish import Release
from warehouse.settings import REPOSITORY

SECTION = (
    (write.HERE / "bi.md").read_text(encoding="utf-8").partition("## Superset\n")[2].partition("\n## ")[0]
)
ENVIRONMENT = Path(sys.executable).parents[1] / "superset"
LONGEST_START_SECONDS = 180
CHART = """
    select price_date, series_id, avg(level_usd_per_gpu_hour) as usd
    from marts.gpu_price_trends_daily
    where status <> 'suppressed'
    group by all
    order by all
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("superset"),
    pytest.mark.skipif(
        not (ENVIRONMENT / "bin" / "superset").exists(), reason="no Superset; `make test-slow` installs one"
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write.build(tmp_path_factory.mktemp("market"))


class Superset:
    """What a person with a browser asks of Superset, over the API that the browser uses."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url, self._session = url, requests.Session()
        known = {"username": user, "password": password, "provider": "db"}
        token = self.post("security/login", **known)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.headers["Referer"] = url
        self._session.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def get(self, path: str) -> Any:
        return self._told(self._session.get(f"{self._url}/api/v1/{path}", timeout=60))

    def post(self, path: str, **body: Any) -> Any:
        return self._told(self._session.post(f"{self._url}/api/v1/{path}", json=body, timeout=120))

    def delete(self, path: str) -> None:
        self._told(self._session.delete(f"{self._url}/api/v1/{path}", timeout=60))

    def _told(self, answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.url}: {answer.status_code} {answer.text[:2000]}"
        return answer.json()


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    """The commands of the page, in order; the environment of the first two is the one of the Makefile."""
    home = tmp_path_factory.mktemp("home")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    make, install, *prepare, start = block.splitlines()
    assert make == "python3 -m venv ~/superset"
    assert install == "~/superset/bin/pip install -r docs/bi/superset.txt"
    assert start == "~/superset/bin/superset run -p 8088"
    (home / "superset").mkdir()
    (home / "superset" / "bin").symlink_to(ENVIRONMENT / "bin")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    script = "\n".join(["set -e", *prepare, "exec " + start.replace("8088", str(port))])
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    log = home / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            ["bash", "-c", script],
            cwd=REPOSITORY,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        try:
            url, until = f"http://127.0.0.1:{port}", time.monotonic() + LONGEST_START_SECONDS
            while not answers(url):
                assert process.poll() is None, log.read_text()[-4000:]
                assert time.monotonic() < until, log.read_text()[-4000:]
                time.sleep(0.5)
            (user,), (password,) = (
                re.findall(rf"--{what} (\S+)", block) for what in ("username", "password")
            )
            yield Superset(url, user, password)
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=10).ok
    except requests.ConnectionError:
        return False


def charted(superset: Superset, name: str, address: str, parameters: dict[str, Any]) -> list[Any]:
    """The three steps of the page; the chart's points: day, series, USD per hour."""
    database = superset.post(
        "database/",
        database_name=name,
        sqlalchemy_uri=address,
        extra=json.dumps({"engine_params": parameters}),
    )["id"]
    listed = superset.get(f"database/{database}/tables/?q=(schema_name:marts)")["result"]
    assert "gpu_price_trends_daily" in {table["value"] for table in listed}
    dataset = superset.post(
        "dataset/", database=database, schema="marts", table_name="gpu_price_trends_daily"
    )
    columns = superset.get(f"dataset/{dataset['id']}")["result"]["columns"]
    assert next(column["column_name"] for column in columns if column["is_dttm"]) == "price_date"
    metric = {"expressionType": "SQL", "sqlExpression": "AVG(level_usd_per_gpu_hour)", "label": "usd"}
    axis = {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "sqlExpression": "price_date",
        "label": "price_date",
        "timeGrain": "P1D",
    }
    assert f"`{metric['sqlExpression']}`" in SECTION
    (answer,) = superset.post(
        "chart/data",
        datasource={"id": dataset["id"], "type": "table"},
        queries=[
            {
                "columns": [axis, "series_id"],
                "metrics": [metric],
                "filters": [{"col": "status", "op": "!=", "val": "suppressed"}],
                "row_limit": 50000,
            }
        ],
    )["result"]
    # In SQLite Superset takes a table's name once.
    superset.delete(f"dataset/{dataset['id']}")
    return sorted(
        (datetime.fromtimestamp(row["price_date"] / 1000, UTC).date(), row["series_id"], float(row["usd"]))
        for row in answer["data"]
    )


def expected(built: Path) -> list[Any]:
    with duckdb.connect(str(built), read_only=True) as connection:
        rows = connection.execute(CHART).fetchall()
    assert len(rows) > 1000
    return sorted((day, series, float(usd)) for day, series, usd in rows)


def same(found: list[Any], told: list[Any]) -> bool:
    return [row[:2] for row in found] == [row[:2] for row in told] and [
        row[2] for row in found
    ] == pytest.approx([row[2] for row in told], rel=1e-9)


def test_a_chart_of_the_published_file_shows_what_duckdb_answers(superset: Superset, built: Path) -> None:
    (address,) = re.findall(r"`duckdb:///(/\S+)`", SECTION)
    (parameters,) = re.findall(r"`(\{.+\})`", SECTION)
    assert address.startswith("/srv/aimarket/")
    found = charted(superset, "file", f"duckdb:///{built}", json.loads(parameters))
    assert same(found, expected(built))


@pytest.mark.skipif(find_server() is None, reason="no PostgreSQL server")
def test_a_chart_of_the_postgres_copy_shows_what_duckdb_answers(superset: Superset, built: Path) -> None:
    stands_at = f"{write.AS_OF}T00:00:00+00:00"
    with PostgresServer() as server:
        export_postgres(
            Release("superset", built, {"created_at": stands_at, "as_of": stands_at}), server.url()
        )
        with psycopg.connect(server.url()) as connection:
            connection.execute(f"create user dashboard in role {READER}")
        found = charted(superset, "copy", server.url(user="dashboard"), {})
    assert same(found, expected(built))
