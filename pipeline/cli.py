"""The command line. Heavy libraries are imported by the command that needs them, and behind its lock."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import AimarketError, BadSettings, NoRelease

if TYPE_CHECKING:
    from warehouse.export import Exported
    from warehouse.publish import Release

NEW_OBJECTS_PER_COLLECTION = 200_000

app = typer.Typer(
    name="aimarket",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The warehouse of the AI market: GPU rental prices, token prices, model quality.\n\n"
    'Start with `aimarket run`; then ask with `aimarket sql "from marts.h100_rental_decline"`. '
    "Data lives in $AIMARKET_HOME (default: warehouse/data).",
)

export_app = typer.Typer(
    no_args_is_help=True,
    help="Copy the current release elsewhere. Rows of sources that may not be redistributed stay here.",
)
app.add_typer(export_app, name="export")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Internal = Annotated[bool, typer.Option("--internal", help="Everything, also what may not leave the house.")]
SourceIds = Annotated[
    list[str] | None, typer.Argument(help="Source ids; all when none is given.", show_default=False)
]


class SqlFormat(StrEnum):
    """How `aimarket sql` writes a result."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class NameKind(StrEnum):
    """What a name is meant to name."""

    gpu = "gpu"
    provider = "provider"
    model = "model"


@app.command()
def run(
    strict: Annotated[bool, typer.Option(help="Exit 1 when any source failed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch every source that is due, build, audit, publish, report, and print where the market stands.

    Without a network the bundled history is built and published all the same; every source then shows as
    unreachable with the age of its data.
    """
    from pipeline.beside import fetching
    from pipeline.console import RichProgress, emit, show_headline, show_results

    with _one_at_a_time(), _concluding():
        progress = RichProgress(quiet=as_json)
        with fetching(quiet=as_json) as fetched:
            from pipeline.headline import headline
            from pipeline.running import Build

            build = Build(progress)
            results = fetched.result()
        with progress:
            release = build.run()
        told = headline(release)
    if as_json:
        emit({"release_id": release.release_id, "results": results, "headline": told})
    else:
        show_results(results)
        show_headline(told, release)
    _exit_on_failures(strict and results)


@app.command()
def fetch(source: SourceIds = None, as_json: AsJson = False) -> None:
    """Fetch sources now, also those already read today. Exit 1 when one failed.

    Example: aimarket fetch vastai openrouter_models
    """
    from pipeline.console import RichProgress, emit, show_results

    with _one_at_a_time(), RichProgress(quiet=as_json) as progress:
        from pipeline.running import fetch as fetch_now

        results = fetch_now(progress, source or (), again=True)
    if as_json:
        emit(results)
    else:
        show_results(results)
    _exit_on_failures(results)


@app.command()
def build(
    as_of: Annotated[
        datetime | None,
        typer.Option(
            help="Write what was known at that UTC time to a file of its own; publish nothing.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build the warehouse from the lake, audit it, publish it and draw the report."""
    from pipeline.console import RichProgress, emit, show_release

    with _one_at_a_time(), RichProgress(quiet=as_json) as progress:
        if as_of:
            from pipeline.verifying import as_known

            path = as_known(as_of.replace(tzinfo=UTC), progress)
        else:
            from pipeline.running import Build

            release = Build(progress).run()
    if as_of:
        emit({"path": path}) if as_json else typer.echo(path)
    elif as_json:
        emit(release.manifest)
    else:
        show_release(release)


@app.command()
def backfill(
    source: Annotated[str, typer.Argument(help="Source id whose history is replayed.")],
    git: Annotated[
        str | None, typer.Option(help="Clone, bundle or URL of the repository that keeps the file.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="A dated file (also .gz); may be repeated.", exists=True)
    ] = None,
    wayback: Annotated[
        bool, typer.Option("--wayback", help="The Internet Archive's captures of the source's page.")
    ] = False,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    into: Annotated[
        Path | None, typer.Option(help="Write there instead of the lake, e.g. warehouse/history.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay every version of a published file through the source's parser, as reconstructed observations.

    Without --git, --file or --wayback the repository the source itself names is used. Captures that are here
    already are not asked for again, so a --wayback that was cut short goes on where it stopped.

    Example: aimarket backfill models_dev --git ../models.dev --since 2025-06-01
    """
    from pipeline.console import RichProgress, emit, show_backfilled

    if wayback and (git or file):
        raise typer.BadParameter("--wayback, --git or --file, one of them")
    days = since.date() if since else None, until.date() if until else None
    with _one_at_a_time():
        if wayback:
            from pipeline.registry import find_source
            from pipeline.wayback import backfill_pages
            from warehouse.lake import Lake
            from warehouse.settings import settings

            with RichProgress(quiet=as_json) as progress:
                lake = Lake(into or settings().lake)
                done = backfill_pages(find_source(source), settings(), lake, *days, progress)
        else:
            from pipeline.backfill import backfill_source

            done = backfill_source(source, git, file or [], *days, into)
    if as_json:
        emit(done)
    else:
        show_backfilled(done)


@app.command()
def replay(
    source: SourceIds = None,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only fetches of this UTC day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Parse archived bytes again, where the parser is newer than what the lake holds. No network."""
    from pipeline.console import emit, show_results
    from pipeline.loading import replay_all

    with _one_at_a_time():
        results = replay_all(source or [], date.date() if date else None)
    if as_json:
        emit(results)
    else:
        show_results(results)
    _exit_on_failures(results)


@app.command()
def review(
    source: Annotated[str | None, typer.Argument(help="Source id; all when none is given.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Publish what is held of the source.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Leave it aside for good.")] = False,
    as_json: AsJson = False,
) -> None:
    """Readings held because a source lost or gained over a quarter of its rows: show them, or decide.

    Without a decision a reading of a later day decides: one of the same size accepts, one of the usual size
    rejects. Bytes and rows stay where they are either way.

    Example: aimarket review vastai --accept
    """
    from pipeline.console import emit, show_waiting
    from pipeline.registry import all_sources, find_source
    from pipeline.review import decide, difference, waiting
    from warehouse.lake import Lake
    from warehouse.settings import settings

    if accept and reject:
        raise typer.BadParameter("--accept or --reject, not both")
    if (accept or reject) and source is None:
        raise typer.BadParameter("name the source to decide on")
    lake = Lake(settings().lake)
    chosen = [find_source(source).source_id] if source else list(all_sources())
    if accept or reject:
        with _one_at_a_time():
            found = waiting(lake, chosen)
            decide(found, "accepted" if accept else "rejected", "decided by hand", lake)
    else:
        found = waiting(lake, chosen)
    if as_json:
        emit(found)
    elif found and (accept or reject):
        rows = sum(held.row_count for held in found)
        typer.echo(f"{'Accepted' if accept else 'Rejected'} {rows:,} rows of {source}.")
        if accept:
            typer.echo("Run `aimarket build` to publish them.")
    else:
        show_waiting([(held, difference(held, lake)) for held in found])


@app.command()
def catchup(as_json: AsJson = False) -> None:
    """After days of downtime: read what still tells of the missing days, record the rest as permanent holes.

    Days are missing where the archive has no good fetch of a source. Its payload of today and the git history
    of its file may still tell of them; nothing is interpolated. Can be stopped and run again at any time.
    """
    from pipeline.console import RichProgress, emit, show_caught, show_results

    with _one_at_a_time(), RichProgress(quiet=as_json) as progress:
        from pipeline.catchup import catch_up

        results, caught = catch_up(progress)
    if as_json:
        emit({"results": results, "sources": caught})
        return
    if results:
        show_results(results)
    show_caught(caught)


@app.command()
def prune(as_json: AsJson = False) -> None:
    """Remove what is older than AIMARKET_KEEP_ARCHIVE_DAYS (raw bytes) and AIMARKET_KEEP_RUNS_DAYS.

    Without the first setting every byte is kept. Releases are pruned by every publication.
    """
    from pipeline.console import emit

    with _one_at_a_time():
        from pipeline.running import prune as prune_now

        removed = prune_now()
    if as_json:
        emit(removed)
    else:
        typer.echo(
            f"Removed {removed['files']:,} files of the archive and {removed['runs']:,} runs of Dagster."
        )


@app.command()
def alerts(
    test: Annotated[bool, typer.Option("--test", help="Send a message to every channel now.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the alert rules find now. Exit 1 when they cannot be used or a test is not taken."""
    from datetime import UTC

    from pipeline.aftermath import causes_now
    from pipeline.alerts import Message, open_channels, read_state
    from pipeline.console import emit, show_alerts
    from pipeline.rules import read_rules
    from pipeline.status import status as read_status
    from warehouse.settings import settings

    here = settings()
    read_rules(here.home)
    state = read_state(here.home)
    found = causes_now(read_status(), state.runs, datetime.now(UTC))
    sent = {
        channel.name: channel.send(Message(None, "aimarket: a test", "Alerts will come this way."))
        for channel in (open_channels(here) if test else ())
    }
    if as_json:
        emit({"causes": found, "state": state.causes, "channels": sent})
    else:
        show_alerts(found, state.causes, sent)
    if not all(sent.values()) or any(cause.key == "bad_rules" for cause in found):
        raise typer.Exit(1)


@app.command()
def status(as_json: AsJson = False) -> None:
    """What is published, how old each mart's data are, how far names are resolved, how each source stands."""
    from pipeline.console import emit, show_status
    from pipeline.status import status as read_status

    told = read_status()
    if as_json:
        emit(told)
    else:
        show_status(told)


@app.command()
def names(
    kind: Annotated[NameKind | None, typer.Option(help="Only names of this kind.")] = None,
    limit: Annotated[int, typer.Option(help="Names per kind, those with most rows first.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """Names nothing resolves, the nearest known ones, and the seed row that would resolve each.

    Nothing is applied: put the rows you believe into the seed, then `aimarket build`.
    """
    from pipeline.console import emit, show_names
    from pipeline.names import open_names
    from warehouse.query import connect

    with connect() as release:
        found = [name for one in ([kind] if kind else NameKind) for name in open_names(release, one, limit)]
    if as_json:
        emit(found)
    else:
        show_names(found)


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="Statements, or - to read them from standard input.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="File with statements.", exists=True, dir_okay=False)
    ] = None,
    format: Annotated[SqlFormat, typer.Option(help="How to write the last result.")] = SqlFormat.table,
    output: Annotated[Path | None, typer.Option(help="File to write instead of the screen.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Ask what had been published by the end of that UTC day."),
    ] = None,
) -> None:
    """Ask the published warehouse. Read-only: no writes, no other files, no network.

    Without a query it is a prompt with history and completion.

    Example: aimarket sql "select * from marts.h100_rental_decline" --format csv --output h100.csv
    """
    from warehouse.query import answers, connect

    if query is not None and file is not None:
        raise typer.BadParameter("give a query or --file, not both")
    is_prompt = query is None and file is None and sys.stdin.isatty()
    if is_prompt and (output or format is not SqlFormat.table):
        raise typer.BadParameter("--format and --output need a query")
    if format is SqlFormat.parquet and output is None:
        raise typer.BadParameter("parquet needs --output FILE")
    text = query or ""
    if file is not None:
        text = file.read_text(encoding="utf-8")
    elif not is_prompt and query in (None, "-"):
        text = sys.stdin.read()
    if not is_prompt and not text.strip():
        raise typer.BadParameter("nothing is asked")
    with connect(as_of=as_of.date() if as_of else None) as connection:
        if is_prompt:
            from pipeline.shell import end_with_terminal, talk

            end_with_terminal()
            talk(connection)
        else:
            from pipeline.console import write_answers

            write_answers(answers(connection, text), format.value, output)


@app.command()
def explain(
    mart: Annotated[str, typer.Argument(help="The mart that holds the value, with or without `marts.`.")],
    where: Annotated[
        str, typer.Option(help="Condition that one row meets; without it, how to name a row.")
    ] = "true",
    sql: Annotated[
        str | None, typer.Option("--sql", help="Print the query that gives all inputs of this level.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what one published value stands on, down to the bytes, and what was left out and why.

    Formulas are worked out again from the inputs that enter. Long lists are cut; --sql gives all.

    Example: aimarket explain gpu_price_trends_daily --where "price_date = '2026-06-01' and gpu_id =
    'h100-sxm-80gb' and segment = 'neocloud' and purchase_type = 'on_demand'" --sql 1.1 | aimarket sql -
    """
    from pipeline.console import emit, show_explanation
    from warehouse.explain import explain as explain_value

    told = explain_value(_current(), mart, where)
    if sql is not None:
        queries = {level.number: level.sql for level in told.levels}
        if sql not in queries:
            raise typer.BadParameter(f"there is no level {sql}; levels: {', '.join(queries) or 'none'}")
        typer.echo(queries[sql])
    elif as_json:
        emit(told)
    else:
        show_explanation(told)


@app.command()
def payload(
    ref: Annotated[str, typer.Argument(help="A payload_ref, as tables and `aimarket explain` print it.")],
) -> None:
    """Write the raw bytes a row was read from to standard output, checked against their digest.

    Example: aimarket payload sha256:0c4f…#offers/12 | head
    """
    from warehouse.archive import Archive
    from warehouse.settings import settings

    sys.stdout.buffer.write(Archive(settings().archive).payload(ref))


@export_app.command("parquet")
def export_to_parquet(
    target: Annotated[str, typer.Argument(help="Folder, or s3://bucket/prefix.")],
    internal: Internal = False,
    as_json: AsJson = False,
) -> None:
    """Write the current release as Parquet, with a manifest. An attempt that was stopped is continued.

    Example: aimarket export parquet s3://bucket/aimarket
    """
    from warehouse.parquet import export_parquet

    _show_export(export_parquet(_current(), target, internal), as_json)


@export_app.command("postgres")
def export_to_postgres(
    dsn: Annotated[
        str, typer.Argument(help="postgresql://user@host/database; keep the password in ~/.pgpass.")
    ],
    internal: Internal = False,
    as_json: AsJson = False,
) -> None:
    """Put the current release into PostgreSQL, in one transaction; the role aimarket_reader may read it.

    Example: aimarket export postgres postgresql://loader@db.example.org/bi
    """
    from warehouse.postgres import export_postgres

    _show_export(export_postgres(_current(), dsn, internal), as_json)


@app.command()
def sources(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of the README.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every registered source: domain, licence, key, how often something new comes, and its last result."""
    from pipeline.catalogue import as_markdown, listings
    from pipeline.console import emit, show_sources
    from pipeline.registry import all_sources

    if markdown:
        typer.echo(as_markdown(all_sources().values()), nl=False)
    elif as_json:
        emit([listing.flat() for listing in listings()])
    else:
        show_sources(listings())


@app.command()
def report(open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False) -> None:
    """Draw the current release as a small site of HTML files that need no network."""
    from warehouse.report import draw_report

    path = draw_report()
    typer.echo(path)
    if open_it:
        typer.launch(path.as_uri())


@app.command()
def docs(open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False) -> None:
    """Write dbt's documentation of the last build, with lineage, as one HTML file that needs no network."""
    from warehouse.files import exclusive
    from warehouse.settings import settings

    with exclusive(settings().build.with_suffix(".lock")):
        from pipeline.dbt import write_site

        path = write_site()
    typer.echo(path)
    if open_it:
        typer.launch(path.as_uri())


@app.command()
def releases(as_json: AsJson = False) -> None:
    """Published releases, newest first; the current one is marked."""
    from pipeline.console import emit, show_releases
    from warehouse.publish import all_releases, current_release
    from warehouse.settings import settings

    here = settings()
    found = all_releases(here.releases)[::-1]
    current = current_release(here.releases, here.market)
    if as_json:
        emit([release.manifest | {"is_current": release == current} for release in found])
    else:
        show_releases(found, current)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Build the current release again from the lake and compare every table; check the bytes rows came from.

    Exit 1 when a table differs or an archived object is missing or damaged.
    """
    from pipeline.console import RichProgress, emit, show_verified

    with RichProgress(quiet=as_json) as progress:
        from pipeline.verifying import verify as verify_release

        found = verify_release(progress)
    if as_json:
        emit(found)
    else:
        show_verified(found)
    if not found.is_good:
        raise typer.Exit(1)


@app.command()
def rollback(
    release_id: Annotated[
        str | None, typer.Argument(help="Release to go back to; the one before by default.")
    ] = None,
) -> None:
    """Point readers to an earlier release."""
    from warehouse.publish import rollback as point_back
    from warehouse.settings import settings

    here = settings()
    with _one_at_a_time():
        chosen = point_back(here.releases, here.market, release_id)
    typer.echo(f"market.duckdb now points to {chosen.release_id}")


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the web page.")] = 3000) -> None:
    """Dagster's web page on this project: the graph, runs, checks and schedules."""
    import os

    from pipeline.running import dagster_home
    from warehouse.settings import REPOSITORY

    os.environ["DAGSTER_HOME"] = dagster_home()
    os.chdir(REPOSITORY)
    os.execvp(str(Path(sys.executable).with_name("dagster")), ["dagster", "dev", "--port", str(port)])


def _current() -> Release:
    from warehouse.publish import current_release
    from warehouse.settings import settings

    release = current_release(settings().releases, settings().market)
    if release is None:
        raise NoRelease("nothing is published; `aimarket run` builds and publishes")
    return release


def _show_export(done: Exported, as_json: bool) -> None:
    from pipeline.console import emit, show_export

    if as_json:
        emit(done)
    else:
        show_export(done)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the run lock: whoever comes second is told so."""
    from warehouse.files import exclusive
    from warehouse.settings import settings

    with exclusive(settings().home / "run.lock"):
        yield


@contextmanager
def _concluding() -> Iterator[None]:
    """Metrics, alerts and the sign of life after a run, however it ends; an interrupted one says nothing."""
    import time
    from datetime import UTC

    begun, step, said = time.monotonic(), "", ""
    is_good = False
    try:
        yield
        is_good = True
    except Exception as error:
        step, said = getattr(error, "step", ""), str(error) or type(error).__name__
        raise
    finally:
        if is_good or said:
            from pipeline.aftermath import conclude
            from pipeline.causes import Outcome

            took = time.monotonic() - begun
            conclude(Outcome("run", is_good, datetime.now(UTC), took, step, said), is_sign_of_life=True)


def _exit_on_failures(results: Any) -> None:
    if any(not result.is_good for result in results or ()):
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the console script: 0 ok, 1 failed, 2 wrong usage, an unknown setting included."""
    # Thousands of modules are imported and stay. To look for garbage among them takes a second of every run,
    # and another at its end.
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION)
    atexit.register(gc.freeze)
    try:
        app()
    except AimarketError as error:
        from pipeline.console import visible

        typer.secho(visible(str(error)), err=True, fg=typer.colors.RED)
        sys.exit(2 if isinstance(error, BadSettings) else 1)
