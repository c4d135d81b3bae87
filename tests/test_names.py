"""Names: what the rules make of labelled ones, and what `aimarket names` proposes for those left open."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipeline.names import SEEDS, UNKNOWN_ID, OpenName, open_names
from tests.helpers import gpu_offer, provenance, token_price
from tests.models import Models
from warehouse.contracts import CONTRACTS, conform
from warehouse.settings import HISTORY

pytestmark = pytest.mark.xdist_group("models")

LABELLED = Path(__file__).parent / "labelled"
LEAST_LABELS = 200
LARGEST_OPEN_RATIO = 0.02
"""Of the labelled names that name something, the share that may stay without identity."""
READ_AT = datetime(2026, 12, 1, tzinfo=UTC)
"""After every label."""
MODEL_ROWS: dict[str, dict[str, Any]] = {
    "token_prices": token_price(),
    "leaderboard_scores": {
        "leaderboard": "board",
        "board_version": "1",
        "category": "overall",
        "metric": "rating",
        "score": 1000.0,
        "score_unit": "elo",
    },
    "model_facts": {},
    "throughput": {"gpu_raw": "H100", "gpu_count": 8.0, "output_tokens_per_second_per_gpu": 100.0},
}
"""Per contract the values that a row needs beside the name."""
OPEN_NAMES = {"gpu": "Rixel Nova 7000", "provider": "Nowhere Cloud", "model": "Unheard-Of 5, Turbo"}
GIVEN = ("gpu_offers", "hardware_prices", *MODEL_ROWS)

Built = Mapping[str, pl.DataFrame]


def labels(kind: str) -> list[dict[str, str]]:
    with (LABELLED / f"{kind}_names.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def gpu_row(place: int, label: dict[str, str]) -> dict[str, Any]:
    return gpu_offer(
        f"labelled {place}",
        gpu_raw=label["gpu_raw"],
        interconnect_raw=label["interconnect_raw"] or None,
        instance_type=label["instance_type"] or None,
        provider_raw=label["provider_raw"],
        gpu_memory_gb=float(label["gpu_memory_gb"]) or None,
    )


def model_row(label: dict[str, str]) -> dict[str, Any]:
    row = MODEL_ROWS[label["contract"]] | {"model_raw": label["model_raw"]}
    if label["contract"] in ("token_prices", "model_facts"):
        row["host_raw"] = label["host_raw"]
    else:
        row["evaluated_date"] = date.fromisoformat(label["observed_date"])
    return row | {"observed_at": datetime.fromisoformat(label["observed_date"] + "T00:00:00+00:00")}


def as_contract(table: str, source_id: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows as that source's; none may break the contract."""
    known = provenance(source_id=source_id, observed_at=READ_AT, recorded_at=READ_AT)
    conformed = conform(CONTRACTS[table], pl.DataFrame(rows, infer_schema_length=None), known)
    assert conformed.rejects.is_empty(), conformed.rejects["reason"].to_list()
    return conformed.rows


@pytest.fixture(scope="module")
def given() -> Built:
    """The labelled names among the bundled ones, and three that nothing resolves, as staging shows them."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for place, label in enumerate(labels("gpu")):
        rows.setdefault(("gpu_offers", label["source_id"]), []).append(gpu_row(place, label))
    for label in labels("model"):
        rows.setdefault((label["contract"], label["source_id"]), []).append(model_row(label))
    open_gpu = gpu_offer("open", gpu_raw=OPEN_NAMES["gpu"], provider_raw=OPEN_NAMES["provider"])
    rows["gpu_offers", "vastai"].append(open_gpu)
    open_model = token_price(host_raw="deepinfra", model_raw=OPEN_NAMES["model"], observed_at=READ_AT)
    rows["token_prices", "deepinfra"].append(open_model)
    tables = {table: CONTRACTS[table].empty() for table in GIVEN}
    for file in (file for table in GIVEN for file in HISTORY.glob(f"{table}/*/*/*.parquet")):
        tables[file.parts[-4]].vstack(pl.read_parquet(file, hive_partitioning=False), in_place=True)
    for (table, source_id), found in rows.items():
        tables[table].vstack(as_contract(table, source_id, found), in_place=True)
    return {
        f"stg_{table}": frame.with_columns(
            pl.col(name).dt.replace_time_zone(None)
            for name, dtype in frame.schema.items()
            if isinstance(dtype, pl.Datetime)
        )
        for table, frame in tables.items()
    }


@pytest.fixture(scope="module")
def built(models: Models, given: Built) -> Built:
    wanted = ("int_gpu_names__matched", "int_model_names__matched", "unresolved_names")
    return models.build(given, *wanted)


def assert_right(kind: str, names: pl.DataFrame, same: str, expected: str, answer: str) -> None:
    """No label became something else, and few became nothing. SQL over `label` and `name`."""
    label_rows = pl.DataFrame(labels(kind))
    connection = duckdb.connect()
    connection.register("labels", label_rows)
    connection.register("names", names)
    judged = connection.execute(
        f"select label, {expected} as expected, list(distinct {answer}) as answers "
        f"from labels as label inner join names as name on label.source_id = name.source_id and {same} "
        "group by all"
    ).fetchall()
    assert len(judged) == len(label_rows) >= LEAST_LABELS
    wrong, still_open = [], []
    for label, right, (said, *others) in judged:
        if [said, *others] != [right]:
            (still_open if said["id"] == "none" and not others else wrong).append((label, said, *others))
    assert not wrong, "\n".join(map(str, wrong))
    named = sum(right["id"] != "none" for _, right, _ in judged)
    assert len(still_open) <= LARGEST_OPEN_RATIO * named, "\n".join(map(str, still_open))


def test_no_labelled_gpu_becomes_another(built: Built) -> None:
    assert_right(
        "gpu",
        built["int_gpu_names__matched"],
        "label.gpu_raw = name.gpu_raw and label.interconnect_raw = name.interconnect_raw "
        "and label.instance_type = name.instance_type and label.provider_raw = name.provider_raw "
        "and label.gpu_memory_gb::double = name.gpu_memory_gb",
        expected="{id: label.expected}",
        answer="{id: coalesce(name.gpu_id, 'none')}",
    )


def test_no_labelled_model_becomes_another(built: Built) -> None:
    assert_right(
        "model",
        built["int_model_names__matched"],
        "label.contract = name.contract and label.host_raw = name.host_raw "
        "and label.model_raw = name.model_raw and label.observed_date::date >= name.valid_from "
        "and label.observed_date::date < name.valid_to",
        expected="{id: label.expected, snapshot: label.snapshot_name, variant: label.variant}",
        answer="{id: coalesce(name.model_id, 'none'), snapshot: coalesce(name.snapshot_name, ''), "
        "variant: coalesce(name.variant, '')}",
    )


def test_the_rows_that_names_proposes_resolve_the_names(
    models: Models, given: Built, built: Built, small_release: duckdb.DuckDBPyConnection
) -> None:
    left_open = built["unresolved_names"]
    small_release.execute("insert into ops.unresolved_names by name from left_open")
    proposed = {
        kind: next(name for name in open_names(small_release, kind, 10_000) if name.name_raw == name_raw)
        for kind, name_raw in OPEN_NAMES.items()
    }
    seeds = {SEEDS[kind].stem: filled_in(name) for kind, name in proposed.items()}
    after = models.build({**given, **seeds}, "unresolved_names")["unresolved_names"]
    assert set(key_of(left_open)) - set(key_of(after)) == set(OPEN_NAMES.items())
    assert set(key_of(after)) <= set(key_of(left_open))


def filled_in(name: OpenName) -> pl.DataFrame:
    """The name's seed with the proposed row behind the others, in it the id that a person would put."""
    assert not name.has_proposal
    lines = SEEDS[name.kind].read_text(encoding="utf-8").splitlines()
    known_id = {"gpu": "h100-unstated", "provider": "vultr", "model": "gpt-4"}[name.kind]
    row = name.seed_row.replace(UNKNOWN_ID, known_id)
    return pl.read_csv("\n".join([*lines, row]).encode(), infer_schema=False)


def key_of(names: pl.DataFrame) -> list[tuple[str, str]]:
    return names.select("kind", "name_raw").rows()


@pytest.fixture
def small_release() -> Iterator[duckdb.DuckDBPyConnection]:
    """Three known models, a known GPU, a known provider and no open name."""
    with duckdb.connect() as connection:
        connection.execute("create schema core; create schema ops")
        connection.execute(
            "create table core.dim_gpus as select 'h100-unstated' as gpu_id, 'H100' as gpu_name"
        )
        connection.execute(
            "create table core.dim_providers as select 'vultr' as provider_id, 'Vultr' as provider_name"
        )
        connection.execute(
            "create table core.dim_models as from (values ('deepseek-v3', 'DeepSeek V3'), "
            "('gpt-5-codex', 'GPT-5 Codex'), ('claude-opus-4', 'Claude Opus 4')) as t(model_id, model_name)"
        )
        connection.execute(
            "create table ops.unresolved_names "
            "(kind text, market text, name_raw text, name_key text, source_ids text, row_count bigint, "
            "first_observed_at timestamp, last_observed_at timestamp)"
        )
        yield connection


@pytest.mark.parametrize(
    ("name_key", "nearest", "seed_row"),
    [
        ("deepsek-v3", "deepseek-v3", "deepsek-v3,,deepseek-v3,,,"),
        # A model of its own: one number more than the known one.
        ("gpt-5-7-codex", "gpt-5-codex", "gpt-5-7-codex,,?,,,"),
        ("claude-sonnet", "claude-opus-4", "claude-sonnet,,?,,,"),
    ],
)
def test_only_what_is_near_and_has_the_same_numbers_is_proposed(
    small_release: duckdb.DuckDBPyConnection, name_key: str, nearest: str, seed_row: str
) -> None:
    small_release.execute(
        "insert into ops.unresolved_names values ('model', 'token', ?, ?, 's', 1, null, null)",
        [name_key, name_key],
    )
    (name,) = open_names(small_release, "model", 10)
    assert (name.candidates[0].id, name.seed_row) == (nearest, seed_row)
    assert name.has_proposal == (UNKNOWN_ID not in seed_row)


def test_spellings_that_the_seed_writes_alike_are_one_name_and_the_commonest_comes_first(
    small_release: duckdb.DuckDBPyConnection,
) -> None:
    small_release.execute(
        "insert into ops.unresolved_names values "
        "('model', 'token', 'Rare', 'rare', 'a', 4, null, null), "
        "('model', 'token', 'New 1', 'new-1', 'b a', 3, null, null), "
        "('model', 'token', 'new-1', 'new-1', 'c a', 2, null, null)"
    )
    names = open_names(small_release, "model", 10)
    assert [(name.name_raw, name.rows, name.source_ids) for name in names] == [
        ("New 1", 5, ["a", "b", "c"]),
        ("Rare", 4, ["a"]),
    ]
    assert [name.name_raw for name in open_names(small_release, "model", 1)] == ["New 1"]
