"""The replay server answers as the recorded vendors did, and only that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.replay import ReplayServer

EXCHANGES = """
[[exchange]]
url = "https://a.example/list?page=2&q=x"
payload = "second.json"

[[exchange]]
url = "https://a.example/list"
payload = "first.json"

[[exchange]]
method = "POST"
url = "https://a.example/search"
body_contains = '"type": "bid"'
payload = "second.json"

[[exchange]]
url = "https://a.example/gone"
status = 410
payload = "first.json"
parse = false

[[exchange]]
url = "https://a.example/raw/file.json"
path = "file.json"
payload = "first.json"
"""


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    folder = tmp_path / "fixtures" / "a_source"
    folder.mkdir(parents=True)
    (folder / "exchanges.toml").write_text(EXCHANGES)
    (folder / "first.json").write_bytes(b"[1]")
    (folder / "second.json").write_bytes(b"[2]")
    return folder.parent


@pytest.fixture
def server(fixtures: Path) -> Iterator[ReplayServer]:
    with ReplayServer(fixtures) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        pytest.param("a.example/list", 200, b"[1]", id="no query"),
        pytest.param("a.example/list?page=1", 200, b"[1]", id="a query nobody recorded"),
        pytest.param("a.example/list?q=x&page=2", 200, b"[2]", id="the recorded query in another order"),
        pytest.param("a.example/gone", 410, b"[1]", id="recorded failure"),
        pytest.param("a.example/other", 404, b"not recorded", id="unknown path"),
        pytest.param("b.example/list", 404, b"not recorded", id="unknown host"),
        pytest.param("a.example/search", 404, b"not recorded", id="GET of what was posted"),
        pytest.param("a.example/raw/file.json", 404, b"not recorded", id="file version"),
    ],
)
def test_recorded_answers_are_found_by_address(
    server: ReplayServer, path: str, status: int, body: bytes
) -> None:
    answer = requests.get(f"{server.url}/{path}", timeout=5)
    assert (answer.status_code, answer.content) == (status, body)


def test_posts_are_told_apart_by_what_they_contain(server: ReplayServer) -> None:
    address = f"{server.url}/a.example/search"
    assert requests.post(address, json={"type": "bid"}, timeout=5).content == b"[2]"
    assert requests.post(address, json={"type": "ask"}, timeout=5).status_code == 404


def test_an_answer_is_confirmed_to_who_knows_it(server: ReplayServer) -> None:
    address = f"{server.url}/a.example/list"
    etag = requests.get(address, timeout=5).headers["ETag"]
    again = requests.get(address, headers={"If-None-Match": etag}, timeout=5)
    assert (again.status_code, again.content) == (304, b"")
    other = requests.get(address, headers={"If-None-Match": '"other"'}, timeout=5)
    assert (other.status_code, other.content) == (200, b"[1]")


def test_answers_can_be_made_to_wait(fixtures: Path) -> None:
    with ReplayServer(fixtures, latency_seconds=0.1) as server:
        begun = time.monotonic()
        requests.get(f"{server.url}/a.example/list", timeout=5)
    assert time.monotonic() - begun >= 0.1
