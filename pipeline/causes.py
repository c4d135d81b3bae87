"""What there is to be told now: the alert rules applied to runs, sources, marts and the market.

What belongs here: whether a rule applies, and in which words. What does not: who was told already and how
they are reached (pipeline/alerts.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import duckdb
import msgspec

from pipeline.errors import BadRules
from pipeline.rules import (
    AnyRule,
    DaysLost,
    IndexMoves,
    MartStale,
    PricesJump,
    PriceStep,
    ReadingHeld,
    ReleaseRefused,
    RunFailed,
    SourceStalled,
)
from pipeline.status import SourceStatus, Status
from warehouse.query import connect

LARGEST_LIST: Final = 5
"""More stalled sources than this, if they are most of them, are one cause: something here, not with them."""
NEWS_DAYS: Final = 7
"""Days a loss is news; afterwards it is only in the tables."""
LONGEST_RUN_MEMORY_DAYS: Final = 3
"""A failed run that was never repeated is of another set-up and says nothing of this one."""

Level = Literal["failure", "warning", "info"]


class Outcome(msgspec.Struct, frozen=True):
    """How the last run of a job ended."""

    job: str
    is_good: bool
    ended_at: datetime
    seconds: float
    failed_step: str = ""
    error: str = ""


@dataclass(frozen=True)
class Cause:
    """One reason for a message. ``key`` is the same in every run as long as it is the same reason."""

    key: str
    level: Level
    title: str
    detail: str
    command: str
    """What to type to see what lies behind it."""
    is_event: bool = False
    """It happened; unlike a state it has no end worth telling."""


def find_causes(
    rules: Sequence[AnyRule],
    status: Status,
    runs: Mapping[str, Outcome],
    release: Path | None,
    now: datetime,
) -> list[Cause]:
    """Every reason for a message there is now, each once. Raises BadRules where a rule fits no data."""
    found: list[Cause] = []
    for number, rule in enumerate(rules, 1):
        match rule:
            case RunFailed() | ReleaseRefused():
                found += _runs(rule, runs, now)
            case SourceStalled(sources):
                found += _stalled(_chosen(status.sources, sources))
            case ReadingHeld(sources):
                found += _held(_chosen(status.sources, sources))
            case PricesJump(sources):
                found += _jumps(status, sources)
            case MartStale(marts):
                found += _stale(status, marts)
            case DaysLost():
                found += _lost(status, now)
            case IndexMoves() | PriceStep() if release is not None:
                today = now.astimezone(UTC).date()
                try:
                    with connect(release) as connection:
                        if isinstance(rule, IndexMoves):
                            found += _index_moves(rule, connection, today)
                        else:
                            found += _price_steps(rule, connection, today)
                except (BadRules, duckdb.Error) as error:
                    raise BadRules(f"rule {number}, {rule.__struct_config__.tag}: {error}") from error
    return list({cause.key: cause for cause in found}.values())


def _chosen(sources: Sequence[SourceStatus], named: Sequence[str]) -> list[SourceStatus]:
    return [source for source in sources if not named or source.source_id in named]


def _runs(rule: RunFailed | ReleaseRefused, runs: Mapping[str, Outcome], now: datetime) -> list[Cause]:
    found = []
    for run in runs.values():
        is_forgotten = now - run.ended_at > timedelta(days=LONGEST_RUN_MEMORY_DAYS)
        is_refusal = run.failed_step == "release"
        if run.is_good or is_forgotten or is_refusal != isinstance(rule, ReleaseRefused):
            continue
        if is_refusal:
            title = "the release was refused; readers keep the one before"
            found.append(Cause("release_refused", "failure", title, run.error, "aimarket build"))
        else:
            title = f"the run `{run.job}` failed"
            found.append(Cause(f"run_failed:{run.job}", "failure", title, run.error, "aimarket status"))
    return found


def _stalled(sources: Sequence[SourceStatus]) -> list[Cause]:
    live = [source for source in sources if source.attempted_at]
    stalled = [source for source in live if source.stalled_reason]
    if len(live) > 1 and all(source.error_kind == "Unreachable" for source in live):
        title = "no source can be reached; is there a network?"
        return [Cause("no_network", "failure", title, live[0].error, "aimarket status")]
    if len(stalled) > LARGEST_LIST and 2 * len(stalled) > len(live):
        named = ", ".join(source.source_id for source in stalled)
        title = f"{len(stalled)} of {len(live)} sources have stalled"
        return [Cause("source_stalled", "failure", title, named, "aimarket status")]
    return [
        Cause(
            f"source_stalled:{source.source_id}",
            "warning",
            f"{source.source_id} has stalled",
            "; ".join(filter(None, [source.stalled_reason, source.error])),
            f"aimarket fetch {source.source_id}",
        )
        for source in stalled
    ]


def _held(sources: Sequence[SourceStatus]) -> list[Cause]:
    return [
        Cause(
            f"reading_held:{source.source_id}",
            "warning",
            f"a reading of {source.source_id} is held for review",
            "; ".join(f"{part.contract} {part.reading_scope}: {part.reason}" for part in source.held),
            f"aimarket review {source.source_id}",
        )
        for source in sources
        if source.held
    ]


def _jumps(status: Status, named: Sequence[str]) -> list[Cause]:
    return [
        Cause(
            f"prices_jump:{moved.source_id}:{moved.contract}:{moved.read_date}",
            "warning",
            f"prices of {moved.source_id} jumped on {moved.read_date}",
            f"{moved.contract}: {moved.movement_ratio:.0%} on average, where at most {moved.limit_ratio:.0%} "
            f"is usual; the median price is {moved.median_price_ratio:.3g} times the one before",
            f"aimarket sql \"from ops.source_movements where source_id = '{moved.source_id}'\"",
            is_event=True,
        )
        for moved in status.movements
        if not named or moved.source_id in named
    ]


def _stale(status: Status, named: Sequence[str]) -> list[Cause]:
    stale = [mart for mart in status.marts if mart.is_stale and (not named or mart.mart in named)]
    if not stale:
        return []
    title = f"{len(stale)} of {len(status.marts)} marts stand on old data"
    detail = ", ".join(f"{mart.mart} ({_age(mart.age_days)})" for mart in stale)
    return [Cause("mart_stale", "warning", title, detail, 'aimarket sql "from ops.mart_freshness"')]


def _age(days: int | None) -> str:
    return "never read" if days is None else f"{days} days"


def _lost(status: Status, now: datetime) -> list[Cause]:
    news = [hole for hole in status.holes if now - hole.recorded_at < timedelta(days=NEWS_DAYS)]
    found = []
    for day in sorted({hole.recorded_at.astimezone(UTC).date() for hole in news}):
        lost = [hole for hole in news if hole.recorded_at.astimezone(UTC).date() == day]
        sources = sorted({hole.source_id for hole in lost})
        title = f"{len({hole.day for hole in lost})} days of {len(sources)} sources are lost for good"
        detail = f"{min(hole.day for hole in lost)} to {max(hole.day for hole in lost)}: {', '.join(sources)}"
        command = 'aimarket sql "from ops.holes where is_permanent"'
        found.append(Cause(f"days_lost:{day}", "warning", title, detail, command, is_event=True))
    return found


def _index_moves(rule: IndexMoves, connection: duckdb.DuckDBPyConnection, today: date) -> list[Cause]:
    known = [
        column
        for (column,) in connection.execute(
            "select column_name from information_schema.columns "
            "where table_schema = 'marts' and table_name = ? order by ordinal_position",
            [rule.mart],
        ).fetchall()
    ]
    if not known:
        raise BadRules(f"there is no mart {rule.mart}")
    if unknown := [name for name in (rule.date, rule.value, *rule.where) if name not in known]:
        raise BadRules(f"{rule.mart} has no column {', '.join(unknown)}; it has {', '.join(known)}")
    conditions = "".join(f' and "{name}" = ?' for name in rule.where)
    rows = connection.execute(
        f'select "{rule.date}"::date as day, "{rule.value}"::double as value from marts."{rule.mart}" '
        f'where "{rule.value}" is not null and day >= ?{conditions} order by day',
        # The newest day may be as old as the span that it is compared over, and not older: that is no news.
        [today - timedelta(days=2 * rule.in_days), *rule.where.values()],
    ).fetchall()
    days = [day for day, _ in rows]
    if twice := sorted({day for day in days if days.count(day) > 1}):
        raise BadRules(f"{days.count(twice[-1])} rows of {rule.mart} on {twice[-1]}; say more in `where`")
    if not days or days[-1] < today - timedelta(days=rule.in_days):
        return []
    span = [(day, value) for day, value in rows if day >= days[-1] - timedelta(days=rule.in_days)]
    (first_day, first), (last_day, last) = span[0], span[-1]
    if not first or abs(last / first - 1) * 100 <= rule.over_pct:
        return []
    name = rule.name or " ".join([rule.mart, *map(str, rule.where.values())])
    where = " and ".join(f"{column} = '{value}'" for column, value in rule.where.items())
    query = f"select * from marts.{rule.mart}{' where ' + where if where else ''} order by {rule.date} desc"
    return [
        Cause(
            f"index_moves:{name}:{'up' if last > first else 'down'}",
            "info",
            f"{name}: {last / first - 1:+.1%} in {(last_day - first_day).days} days",
            f"{rule.value} was {first:.6g} on {first_day} and is {last:.6g} on {last_day}",
            f'aimarket sql "{query} limit {rule.in_days + 1}"',
            is_event=True,
        )
    ]


def _price_steps(rule: PriceStep, connection: duckdb.DuckDBPyConnection, today: date) -> list[Cause]:
    known = connection.execute(
        "select model_id from core.dim_models where list_contains(?, model_id)", [rule.models]
    ).fetchall()
    if unknown := sorted(set(rule.models) - {model_id for (model_id,) in known}):
        raise BadRules(f"no model {', '.join(unknown)} in core.dim_models")
    steps = connection.execute(
        """
        select
            model_id,
            coalesce(host_id, host_raw) as host,
            component,
            change_date,
            arg_min(old_usd_per_mtok, source_id) as old_usd_per_mtok,
            arg_min(new_usd_per_mtok, source_id) as new_usd_per_mtok
        from marts.token_price_changes
        where
            list_contains($models, model_id)
            and (len($hosts) = 0 or list_contains($hosts, host_id))
            and change_date >= $since
            and step_kind = 'change'
            and component in ('input', 'output')
            and service_tier = 'standard'
            and old_usd_per_mtok > 0
            and abs(new_usd_per_mtok / old_usd_per_mtok - 1) * 100 > $over_pct
        group by all
        order by all
        """,
        {
            "models": rule.models,
            "hosts": rule.hosts,
            "since": today - timedelta(days=rule.in_days),
            "over_pct": rule.over_pct,
        },
    ).fetchall()
    return [
        Cause(
            f"price_step:{model}:{host}:{component}:{day}",
            "info",
            f"{model} at {host}: {component} tokens {float(new) / float(old) - 1:+.0%}",
            f"{float(old):.6g} became {float(new):.6g} USD per million tokens on {day}",
            f"aimarket sql \"from marts.token_price_changes where model_id = '{model}' order by 1 desc\"",
            is_event=True,
        )
        for model, host, component, day, old, new in steps
    ]
