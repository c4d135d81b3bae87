"""Every source alike: seed row, module and fixture agree, and the parser keeps its promises on any bytes.

A new source needs no new test: these run over the seed, the modules and the fixture folders.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import sources as source_modules
from pipeline.errors import PayloadError, RegistryError
from pipeline.fetching import fetch_all
from pipeline.loading import load, parse
from pipeline.parsing import Context, Parsed
from pipeline.registry import SEED, Source, find_source, read_seed
from tests.conftest import FIXTURES
from tests.helpers import OBSERVED_AT, faults, observations, provenance
from tests.replay import Exchange, read_exchanges
from warehouse.archive import Archive
from warehouse.contracts import CONTRACTS, MONEY, Conformed, conform, without_duplicates
from warehouse.lake import Lake
from warehouse.settings import Settings

ROWS = read_seed(SEED)
MODULES = {path.stem for path in Path(source_modules.__path__[0]).glob("*.py")} - {"__init__"}
FOLDERS = {path.name for path in FIXTURES.iterdir() if path.is_dir()}
COMPLETE = sorted(set(ROWS) & MODULES & FOLDERS)
LIVE = [source_id for source_id in COMPLETE if ROWS[source_id].is_live]
RECORDED_AT = datetime(2026, 12, 31, tzinfo=UTC)
"""Later than every date in a fixture."""

every_source = pytest.mark.parametrize("source_id", COMPLETE)
every_live_source = pytest.mark.parametrize("source_id", LIVE)


def parsed_by(source: Source, exchange: Exchange, body: bytes, observed_at: datetime = OBSERVED_AT) -> Parsed:
    context = Context(
        source.source_id,
        observed_at,
        url="" if exchange.path else exchange.url,
        scope=exchange.scope,
        path=exchange.path,
    )
    return parse(source, body, context)


def conformed_by(source: Source, exchange: Exchange, parsed: Parsed) -> dict[str, Conformed]:
    known = provenance(
        source_id=source.source_id,
        evidence=source.evidence,
        recorded_at=RECORDED_AT,
        payload_object=f"file:{exchange.payload.name}",
        reading_scope=exchange.scope,
    )
    return {name: conform(CONTRACTS[name], rows.frame(), known) for name, rows in parsed.items()}


def payloads(source_id: str) -> list[Exchange]:
    """Exchanges whose bodies go to the parser, answers before file versions."""
    exchanges = [e for e in read_exchanges(FIXTURES / source_id) if e.parse and e.status == 200]
    return sorted(exchanges, key=lambda exchange: bool(exchange.path))


def whole_fixture(source: Source) -> dict[str, Conformed]:
    """Rows and rejects of a fixture by contract: its answers as one reading, each file version as its own."""
    readings: list[list[dict[str, Conformed]]] = [[]]
    for exchange in payloads(source.source_id):
        found = conformed_by(source, exchange, parsed_by(source, exchange, exchange.body))
        readings.append([found]) if exchange.path else readings[0].append(found)
    result = {}
    for name in source.contracts:
        contract, rows, rejects = CONTRACTS[name], [CONTRACTS[name].empty()], []
        for reading in readings:
            parts = [found[name] for found in reading if name in found]
            merged = without_duplicates(
                contract, pl.concat([contract.empty(), *(part.rows for part in parts)])
            )
            rows.append(merged.rows)
            rejects += [merged.rejects, *(part.rejects for part in parts)]
        result[name] = Conformed(pl.concat(rows), pl.concat(rejects))
    return result


@pytest.mark.parametrize("source_id", sorted(set(ROWS) | MODULES | FOLDERS))
def test_a_source_has_a_seed_row_a_module_and_a_fixture(source_id: str) -> None:
    missing = [
        what
        for what, known in (
            (f"row {source_id} in sql/seeds/sources.csv", ROWS),
            (f"module pipeline/sources/{source_id}.py", MODULES),
            (f"folder tests/fixtures/{source_id}/", FOLDERS),
        )
        if source_id not in known
    ]
    assert not missing, f"{source_id} lacks its {' and its '.join(missing)}"


@every_source
def test_a_module_offers_what_its_seed_row_asks_for(source_id: str) -> None:
    source, module = ROWS[source_id], import_module(f"pipeline.sources.{source_id}")
    assert isinstance(module.PARSER_VERSION, int)
    assert callable(module.parse)
    assert hasattr(module, "fetch") is source.is_live, f"{source_id} is {source.kind} by its seed row"
    assert module.__doc__
    assert module.parse.__doc__


@every_source
def test_a_fixture_folder_is_complete_and_small(source_id: str) -> None:
    folder = FIXTURES / source_id
    listed = {exchange.payload.name for exchange in read_exchanges(folder)}
    assert {path.name for path in folder.iterdir()} == {
        *listed,
        "exchanges.toml",
        "expected.json",
        "origin.md",
    }
    assert (folder / "origin.md").read_text(encoding="utf-8").strip()
    assert all(path.stat().st_size < 20_000 for path in folder.iterdir())
    assert payloads(source_id)


def test_an_unknown_source_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(RegistryError, match=r"no source 'vast'; known are .*vastai"):
        find_source("vast")


@every_source
def test_a_parser_gives_the_expected_rows_and_rejects(source_id: str) -> None:
    source = ROWS[source_id]
    expected = json.loads((FIXTURES / source_id / "expected.json").read_text(encoding="utf-8"))
    found = whole_fixture(source)
    assert set(expected) <= {*source.contracts, "rejects"}
    for name, part in found.items():
        wanted = expected.get(name, [])
        shown = [
            {column: as_expected(row[column], value) for column, value in want.items()}
            for want, row in zip(wanted, part.rows.iter_rows(named=True), strict=False)
        ]
        assert shown == wanted
        assert part.rows.height == len(wanted), part.rows["payload_ref"].to_list()
    rejects = [
        (row["payload_ref"].partition("#")[2], row["reason"])
        for part in found.values()
        for row in part.rejects.iter_rows(named=True)
    ]
    unmet = []
    for want in expected["rejects"]:
        met = [r for r in rejects if r[0] == want["position"] and want["reason"] in r[1]]
        rejects.remove(met[0]) if met else unmet.append(want)
    assert (unmet, rejects) == ([], []), "expected and not rejected; rejected and not expected"


def as_expected(found: Any, wanted: object) -> object:
    """A value in the words of expected.json; the wanted one itself where they mean the same."""
    if isinstance(found, datetime):
        same = isinstance(wanted, str) and datetime.fromisoformat(wanted) == found
        return wanted if same else found.isoformat()
    if isinstance(found, Decimal):
        same = isinstance(wanted, str) and Decimal(wanted) == found
        return wanted if same else str(found)
    return found.isoformat() if hasattr(found, "isoformat") else found


@every_source
def test_rows_of_a_fixture_keep_the_contract(source_id: str) -> None:
    for exchange in payloads(source_id):
        parsed = parsed_by(ROWS[source_id], exchange, exchange.body)
        assert set(parsed) <= set(ROWS[source_id].contracts)
        for name, part in conformed_by(ROWS[source_id], exchange, parsed).items():
            assert faults(CONTRACTS[name], part.rows) == []


@every_source
def test_every_price_and_score_stands_in_the_payload(source_id: str) -> None:
    """Directly or through one documented step: per token, per GPU, or over the hours of a term."""
    for exchange in payloads(source_id):
        parsed = parsed_by(ROWS[source_id], exchange, exchange.body)
        stated = numbers_in(exchange.body)
        for name, part in conformed_by(ROWS[source_id], exchange, parsed).items():
            valued = [column for column, dtype in CONTRACTS[name].schema.items() if dtype == MONEY]
            valued += ["score"] if "score" in CONTRACTS[name].schema else []
            for row in part.rows.iter_rows(named=True):
                for column in valued:
                    if row[column] is None or source_id in COMPUTED:
                        continue
                    assert occurs(row[column], row, stated), (
                        f"{row['payload_ref']}: {column} {row[column]} stands nowhere in the payload"
                    )


def numbers_in(body: bytes) -> list[float]:
    if body.startswith(b"PAR1"):
        frame = pl.read_parquet(io.BytesIO(body), use_pyarrow=True)
        return [float(x) for series in frame if series.dtype.is_numeric() for x in series if x is not None]
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            return sorted({number for name in packed.namelist() for number in numbers_in(packed.read(name))})
    text = body.decode()
    found = re.findall(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", text)
    grouped = re.findall(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text)
    return sorted({float(number.replace(",", "")) for number in [*found, *grouped]})


def occurs(value: Decimal | float, row: Mapping[str, Any], stated: list[float]) -> bool:
    amount = float(value)
    # As stated; per token, per thousand tokens, in cents per token, in 1/10000 USD; in cents; GCP's nanos.
    forms = [
        amount,
        amount / 1e6,
        amount / 1e3,
        amount * 1e3,
        amount / 1e4,
        amount * 1e4,
        amount * 100,
        round(amount % 1 * 1e9),
    ]
    if row.get("gpu_count"):
        forms.append(amount / row["gpu_count"])
    if row.get("commitment_months"):
        forms.append(amount * row["commitment_months"] * 730)
    # Prices may be kept to six significant digits.
    return any(abs(form - number) <= 5e-6 * number for form in forms for number in stated)


PARTS_OF_URLS = {"TEAM": "TEAM", "ACCOUNT": "test-account", "GATEWAY": "test-gateway"}
COMPUTED = {
    "livebench": "categories are means of tasks by the board's own rule",
    "deepinfra": "a cached price is the input price times a stated fraction",
}
"""Sources whose payload does not state every number; expected.json holds these, worked out by hand."""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for every source that wants one; parts of a URL are those of the fixtures."""
    for row in ROWS.values():
        for name in row.key_env:
            monkeypatch.setenv(name, PARTS_OF_URLS.get(name.rpartition("_")[2], f"secret-of-{name.lower()}"))


@every_live_source
def test_a_live_source_is_fetched_and_loaded_whole(source_id: str, settings: Settings) -> None:
    source = ROWS[source_id]
    (result,) = fetch_all([source], settings)
    assert result.error == ""
    assert result.outcome == "complete"
    answers = [exchange for exchange in payloads(source_id) if not exchange.path]
    (fetch,) = Archive(settings.archive).fetches(source_id)
    parts = [conformed_by(source, e, parsed_by(source, e, e.body, fetch.started_at)) for e in answers]
    for name in source.contracts:
        contract = CONTRACTS[name]
        rows = without_duplicates(
            contract, pl.concat([contract.empty(), *(part[name].rows for part in parts if name in part)])
        ).rows
        loaded = observations(settings.lake, name)
        assert loaded.height == result.rows_by_contract[name]
        assert seen_in(loaded) == seen_in(rows)


def seen_in(rows: pl.DataFrame) -> set[tuple[Any, ...]]:
    """What was read, whatever the times: (scope, position) of each row; dated rows may have become spells."""
    positions = rows["payload_ref"].str.split("#").list.last()
    return set(zip(rows["reading_scope"], positions, strict=True))


@every_live_source
def test_asking_again_at_once_is_answered_from_what_is_known(source_id: str, settings: Settings) -> None:
    first, second = (next(fetch_all([ROWS[source_id]], settings)) for _ in range(2))
    asked_by_get = {e.method for e in payloads(source_id) if not e.path} == {"GET"}
    assert second.outcome == ("unchanged" if asked_by_get else "complete")
    assert second.rows_by_contract == first.rows_by_contract


@every_live_source
def test_archived_bytes_parsed_again_give_the_same_rows_to_the_byte(
    source_id: str, settings: Settings, tmp_path: Path
) -> None:
    source, archive, again = ROWS[source_id], Archive(settings.archive), Lake(tmp_path / "again")
    again.prepare()
    list(fetch_all([source], settings))
    (fetch,) = archive.fetches(source_id)
    load(fetch, source, archive, again)
    for name in (*source.contracts, "quarantine", "readings"):
        first, second = (observations(root, name).drop("recorded_at") for root in (settings.lake, again.root))
        assert first.write_json() == second.write_json()


# What parsers do on bytes nobody promised ------------------------------------------------------------------

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
TEXT = re.compile(rb'"[^"\\\n]{0,40}"')
HOSTILE = st.sampled_from(
    [
        *(b"0", b"-1", b"NaN", b"1e999", b"1e-999", b"1e999999999", b"-0.0", b"0.1.2", b"1_000", b"+1"),
        *(b"null", b'""', b'"abc"', b"[]", b"{}", b"true", b'"\\u0000"', b"\xff", b"9" * 30, b'"9e99"', b""),
    ]
)


@st.composite
def mutations(draw: Callable[..., Any], body: bytes) -> bytes:
    """``body`` with a few wounds: other bytes, parts lost or doubled, hostile numbers and texts."""
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["bytes", "lost", "doubled", "number", "text"]))
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(1, 40)))
        if kind == "bytes":
            body = body[:start] + draw(st.binary(max_size=4)) + body[end:]
        elif kind == "lost":
            body = body[:start] + body[end:]
        elif kind == "doubled":
            body = body[:end] + body[start:]
        elif place := (NUMBER if kind == "number" else TEXT).search(body, start):
            body = body[: place.start()] + draw(HOSTILE) + body[place.end() :]
    return body


def judge(source: Source, exchange: Exchange, body: bytes) -> None:
    """The parser raises PayloadError or gives rows; every row ends as a good one or as a reject."""
    try:
        parsed = parsed_by(source, exchange, body)
    except PayloadError:
        return
    assert set(parsed) <= set(source.contracts)
    for name, part in conformed_by(source, exchange, parsed).items():
        assert part.rows.height + part.rejects.height == parsed[name].frame().height
        assert part.rejects["reason"].null_count() == 0
        assert faults(CONTRACTS[name], part.rows) == []


@every_source
@given(data=st.data())
def test_random_bytes_give_a_payload_error_or_no_broken_row(source_id: str, data: Any) -> None:
    exchange = data.draw(st.sampled_from(payloads(source_id)))
    judge(ROWS[source_id], exchange, data.draw(st.binary(max_size=200)))


@every_source
@given(data=st.data())
def test_a_payload_cut_anywhere_gives_a_payload_error_or_no_broken_row(source_id: str, data: Any) -> None:
    exchange = data.draw(st.sampled_from(payloads(source_id)))
    judge(ROWS[source_id], exchange, exchange.body[: data.draw(st.integers(0, len(exchange.body)))])


@every_source
@given(data=st.data())
def test_a_wounded_payload_gives_a_payload_error_or_no_broken_row(source_id: str, data: Any) -> None:
    exchange = data.draw(st.sampled_from(payloads(source_id)))
    judge(ROWS[source_id], exchange, data.draw(mutations(exchange.body)))


@every_source
@pytest.mark.parametrize(
    "body", [b"", b" \n", b"<!doctype html><html></html>", b"\xef\xbb\xbf", b"{}", b"[]", b"null"], ids=repr
)
def test_an_answer_that_is_plainly_no_data_is_refused_or_empty(source_id: str, body: bytes) -> None:
    for exchange in payloads(source_id):
        try:
            parsed = parsed_by(ROWS[source_id], exchange, body)
        except PayloadError:
            continue
        assert all(part.rows.is_empty() for part in conformed_by(ROWS[source_id], exchange, parsed).values())
