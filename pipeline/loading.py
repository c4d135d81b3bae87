"""From the archive to the lake: parse, check, write. Live fetches, replays and tests all pass here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl

from pipeline.errors import ArchiveDamaged, ParserFault, PayloadError, SourceError
from pipeline.parsing import Context, Parsed, Rows
from pipeline.registry import Source, find_source, live_sources
from pipeline.review import Part, held_parts, split
from warehouse.archive import Archive, Fetch, Outcome
from warehouse.contracts import CONTRACTS, Conformed, Provenance, conform, without_duplicates
from warehouse.lake import FETCHES_SCHEMA, Lake, count_readings, readings_at, stated_readings, to_spells
from warehouse.settings import settings


@dataclass
class Result:
    """What came of one fetch of one source."""

    source_id: str
    outcome: Outcome
    rows: int = 0
    rejects: int = 0
    held: int = 0
    """Rows held for review; they are not among ``rows``."""
    body_bytes: int = 0
    request_count: int = 0
    seconds: float = 0.0
    error_kind: str = ""
    error: str = ""
    rows_by_contract: dict[str, int] = field(default_factory=dict)
    content_since: datetime | None = None
    """Since when the source has served these same bytes."""

    @property
    def is_good(self) -> bool:
        return self.outcome != "failed"


def is_loaded(fetch: Fetch, source: Source, lake: Lake) -> bool:
    """Whether this fetch is in the lake as the present parser reads it."""
    return lake.holds("fetches", fetch.source_id, _day(fetch), _name(fetch, source))


def load(fetch: Fetch, source: Source, archive: Archive, lake: Lake) -> Result:
    """Bring one archived fetch into the lake and return what came of it.

    A payload that cannot be read makes the whole fetch a failed one: half a reading would look like offers
    that vanished. Loading again replaces files of the same name by the same rows. The row in `fetches` is
    written last; without it the load has not happened.
    """
    result = Result(
        fetch.source_id,
        fetch.outcome,
        body_bytes=sum(exchange.body_bytes for exchange in fetch.exchanges),
        request_count=len(fetch.exchanges),
        seconds=(fetch.finished_at - fetch.started_at).total_seconds(),
        error_kind=fetch.error_kind,
        error=fetch.error,
        content_since=fetch.content_since,
    )
    if result.is_good:
        try:
            recorded_at = datetime.now(UTC)
            bodies = list(_read(fetch, source, archive, recorded_at))
        except SourceError as error:
            result.outcome, result.error_kind, result.error = "failed", type(error).__name__, str(error)
        else:
            _write(fetch, source, bodies, recorded_at, lake, result)
    row = {
        "source_id": fetch.source_id,
        "started_at": fetch.started_at,
        "finished_at": fetch.finished_at,
        "outcome": result.outcome,
        "error_kind": result.error_kind or None,
        "error": result.error or None,
        "request_count": result.request_count,
        "body_bytes": result.body_bytes,
        "row_count": result.rows,
        "rejected_count": result.rejects,
        "content_since": fetch.content_since,
    }
    attempt = pl.DataFrame([row], FETCHES_SCHEMA)
    lake.add("fetches", fetch.source_id, _day(fetch), _name(fetch, source), attempt)
    return result


def parse(source: Source, body: bytes, context: Context) -> Parsed:
    """Run the source's parser on a body that is there. Raises PayloadError, or ParserFault if it breaks."""
    place = context.url or context.path
    if not body.strip():
        raise PayloadError(f"{place}: the body is empty")
    try:
        parsed = source.module.parse(body, context)
    except PayloadError as error:
        raise PayloadError(f"{place}: {error}") from error
    except Exception as error:
        raise _fault(source, place, error) from error
    if not_promised := sorted(set(parsed) - set(source.contracts)):
        raise ParserFault(
            f"{place}: {source.source_id} gives {not_promised}, which its seed row does not name"
        )
    return parsed


def _fault(source: Source, place: str, error: Exception) -> ParserFault:
    return ParserFault(
        f"{place}: pipeline/sources/{source.source_id}.py failed with {type(error).__name__}: {error}; "
        f"the bytes are kept, run `aimarket replay {source.source_id}` once it is mended"
    )


def _read(
    fetch: Fetch, source: Source, archive: Archive, recorded_at: datetime
) -> Iterator[tuple[str, str, Conformed]]:
    """(contract, reading scope, rows and rejects) of each data body of a fetch. Raises a SourceError."""
    for exchange in fetch.exchanges:
        if not exchange.is_data:
            continue
        context = Context(
            source_id=fetch.source_id,
            observed_at=fetch.started_at,
            url=exchange.url,
            request_body=exchange.request_body,
            scope=exchange.scope,
        )
        provenance = Provenance(
            source_id=fetch.source_id,
            observed_at=fetch.started_at,
            recorded_at=recorded_at,
            evidence=source.evidence,
            payload_object=f"sha256:{exchange.sha256}",
            parser_version=source.module.PARSER_VERSION,
            reading_scope=exchange.scope,
        )
        try:
            body = archive.get(exchange.sha256)
        except (FileNotFoundError, ValueError) as error:
            raise ArchiveDamaged(f"{exchange.url}: {error}") from error
        parsed = parse(source, body, context)
        for contract in source.contracts:
            try:
                frame = parsed.get(contract, Rows(contract)).frame()
                conformed = conform(CONTRACTS[contract], frame, provenance)
            except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
                raise _fault(source, exchange.url, error) from error
            yield contract, exchange.scope, conformed


def _write(
    fetch: Fetch,
    source: Source,
    bodies: list[tuple[str, str, Conformed]],
    recorded_at: datetime,
    lake: Lake,
    result: Result,
) -> None:
    rows_of: dict[str, pl.DataFrame] = {}
    all_rejects, all_readings = [], []
    for contract in (CONTRACTS[name] for name in source.contracts):
        parts = [(scope, part) for found, scope, part in bodies if found == contract.name]
        merged = without_duplicates(
            contract, pl.concat([contract.empty(), *(part.rows for _, part in parts)])
        )
        rejects = pl.concat([merged.rejects, *(part.rejects for _, part in parts)])
        rows = merged.rows
        stated = stated_readings(rows)
        fetched = readings_at((scope, fetch.started_at) for scope, _ in parts)
        found_empty = fetched.join(stated, on="reading_scope", how="anti")
        readings = pl.concat([stated, found_empty])
        if not rows.filter(pl.col("observed_at") != fetch.started_at).is_empty():
            rows = to_spells(contract, rows, readings)
        rows_of[contract.name] = rows
        all_rejects.append(rejects)
        all_readings.append(count_readings(contract, rows, rejects, readings))
    constants = (
        pl.lit(fetch.source_id).alias("source_id"),
        pl.lit(recorded_at).alias("recorded_at"),
        pl.lit(source.evidence).alias("evidence"),
        pl.lit(source.module.PARSER_VERSION, pl.Int32).alias("parser_version"),
    )
    # Rows before readings: without its reading a row does not count.
    frames = rows_of | {
        "quarantine": pl.concat(all_rejects),
        "readings": pl.concat(all_readings).with_columns(*constants),
    }
    held = _held(fetch, source, frames["readings"], lake)
    day, name = _day(fetch), _name(fetch, source)
    for table, frame in frames.items():
        aside, good = split(table, frame, held)
        if held:
            lake.held.add(table, fetch.source_id, day, name, aside)
        lake.add(table, fetch.source_id, day, name, good)
        if table in rows_of:
            result.rows_by_contract[table] = good.height
            result.held += aside.height
    result.rows = sum(result.rows_by_contract.values())
    result.rejects = frames["quarantine"].height


def _held(fetch: Fetch, source: Source, readings: pl.DataFrame, lake: Lake) -> set[Part]:
    shown = readings.group_by("contract", "reading_scope").agg(pl.sum("row_count"))
    counts = {(contract, scope): rows for contract, scope, rows in shown.iter_rows()}
    return held_parts(fetch, source, counts, lake)


def _day(fetch: Fetch) -> date:
    return fetch.started_at.astimezone(UTC).date()


def _name(fetch: Fetch, source: Source) -> str:
    return f"{fetch.started_at:%H%M%S%f}-v{source.module.PARSER_VERSION}"


def replay_all(source_ids: Sequence[str], day: date | None = None) -> list[Result]:
    """Load archived fetches that the present parsers have not read yet; no network."""
    here = settings()
    archive, lake = Archive(here.archive), Lake(here.lake)
    lake.prepare()
    chosen = [find_source(source_id) for source_id in source_ids] or live_sources()
    return [
        load(fetch, source, archive, lake)
        for source in chosen
        for fetch in archive.fetches(source.source_id, day)
        if not is_loaded(fetch, source, lake)
    ]
