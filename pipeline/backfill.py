"""History: every version of a published file through the parser that reads it today.

What belongs here: walking a git history or dated files, and turning versions into observations with
``evidence = reconstructed``. What does not: what a version says (pipeline/sources).
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline.errors import EmptyHistory, HistoryError, PayloadError
from pipeline.loading import parse
from pipeline.parsing import Context, Rows
from pipeline.registry import Source, find_source
from warehouse.contracts import CONTRACTS, Provenance, conform
from warehouse.lake import Lake, count_readings, readings_at, stated_readings, to_spells
from warehouse.settings import settings

COMMIT_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Version:
    """One state of one published file."""

    body: bytes
    path: str
    payload_object: str
    first_read_at: datetime
    last_read_at: datetime
    """The last reading that still showed this state."""
    url: str = ""
    """Where it was served, when it is a page and no file."""


@dataclass
class History:
    """Versions of a source's files and the instants at which the whole source, or the scope, was read."""

    versions: Iterable[Version]
    read_at: list[datetime]
    scope: str = ""
    is_one_page: bool = False
    """A version is all there was to read, so one that cannot be read is no reading."""


@dataclass
class Backfilled:
    """What a backfill brought."""

    source_id: str
    versions: int = 0
    failed_versions: list[str] = field(default_factory=list)
    readings: int = 0
    rows: int = 0
    rejects: int = 0
    first_read_at: datetime | None = None
    last_read_at: datetime | None = None
    missing_captures: int = 0
    """Distinct captures of a web archive that could not be had; another run asks for them again."""


def git_history(
    repository: Path, paths: Sequence[str], since: date | None = None, until: date | None = None
) -> History:
    """Every version of ``paths`` on the first-parent line of a repository's HEAD, oldest first.

    A reading is a commit that touched one of them, on the days from ``since`` to ``until``; what an earlier
    commit left in place is part of the first one. Costs one `git log` and one `git cat-file --batch`,
    whatever the number of versions.
    """
    log = _git(
        repository,
        [
            "log",
            "--reverse",
            "--first-parent",
            "-m",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--format=%x00%H%x09%ct%x09%s",
            "--",
            *paths,
        ],
    ).decode("utf-8", "replace")
    read_at: list[datetime] = []
    changes: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for commit in filter(None, log.split("\0")):
        heading, *lines = commit.splitlines()
        commit_id, seconds, subject = heading.split("\t", 2)
        committed_at = datetime.fromtimestamp(int(seconds), UTC)
        if read_at and committed_at <= read_at[-1]:
            # Commit clocks run backwards now and then; order in the history is what counts.
            committed_at = read_at[-1] + timedelta(microseconds=1)
        number = len(read_at)
        read_at.append(committed_at)
        # A rewritten history may carry the original commit's id as its message; that one can be looked up.
        cited = subject if COMMIT_ID.fullmatch(subject) else commit_id
        for line in filter(None, lines):
            described, path = line.split("\t", 1)
            changes[path].append((number, cited, described.split()[3]))
    start = bisect_left(read_at, _midnight(since)) if since else 0
    end = bisect_left(read_at, _midnight(until) + timedelta(days=1)) if until else len(read_at)
    if start >= end:
        raise EmptyHistory(f"{repository} holds no commit that touches {', '.join(paths)} in the asked time")
    return History(_versions(repository, changes, read_at, range(start, end)), read_at[start:end])


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def open_repository(location: str, cache: Path) -> Path:
    """A local git folder for a clone, a bundle or a URL; URLs are cloned without blobs into ``cache``."""
    path = Path(location)
    if path.is_dir():
        return path
    target = cache / re.sub(r"[^A-Za-z0-9.]+", "-", location).strip("-")
    if target.exists():
        _git(target, ["fetch", "--quiet", "origin", "+HEAD:refs/heads/backfill"])
        _git(target, ["symbolic-ref", "HEAD", "refs/heads/backfill"])
        return target
    unfinished = target.with_name(target.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = [] if path.is_file() else ["--filter=blob:none"]
    origin = str(path.resolve() if path.is_file() else location)
    _git(target.parent, ["clone", "--quiet", "--bare", *partial, origin, unfinished.name])
    unfinished.rename(target)
    return target


def file_history(files: Sequence[Path]) -> History:
    """Files whose rows carry their own dates; ``.gz`` is unpacked."""
    now = datetime.now(UTC)

    def versions() -> Iterator[Version]:
        for file in files:
            body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            yield Version(body, file.name.removesuffix(".gz"), f"file:{file.name}", now, now)

    return History(versions(), [])


def backfill(source: Source, history: History, lake: Lake, recorded_at: datetime) -> Backfilled:
    """Parse every version, merge what did not change, and add it to the lake.

    A version that cannot be read is counted and named; it stops nothing. Its time shows no rows of it, or is
    no reading at all where the version is all there was to read. The file of readings is written last;
    without it the rows do not count.
    """
    result = Backfilled(source.source_id)
    collected = {name: Rows(name) for name in source.contracts}
    unread: list[Version] = []
    for version in history.versions:
        result.versions += 1
        context = Context(
            source.source_id, version.first_read_at, url=version.url, scope=history.scope, path=version.path
        )
        try:
            parsed = parse(source, version.body, context)
        except PayloadError as error:
            result.failed_versions.append(f"{version.payload_object}: {error}")
            unread.append(version)
            continue
        for contract_name, rows in parsed.items():
            collected[contract_name].extend(
                rows, version.payload_object, version.first_read_at, version.last_read_at, history.scope
            )
    read_at = [
        instant
        for instant in history.read_at
        if not history.is_one_page
        or not any(version.first_read_at <= instant <= version.last_read_at for version in unread)
    ]
    whole = readings_at((history.scope, instant) for instant in read_at)
    _write(source, collected, whole, history.scope, lake, recorded_at, result)
    return result


def backfill_source(
    source_id: str,
    git: str | None = None,
    files: Sequence[Path] = (),
    since: date | None = None,
    until: date | None = None,
    into: Path | None = None,
) -> Backfilled:
    """Find the history, replay it and add it to the lake, or to another folder laid out like it.

    Raises HistoryError where there is no history to be read, RegistryError for an unknown source.
    """
    source, here = find_source(source_id), settings()
    if files:
        history = file_history(files)
    else:
        location, paths = (
            git or getattr(source.module, "HISTORY_URL", None),
            getattr(source.module, "HISTORY_PATHS", ()),
        )
        if not location or not paths:
            raise HistoryError(
                f"{source_id} is kept in no public git repository; give its dated files with --file"
            )
        history = git_history(open_repository(location, here.home / "git"), paths, since, until)
    lake = Lake(into or here.lake)
    return backfill(source, history, lake, datetime.now(UTC))


def _write(
    source: Source,
    collected: dict[str, Rows],
    whole: pl.DataFrame,
    scope: str,
    lake: Lake,
    recorded_at: datetime,
    result: Backfilled,
) -> None:
    version = source.module.PARSER_VERSION
    provenance = Provenance(
        source_id=source.source_id,
        observed_at=recorded_at,
        recorded_at=recorded_at,
        evidence="reconstructed",
        payload_object="",
        parser_version=version,
        reading_scope=scope,
    )
    day, name = recorded_at.date(), f"backfill-{recorded_at:%H%M%S%f}-v{version}"
    all_rejects, all_readings = [], []
    for contract in (CONTRACTS[contract_name] for contract_name in source.contracts):
        rows, rejects = conform(contract, collected[contract.name].frame(), provenance)
        stated = stated_readings(rows)
        # Rows that state their own dates and scopes were not read at the commits.
        is_read_whole = stated.is_empty() or scope in stated["reading_scope"]
        readings = pl.concat([stated, whole]) if is_read_whole else stated
        spells = to_spells(contract, rows, readings)
        lake.add(contract.name, source.source_id, day, name, spells)
        all_rejects.append(rejects)
        all_readings.append(count_readings(contract, spells, rejects, readings))
        result.rows += spells.height
        result.rejects += rejects.height
    readings = pl.concat(all_readings)
    if readings.is_empty():
        raise HistoryError(f"{source.source_id}: nothing could be read; {'; '.join(result.failed_versions)}")
    result.readings = readings.select("reading_scope", "read_at").n_unique()
    instants = readings["read_at"].sort().to_list()
    result.first_read_at, result.last_read_at = instants[0], instants[-1]
    constants = (
        pl.lit(source.source_id).alias("source_id"),
        pl.lit(recorded_at).alias("recorded_at"),
        pl.lit("reconstructed").alias("evidence"),
        pl.lit(version, pl.Int32).alias("parser_version"),
    )
    lake.add("quarantine", source.source_id, day, name, pl.concat(all_rejects))
    lake.add("readings", source.source_id, day, name, readings.with_columns(*constants))


def _versions(
    repository: Path, changes: dict[str, list[tuple[int, str, str]]], read_at: list[datetime], asked: range
) -> Iterator[Version]:
    """The states of each path that one of the ``asked`` readings showed; a deleted file has none."""
    wanted = [
        (path, cited, blob, max(number, asked.start), min(following, asked.stop) - 1)
        for path, states in changes.items()
        for (number, cited, blob), following in zip(
            states, [state[0] for state in states[1:]] + [len(read_at)], strict=True
        )
        if blob.strip("0") and number < asked.stop and following > asked.start
    ]
    for (path, cited, _, first, last), body in zip(
        wanted, _blobs(repository, [blob for _, _, blob, _, _ in wanted]), strict=True
    ):
        yield Version(body, path, f"git:{cited}:{path}", read_at[first], read_at[last])


def _blobs(repository: Path, blob_ids: list[str]) -> Iterator[bytes]:
    """The bytes of each blob, in the order asked; one process reads them all."""
    _bring_missing(repository, blob_ids)
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{blob_id}\n" for blob_id in blob_ids).encode())
        asked.seek(0)
        command = ["git", "-C", str(repository), "cat-file", "--batch", "--buffer"]
        with subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for blob_id in blob_ids:
                heading = process.stdout.readline().split()
                if len(heading) != 3:
                    raise HistoryError(f"{repository} lacks the object {blob_id}; is the clone complete?")
                body = process.stdout.read(int(heading[2]))
                process.stdout.read(1)
                yield body


def _bring_missing(repository: Path, blob_ids: list[str]) -> None:
    """Fetch the blobs a partial clone left out, all in one request."""
    promisor = _git(repository, ["config", "--get-regexp", r"remote\..*\.promisor"], may_fail=True)
    if promisor.strip():
        _git(
            repository,
            [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--filter=blob:none",
                "--stdin",
                "origin",
            ],
            "".join(f"{blob_id}\n" for blob_id in dict.fromkeys(blob_ids)),
        )


def _git(folder: Path, arguments: list[str], stdin: str = "", may_fail: bool = False) -> bytes:
    """Output of one git command. Raises HistoryError with git's own words."""
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments],
        input=stdin.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode and not may_fail:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise HistoryError(f"git {arguments[0]} in {folder} failed: {said}")
    return done.stdout
