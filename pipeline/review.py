"""Readings held for review: a part of a source that lost or gained over a quarter of its rows at once.

What belongs here: when a reading is held, the record of what was decided, and bringing held rows into the
lake. What does not: how rows come out of a fetch (pipeline/loading.py).

A part is one contract of one reading scope. Its first verdict falls when its fetch is loaded for the first
time and stays with the fetch: a later replay through a newer parser holds and publishes the same parts. A
held part is accepted by a person, or by a reading of a later UTC day that confirms its size; it is rejected
by a person, or by a later reading of the usual size. Rows and bytes stay where they are whatever is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import polars as pl

from pipeline.registry import Source
from warehouse.archive import Fetch
from warehouse.contracts import CONTRACTS, UTC_TIME
from warehouse.lake import REVIEWS_SCHEMA, Lake

LARGEST_STEP = 0.25
"""Share of its rows a part may lose or gain between two readings."""
FEWEST_ROWS = 5
"""A smaller step is no alarm, whatever its share: three offers become four on any day."""
COMPARED_DAYS = 35
"""A part that was not read for longer is new again: no price is carried over a longer gap."""
EXAMPLES = 3

Verdict = Literal["held", "accepted", "rejected"]
Part = tuple[str, str]
"""Contract and reading scope."""


@dataclass(frozen=True)
class Review:
    """One decision on one part of one fetch; the fields are those of the `reviews` table."""

    source_id: str
    contract: str
    reading_scope: str
    fetched_at: datetime
    row_count: int
    compared_with_at: datetime
    usual_row_count: int
    verdict: Verdict
    reason: str
    decided_at: datetime

    @property
    def part(self) -> Part:
        return self.contract, self.reading_scope


@dataclass(frozen=True)
class Difference:
    """What a held part shows and the reading before it did not, and the other way round."""

    gone_count: int
    gone_examples: list[str]
    new_count: int
    new_examples: list[str]


def is_step(usual_row_count: int, row_count: int) -> bool:
    """Whether a part that had so many rows has lost or gained too many of them."""
    change = abs(row_count - usual_row_count)
    return change >= FEWEST_ROWS and change > LARGEST_STEP * usual_row_count


def held_parts(fetch: Fetch, source: Source, counts: Mapping[Part, int], lake: Lake) -> set[Part]:
    """The parts of a fetch that must not be published; judged once, when the fetch is first loaded.

    ``counts`` are the rows it shows by part. Earlier held readings that this one confirms are published,
    those it contradicts are rejected.
    """
    day, start = fetch.started_at.date(), _start(fetch.started_at)
    known = _latest(lake, fetch.source_id)
    if any(name.startswith(start) for name in lake.names("fetches", fetch.source_id, day)):
        return {r.part for r in known if r.fetched_at == fetch.started_at and r.verdict != "accepted"}
    held = []
    for part, (compared_with_at, usual) in _usual(fetch, source, counts, lake).items():
        count = counts[part]
        earlier = [r for r in known if r.part == part and r.verdict == "held" and r.fetched_at.date() < day]
        alike = [review for review in earlier if not is_step(review.row_count, count)]
        is_usual = not is_step(usual, count)
        if not is_usual and not alike:
            reason = f"{count} rows where the last good reading had {usual}"
            held.append(
                Review(
                    fetch.source_id,
                    *part,
                    fetch.started_at,
                    count,
                    compared_with_at,
                    usual,
                    "held",
                    reason,
                    datetime.now(UTC),
                )
            )
            continue
        seen = f"the reading of {fetch.started_at:%Y-%m-%d %H:%M} UTC has {count} rows"
        confirmed = [] if is_usual else alike
        decide(confirmed, "accepted", seen, lake)
        decide([review for review in earlier if review not in confirmed], "rejected", seen, lake)
    _record(held, lake)
    return {review.part for review in held}


def split(table: str, frame: pl.DataFrame, parts: set[Part]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a lake table that belong to the parts, and the others."""
    if not parts:
        return frame.clear(), frame
    contract = pl.col("contract") if "contract" in frame.columns else pl.lit(table)
    is_inside = pl.any_horizontal(
        (contract == name) & (pl.col("reading_scope") == scope) for name, scope in parts
    )
    return frame.filter(is_inside), frame.filter(~is_inside)


def decide(reviews: Sequence[Review], verdict: Verdict, reason: str, lake: Lake) -> None:
    """Record what was decided; rows of what is accepted go to the lake first, as learned now."""
    now = datetime.now(UTC)
    for fetched_at in {review.fetched_at for review in reviews}:
        decided = [
            replace(review, verdict=verdict, reason=reason, decided_at=now)
            for review in reviews
            if review.fetched_at == fetched_at
        ]
        if verdict == "accepted":
            _publish(decided, lake, now)
        _record(decided, lake)


def waiting(lake: Lake, source_ids: Iterable[str]) -> list[Review]:
    """Parts of these sources that wait for a decision."""
    return [
        review for source_id in source_ids for review in _latest(lake, source_id) if review.verdict == "held"
    ]


def difference(review: Review, lake: Lake) -> Difference:
    """Keys that came and went between the last good reading of a part and the held one.

    None where rows state days of their own: such a reading has no rows at its own instant.
    """
    contract = CONTRACTS[review.contract]

    def keys(root: Lake, instant: datetime) -> set[str]:
        rows = root.read(review.contract, review.source_id, instant.date())
        seen = rows.filter(observed_at=instant, reading_scope=review.reading_scope)
        return set(seen.select(pl.concat_str(contract.key, separator="/", ignore_nulls=True)).to_series())

    before, now = keys(lake, review.compared_with_at), keys(lake.held, review.fetched_at)
    gone, new = sorted(before - now), sorted(now - before)
    return Difference(len(gone), gone[:EXAMPLES], len(new), new[:EXAMPLES])


def _usual(
    fetch: Fetch, source: Source, counts: Mapping[Part, int], lake: Lake
) -> dict[Part, tuple[datetime, int]]:
    """Start and rows of the last good fetch of each part, as the same parser read it; new parts have none."""
    found: dict[Part, tuple[datetime, int]] = {}
    for day in lake.days("readings", fetch.source_id):
        if len(found) == len(counts) or day < fetch.started_at.date() - timedelta(days=COMPARED_DAYS):
            break
        for name in reversed(lake.names("readings", fetch.source_id, day)):
            started_at = _started_at(day, name)
            if started_at is None or started_at >= fetch.started_at:
                continue
            readings = lake.read_file("readings", fetch.source_id, day, name)
            shown = readings.filter(parser_version=source.module.PARSER_VERSION)
            for *part, rows in (
                shown.group_by("contract", "reading_scope").agg(pl.sum("row_count")).iter_rows()
            ):
                if tuple(part) in counts:
                    found.setdefault((part[0], part[1]), (started_at, rows))
    return found


def _publish(accepted: Sequence[Review], lake: Lake, recorded_at: datetime) -> None:
    """Add the held rows of parts of one fetch to the lake, as the newest parser read them, readings last."""
    source_id, fetched_at = accepted[0].source_id, accepted[0].fetched_at
    for table in (*CONTRACTS, "quarantine", "readings"):
        names = lake.held.names(table, source_id, fetched_at.date())
        names = [name for name in names if name.startswith(_start(fetched_at))]
        if not names:
            continue
        newest = max(names, key=lambda name: int(name.rpartition("-v")[2]))
        rows = lake.held.read_file(table, source_id, fetched_at.date(), newest)
        chosen, _ = split(table, rows, {review.part for review in accepted})
        now = chosen.with_columns(pl.lit(recorded_at, UTC_TIME).alias("recorded_at"))
        lake.add(table, source_id, fetched_at.date(), f"{newest}-accepted-{recorded_at:%Y%m%d%H%M%S%f}", now)


def _latest(lake: Lake, source_id: str) -> list[Review]:
    """The last decision on each part of each fetch that was ever held, oldest fetch first."""
    files = [lake.read("reviews", source_id, day) for day in lake.days("reviews", source_id)]
    if not files:
        return []
    rows = pl.concat(files).sort("fetched_at", "decided_at")
    last = rows.unique(["fetched_at", "contract", "reading_scope"], keep="last", maintain_order=True)
    return [Review(**row) for row in last.iter_rows(named=True)]


def _record(reviews: Sequence[Review], lake: Lake) -> None:
    """Add decisions on one fetch to the lake."""
    if not reviews:
        return
    first = reviews[0]
    name = f"{_start(first.fetched_at)}-{first.decided_at:%Y%m%d%H%M%S%f}-{first.verdict}"
    frame = pl.DataFrame([asdict(review) for review in reviews], REVIEWS_SCHEMA)
    lake.add("reviews", first.source_id, first.fetched_at.date(), name, frame)


def _start(instant: datetime) -> str:
    """How the names of a fetch's files begin."""
    return f"{instant:%H%M%S%f}"


def _started_at(day: date, name: str) -> datetime | None:
    """Start of the fetch a file came from; none where it came from a history."""
    start = name.partition("-")[0]
    return (
        datetime.strptime(f"{day}{start}", "%Y-%m-%d%H%M%S%f").replace(tzinfo=UTC)
        if start.isdigit()
        else None
    )
