"""What many tests share. Everything real, everything below tmp_path or on the loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from docs import write
from tests.helpers import quick_settings
from tests.models import Models
from tests.replay import ReplayServer
from warehouse.archive import Archive
from warehouse.lake import Lake
from warehouse.settings import PREFIX, Settings

FIXTURES = Path(__file__).parent / "fixtures"

# The same examples in every run; `pytest --hypothesis-profile search` looks for new ones.
hypothesis_settings.register_profile(
    "same",
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.register_profile(
    "search", hypothesis_settings.get_profile("same"), max_examples=1000, derandomize=False, print_blob=True
)
hypothesis_settings.load_profile("same")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def replay_server() -> Iterator[ReplayServer]:
    with ReplayServer(FIXTURES) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, replay_server: ReplayServer) -> Settings:
    """Data below tmp_path, every request to the replay server, no waiting."""
    return quick_settings(tmp_path, replay_server.url)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "raw")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    prepared = Lake(tmp_path / "lake")
    prepared.prepare()
    return prepared


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The project's SQL. Tests that use it bear the mark xdist_group("models"): one process compiles it."""
    return Models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled history, built as of the day the documentation stands at.

    Takes a minute: tests that use it bear the mark xdist_group("docs").
    """
    return write.build(tmp_path_factory.mktemp("bundled"))
