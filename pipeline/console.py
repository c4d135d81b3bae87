"""What the command line shows: tables for people, JSON for machines, progress while it works."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from pipeline.progress import Progress

if TYPE_CHECKING:
    import duckdb

    from pipeline.alerts import Told
    from pipeline.backfill import Backfilled
    from pipeline.catalogue import Listing
    from pipeline.catchup import Caught
    from pipeline.causes import Cause
    from pipeline.headline import Headline
    from pipeline.loading import Result
    from pipeline.names import OpenName
    from pipeline.review import Difference, Review
    from pipeline.status import Status
    from pipeline.verifying import Verified
    from warehouse.explain import Explanation, Level, Recomputed
    from warehouse.export import Exported
    from warehouse.publish import Release

WIDTH_OF_FILES = 200
"""Columns of text where nobody looks at a screen: wide enough that a table keeps its lines."""
OUT = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
ERR = Console(stderr=True)
DIRECTION = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
UNSEEN = {code: f"\\u{code:04x}" for code in DIRECTION} | {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}
"""Control characters but tab and newline, and what turns the direction of writing."""
NEXT_COMMANDS = (
    'aimarket sql "from marts.h100_rental_decline"',
    "aimarket status",
    "aimarket report --open",
)

INPUTS_SHOWN = 8
"""Inputs of a level that are shown, and as many of those left out."""
PAYLOADS_SHOWN = 3


class RichProgress(Progress):
    """One line per source while fetching, one bar while building. Silent where nobody watches."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__()
        self._bars = Bars(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[step]}"),
            TimeElapsedColumn(),
            console=ERR,
            disable=quiet or not ERR.is_terminal,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin_fetch(self, source_ids: Sequence[str]) -> None:
        for source_id in source_ids:
            self._tasks[source_id] = self._bars.add_task(source_id, total=None, step="waiting")

    def step(self, source_id: str, step: str) -> None:
        self._bars.update(self._tasks[source_id], step=step)

    def finish(self, result: Result) -> None:
        super().finish(result)
        self._bars.update(self._tasks[result.source_id], total=1, completed=1, step=result.outcome)

    def begin_build(self, node_count: int) -> None:
        self._tasks["dbt"] = self._bars.add_task("models and tests", total=node_count, step="building")

    def advance_build(self) -> None:
        self._bars.advance(self._tasks["dbt"])


def emit(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=1, allow_nan=False) + "\n")


def show_results(results: Sequence[Result]) -> None:
    if not results:
        OUT.print("Every source was already read today.")
        return
    if all(result.error_kind == "Unreachable" for result in results):
        OUT.print(
            Text(f"No network: none of {len(results)} sources could be reached. What is here was used.")
        )
        OUT.print(_text(f"  for example {results[0].source_id}: {results[0].error}", style="dim"))
        return
    table = _table("source", "outcome", "rows", "rejects", "held", "MB", "seconds", "error")
    for result in sorted(results, key=lambda result: (result.is_good, result.source_id)):
        table.add_row(
            result.source_id,
            Text(result.outcome, style="green" if result.is_good else "red"),
            f"{result.rows:,}",
            f"{result.rejects:,}",
            f"{result.held:,}" if result.held else "",
            f"{result.body_bytes / 1e6:.1f}",
            f"{result.seconds:.1f}",
            _text(result.error),
        )
    OUT.print(table)
    if any(result.held for result in results):
        OUT.print("Rows are held where a source changed too much at once; `aimarket review` shows them.")


def show_waiting(found: Sequence[tuple[Review, Difference]]) -> None:
    if not found:
        OUT.print("No reading is held for review.")
        return
    table = _table("source", "table", "part", "read", "rows", "before", "gone", "new")
    for held, difference in found:
        table.add_row(
            held.source_id,
            held.contract,
            _text(held.reading_scope),
            _cell(held.fetched_at),
            f"{held.row_count:,}",
            f"{held.usual_row_count:,}",
            _counted(difference.gone_count, difference.gone_examples),
            _counted(difference.new_count, difference.new_examples),
        )
    OUT.print(table)
    for source_id in dict.fromkeys(held.source_id for held, _ in found):
        OUT.print(Text(f"  aimarket review {source_id} --accept   or   --reject", style="cyan"))


def _counted(count: int, examples: Sequence[str]) -> Text:
    return _text(f"{count:,}" + (f": {', '.join(examples)}" if examples else ""))


def show_verified(found: Verified) -> None:
    OUT.print(
        f"Release {found.release_id}, as of {found.as_of}: {found.tables} tables, {found.rows:,} rows "
        f"recomputed, {len(found.differing)} tables differ; {found.objects} archived objects read, "
        f"{len(found.damaged_objects)} missing or damaged."
    )
    for name in found.differing:
        OUT.print(Text(f"  differs: {name}", style="red"))
    for digest in found.damaged_objects:
        OUT.print(Text(f"  missing or damaged: {digest}", style="red"))
    if found.differing and not found.has_same_project:
        OUT.print(
            "The SQL project or its seeds have changed since this release; `aimarket build` makes a new one."
        )


def show_release(release: Release) -> None:
    tables = release.manifest["tables"]
    rows = sum(table["rows"] for table in tables.values())
    OUT.print(f"Published release {release.release_id}: {len(tables)} tables, {rows:,} rows, {release.path}")


def show_headline(headline: Headline, release: Release) -> None:
    show_release(release)
    for section in headline.sections:
        OUT.print()
        OUT.print(Text(section.title, style="bold"))
        if section.rows:
            _print_rows(section.columns, section.rows)
        else:
            OUT.print(Text(section.when_empty, style="dim"))
    OUT.print("\nTry next:")
    for command in NEXT_COMMANDS:
        OUT.print(Text(f"  {command}", style="cyan"))


def show_status(status: Status) -> None:
    OUT.print(f"Release: {status.release_id or 'none yet'}; data: {status.home}")
    lost = Counter(hole.source_id for hole in status.holes)
    jumps = {moved.source_id: moved for moved in status.movements}
    table = _table("source", "last attempt", "outcome", "rows", "rejects", "last reading", "age", "remarks")
    for source in status.sources:
        is_good = source.outcome in ("complete", "unchanged")
        held = [
            f"held: {part.row_count:,} rows of {part.contract} {part.reading_scope}".rstrip()
            + f" (before {part.usual_row_count:,})"
            for part in source.held
        ]
        jump, missed = jumps.get(source.source_id), status.missed.get(source.source_id)
        remarks = [
            f"stalled: {source.stalled_reason}" if source.stalled_reason else "",
            *held,
            f"`aimarket review {source.source_id} --accept` or `--reject`" if held else "",
            f"prices jumped {jump.movement_ratio:.0%} on {jump.read_date}" if jump else "",
            f"{len(missed)} days missing, `aimarket catchup`" if missed else "",
            f"{lost[source.source_id]} days lost" if lost[source.source_id] else "",
            source.error,
        ]
        table.add_row(
            source.source_id,
            _cell(source.attempted_at),
            Text(
                source.outcome, style="green" if is_good else "red" if source.outcome == "failed" else "dim"
            ),
            _cell(source.rows),
            _cell(source.rejects),
            _cell(source.last_reading_at),
            "" if source.age_days is None else f"{source.age_days:,.1f} d",
            _text("; ".join(filter(None, remarks))),
        )
    OUT.print(table)
    if status.marts:
        marts = _table("mart", "newest data", "age", "sources", "stalled", "")
        for mart in status.marts:
            marts.add_row(
                mart.mart,
                _cell(mart.newest_read_at),
                "" if mart.age_days is None else f"{mart.age_days:,} d",
                str(mart.source_count),
                str(mart.stalled_source_count),
                Text("stale" if mart.is_stale else "fresh", style="red" if mart.is_stale else "green"),
            )
        OUT.print()
        OUT.print(marts)
    if status.names:
        OUT.print("\nNames: rows whose names are resolved, and the share that is to be.")
        table = _table("kind", "population", "names", "rows", "resolved", "floor")
        for part in status.names:
            is_low = part.floor_ratio is not None and part.resolved_ratio < part.floor_ratio
            table.add_row(
                part.kind,
                part.population,
                f"{part.names:,}",
                f"{part.rows:,}",
                Text(f"{100 * part.resolved_ratio:.2f} %", style="red" if is_low else ""),
                "" if part.floor_ratio is None else f"{100 * part.floor_ratio:.0f} %",
            )
        OUT.print(table)


def show_names(names: Sequence[OpenName]) -> None:
    if not names:
        OUT.print("The current release has no open name.")
        return
    table = _table("kind", "name", "rows", "sources", "nearest, of 100")
    for name in names:
        table.add_row(
            name.kind,
            _text(name.name_raw),
            f"{name.rows:,}",
            " ".join(name.source_ids),
            ", ".join(f"{candidate.id} {candidate.score:.0f}" for candidate in name.candidates),
        )
    OUT.print(table)
    for seed in dict.fromkeys(name.seed for name in names):
        OUT.print(Text(f"\nRows of {seed} that would resolve them; read before you paste:", style="bold"))
        for name in names:
            if name.seed == seed:
                OUT.print(_text(name.seed_row), soft_wrap=True)
    if not all(name.has_proposal for name in names):
        OUT.print("\n?: nothing known is near enough; what is new needs its own row in a seed first.")


def show_caught(caught: Sequence[Caught]) -> None:
    if not caught:
        OUT.print("No day is missing.")
        return
    table = _table("source", "recovered", "lost", "open", "why open")
    for one in caught:
        table.add_row(
            one.source_id, *(_days(days) for days in (one.recovered, one.lost, one.open)), _text(one.reason)
        )
    OUT.print(table)
    if any(one.recovered for one in caught):
        OUT.print("Run `aimarket build` to publish what was recovered.")


def _days(days: Sequence[date]) -> str:
    return f"{len(days)}: {days[0]} to {days[-1]}" if days else ""


def show_alerts(found: Sequence[Cause], known: Mapping[str, Told], sent: Mapping[str, bool]) -> None:
    if found:
        table = _table("what", "detail", "first seen", "runs", "what explains it")
        for cause in found:
            told = known.get(cause.key)
            table.add_row(
                _text(cause.title),
                _text(cause.detail),
                _cell(told.first_seen if told else None),
                str(told.count) if told else "",
                Text(cause.command, style="cyan"),
            )
        OUT.print(table)
    else:
        OUT.print("Nothing to tell.")
    for name, is_taken in sent.items():
        OUT.print(Text(f"channel {name}: {'took the test' if is_taken else 'did not take the test'}"))


def show_sources(listings: Sequence[Listing]) -> None:
    table = _table(
        "source", "domain", "kind", "licence", "passed on", "new every", "key", "last result", "when", "rows"
    )
    for listing in listings:
        source = listing.source
        key = "" if listing.key_is_set is None else "set" if listing.key_is_set else " ".join(source.key_env)
        styles = {"failed": "red", "complete": "green", "unchanged": "green"}
        table.add_row(
            source.source_id,
            ", ".join(source.domains),
            source.kind,
            source.license,
            source.redistribution,
            f"{source.cadence_days} d" if source.cadence_days else "",
            Text(key, style="green" if listing.key_is_set else "dim"),
            Text(listing.last_outcome, style=styles.get(listing.last_outcome, "dim")),
            _cell(listing.last_attempt_at),
            "" if listing.last_row_count is None else f"{listing.last_row_count:,}",
        )
    OUT.print(table)


def show_export(done: Exported) -> None:
    OUT.print(
        f"Exported release {done.release_id}: {done.tables} tables, {done.rows:,} rows, {done.location}"
    )
    if done.rows_withheld:
        OUT.print(
            f"{done.rows_withheld:,} rows stay here: their sources do not allow redistribution. "
            "--internal takes them along."
        )


def show_releases(releases: Sequence[Release], current: Release | None) -> None:
    table = _table("", "release", "as of", "rows", "MB", "file")
    for release in releases:
        table.add_row(
            "*" if release == current else "",
            release.release_id,
            release.manifest["as_of"][:19],
            f"{sum(table['rows'] for table in release.manifest['tables'].values()):,}",
            f"{release.manifest['bytes'] / 1e6:.1f}",
            release.path.name,
        )
    OUT.print(table)


def show_backfilled(done: Backfilled) -> None:
    span = (
        f"{done.first_read_at:%Y-%m-%d} to {done.last_read_at:%Y-%m-%d}"
        if done.first_read_at
        else "no reading"
    )
    OUT.print(
        f"{done.source_id}: {done.versions:,} file versions, {done.readings:,} readings, {span}; "
        f"{done.rows:,} rows where something changed, {done.rejects:,} rejects"
    )
    if done.failed_versions:
        OUT.print(f"{len(done.failed_versions)} versions could not be read, for example:")
        for line in done.failed_versions[:3]:
            OUT.print(_text(f"  {line}"))
    if done.missing_captures:
        OUT.print(
            f"{done.missing_captures} captures could not be had; run the same command again later to go on."
        )
    OUT.print("Run `aimarket build` to publish it.")


def show_explanation(told: Explanation) -> None:
    about = f"release {told.release_id}, as of {told.as_of[:10]}"
    OUT.print(Text.assemble((told.mart, "bold"), "  ", (about, "dim")))
    grid = Table.grid(padding=(0, 2))
    for name, value in told.value.items():
        if value is not None:
            grid.add_row(Text(name, style="bold" if name in told.key else ""), _cell(value))
    _inset(grid, 2)
    OUT.print()
    OUT.print(_text(told.description))
    OUT.print(f"Method: version {told.methodology_version}, docs/methodology.md, {told.section!r}")
    if told.seeds:
        OUT.print(
            f"Figures kept by hand, each with its source, enter from sql/seeds: {', '.join(told.seeds)}"
        )
    _show_formula(told.formula, told.recomputed, 0)
    asked = f"aimarket explain {told.mart} --where {_quoted(told.where)}"
    for level in told.levels:
        _show_level(level, asked)
    if not (told.levels or told.seeds or told.payloads):
        OUT.print("\nNo input in this release: nothing was seen, so there is no figure.")
    _show_payloads(told.payloads)


def _show_level(level: Level, asked: str) -> None:
    from warehouse.lineage import SHOWN

    inset = 2 * level.depth
    left_out = sum(level.left_out.values())
    told = f"{level.counted:,} enter" + (f", {left_out:,} left out" if left_out else "")
    OUT.print()
    _inset(
        Text.assemble((f"{level.number} {level.what}", "bold"), f": {told}  ", (level.table, "dim")), inset
    )
    inset += 2
    # Deeper ones are those of the rows above, of which there may be many.
    _show_formula("" if level.depth else level.formula, level.recomputed, inset)
    columns = SHOWN[level.table].split()
    entering, others = (
        [
            [row[name] for name in columns]
            for row in level.rows
            if (row["left_out_because"] is None) is is_entering
        ][:INPUTS_SHOWN]
        for is_entering in (True, False)
    )
    if entering:
        _inset(_rows_table(columns, entering), inset)
    for reason, count in level.left_out.items():
        _inset(_text(f"left out, {count:,}: {reason}", "yellow"), inset)
    if others:
        _inset(_rows_table(columns, others), inset)
    shown = len(entering) + len(others)
    if shown < level.counted + left_out:
        _inset(f"{shown} of {level.counted + left_out:,} shown; all of them:", inset)
        OUT.print(
            _text(f"{' ' * inset}{asked} --sql {level.number} | aimarket sql -", "cyan"), soft_wrap=True
        )


def _show_formula(formula: str, recomputed: Sequence[Recomputed], inset: int) -> None:
    if not formula:
        return
    _inset(_text(f"formula: {' '.join(formula.split())}", "cyan"), inset)
    for one in recomputed:
        said = Text.assemble(f"{one.column}: ", _cell(one.value), " from these, ", _cell(one.published))
        said.append(" published")
        said.append("" if one.is_equal else ", which differs", "bold red")
        _inset(said, inset)


def _show_payloads(payloads: Mapping[str, str]) -> None:
    from pipeline.registry import all_sources

    if payloads:
        OUT.print(f"\nBytes of {len(payloads):,} objects are named above. To read them:")
    for ref, source_id in list(payloads.items())[:PAYLOADS_SHOWN]:
        kind, _, place = ref.partition(":")
        source = all_sources().get(source_id)
        url = getattr(source and source.module, "HISTORY_URL", "the source's repository")
        how = {
            "sha256": f"aimarket payload {ref}",
            "git": f"git show {_quoted(place)}   (in a clone of {url})",
            "file": f"{place}   (of {source_id}, see warehouse/history/PROVENANCE.md)",
        }
        OUT.print(_text(f"  {how[kind]}", "cyan"), soft_wrap=True)


def _inset(what: Table | Text | str, columns: int) -> None:
    OUT.print(Padding(what, (0, 0, 0, columns), expand=False))


def _quoted(text: str) -> str:
    """As one word of a shell's command line."""
    for character in '\\"$`':
        text = text.replace(character, "\\" + character)
    return f'"{text}"'


def write_answers(answers: Iterable[duckdb.DuckDBPyConnection], format: str, output: Path | None) -> None:
    """Write results of queries. As a table on the screen all of them, in any other form the last one."""
    if format == "table" and output is None:
        for answer in answers:
            show_answer(answer)
        return
    last: tuple[list[str], Any] | None = None
    for answer in answers:
        columns = [column[0] for column in answer.description or ()]
        last = columns, answer.pl() if format == "parquet" else answer.fetchall()
    if last is None:
        return
    columns, rows = last
    if format == "parquet":
        rows.write_parquet(output)
        return
    with output.open("w", encoding="utf-8", newline="") if output else _screen() as target:
        if format == "json":
            records = [dict(zip(columns, row, strict=True)) for row in rows]
            target.write(json.dumps(records, default=_plain, indent=1) + "\n")
        elif format == "csv":
            import csv

            writer = csv.writer(target, lineterminator="\n")
            writer.writerow(columns)
            # A file holds what the vendor wrote; a terminal would obey it.
            writer.writerows(map(_visible_row, rows) if target.isatty() else rows)
        else:
            console = Console(file=target, width=WIDTH_OF_FILES)
            console.print(_rows_table(columns, rows))


def show_answer(answer: duckdb.DuckDBPyConnection, most_rows: int | None = None) -> None:
    """A query's result as a table on the screen; of a longer one than ``most_rows`` the first rows."""
    columns = [column[0] for column in answer.description or ()]
    rows = answer.fetchall() if most_rows is None else answer.fetchmany(most_rows + 1)
    _print_rows(columns, rows[:most_rows])
    is_cut = most_rows is not None and len(rows) > most_rows
    OUT.print(Text(f"the first {most_rows:,} rows" if is_cut else f"{len(rows):,} rows", style="dim"))


def visible(text: str) -> str:
    """The text with control and direction-changing characters spelled out: no name drives a terminal."""
    return text.translate(UNSEEN)


def _visible_row(row: Sequence[Any]) -> list[Any]:
    return [visible(value) if isinstance(value, str) else value for value in row]


class _screen:
    """Standard output that a with-block does not close."""

    def __enter__(self) -> Any:
        return sys.stdout

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    OUT.print(_rows_table(columns, rows))


def _rows_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    table = _table(*columns)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(_text(column), overflow="fold")
    return table


def _cell(value: Any) -> Text:
    """A value as text."""
    match value:
        case None:
            return Text("")
        case float():
            return Text(f"{value:.6g}")
        case Decimal():
            return Text(format(value.normalize(), "f"))
        case datetime():
            return Text(f"{value:%Y-%m-%d %H:%M}")
        case _:
            return _text(str(value))


def _text(words: str, style: str = "") -> Text:
    """Words from outside: shown as they are, never read as markup or obeyed by the terminal."""
    return Text(visible(words), style=style)


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case datetime() | date():
            return value.isoformat()
        case Path():
            return str(value)
        case Mapping():
            return dict(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {name: item for name, item in asdict(value).items() if not name.startswith("_")}
        case _:
            return str(value)
