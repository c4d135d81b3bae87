"""History from real git repositories: spells, gaps, odd clocks, broken versions, partial clones, bundles."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.backfill import Backfilled, backfill, file_history, git_history, open_repository
from pipeline.errors import HistoryError
from tests.helpers import observations, price_list, stand_in
from warehouse.lake import Lake

PATH = "prices/list.json"
RECORDED_AT = datetime(2026, 6, 1, 7, tzinfo=UTC)
Spell = tuple[str, int, int, str]
"""Offer, first day in May, last day in May, price."""


class Repository:
    """A git repository whose commits are made at noon of days in May 2026."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, at: datetime | None = None) -> str:
        at = at or datetime(2026, 5, 1, 12, tzinfo=UTC)
        made = {name: str(at) for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(self.folder), *who, *arguments],
            env={**os.environ, **made, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, day: int, files: Mapping[str, bytes | None], message: str = "prices") -> str:
        """Commit these files (None removes one) and return the commit's id."""
        for path, body in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink() if body is None else file.write_bytes(body)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, at=noon(day))
        return self.git("rev-parse", "HEAD")

    def prices(self, day: int, **usd_per_hour: str) -> str:
        return self.commit(day, {PATH: price_list(**usd_per_hour)})


def noon(day: int) -> datetime:
    return datetime(2026, 5, day, 12, tzinfo=UTC)


def replayed(
    lake: Lake,
    repository: Path,
    *paths: str,
    since: date | None = None,
    until: date | None = None,
    recorded_at: datetime = RECORDED_AT,
) -> Backfilled:
    history = git_history(repository, paths or (PATH,), since, until)
    return backfill(stand_in(), history, lake, recorded_at)


def spells(lake: Lake) -> list[Spell]:
    rows = observations(lake.root, "gpu_offers").sort("offer_key", "observed_at")
    return [
        (
            row["offer_key"],
            row["observed_at"].day,
            row["observed_until"].day,
            str(row["usd_per_hour"].normalize()),
        )
        for row in rows.iter_rows(named=True)
    ]


def readings(lake: Lake) -> list[tuple[int, int]]:
    """(day, rows shown) of each reading."""
    rows = observations(lake.root, "readings").sort("read_at")
    return [(read_at.day, count) for read_at, count in rows["read_at", "row_count"].rows()]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_versions_become_spells_of_what_stayed_the_same(repository: Repository, lake: Lake) -> None:
    first = repository.prices(1, a="2.0", b="3.0")
    repository.prices(2, a="2.0", b="3.5")
    third = repository.prices(4, a="1.5", b="3.5")
    done = replayed(lake, repository.folder)
    assert spells(lake) == [("a", 1, 2, "2"), ("a", 4, 4, "1.5"), ("b", 1, 1, "3"), ("b", 2, 4, "3.5")]
    assert readings(lake) == [(1, 2), (2, 2), (4, 2)]
    rows = observations(lake.root, "gpu_offers").sort("offer_key", "observed_at")
    assert rows["evidence"].unique().to_list() == ["reconstructed"]
    assert rows["recorded_at"].unique().to_list() == [RECORDED_AT]
    assert rows["payload_ref"][0] == f"git:{first}:{PATH}#offers/0"
    assert rows["payload_ref"][1] == f"git:{third}:{PATH}#offers/0"
    assert (done.versions, done.readings, done.rows, done.rejects, done.failed_versions) == (3, 3, 4, 0, [])
    assert (done.first_read_at, done.last_read_at) == (noon(1), noon(4))


def test_an_offer_that_left_the_list_ends_and_begins_anew_when_it_is_back(
    repository: Repository, lake: Lake
) -> None:
    repository.prices(1, a="2", b="3")
    repository.prices(2, a="2")
    repository.prices(3, a="2", b="3")
    replayed(lake, repository.folder)
    assert spells(lake) == [("a", 1, 3, "2"), ("b", 1, 1, "3"), ("b", 3, 3, "3")]


def test_a_deleted_file_shows_nothing_until_it_is_back(repository: Repository, lake: Lake) -> None:
    repository.prices(1, a="2")
    repository.commit(2, {PATH: None})
    repository.prices(4, a="2")
    replayed(lake, repository.folder)
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 4, 4, "2")]
    assert readings(lake) == [(1, 1), (2, 0), (4, 1)]


def test_only_commits_that_touch_the_file_are_readings(repository: Repository, lake: Lake) -> None:
    repository.prices(1, a="2")
    repository.commit(2, {"README.md": b"words"})
    repository.commit(3, {})
    repository.prices(4, a="2", b="3")
    replayed(lake, repository.folder)
    assert readings(lake) == [(1, 1), (4, 2)]
    assert spells(lake) == [("a", 1, 4, "2"), ("b", 4, 4, "3")]


def test_a_file_that_a_commit_leaves_alone_was_read_all_the_same(repository: Repository, lake: Lake) -> None:
    repository.commit(1, {"prices/north.json": price_list(a="2"), "prices/south.json": price_list(b="3")})
    repository.commit(2, {"prices/north.json": price_list(a="2.5")})
    repository.commit(3, {"prices/south.json": price_list(b="3.5")})
    replayed(lake, repository.folder, "prices")
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 2, 3, "2.5"), ("b", 1, 2, "3"), ("b", 3, 3, "3.5")]


def test_a_version_that_cannot_be_read_is_named_and_stops_nothing(repository: Repository, lake: Lake) -> None:
    repository.prices(1, a="2")
    broken = repository.commit(2, {PATH: b'{"offers": [{"key": "a", "us'})
    empty = repository.commit(3, {PATH: b""})
    repository.prices(4, a="2")
    done = replayed(lake, repository.folder)
    assert [named.split(":")[1] for named in done.failed_versions] == [broken, empty]
    assert "not JSON" in done.failed_versions[0]
    assert "empty" in done.failed_versions[1]
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 4, 4, "2")]
    assert done.versions == 4


def test_a_history_of_which_nothing_can_be_read_is_an_error(lake: Lake, tmp_path: Path) -> None:
    damaged = tmp_path / "prices.json"
    damaged.write_bytes(b"<html>moved</html>")
    with pytest.raises(HistoryError, match=r"nothing could be read; file:prices\.json: .*markup"):
        backfill(stand_in(), file_history([damaged]), lake, RECORDED_AT)


def test_rows_that_break_a_rule_are_quarantined_with_their_commit(repository: Repository, lake: Lake) -> None:
    commit = repository.prices(1, a="2", b="0")
    done = replayed(lake, repository.folder)
    assert (done.rows, done.rejects) == (1, 1)
    (reject,) = observations(lake.root, "quarantine").iter_rows(named=True)
    assert reject["payload_ref"] == f"git:{commit}:{PATH}#offers/1"
    assert reject["observed_at"] == noon(1)


def test_a_clock_that_runs_backwards_does_not_change_the_order(repository: Repository, lake: Lake) -> None:
    repository.prices(3, a="2")
    repository.prices(2, a="2.5")
    repository.prices(3, a="3")
    repository.prices(5, a="3")
    history = git_history(repository.folder, [PATH])
    tick = timedelta(microseconds=1)
    assert history.read_at == [noon(3), noon(3) + tick, noon(3) + 2 * tick]
    replayed(lake, repository.folder)
    assert [(price, first) for _, first, _, price in spells(lake)] == [("2", 3), ("2.5", 3), ("3", 3)]


def test_work_on_a_branch_counts_from_the_day_it_is_merged(repository: Repository, lake: Lake) -> None:
    repository.prices(1, a="2")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.prices(2, a="9")
    repository.prices(3, a="2.5")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "side", at=noon(6))
    replayed(lake, repository.folder)
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 6, 6, "2.5")]


def test_a_rewritten_history_is_cited_by_the_commit_its_message_names(
    repository: Repository, lake: Lake
) -> None:
    original = "0123456789abcdef0123456789abcdef01234567"
    repository.commit(1, {PATH: price_list(a="2")}, message=original)
    replayed(lake, repository.folder)
    assert observations(lake.root, "gpu_offers")["payload_ref"].to_list() == [
        f"git:{original}:{PATH}#offers/0"
    ]


def test_a_path_outside_ascii_is_kept_as_it_is(repository: Repository, lake: Lake) -> None:
    commit = repository.commit(1, {"prices/Übersicht €.json": price_list(a="2")})
    replayed(lake, repository.folder, "prices")
    (reference,) = observations(lake.root, "gpu_offers")["payload_ref"]
    assert reference == f"git:{commit}:prices/Übersicht €.json#offers/0"


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(2, 3, [("a", 2, 3, "2"), ("b", 2, 2, "3"), ("b", 3, 3, "4")], id="both days included"),
        pytest.param(3, None, [("a", 3, 4, "2"), ("b", 3, 4, "4")], id="what was there before stays"),
        pytest.param(None, 1, [("a", 1, 1, "2")], id="only the beginning"),
        pytest.param(4, 20, [("a", 4, 4, "2"), ("b", 4, 4, "4")], id="only the end"),
    ],
)
def test_a_part_of_the_history_says_what_the_whole_says_of_those_days(
    repository: Repository, lake: Lake, since: int | None, until: int | None, expected: list[Spell]
) -> None:
    repository.commit(1, {"prices/a.json": price_list(a="2")})
    repository.commit(2, {"prices/b.json": price_list(b="3")})
    repository.commit(3, {"prices/b.json": price_list(b="4")})
    repository.commit(4, {"prices/c.json": price_list()})
    days = [date(2026, 5, day) if day else None for day in (since, until)]
    replayed(lake, repository.folder, "prices", since=days[0], until=days[1])
    assert spells(lake) == expected


def test_a_second_replay_adds_the_same_rows_recorded_later(repository: Repository, lake: Lake) -> None:
    repository.prices(1, a="2")
    repository.prices(2, a="2.5")
    replayed(lake, repository.folder)
    replayed(lake, repository.folder, recorded_at=RECORDED_AT + timedelta(hours=1))
    rows = observations(lake.root, "gpu_offers")
    first, second = rows.partition_by("recorded_at", maintain_order=True)
    assert first.drop("recorded_at").equals(second.drop("recorded_at"))
    assert second["recorded_at"].unique().to_list() == [RECORDED_AT + timedelta(hours=1)]


def test_a_time_without_commits_and_a_path_without_history_are_errors(repository: Repository) -> None:
    repository.prices(1, a="2")
    with pytest.raises(HistoryError, match=r"no commit that touches prices/list\.json in the asked time"):
        git_history(repository.folder, [PATH], since=date(2026, 5, 2))
    with pytest.raises(HistoryError, match=r"no commit that touches other\.json"):
        git_history(repository.folder, ["other.json"])


def test_what_git_says_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="not a git repository"):
        git_history(tmp_path, [PATH])
    with pytest.raises(HistoryError, match="clone"):
        open_repository(str(tmp_path / "nothing.bundle"), tmp_path / "cache")


def test_a_bundle_gives_what_its_repository_gives(repository: Repository, lake: Lake, tmp_path: Path) -> None:
    repository.prices(1, a="2")
    repository.prices(3, a="2.5")
    bundle = tmp_path / "prices.bundle"
    repository.git("bundle", "create", "--quiet", str(bundle), "HEAD", "main")
    opened = open_repository(str(bundle), tmp_path / "cache")
    replayed(lake, opened)
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 3, 3, "2.5")]
    assert open_repository(str(bundle), tmp_path / "cache") == opened


@pytest.fixture
def address(repository: Repository) -> str:
    """The repository as a server offers it: clients may leave out what they do not need."""
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return f"file://{repository.folder}"


def missing_objects(clone: Path) -> int:
    command = ["git", "-C", str(clone), "rev-list", "--objects", "--all", "--missing=print"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return sum(line.startswith("?") for line in listed.splitlines())


def test_a_url_is_cloned_without_files_and_only_the_asked_ones_are_fetched(
    repository: Repository, lake: Lake, tmp_path: Path, address: str
) -> None:
    repository.commit(1, {PATH: price_list(a="2"), "large.bin": b"\0" * 10_000})
    repository.commit(2, {PATH: price_list(a="2.5"), "large.bin": b"\1" * 10_000})
    clone = open_repository(address, tmp_path / "cache")
    assert missing_objects(clone) == 4
    replayed(lake, clone)
    assert missing_objects(clone) == 2
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 2, 2, "2.5")]


def test_a_clone_made_before_is_brought_up_to_date(
    repository: Repository, lake: Lake, tmp_path: Path, address: str
) -> None:
    repository.prices(1, a="2")
    clone = open_repository(address, tmp_path / "cache")
    repository.prices(2, a="2.5")
    assert open_repository(address, tmp_path / "cache") == clone
    replayed(lake, clone)
    assert spells(lake) == [("a", 1, 1, "2"), ("a", 2, 2, "2.5")]


def test_a_clone_that_was_killed_half_way_is_made_again(
    repository: Repository, tmp_path: Path, address: str
) -> None:
    repository.prices(1, a="2")
    clone = open_repository(address, tmp_path / "cache")
    half = clone.rename(clone.with_name(clone.name + ".part"))
    (half / "HEAD").unlink()
    assert open_repository(address, tmp_path / "cache") == clone
    assert git_history(clone, [PATH]).read_at == [noon(1)]


def test_a_clone_that_lacks_an_object_is_named(repository: Repository, lake: Lake) -> None:
    repository.prices(1, a="2")
    blob = repository.git("rev-parse", f"HEAD:{PATH}")
    (repository.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(HistoryError, match=f"lacks the object {blob}"):
        replayed(lake, repository.folder)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_a_dated_file_is_read_at_the_instants_its_rows_state(
    lake: Lake, tmp_path: Path, packed: bool
) -> None:
    offers = [
        {"key": "a", "usd": usd, "reading_scope": "north", "observed_at": f"2026-05-0{day}T12:00:00Z"}
        for day, usd in ((1, "2"), (2, "2"), (4, "3"))
    ]
    body = json.dumps({"offers": offers}).encode()
    file = tmp_path / ("prices.json.gz" if packed else "prices.json")
    file.write_bytes(gzip.compress(body) if packed else body)
    backfill(stand_in(), file_history([file]), lake, RECORDED_AT)
    assert spells(lake) == [("a", 1, 2, "2"), ("a", 4, 4, "3")]
    assert readings(lake) == [(1, 1), (2, 1), (4, 1)]
    rows = observations(lake.root, "gpu_offers")
    assert rows["payload_ref"].to_list() == [f"file:{file.name}#offers/{position}" for position in (0, 2)]
