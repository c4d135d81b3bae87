"""The archive keeps what came, as it came, once, without secrets, and tells what it has lost."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from warehouse.archive import Archive, Exchange, Fetch, Outcome, without_secrets

BODY = b'{"offers": []}' * 50
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def recorded(
    archive: Archive,
    started_at: datetime = NOON,
    outcome: Outcome = "complete",
    source_id: str = "vastai",
    **exchange: Any,
) -> Fetch:
    exchanges = [
        Exchange(method="GET", url="https://a.example/", attempt=1, fetched_at=started_at, **exchange)
    ]
    fetch = Fetch(source_id, started_at, started_at + timedelta(seconds=2), outcome, exchanges)
    archive.record(fetch)
    return fetch


def object_files(archive: Archive) -> list[str]:
    return sorted(path.name for path in (archive.root / "objects").rglob("*") if path.is_file())


def test_bytes_come_back_as_they_were_put(archive: Archive) -> None:
    assert archive.get(archive.put(BODY)) == BODY


def test_an_object_is_named_by_the_digest_of_its_bytes(archive: Archive) -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    assert archive.put(BODY) == digest
    assert object_files(archive) == [f"{digest}.zst"]
    assert (archive.root / "objects" / digest[:2] / f"{digest}.zst").exists()


def test_the_same_bytes_are_kept_once_and_not_written_again(archive: Archive) -> None:
    archive.put(BODY)
    path = next((archive.root / "objects").rglob("*.zst"))
    before = path.stat().st_mtime_ns, path.stat().st_ino
    archive.put(BODY)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert len(object_files(archive)) == 1


@pytest.mark.parametrize(
    ("kept", "appended"),
    [
        pytest.param(slice(0, 20), b"", id="cut off"),
        pytest.param(slice(0, -3), b"\0\0\0", id="last bytes lost"),
        pytest.param(slice(0, 0), b"", id="emptied"),
        pytest.param(slice(0, 0), b"not zstandard", id="overwritten"),
    ],
)
def test_a_damaged_object_is_noticed_and_mended_when_the_bytes_come_again(
    archive: Archive, kept: slice, appended: bytes
) -> None:
    digest = archive.put(BODY)
    path = next((archive.root / "objects").rglob("*.zst"))
    path.write_bytes(path.read_bytes()[kept] + appended)
    with pytest.raises(ValueError, match=f"archive object {digest} is damaged"):
        archive.get(digest)
    assert not archive.holds(digest)
    assert archive.put(BODY) == digest
    assert archive.get(digest) == BODY


def test_an_object_with_the_bytes_of_another_one_is_noticed(archive: Archive) -> None:
    first, second = archive.put(b"one"), archive.put(b"two")
    folder = archive.root / "objects"
    (folder / first[:2] / f"{first}.zst").write_bytes((folder / second[:2] / f"{second}.zst").read_bytes())
    with pytest.raises(ValueError, match="another digest"):
        archive.get(first)


def test_an_unknown_object_is_missing(archive: Archive) -> None:
    with pytest.raises(FileNotFoundError):
        archive.get("ab" * 32)


def test_a_fetch_has_not_happened_before_its_manifest_is_there(archive: Archive) -> None:
    archive.put(BODY)
    assert list(archive.fetches()) == []
    fetch = recorded(archive)
    assert list(archive.fetches()) == [fetch]


def test_a_manifest_that_was_being_written_when_the_process_died_is_not_read(archive: Archive) -> None:
    fetch = recorded(archive)
    folder = archive.root / "manifest" / "date=2026-06-01"
    (folder / ".half.json").write_text('{"source_id": "vast')
    assert list(archive.fetches()) == [fetch]
    assert list(archive.fetches("vastai", date(2026, 6, 1))) == [fetch]
    assert [path.name for path in folder.glob("[!.]*")] == ["vastai-120000000000.json"]


def test_a_manifest_lies_under_the_utc_day_of_its_start(archive: Archive) -> None:
    late_in_denver = datetime.fromisoformat("2026-05-31T23:30:00-06:00")
    fetch = recorded(archive, started_at=late_in_denver)
    assert archive.days() == [date(2026, 6, 1)]
    assert [found.started_at for found in archive.fetches(day=date(2026, 6, 1))] == [fetch.started_at]


def test_fetches_come_oldest_first_and_by_source_and_day(archive: Archive) -> None:
    later = recorded(archive, NOON + timedelta(hours=2))
    earlier = recorded(archive, NOON)
    other = recorded(archive, NOON + timedelta(hours=1), source_id="vastai_two")
    next_day = recorded(archive, NOON + timedelta(days=1))
    assert list(archive.fetches()) == [earlier, other, later, next_day]
    assert list(archive.fetches("vastai")) == [earlier, later, next_day]
    assert list(archive.fetches("vastai", date(2026, 6, 2))) == [next_day]
    assert archive.days() == [date(2026, 6, 2), date(2026, 6, 1)]


def test_a_manifest_can_be_read_back_whole(archive: Archive) -> None:
    fetch = recorded(archive, status=200, sha256="ab", headers={"etag": '"1"'}, scope="text", is_data=True)
    (path,) = (archive.root / "manifest").rglob("*.json")
    assert msgspec.json.decode(path.read_bytes(), type=Fetch) == fetch
    assert msgspec.json.decode(path.read_bytes())["exchanges"][0]["url"] == "https://a.example/"


def test_the_last_good_fetch_is_the_latest_that_brought_or_confirmed_data(archive: Archive) -> None:
    assert archive.last_good("vastai") is None
    recorded(archive, NOON - timedelta(days=2))
    confirmed = recorded(archive, NOON - timedelta(days=1), outcome="unchanged")
    recorded(archive, NOON, outcome="failed")
    recorded(archive, NOON, source_id="vastai_two")
    assert archive.last_good("vastai") == confirmed


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        pytest.param(
            "https://a.example/v1?api_key=s3cret&page=2",
            "https://a.example/v1?api_key=***&page=2",
            id="api_key",
        ),
        pytest.param("https://a.example/?KEY=s3cret", "https://a.example/?KEY=***", id="upper case"),
        pytest.param(
            "https://a.example/?access_token=s3cret", "https://a.example/?access_token=***", id="token"
        ),
        pytest.param(
            "https://a.example/?X-Sig=1&sig=s3cret", "https://a.example/?X-Sig=1&sig=***", id="signature"
        ),
        pytest.param("https://a.example/?password=s3cret", "https://a.example/?password=***", id="password"),
        pytest.param("https://me:s3cret@a.example/x", "https://a.example/x", id="user and password"),
        pytest.param("https://a.example/x?q=1#s3cret", "https://a.example/x?q=1", id="fragment"),
        pytest.param(
            "https://a.example/?$filter=armRegionName eq 'eastus'",
            "https://a.example/?$filter=armRegionName+eq+'eastus'",
            id="a filter stays readable",
        ),
        pytest.param("https://a.example/x?empty=", "https://a.example/x?empty=", id="an empty value stays"),
    ],
)
def test_a_stored_url_holds_no_secret(url: str, stored: str) -> None:
    assert without_secrets(url) == stored
