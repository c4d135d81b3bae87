"""A value is explained by the rows it came from: worked out again from them, and followed to the bytes."""

from __future__ import annotations

import html
import json
import math
import os
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from docs import write
from tests.helpers import price_list
from warehouse import report
from warehouse.archive import Archive
from warehouse.errors import BadQuery, NoPayload, NotOneValue
from warehouse.explain import Explanation, Level, explain
from warehouse.lineage import RULES, SHOWN, Inputs
from warehouse.publish import Release
from warehouse.query import connect
from warehouse.settings import DBT_PROJECT, REPOSITORY

pytestmark = pytest.mark.xdist_group("docs")

AIMARKET = str(Path(sys.executable).with_name("aimarket"))
STANDS_AT = f"{write.AS_OF}T00:00:00+00:00"
MANIFEST = {
    "release_id": "20261123T000000000000Z",
    "created_at": STANDS_AT,
    "as_of": STANDS_AT,
    "code_version": "1",
    "methodology_version": "1.0",
    "tables": {},
    "bytes": 0,
}
ON_SEEDS = {"marts.inference_margin_cases"}
"""Their figures are published statements: rows of a seed with a source, which no reading brought."""
NOT_FROM_ONE_LEVEL = {"marts.leaderboard_scores_daily", "marts.catch_up_lags"}
"""The one is what was read; the other's dates are told, and only some of them end a lag."""
RUNPOD = (
    "price_date = '2026-06-01' and gpu_id = 'h100-sxm-80gb' and provider_id = 'runpod' "
    "and purchase_type = 'on_demand'"
)
MARGIN = (
    "date '2026-05-20' between margin_date and until_date and model_id = 'llama-3-3-70b' "
    "and host_id = 'together' and gpu_id = 'h100-sxm-80gb' and cost_basis = 'rent' "
    "and utilisation_ratio = 0.5"
)


@pytest.fixture(scope="module")
def release(bundled: Path) -> Release:
    return Release(MANIFEST["release_id"], bundled, MANIFEST)


@pytest.fixture(scope="module")
def market(bundled: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(bundled) as connection:
        yield connection


def wanted(market: duckdb.DuckDBPyConnection, mart: str) -> str:
    """Condition on values that stand on observations: none suppressed, none of a stated or scaled input."""
    columns = market.sql(f"select * from {mart} limit 0").columns
    conditions = {
        "status": "status not in ('suppressed', 'imputed')",
        "cost_basis": "cost_basis not in ('owner', 'stated')",
        "throughput_tier": "throughput_tier <> 'none'",
    }
    return " and ".join(["true", *(said for name, said in conditions.items() if name in columns)])


def explained(
    market: duckdb.DuckDBPyConnection, release: Release, mart: str, found: str, count: int = 3
) -> list[Explanation]:
    """Explanations of some of the rows of ``mart`` that a query gives, the same ones in every run."""
    columns = market.sql(f"select * from {mart} limit 0").columns
    rows = market.sql(
        f"select {', '.join(columns)} from ({found}) "
        f"order by md5(cast(({', '.join(columns)}) as varchar)) limit {count}"
    ).fetchall()
    return [
        explain(
            release,
            mart,
            " and ".join(
                f"{name} = '{str(value).replace(chr(39), 2 * chr(39))}'"
                for name, value in zip(columns, row, strict=True)
                if value is not None and not isinstance(value, float)
            ),
        )
        for row in rows
    ]


def level(told: Explanation, number: str) -> Level:
    return next(found for found in told.levels if found.number == number)


def entering(found: Level) -> list[dict[str, Any]]:
    assert found.counted < 200, "the rows are cut"
    return [row for row in found.rows if row["left_out_because"] is None]


def test_every_mart_has_a_rule_and_every_rule_a_mart() -> None:
    marts = {f"marts.{path.stem}" for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql")}
    assert set(RULES) == marts


def test_every_rule_leads_to_a_section_of_the_methodology_and_to_seeds_that_are_there() -> None:
    text = (REPOSITORY / "docs" / "methodology.md").read_text(encoding="utf-8")
    headings = {line.partition("(")[0].strip("# ") for line in text.splitlines() if line.startswith("## ")}
    assert {rule.section for rule in RULES.values()} <= headings
    seeds = {path.stem for path in (DBT_PROJECT / "seeds").glob("*.csv")}
    assert {seed for rule in RULES.values() for seed in rule.seeds} <= seeds


def test_every_table_of_inputs_ends_at_bytes_or_has_a_rule_and_columns_to_show(
    market: duckdb.DuckDBPyConnection,
) -> None:
    for table in {inputs.table for rule in RULES.values() for inputs in rule.inputs}:
        columns = market.sql(f"select * from {table} limit 0").columns
        assert set(SHOWN[table].split()) <= set(columns), table
        assert table in RULES or "payload_ref" in SHOWN[table].split(), table


def test_the_seed_of_boards_names_what_the_rules_take_for_the_headline_of_a_board() -> None:
    """No release holds the seed, so the rules say it again."""
    boards = duckdb.sql(f"from read_csv('{DBT_PROJECT / 'seeds' / 'boards.csv'}')").pl()
    assert boards["board_id"].to_list() == boards["leaderboard"].to_list()
    assert set(boards["category"]) == {"overall"}
    assert set(boards["metric"]) == {"rating", "pass_rate_2", "mean_score", "accuracy"}


@pytest.mark.parametrize("mart", RULES)
def test_values_of_every_mart_come_out_again_and_lead_to_the_bytes(
    market: duckdb.DuckDBPyConnection, release: Release, mart: str
) -> None:
    told = explained(market, release, mart, f"from {mart} where {wanted(market, mart)}")
    assert told
    recomputed = [
        one
        for explanation in told
        for one in [
            *explanation.recomputed,
            *(one for found in explanation.levels for one in found.recomputed),
        ]
    ]
    assert all(one.is_equal for one in recomputed), [one for one in recomputed if not one.is_equal]
    assert recomputed or mart in NOT_FROM_ONE_LEVEL
    for explanation in told:
        assert explanation.description.startswith("Grain: ")
        assert bool(explanation.payloads) != (mart in ON_SEEDS), explanation.value


@pytest.mark.parametrize(
    ("mart", "inputs"),
    [
        pytest.param(mart, inputs, id=f"{mart}: {inputs.what}")
        for mart, rule in RULES.items()
        for inputs in rule.inputs
        if inputs.formula and inputs.excluded != "null"
    ],
)
def test_values_come_out_again_where_something_was_left_out(
    market: duckdb.DuckDBPyConnection, release: Release, mart: str, inputs: Inputs
) -> None:
    """Of up to 4,000 values of a mart those that an input belongs to and does not enter."""
    some = f"""
        select *, row_number() over () as value_id from {mart} where {wanted(market, mart)}
        using sample reservoir(4000 rows) repeatable (1)
    """
    found = f"""
        select distinct value.* from (
            select value, {inputs.excluded} as left_out_because
            from ({some}) as value inner join {inputs.table} as input on {inputs.condition}
        ) where left_out_because is not null
    """
    told = explained(market, release, mart, found, 5)
    if not told:
        pytest.skip("nothing was left out of these in the bundled history")
    levels = [found for explanation in told for found in explanation.levels if found.what == inputs.what]
    assert any(found.left_out for found in levels)
    recomputed = [one for found in levels for one in found.recomputed]
    assert all(one.is_equal for one in recomputed), [one for one in recomputed if not one.is_equal]


def test_the_median_of_a_gpu_price_by_hand(release: Release) -> None:
    told = explain(
        release,
        "gpu_prices_daily",
        "price_date = '2026-06-01' and gpu_id = 'h100-sxm-80gb' and provider_id = 'vastai' "
        "and purchase_type = 'on_demand'",
    )
    rows = entering(level(told, "1"))
    assert len(rows) == told.value["offer_count"] == 7
    median = statistics.median(row["usd_per_gpu_hour"] for row in rows)
    assert median == float(told.value["median_usd_per_gpu_hour"])
    assert all(row["observed_at"] and row["payload_ref"] for row in rows)


def test_an_inference_margin_by_hand(release: Release) -> None:
    told = explain(release, "inference_margins_daily", MARGIN)
    [price] = entering(level(told, "1"))
    rents = entering(level(told, "2"))
    mtok_per_hour = told.value["output_tokens_per_second_per_gpu"] * 3600 / 1e6
    usd_per_hour = 0.5 * mtok_per_hour * float(3 * price["input_usd_per_mtok"] + price["output_usd_per_mtok"])
    cost = statistics.median(float(row["level_usd_per_gpu_hour"]) for row in rents)
    assert math.isclose(1 - cost / usd_per_hour, told.value["gross_margin_ratio"], rel_tol=1e-6)
    spells = entering(level(told, "1.1"))
    assert {row["component"]: row["usd_amount"] for row in spells} == {
        "input": price["input_usd_per_mtok"],
        "output": price["output_usd_per_mtok"],
    }


def test_an_index_relative_by_hand(release: Release) -> None:
    """A month linked to one other: what the same offers cost against then, times the index of then."""
    series = "series_id = 'neocloud/on_demand/0/h100-pcie-80gb' and index_month = '2025-03-01'"
    told = explain(release, "gpu_rental_index_monthly", series)
    [linked] = entering(level(told, "2"))
    sellers = [row for row in entering(level(told, "1")) if row["part"] == "matched"]
    assert len(sellers) == told.value["matched_provider_count"] >= 3
    change = math.prod(1 + float(row["change_ratio"]) for row in sellers) ** (1 / len(sellers))
    assert math.isclose(float(linked["index_value"]) * change, float(told.value["index_value"]), rel_tol=1e-5)
    for seller in sellers:
        name = f"{series} and provider_id = '{seller['provider_id']}'"
        logs: dict[tuple[str, str], dict[bool, list[float]]] = {}
        for row in entering(level(explain(release, "gpu_rental_index_inputs_monthly", name), "2")):
            is_now = f"{row['price_date']:%Y-%m}" == "2025-03"
            offer = logs.setdefault((row["source_id"], row["offer_key"]), {True: [], False: []})
            offer[is_now].append(math.log(row["usd_per_gpu_hour"]))
        moved = statistics.fmean(
            statistics.fmean(offer[True]) - statistics.fmean(offer[False]) for offer in logs.values()
        )
        assert math.isclose(math.exp(moved) - 1, float(seller["change_ratio"]), abs_tol=1e-6)


def test_what_was_left_out_is_told_with_the_reason(release: Release) -> None:
    told = explain(release, "gpu_prices_daily", RUNPOD)
    found = level(told, "1")
    assert found.counted == 1
    assert found.left_out == {"another source speaks for the seller: sooddvs_gpu_pricing": 1}
    [other] = [row for row in found.rows if row["left_out_because"]]
    assert other["source_id"] == "gpu_pricing_tracker"


def test_a_figure_that_was_withheld_is_told_as_such(
    market: duckdb.DuckDBPyConnection, release: Release
) -> None:
    """On the days a figure was withheld its line has no such price, and the rule that says so is named."""
    [day, source, host, model] = (
        market.execute(
            """
        select prices.price_date, prices.source_id, prices.host_raw, prices.model_raw
        from ops.corrections as corrections
        inner join marts.token_prices_daily as prices
            on corrections.source_id = prices.source_id and corrections.seller_raw = prices.host_raw
            and corrections.product_raw = prices.model_raw and prices.service_tier = 'standard'
            and prices.price_date = corrections.withheld_from_date
        where corrections.market = 'token' and corrections.withheld_usd > 0 and prices.min_context_tokens = 0
        order by all limit 1
        """
        ).fetchone()
        or [None] * 4
    )
    told = explain(
        release,
        "token_prices_daily",
        f"price_date = '{day}' and source_id = '{source}' and host_raw = '{host}' and model_raw = '{model}' "
        "and service_tier = 'standard' and min_context_tokens = 0",
    )
    withheld = [
        row for row in level(told, "1").rows if (row["left_out_because"] or "").startswith("withheld: ")
    ]
    assert withheld
    assert all(row["usd_amount"] != told.value[f"{row['component']}_usd_per_mtok"] for row in withheld)


def test_a_price_in_another_currency_leads_to_its_exchange_rate(
    tmp_path: Path, release: Release, bundled: Path
) -> None:
    """Tables as published, with one offer at 2.50 EUR and two rates of the bank."""
    same = {
        "price_date": "2026-06-02",
        "provider_id": "seeweb",
        "gpu_id": "h100-unstated",
        "source_id": "seeweb",
        "purchase_type": "on_demand",
        "commitment_months": 0,
        "price_statistic": "offer",
    }
    rate = {"currency": "EUR", "source_id": "ecb_rates", "payload_ref": "sha256:aa#line 2"}
    rows = {
        "marts.gpu_prices_daily": [
            same | {"median_usd_per_gpu_hour": 2.75, "offer_count": 1},
        ],
        "core.fct_gpu_offer_prices_daily": [
            same
            | {"currency": "EUR", "native_price": 2.5, "usd_per_gpu_hour": 2.75, "fx_rate_date": "2026-06-01"}
            | {"payload_ref": "sha256:bb#plans/0"}
        ],
        "core.fct_fx_rates": [
            rate | {"rate_date": "2026-06-01", "usd_per_unit": 1.1},
            rate | {"rate_date": "2026-06-02", "usd_per_unit": 1.2},
        ],
        "ops.corrections": [],
    }
    small = tmp_path / "market.duckdb"
    with duckdb.connect(str(small)) as connection:
        connection.execute(f"attach '{bundled}' as published (read_only)")
        for table, found in rows.items():
            connection.execute(f"create schema if not exists {table.partition('.')[0]}")
            connection.execute(f"create table {table} as from published.{table} limit 0")
            for row in found:
                connection.execute(
                    f"insert into {table} ({', '.join(row)}) values ({', '.join('?' for _ in row)})",
                    list(row.values()),
                )
        connection.execute("comment on table marts.gpu_prices_daily is 'Grain: one row per price_date.'")
    told = explain(replace(release, path=small), "gpu_prices_daily", "price_date = '2026-06-02'")
    [offer] = entering(level(told, "1"))
    [rate_of_the_day] = entering(level(told, "2"))
    assert rate_of_the_day["rate_date"] == offer["fx_rate_date"]
    assert float(offer["native_price"] * rate_of_the_day["usd_per_unit"]) == 2.75
    assert told.payloads == {"sha256:bb": "seeweb", "sha256:aa": "ecb_rates"}


def test_all_inputs_are_counted_and_the_query_of_a_level_gives_them_all(
    market: duckdb.DuckDBPyConnection, release: Release
) -> None:
    told = explain(
        release,
        "token_price_index_monthly",
        "index_kind = 'matched' and series = 'blended' and price_month = '2026-04-01'",
    )
    found = level(told, "1")
    assert len(found.rows) < found.counted
    rows = market.sql(found.sql).pl()
    reasons = rows["left_out_because"]
    assert reasons.null_count() == found.counted
    assert {
        reason: reasons.to_list().count(reason) for reason in reasons.unique() if reason
    } == found.left_out


def test_a_mart_may_be_named_without_its_schema(release: Release) -> None:
    assert explain(release, "marts.claims", "claim_id = 'G50'") == explain(
        release, " Claims", "claim_id = 'G50'"
    )


@pytest.mark.parametrize(
    ("mart", "where", "said"),
    [
        ("gpu_pricez", "true", "there is no mart gpu_pricez; nearest: marts.gpu_prices_daily"),
        ("core.dim_gpus", "true", "there is no mart core.dim_gpus"),
        ("claims", "claim_id = = 3", "syntax error"),
        ("claims", "claim = 'G50'", "Candidate bindings: .*claim_id"),
        ("claims", "true) select 1; select (1", "one condition|syntax error"),
        ("claims", "true); create table mine as (select 1", "one condition|syntax error|read-only"),
    ],
)
def test_a_question_that_is_none_gets_a_clear_answer(
    release: Release, mart: str, where: str, said: str
) -> None:
    with pytest.raises(BadQuery, match=said):
        explain(release, mart, where)


def test_a_condition_for_several_rows_is_told_how_to_name_one(release: Release) -> None:
    with pytest.raises(NotOneValue, match=r"7 rows of marts.claims match; name one, .*\n  claim_id = 'G50'"):
        explain(release, "claims", "true")
    with pytest.raises(NotOneValue, match=r"no row of marts.claims matches, for example\n  claim_id = "):
        explain(release, "claims", "claim_id = 'G99'")


def test_a_release_from_before_a_mart_was_there_says_so(tmp_path: Path, release: Release) -> None:
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute("create schema marts")
    with pytest.raises(BadQuery, match=r"has no marts\.claims; `aimarket build`"):
        explain(replace(release, path=tmp_path / "old.duckdb"), "claims", "true")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bundled: Path) -> Path:
    """The bundled history as the current release of a home."""
    place = tmp_path_factory.mktemp("explain")
    path = place / "releases" / f"market-{MANIFEST['release_id']}.duckdb"
    path.parent.mkdir()
    path.symlink_to(bundled)
    path.with_suffix(".json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    (place / "market.duckdb").symlink_to(path)
    return place


def type_in(home: Path, *arguments: str, exits: int = 0, stdin: str = "") -> str:
    done = subprocess.run(
        [AIMARKET, *arguments],
        env=os.environ | {"AIMARKET_HOME": str(home)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_reader_sees_value_formula_inputs_reasons_and_how_to_read_the_bytes(home: Path) -> None:
    said = type_in(home, "explain", "gpu_prices_daily", "--where", RUNPOD)
    for part in (
        "median_usd_per_gpu_hour  3.29",
        "Method: version 1.0, docs/methodology.md, 'GPU rental prices'",
        "median_usd_per_gpu_hour: 3.29 from these, 3.29 published",
        "1 offers of the seller on the day: 1 enter, 1 left out  core.fct_gpu_offer_prices_daily",
        "left out, 1: another source speaks for the seller: sooddvs_gpu_pricing",
    ):
        assert part in said
    assert re.search(r'git show "[0-9a-f]{40}:gpu_pricing_raw.csv"', said)


def test_a_list_that_is_cut_says_which_command_gives_all(home: Path) -> None:
    said = type_in(home, "explain", "inference_margins_daily", "--where", MARGIN)
    shown, count = map(
        int, re.findall(r"(\d+) of (\d+) shown; all of them:\n  aimarket explain .* --sql 2 ", said)[0]
    )
    assert shown == 8
    query = type_in(home, "explain", "inference_margins_daily", "--where", MARGIN, "--sql", "2")
    rows = json.loads(type_in(home, "sql", "-", "--format", "json", stdin=query))
    assert len(rows) == count > shown
    refused = type_in(home, "explain", "inference_margins_daily", "--where", MARGIN, "--sql", "9", exits=2)
    assert "there is no level 9" in refused


def test_machines_get_one_document(home: Path) -> None:
    told = json.loads(type_in(home, "explain", "inference_margins_daily", "--where", MARGIN, "--json"))
    assert told["mart"] == "marts.inference_margins_daily"
    assert told["methodology_version"] == "1.0"
    assert all(one["is_equal"] for one in told["recomputed"])
    assert [found["number"] for found in told["levels"]] == ["1", "1.1", "2", "2.1", "2.1.1"]
    offers = told["levels"][-1]
    assert len(offers["rows"]) == offers["counted"] + sum(offers["left_out"].values())
    assert all(row["payload_ref"] and row["observed_at"] and row["provider_id"] for row in offers["rows"])


def test_every_command_of_the_report_explains_one_value(
    market: duckdb.DuckDBPyConnection, release: Release
) -> None:
    site = report.render(market, MANIFEST)
    pages = [html.unescape(text) for name, text in site.items() if name.endswith(".html")]
    commands = {
        found for page in pages for found in re.findall(r'aimarket explain \w+ --where "[^"]+"', page)
    }
    told = [explain(release, *shlex.split(command)[2::2]) for command in sorted(commands)]
    assert {
        "marts.h100_rental_decline",
        "marts.gpu_rental_index_monthly",
        "marts.gpu_rental_steps_monthly",
        "marts.token_price_index_monthly",
        "marts.token_prices_blended_daily",
        "marts.capability_prices_monthly",
        "marts.price_performance_frontier",
        "marts.capability_gap_daily",
        "marts.catch_up_medians",
        "marts.inference_margin_cases",
        "marts.inference_margin_index_monthly",
        "marts.training_costs_monthly",
        "marts.rent_vs_buy_monthly",
    } == {explanation.mart for explanation in told}
    assert all(explanation.value.get("status") != "suppressed" for explanation in told)


def test_the_bytes_of_a_payload_come_out_as_they_were_received(home: Path) -> None:
    body = price_list(a="2.00")
    digest = Archive(home / "raw").put(body)
    assert type_in(home, "payload", f"sha256:{digest}#offers/0") == body.decode()


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("git:26d0:prices.csv#line 3", "git show 26d0:prices.csv"),
        ("file:prices.csv#line 3", "read from the file prices.csv"),
        ("sha256:" + 64 * "0" + "#offers/0", "no object 0000"),
        ("sha256:../../etc/passwd", "is no payload_ref"),
        ("nonsense", "is no payload_ref"),
    ],
)
def test_a_payload_that_is_not_here_says_where_it_is(archive: Archive, ref: str, said: str) -> None:
    with pytest.raises(NoPayload, match=said):
        archive.payload(ref)


def test_a_damaged_payload_is_not_passed_off_as_the_bytes(archive: Archive) -> None:
    digest = archive.put(b"whole")
    path = archive.root / "objects" / digest[:2] / f"{digest}.zst"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(NoPayload, match="is damaged"):
        archive.payload(f"sha256:{digest}#0")
