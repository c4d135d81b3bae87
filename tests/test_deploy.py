"""What lies in deploy/: systemd units, a compose file, Dagster on SQLite and PostgreSQL, a daemon at work."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.scheduler.instigation import (
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

import pipeline.assets.fetch
import pipeline.assets.upkeep
from pipeline.assets.fetch import asset_key, fetch_definitions
from pipeline.assets.upkeep import prune_runs
from pipeline.progress import Progress
from pipeline.registry import find_source
from tests.conftest import FIXTURES
from tests.helpers import quick_settings
from tests.postgres import PostgresServer, find_server
from tests.replay import Answer, LoopbackServer, ReplayServer
from warehouse.archive import Archive, Fetch
from warehouse.query import connect
from warehouse.settings import REPOSITORY, Settings

DEPLOY = REPOSITORY / "deploy"
PROGRAMS = Path(sys.executable).parent
LONGEST_DAEMON_SECONDS = 400.0

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::dagster.BetaWarning")


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze of the package systemd"
)
@pytest.mark.parametrize("unit", ["daemon.service", "webserver.service", "run.service", "run.timer"])
def test_systemd_accepts_the_units(tmp_path: Path, unit: str) -> None:
    for file in (DEPLOY / "systemd").iterdir():
        here = file.read_text().replace("/opt/aimarket/.venv/bin", str(PROGRAMS))
        (tmp_path / file.name).write_text(here.replace("/opt/aimarket", str(REPOSITORY)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / f"aimarket-{unit}")],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "aimarket" in line]
    assert (done.returncode, said) == (0, [])


def compose() -> dict[str, Any]:
    stated: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return stated


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="needs docker-compose of the package docker-compose"
)
def test_compose_accepts_its_file(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    env = tmp_path / "deploy" / ".env"
    shutil.copy(DEPLOY / "env.example", env)
    command = ["docker-compose", "-f", str(tmp_path / "deploy" / "compose.yaml"), "config"]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIMARKET_", "DAGSTER_"))
    }
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set it in deploy/.env" in done.stderr
    env.write_text(env.read_text().replace("PASSWORD=", "PASSWORD=x1"))
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = yaml.safe_load(done.stdout)
    for service in ("daemon", "webserver"):
        url = told["services"][service]["environment"]["DAGSTER_POSTGRES_URL"]
        assert url == "postgresql+psycopg2://dagster:x1@postgres/dagster"


def test_what_the_compose_file_names_is_there() -> None:
    told = compose()
    assert set(told["services"]) == {"postgres", "daemon", "webserver"}
    for name, service in told["services"].items():
        for volume in service["volumes"]:
            origin = volume.split(":")[0]
            assert origin in told["volumes"] or (DEPLOY / origin).is_file(), volume
        assert service["logging"]["options"]["max-size"], f"the log of {name} has no bound"
        if "command" in service:
            assert (PROGRAMS / service["command"][0]).exists()
    # Nothing listens beyond the machine: the page has no login.
    assert told["services"]["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert "ports" not in told["services"]["postgres"]


def test_the_image_is_built_from_what_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert all((REPOSITORY / name).exists() for name in copied)
    locked = (REPOSITORY / "requirements-server.lock").read_text()
    assert "\ndagster-postgres==" in locked
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines():
        if line[:1].isalnum():
            assert f"\n{line.split()[0]}" in f"\n{locked}", "a server runs the versions everybody else does"


def test_every_setting_of_the_example_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (DEPLOY / "env.example").read_text().splitlines()
    named = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert Settings().alerts.get_secret_value() == ""


def configuration(name: str) -> dict[str, Any]:
    stated: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return stated


def test_both_storages_are_kept_within_the_same_bounds() -> None:
    sqlite, postgres = configuration("dagster.yaml"), configuration("dagster.postgres.yaml")
    assert list(postgres.pop("storage")) == ["postgres"]
    assert sqlite == postgres
    assert not sqlite["telemetry"]["enabled"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    if find_server() is None:
        pytest.skip("needs initdb of the package postgresql")
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["dagster.yaml", "dagster.postgres.yaml"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    if "postgres" in request.param:
        monkeypatch.setenv(
            "DAGSTER_POSTGRES_URL", request.getfixturevalue("postgres").url().replace("://", "+psycopg2://")
        )
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(DEPLOY / request.param, home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as found:
        yield found


def test_a_run_is_remembered_until_it_is_old_and_then_leaves_nothing(
    instance: dg.DagsterInstance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pipeline.assets.fetch, pipeline.assets.upkeep):
        monkeypatch.setattr(module, "settings", lambda: settings)
    source = find_source("akash")
    job = fetch_definitions(Progress()).resolve_job_def("fetch")
    day = datetime.now(UTC).date().isoformat()
    done = job.execute_in_process(instance=instance, partition_key=day, asset_selection=[asset_key(source)])
    assert done.success
    assert instance.get_latest_materialization_event(asset_key(source)) is not None
    assert counts(instance) == (1, True, True, True)
    now = datetime.now(UTC)
    assert prune_runs(instance, now + timedelta(days=59)) == 0
    assert prune_runs(instance, now + timedelta(days=61)) == 1
    assert counts(instance) == (0, False, False, False)


def counts(instance: dg.DagsterInstance) -> tuple[int, bool, bool, bool]:
    """Runs; whether there are events, results of checks, and files."""
    events = instance.event_log_storage
    assert isinstance(events, SqlEventLogStorage)
    with events.index_connection() as connection:
        found = [
            connection.execute(table.select()).first() is not None
            for table in (SqlEventLogStorageTable, AssetCheckExecutionsTable)
        ]
    home = Path(str(instance.root_directory))
    files = [path for path in home.rglob("*") if path.is_file()]
    ours = [path for path in files if "compute_logs" in str(path) or len(path.stem) == 36]
    return instance.get_runs_count(), found[0], found[1], bool(ours)


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours until the end of the with-block, and all it started."""
    with (
        log.open("ab") as target,
        subprocess.Popen(
            command, env=environment, cwd=REPOSITORY, stdout=target, stderr=target, start_new_session=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(what: str, is_there: Callable[[], Any], process: subprocess.Popen[bytes], log: Path) -> Any:
    until = time.monotonic() + LONGEST_DAEMON_SECONDS
    while not (found := is_there()):
        said = log.read_text()
        assert process.poll() is None, f"the daemon ended: {said[-3000:]}"
        assert "Error loading" not in said, said[-3000:]
        assert time.monotonic() < until, f"no {what}: {said[-3000:]}"
        time.sleep(1)
    return found


@pytest.mark.slow
def test_nobody_starts_a_schedule_and_days_without_a_daemon_are_caught_up(tmp_path: Path) -> None:
    """`aimarket dev`, two days of nothing, then the daemon of the unit. Akash was last read four days ago."""
    home, log, now = tmp_path / "home", tmp_path / "daemon.log", datetime.now(UTC)
    last_read_at, off_since = now - timedelta(days=4), now - timedelta(days=2)
    # Before 06:00 the last daily tick is one of yesterday, and rightly not run: the hourly one stands in.
    fetch = "fetch_daily" if now.hour >= 6 else "fetch_hourly"
    with ReplayServer(FIXTURES) as vendors, LoopbackServer(lambda _: Answer(b"ok")) as receiver:
        foreign = ("AIMARKET_", "DAGSTER_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
            "PYTHONPATH": str(REPOSITORY),
            # As systemd starts it: nothing of the environment is on the path.
            "PATH": "/usr/bin:/bin",
            "AIMARKET_HOME": str(home),
            "AIMARKET_MIRROR_URL": vendors.url,
            "AIMARKET_REQUESTS_PER_SECOND": "1000",
            "AIMARKET_HOURLY": "vastai",
            "AIMARKET_ALERTS": receiver.url.replace("http", "json"),
            "AIMARKET_PING_URL": f"{receiver.url}/ping",
        }
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = str(probe.getsockname()[1])
        configuration = home / "dagster" / "dagster.yaml"
        with running([str(PROGRAMS / "aimarket"), "dev", "--port", port], environment, log) as dev:
            # Whoever opens the storage while it is made, makes it too, and SQLite then has it twice.
            wait_for("page", lambda: "Serving dagster-webserver" in log.read_text(), dev, log)
            with dg.DagsterInstance.from_config(str(configuration.parent)) as instance:
                # Four schedules and four sensors note that they are on.
                wait_for("notes", lambda: len(instance.all_instigator_state()) == 8, dev, log)
        assert configuration.read_text() == (DEPLOY / "dagster.yaml").read_text()
        Archive(home / "raw").record(Fetch("akash", last_read_at, last_read_at, "complete", []))
        with dg.DagsterInstance.from_config(str(configuration.parent)) as instance:
            assert {noted.status for noted in instance.all_instigator_state()} == {
                InstigatorStatus.DECLARED_IN_CODE
            }
            left_as_of(off_since, instance, fetch)
            environment["DAGSTER_HOME"] = str(configuration.parent)
            unit = (DEPLOY / "systemd" / "aimarket-daemon.service").read_text()
            (stated,) = re.findall("^ExecStart=.*/(.+)$", unit, re.MULTILINE)
            daemon_command = [str(PROGRAMS / stated.split()[0]), *stated.split()[1:]]
            with running(daemon_command, environment, log) as daemon:

                def heard() -> bool:
                    return any(request.path == "/ping" for request in receiver.requests)

                wait_for("sign of life", heard, daemon, log)
            runs = {run.job_name: run for run in instance.get_runs()}
            assert {name: run.status for name, run in runs.items()} == dict.fromkeys(
                ("fetch", "catch_up", "build"), dg.DagsterRunStatus.SUCCESS
            )
            checked = {
                (check.asset_key.path[-1], check.check_name): check.passed
                for record in instance.all_logs(
                    runs["build"].run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION
                )
                if record.dagster_event and (check := record.dagster_event.asset_check_evaluation_data)
            }
    # Of all the ticks of two days one runs, for the day it runs on; the build waits for what is caught up.
    assert runs["fetch"].tags["dagster/schedule_name"] == fetch
    assert runs["fetch"].tags["dagster/partition"] == now.date().isoformat()
    assert runs["build"].tags["dagster/sensor_name"] == "build_after_catch_up"
    read = {done.source_id for done in Archive(home / "raw").fetches() if done.started_at > last_read_at}
    assert read >= {"vastai", "akash"}
    with connect(home / "market.duckdb") as release:
        holes = release.execute(
            "select source_id, hole_date, is_permanent from ops.holes order by 2"
        ).fetchall()
    lost = [(last_read_at + timedelta(days=number)).date() for number in (1, 2, 3)]
    assert holes == [("akash", day, True) for day in lost]
    metrics = (home / "metrics.prom").read_text()
    assert 'aimarket_source_lost_days{source="akash"} 3.0' in metrics
    for job in runs:
        assert f'aimarket_run_success{{job="{job}"}} 1.0' in metrics
    titles = [json.loads(request.body)["title"] for request in receiver.requests if request.method == "POST"]
    assert titles.count("aimarket: 3 days of 1 sources are lost for good") == 1
    assert len(titles) == len(set(titles))
    assert checked["gpu_prices_daily", "fresh"]
    assert checked["vastai", "steady_prices"]


def left_as_of(then: datetime, instance: dg.DagsterInstance, schedule: str) -> None:
    """Leave a schedule and the look for missed days as a daemon leaves them that went off at ``then``."""
    for noted in instance.all_instigator_state():
        if noted.name == schedule and isinstance(noted.instigator_data, ScheduleInstigatorData):
            data = ScheduleInstigatorData(noted.instigator_data.cron_schedule, then.timestamp())
            instance.update_instigator_state(noted.with_data(data))
        elif noted.name == "catch_up_on_start":
            seen = SensorInstigatorData(cursor=then.date().isoformat())
            instance.update_instigator_state(noted.with_data(seen))


@pytest.fixture
def schedules() -> Any:
    """The module, imported where the warnings of the libraries behind it are none of ours."""
    return import_module("pipeline.schedules")


def test_every_job_resolves_and_everything_unattended_is_on_from_the_start() -> None:
    repository = import_module("pipeline.definitions").defs.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {"fetch", "build", "catch_up", "prune"}
    assert {one.name: one.default_status.value for one in repository.schedule_defs} == dict.fromkeys(
        ("fetch_daily", "fetch_hourly", "build_daily", "prune_daily"), "RUNNING"
    )
    assert {one.default_status.value for one in repository.sensor_defs} == {"RUNNING"}


@pytest.mark.parametrize("hours_late", [0, 24])
@pytest.mark.parametrize("name", ["fetch_daily", "fetch_hourly"])
def test_a_tick_is_run_for_its_own_day_or_not_at_all(
    schedules: Any, name: str, hours_late: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(schedules, "settings", lambda: quick_settings(tmp_path, hourly="vastai akash"))
    now = datetime.now(UTC)
    with dg.build_schedule_context(scheduled_execution_time=now - timedelta(hours=hours_late)) as context:
        asked = getattr(schedules, name)(context)
    if hours_late:
        assert "a tick of an earlier day" in asked.skip_message
    else:
        assert asked.partition_key == now.date().isoformat()
        chosen = [asset_key(find_source(source_id)) for source_id in ("vastai", "akash")]
        assert asked.asset_selection == (chosen if name == "fetch_hourly" else None)


def test_without_a_source_nothing_is_read_hourly(
    schedules: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(schedules, "settings", lambda: quick_settings(tmp_path))
    with dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC)) as context:
        assert "AIMARKET_HOURLY" in schedules.fetch_hourly(context).skip_message


def test_missed_days_are_caught_up_once_a_day(
    schedules: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = quick_settings(tmp_path)
    monkeypatch.setattr(schedules, "settings", lambda: here)
    with dg.build_sensor_context() as context:
        assert schedules.catch_up_on_start(context).run_requests == []
    at = datetime.now(UTC) - timedelta(days=2)
    Archive(here.archive).record(Fetch("akash", at, at, "complete", []))
    with dg.build_sensor_context() as context:
        asked = schedules.catch_up_on_start(context)
    today = datetime.now(UTC).date().isoformat()
    assert [request.run_key for request in asked.run_requests] == [today]
    with dg.build_sensor_context(cursor=asked.cursor) as context:
        assert schedules.catch_up_on_start(context).skip_message == "looked at today"
