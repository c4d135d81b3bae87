"""The command line: exit codes, JSON that is JSON, messages that say what to do."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipeline.catchup import Caught
from pipeline.causes import Cause
from pipeline.console import show_alerts, show_caught, show_names, show_waiting
from pipeline.names import OpenName
from pipeline.registry import SEED, read_seed
from pipeline.review import Difference, Review
from tests.conftest import FIXTURES
from warehouse.publish import publish
from warehouse.settings import Settings

AIMARKET = str(Path(sys.executable).with_name("aimarket"))


class Shell:
    """Types commands in an environment where only AIMARKET_HOME is set."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = Settings(home=home)

    def __call__(
        self, *arguments: str, exits: int = 0, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [AIMARKET, *arguments],
            env={**os.environ, "AIMARKET_HOME": str(self.home), "COLUMNS": "200", **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == exits, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def publish(self, value: int) -> str:
        """A release with one mart of three rows and return its id."""
        here = self.settings
        here.build.parent.mkdir(parents=True, exist_ok=True)
        here.build.unlink(missing_ok=True)
        with duckdb.connect(str(here.build)) as connection:
            for schema in ("core", "marts", "ops"):
                connection.execute(f"create schema {schema}")
            connection.execute(
                "create table marts.gpu_prices_daily as select date '2026-06-01' + range::int as price_date, "
                f"{value}.25::decimal(18,6) as usd_per_gpu_hour, null::int as rank from range(3)"
            )
        results = here.build.with_name("run_results.json")
        results.write_text(
            json.dumps(
                {
                    "args": {"vars": {"as_of": "2026-06-01T06:00:00+00:00"}},
                    "results": [{"unique_id": "model.aimarket.gpu_prices_daily", "status": "success"}],
                }
            )
        )
        versions = {"code_version": "0", "methodology_version": "0"}
        return publish(here.build, results, here.releases, here.market, versions, {}).release_id


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


PRICES = "select price_date, usd_per_gpu_hour, rank from marts.gpu_prices_daily order by 1"


def test_help_names_every_command(shell: Shell) -> None:
    told = shell("--help").stdout
    reading = ("status", "names", "sql", "sources", "releases")
    for command in ("run", "fetch", "build", "backfill", "replay", "rollback", *reading):
        assert command in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["sql"],
        ["sql", "select 1", "--format", "xml"],
        ["sql", "select 1", "--format", "parquet"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(shell: Shell, arguments: list[str]) -> None:
    assert "Usage" in shell(*arguments, exits=2).stderr


@pytest.mark.parametrize("command", ["status", "sql"])
def test_a_setting_nobody_knows_is_refused_by_name(shell: Shell, command: str) -> None:
    arguments = [command, "select 1"] if command == "sql" else [command]
    said = shell(*arguments, exits=2, AIMARKET_FOO="1").stderr
    assert "unknown setting AIMARKET_FOO" in said
    assert "AIMARKET_HOME" in said


def test_a_setting_of_the_wrong_kind_is_refused_by_name(shell: Shell) -> None:
    said = shell("status", exits=2, AIMARKET_TIMEOUT_SECONDS="soon").stderr
    assert "AIMARKET_TIMEOUT_SECONDS" in said
    assert "number" in said


def test_every_source_is_listed(shell: Shell) -> None:
    listed = shell.json("sources")
    assert [source["source_id"] for source in listed] == list(read_seed(SEED))
    assert "vastai" in shell("sources").stdout


def test_the_status_of_an_empty_home_is_told(shell: Shell) -> None:
    told = shell.json("status")
    assert told["release_id"] is None
    assert {source["source_id"] for source in told["sources"]} == set(read_seed(SEED))
    assert "never fetched" in shell("status").stdout


def test_an_empty_home_has_no_releases(shell: Shell) -> None:
    assert shell.json("releases") == []


def test_asking_before_anything_was_published_says_what_to_do(shell: Shell) -> None:
    assert "`aimarket run` builds and publishes it" in shell("sql", "select 1", exits=1).stderr


def test_a_question_is_answered_as_a_table(shell: Shell) -> None:
    shell.publish(2)
    told = shell("sql", PRICES).stdout
    assert "usd_per_gpu_hour" in told
    assert "2.25" in told


def test_a_question_is_answered_as_json_and_csv(shell: Shell) -> None:
    shell.publish(2)
    rows = json.loads(shell("sql", PRICES, "--format", "json").stdout)
    assert [row["price_date"] for row in rows] == ["2026-06-01", "2026-06-02", "2026-06-03"]
    assert float(rows[0]["usd_per_gpu_hour"]) == 2.25
    assert rows[0]["rank"] is None
    lines = list(csv.DictReader(io.StringIO(shell("sql", PRICES, "--format", "csv").stdout)))
    assert [line["price_date"] for line in lines] == ["2026-06-01", "2026-06-02", "2026-06-03"]
    assert {line["rank"] for line in lines} == {""}


def test_an_answer_can_be_written_to_a_file(shell: Shell, tmp_path: Path) -> None:
    shell.publish(2)
    output = tmp_path / "prices.parquet"
    assert "2.25" not in shell("sql", PRICES, "--format", "parquet", "--output", str(output)).stdout
    assert pl.read_parquet(output)["usd_per_gpu_hour"].to_list() == [Decimal("2.25")] * 3


def test_a_question_may_come_from_standard_input(shell: Shell) -> None:
    shell.publish(2)
    told = shell("sql", "-", "--format", "csv", stdin="select count(*) as n from marts.gpu_prices_daily")
    assert told.stdout.split() == ["n", "3"]


@pytest.mark.parametrize(
    "query",
    [
        "drop table marts.gpu_prices_daily",
        "copy marts.gpu_prices_daily to '{folder}/out.csv'",
        "select * from read_csv('/etc/passwd')",
    ],
)
def test_a_statement_that_writes_or_leaves_the_warehouse_is_refused(
    shell: Shell, tmp_path: Path, query: str
) -> None:
    shell.publish(2)
    before = shell.settings.market.read_bytes()
    assert shell("sql", query.replace("{folder}", str(tmp_path)), exits=1).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert shell.settings.market.read_bytes() == before


def test_a_misspelt_table_is_answered_with_the_nearest_one(shell: Shell) -> None:
    shell.publish(2)
    said = shell("sql", "select * from marts.gpu_price_daily", exits=1).stderr
    assert "nearest tables: marts.gpu_prices_daily" in said


def test_releases_are_listed_newest_first_and_can_be_rolled_back(shell: Shell) -> None:
    first, second = shell.publish(1), shell.publish(2)
    listed = shell.json("releases")
    assert [(release["release_id"], release["is_current"]) for release in listed] == [
        (second, True),
        (first, False),
    ]
    assert first in shell("rollback").stdout
    assert json.loads(shell("sql", PRICES, "--format", "json").stdout)[0]["usd_per_gpu_hour"] in (
        1.25,
        "1.250000",
    )
    assert "no earlier release" in shell("rollback", exits=1).stderr
    assert "no release 2020" in shell("rollback", "2020", exits=1).stderr
    assert shell.json("status")["release_id"] == first


@contextmanager
def lock_held(home: Path) -> Iterator[None]:
    """Another process is at work in ``home``."""
    program = (
        "import sys; from pathlib import Path; from warehouse.files import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(home / "run.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            other.kill()


@pytest.mark.parametrize("command", ["run", "replay"])
def test_who_comes_second_is_told_so(shell: Shell, command: str) -> None:
    with lock_held(shell.home):
        said = shell(command, exits=1).stderr
    assert "another process is at work here" in said


def test_readers_do_not_wait_for_a_run(shell: Shell) -> None:
    shell.publish(1)
    with lock_held(shell.home):
        assert json.loads(shell("sql", PRICES, "--format", "json").stdout)


def test_a_history_is_replayed_from_a_repository(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    path = folder / "aider" / "website" / "_data" / "polyglot_leaderboard.yml"
    path.parent.mkdir(parents=True)
    path.write_bytes((FIXTURES / "aider_polyglot" / path.name).read_bytes())
    made = {f"GIT_{who}_DATE": "2025-10-04T12:00:00Z" for who in ("AUTHOR", "COMMITTER")}
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "board"]):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(folder), *who, *command], env={**os.environ, **made}, check=True)
    told = shell.json("backfill", "aider_polyglot", "--git", str(folder))
    assert (told["versions"], told["readings"], told["failed_versions"]) == (1, 1, [])
    assert told["rows"] > 0
    assert told["first_read_at"].startswith("2025-10-04")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["backfill", "nonsense"], "no source 'nonsense'; known are"),
        (["backfill", "vastai"], "is kept in no public git repository"),
        (["backfill", "aider_polyglot", "--git", "/nonexistent/clone"], "git clone"),
        (["replay", "nonsense"], "no source 'nonsense'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_told_in_one_message(shell: Shell, arguments: list[str], said: str) -> None:
    assert said in shell(*arguments, exits=1).stderr


def test_replay_without_an_archive_has_nothing_to_do(shell: Shell) -> None:
    assert shell.json("replay") == []


HOSTILE = "gpt\x1b]0;owned\x07\x1b[2J\r[red]x[/red]\u202eexe\x9b31m"
SHOWN = r"gpt\x1b]0;owned\x07\x1b[2J\x0d[red]x[/red]\u202eexe\x9b31m"


def test_a_hostile_name_is_shown_and_not_obeyed(shell: Shell) -> None:
    shell.publish(1)
    literal = "concat(" + ", ".join(f"chr({ord(letter)})" for letter in HOSTILE) + ")"
    shown = shell("sql", f'select {literal} as name, 1 as "{HOSTILE}"').stdout
    assert shown.count(SHOWN) == 2
    assert not set(shown) & set("\x1b\x07\r\x9b\u202e")
    # A file and a pipe hold what the vendor wrote.
    assert HOSTILE in shell("sql", f"select {literal} as name", "--format", "csv").stdout.replace("\n", "\r")
    assert json.loads(shell("sql", f"select {literal} as name", "--format", "json").stdout) == [
        {"name": HOSTILE}
    ]
    complaint = shell("sql", f"select error({literal})", exits=1).stderr
    assert SHOWN in complaint
    assert not set(complaint) & set("\x1b\x07\x9b\u202e")


def test_no_list_obeys_a_hostile_name(capsys: pytest.CaptureFixture[str]) -> None:
    read_at = datetime(2026, 6, 1, tzinfo=UTC)
    held = Review("vastai", "gpu_offers", HOSTILE, read_at, 1, read_at, 9, "held", "", read_at)
    show_waiting([(held, Difference(1, [HOSTILE], 0, []))])
    show_names([OpenName("model", HOSTILE, 1, ["vastai"], [], False, "sql/seeds/x.csv", f"{HOSTILE},,?")])
    show_caught([Caught("vastai", [], [], [], HOSTILE)])
    show_alerts([Cause("key", "failure", HOSTILE, HOSTILE, "aimarket status")], {}, {})
    shown = capsys.readouterr().out
    assert shown.count("gpt") == 7, "each is listed"
    assert not set(shown) & set("\x1b\x07\r\x9b\u202e")


def test_statements_come_from_an_argument_a_file_or_standard_input(shell: Shell, tmp_path: Path) -> None:
    shell.publish(1)
    file = tmp_path / "question.sql"
    file.write_text(f"set variable usd = 1;\n-- the question\n{PRICES};")
    told = [
        shell("sql", PRICES, "--format", "csv").stdout,
        shell("sql", "--file", str(file), "--format", "csv").stdout,
        shell("sql", "-", "--format", "csv", stdin=PRICES).stdout,
        shell("sql", "--format", "csv", stdin=PRICES).stdout,
    ]
    assert len(set(told)) == 1
    assert "2026-06-01,1.250000," in told[0]
    both = shell("sql", "select 1 as first; select 2 as second").stdout
    assert both.index("first") < both.index("second")
    assert "not both" in shell("sql", PRICES, "--file", str(file), exits=2).stderr


def test_a_past_day_without_a_release_is_an_error(shell: Shell) -> None:
    shell.publish(1)
    assert shell("sql", PRICES, "--as-of", "2100-01-01").stdout == shell("sql", PRICES).stdout
    said = shell("sql", PRICES, "--as-of", "2020-01-01", exits=1).stderr
    assert "nothing is kept that was published by 2020-01-01" in said


def test_a_release_is_exported_by_command(shell: Shell, tmp_path: Path) -> None:
    assert "nothing is published" in shell("export", "parquet", str(tmp_path / "out"), exits=1).stderr
    release_id = shell.publish(1)
    told = shell.json("export", "parquet", str(tmp_path / "out"))
    assert (told["release_id"], told["rows"], told["rows_withheld"]) == (release_id, 3, 0)
    assert (tmp_path / "out" / "latest" / "manifest.json").exists()
    refused = shell("export", "postgres", "postgresql://x:geheim@127.0.0.1:1/x", exits=1).stderr
    assert "the export failed" in refused
    assert "geheim" not in refused
