"""The lake: sightings become spells, readings are counted, files are whole or absent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parsing import Rows
from tests.helpers import gpu_offer, provenance, token_price
from warehouse.contracts import GPU_OFFERS, TOKEN_PRICES, Contract, conform
from warehouse.files import Held, exclusive, write_file
from warehouse.lake import SCHEMAS, Lake, count_readings, readings_at, stated_readings, to_spells

DAY = date(2026, 6, 1)

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from warehouse.files import write_file

def write(temporary):
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

write_file(Path(sys.argv[1]), write)
"""


def at(number: int) -> datetime:
    """The instant of the reading of that number: one a day from 1 May."""
    return datetime(2026, 5, 1, tzinfo=UTC) + timedelta(days=number)


def sightings(contract: Contract, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    collected = Rows(contract.name)
    for position, row in enumerate(rows):
        first, last = row.pop("seen")
        collected.add(position, observed_at=at(first), observed_until=at(last), **row)
    good, rejects = conform(contract, collected.frame(), provenance())
    assert rejects.is_empty()
    return good


def offers(*seen: tuple[int, str]) -> pl.DataFrame:
    """One offer, seen at these readings at these prices."""
    return sightings(GPU_OFFERS, [gpu_offer(usd_per_hour=usd, seen=(number, number)) for number, usd in seen])


def whole(*numbers: int) -> pl.DataFrame:
    return readings_at(("", at(number)) for number in numbers)


def told(spells: pl.DataFrame) -> list[tuple[int, int, str]]:
    """(first reading, last reading, price) of each spell."""
    return [
        (
            (row["observed_at"] - at(0)).days,
            (row["observed_until"] - at(0)).days,
            f"{row['usd_per_hour']:.0f}",
        )
        for row in spells.iter_rows(named=True)
    ]


@pytest.mark.parametrize(
    ("seen", "spells"),
    [
        pytest.param([(0, "2")], [(0, 0, "2")], id="seen once"),
        pytest.param([(0, "2"), (1, "2"), (2, "2")], [(0, 2, "2")], id="unchanged run"),
        pytest.param([(0, "2"), (1, "2"), (3, "2")], [(0, 1, "2"), (3, 3, "2")], id="gone for one reading"),
        pytest.param([(0, "2"), (1, "3"), (2, "3")], [(0, 0, "2"), (1, 2, "3")], id="price changes"),
        pytest.param(
            [(0, "2"), (1, "3"), (2, "2")],
            [(0, 0, "2"), (1, 1, "3"), (2, 2, "2")],
            id="there and back",
        ),
        pytest.param([(2, "2"), (0, "2"), (1, "2")], [(0, 2, "2")], id="sightings out of order"),
        pytest.param([(1, "2"), (3, "2")], [(1, 1, "2"), (3, 3, "2")], id="every other reading"),
        pytest.param([], [], id="never seen"),
    ],
)
def test_consecutive_sightings_that_say_the_same_become_one_spell(
    seen: list[tuple[int, str]], spells: list[tuple[int, int, str]]
) -> None:
    assert told(to_spells(GPU_OFFERS, offers(*seen), whole(0, 1, 2, 3))) == spells


def test_readings_are_consecutive_by_order_not_by_days_between_them() -> None:
    assert told(to_spells(GPU_OFFERS, offers((0, "2"), (20, "2")), whole(0, 20))) == [(0, 20, "2")]


def test_rows_that_already_span_readings_merge_with_what_follows() -> None:
    rows = sightings(
        GPU_OFFERS,
        [
            gpu_offer(usd_per_hour=usd, seen=seen)
            for usd, seen in (("2", (0, 1)), ("2", (2, 4)), ("3", (5, 6)))
        ],
    )
    assert told(to_spells(GPU_OFFERS, rows, whole(*range(7)))) == [(0, 4, "2"), (5, 6, "3")]


def test_a_reading_of_one_scope_is_no_gap_in_another() -> None:
    rows = sightings(
        GPU_OFFERS,
        [
            gpu_offer(reading_scope=scope, seen=(number, number))
            for scope, number in (("north", 0), ("north", 2), ("south", 1), ("south", 3))
        ],
    )
    scopes = readings_at((("north", at(0)), ("north", at(2)), ("south", at(1)), ("south", at(3))))
    spells = to_spells(GPU_OFFERS, rows, scopes)
    assert spells["reading_scope"].to_list() == ["north", "south"]
    assert told(spells) == [(0, 2, "2"), (1, 3, "2")]


def test_offers_do_not_merge_with_their_neighbours() -> None:
    rows = sightings(
        GPU_OFFERS,
        [gpu_offer(key, seen=(number, number)) for key, number in (("a", 0), ("b", 1), ("a", 1), ("b", 2))],
    )
    spells = to_spells(GPU_OFFERS, rows, whole(0, 1, 2))
    assert spells["offer_key"].to_list() == ["a", "b"]
    assert told(spells) == [(0, 1, "2"), (1, 2, "2")]


def test_an_unstated_part_of_a_key_is_a_key_of_its_own() -> None:
    rows = sightings(
        TOKEN_PRICES,
        [
            token_price(quantization=quantization, seen=(number, number))
            for quantization, number in ((None, 0), (None, 1), ("fp8", 0), ("fp8", 1))
        ],
    )
    spells = to_spells(TOKEN_PRICES, rows, whole(0, 1))
    assert sorted(spells["quantization"].to_list(), key=str) == [None, "fp8"]
    assert spells["observed_until"].to_list() == [at(1), at(1)]


@pytest.mark.parametrize(
    ("values", "spell_count"),
    [([None, None], 1), ([None, 8], 2), ([8, None], 2), ([8, 8], 1)],
    ids=["unknown twice", "becomes known", "becomes unknown", "known twice"],
)
def test_a_value_that_becomes_known_or_unknown_is_a_change(
    values: list[int | None], spell_count: int
) -> None:
    rows = sightings(
        GPU_OFFERS, [gpu_offer(vcpus=vcpus, seen=(number, number)) for number, vcpus in enumerate(values)]
    )
    assert to_spells(GPU_OFFERS, rows, whole(0, 1)).height == spell_count


def test_a_spell_refers_to_the_bytes_of_its_first_sighting() -> None:
    (spell,) = to_spells(GPU_OFFERS, offers((1, "2"), (0, "2")), whole(0, 1)).iter_rows(named=True)
    assert spell["payload_ref"] == "sha256:00ff#1"


def test_a_row_seen_at_no_stated_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="1 rows of gpu_offers were seen at no stated reading"):
        to_spells(GPU_OFFERS, offers((0, "2"), (1, "2")), whole(0))


@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 7)), st.sampled_from("23")))
def test_spells_say_exactly_what_the_sightings_said_in_as_few_rows_as_can_be(
    seen: dict[tuple[str, int], str],
) -> None:
    rows = sightings(
        GPU_OFFERS,
        [gpu_offer(key, usd_per_hour=usd, seen=(number, number)) for (key, number), usd in seen.items()],
    )
    spells = to_spells(GPU_OFFERS, rows, whole(*range(8)))
    assert spells.schema == pl.Schema(GPU_OFFERS.schema)
    said = {
        (key, number): usd
        for key, (first, last, usd) in zip(spells["offer_key"], told(spells), strict=True)
        for number in range(first, last + 1)
    }
    assert said == seen
    steps = sum((key, n - 1) not in seen or seen[key, n - 1] != usd for (key, n), usd in seen.items())
    assert spells.height == steps


def test_a_reading_counts_the_rows_it_showed_and_those_it_lost() -> None:
    rows = sightings(
        GPU_OFFERS,
        [
            gpu_offer("a", seen=(0, 3)),
            gpu_offer("b", seen=(1, 1)),
            gpu_offer("c", seen=(1, 2)),
            gpu_offer("d", reading_scope="north", seen=(2, 2)),
        ],
    )
    readings = readings_at([("", at(number)) for number in range(5)] + [("north", at(2)), ("north", at(4))])
    collected = Rows("gpu_offers")
    collected.reject("x", "broken", observed_at=at(2))
    collected.reject("y", "broken", observed_at=at(2))
    _, rejects = conform(GPU_OFFERS, collected.frame(), provenance())
    counted = count_readings(GPU_OFFERS, rows, rejects, readings)
    assert counted.select("reading_scope", "read_at", "row_count", "rejected_count").rows() == [
        ("", at(0), 1, 0),
        ("", at(1), 3, 0),
        ("", at(2), 2, 2),
        ("", at(3), 1, 0),
        ("", at(4), 0, 0),
        ("north", at(2), 1, 0),
        ("north", at(4), 0, 0),
    ]
    assert counted["contract"].unique().to_list() == ["gpu_offers"]


def test_rows_tell_the_readings_they_speak_of() -> None:
    assert stated_readings(offers((0, "2"), (3, "2"))).sort("read_at").rows() == [("", at(0)), ("", at(3))]


@pytest.mark.parametrize("table", SCHEMAS)
def test_sql_can_read_every_table_of_a_lake_nothing_was_loaded_into(lake: Lake, table: str) -> None:
    found = duckdb.sql(f"select * from read_parquet('{lake.root}/{table}/**/*.parquet')")
    assert set(SCHEMAS[table]) <= set(found.columns)
    assert found.fetchall() == []


def test_a_lake_of_before_learns_the_columns_of_today(lake: Lake) -> None:
    """The empty file used to keep the schema of the day it was first written."""
    (empty,) = (lake.root / "throughput").glob("**/*.parquet")
    columns = [name for name in SCHEMAS["throughput"] if name != "configuration_raw"]
    pl.DataFrame(schema=SCHEMAS["throughput"]).select(columns).write_parquet(empty)
    lake.prepare()
    assert set(SCHEMAS["throughput"]) <= set(pl.read_parquet_schema(empty))


def test_a_table_stays_readable_whatever_its_first_file_knows_nothing_of(lake: Lake) -> None:
    """A file whose text columns were all null used to be written without their type."""
    started_at = datetime(2026, 6, 1, 6, tzinfo=UTC)
    for source_id, error in (("aaa", None), ("zzz", "no answer")):
        row = dict.fromkeys(SCHEMAS["fetches"]) | {"source_id": source_id, "started_at": started_at}
        frame = pl.DataFrame([row | {"error": error}], SCHEMAS["fetches"])
        lake.add("fetches", source_id, DAY, "060000", frame)
    found = duckdb.sql(f"select source_id, error from read_parquet('{lake.root}/fetches/**/*.parquet')")
    assert sorted(found.fetchall()) == [("aaa", None), ("zzz", "no answer")]


def test_a_frame_of_another_type_is_refused(lake: Lake) -> None:
    frame = offers((0, "2")).with_columns(pl.col("usd_per_hour").cast(pl.Float64))
    with pytest.raises(TypeError, match="not the schema of gpu_offers"):
        lake.add("gpu_offers", "price_list", DAY, "060000-v1", frame)


def test_a_file_is_found_under_its_source_and_day(lake: Lake) -> None:
    lake.add("gpu_offers", "price_list", DAY, "060000-v1", offers((0, "2")))
    path = lake.root / "gpu_offers" / "source=price_list" / "date=2026-06-01" / "060000-v1.parquet"
    assert path.exists()
    assert lake.holds("gpu_offers", "price_list", DAY, "060000-v1")
    assert not lake.holds("gpu_offers", "price_list", DAY, "060000-v2")
    assert lake.read("gpu_offers", "price_list", DAY)["usd_per_hour"].to_list() == [Decimal(2)]
    assert lake.read("gpu_offers", "price_list", date(2026, 6, 2)).is_empty()


def test_no_file_is_written_for_no_rows(lake: Lake) -> None:
    lake.add("gpu_offers", "price_list", DAY, "060000-v1", offers())
    assert not (lake.root / "gpu_offers" / "source=price_list").exists()


def test_what_a_killed_write_left_is_read_by_nobody(lake: Lake) -> None:
    """DuckDB's *.parquet matches files with a leading dot, too."""
    lake.add("gpu_offers", "price_list", DAY, "060000-v1", offers((0, "2")))
    folder = lake.root / "gpu_offers" / "source=price_list" / "date=2026-06-01"
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(folder / "b.parquet")], check=False)
    assert len(list(folder.iterdir())) == 2
    assert lake.read("gpu_offers", "price_list", DAY).height == 1
    sql = f"select count(*) from read_parquet('{lake.root}/gpu_offers/**/*.parquet')"
    assert duckdb.sql(sql).fetchall() == [(1,)]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_file(path, lambda temporary: temporary.write_bytes(b"old"))

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"ne")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_file(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, b"old"], ids=["no file before", "an old file before"])
def test_a_process_killed_while_it_writes_leaves_the_old_file_or_none(
    tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "table.parquet"
    if before:
        path.write_bytes(before)
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    assert killed.returncode == -9
    assert (path.read_bytes() if path.exists() else None) == before
    assert [found.name[0] for found in tmp_path.iterdir() if found != path] == ["."]


HOLDS_THE_LOCK = """
import sys
from pathlib import Path
from warehouse.files import exclusive

with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_by_one_process_and_free_again_when_it_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "below" / "run.lock"
    command = [sys.executable, "-c", HOLDS_THE_LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Held, match="another process is at work here"), exclusive(path):
            pass
        other.kill()
    with exclusive(path):
        pass
