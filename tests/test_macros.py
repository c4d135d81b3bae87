"""What people call inside a release, over a few rows whose answers are worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.desk import GRAINS, VERSIONS, Desk
from warehouse.publish import MACROS, publish
from warehouse.query import connect

GPU_TABLES = [
    """
    create table marts.gpu_price_trends_daily as from (values
        (date '2026-06-01', 'neocloud', 'on_demand', 0, 'h100-sxm-80gb', 2.5::decimal(18, 6), 'final'),
        (date '2026-06-01', 'neocloud', 'reserved', 12, 'h100-sxm-80gb', 1.9, 'final'),
        (date '2026-06-01', 'hyperscaler', 'on_demand', 0, 'h100-sxm-80gb', 9.8, 'provisional'),
        (date '2026-06-02', 'neocloud', 'on_demand', 0, 'h100-sxm-80gb', 2.4, 'suppressed'),
        (date '2026-06-01', 'neocloud', 'on_demand', 0, 'b200-sxm-180gb', 4.4, 'final')
    ) as t (
        price_date, segment, purchase_type, commitment_months, gpu_id, level_usd_per_gpu_hour, status
    )
    """,
    """
    create table marts.gpu_prices_daily as
    select *, usd as min_usd_per_gpu_hour, 1 as offer_count, now()::timestamp as last_observed_at,
        true as is_index_input
    from (values
        (date '2026-06-01', 'h100-sxm-80gb', 'lambda', 'neocloud', 'on_demand', 0, 3.0::decimal(18, 6), 3.0),
        (date '2026-06-01', 'h100-sxm-80gb', 'vastai', 'marketplace', 'on_demand', 0, 2.0, 1.0),
        (date '2026-06-02', 'h100-sxm-80gb', 'lambda', 'neocloud', 'on_demand', 0, 1.0, 1.0)
    ) as t (
        price_date, gpu_id, provider_id, segment, purchase_type, commitment_months,
        median_usd_per_gpu_hour, usd
    )
    """,
]
TOKEN_TABLE = """
    create table marts.token_prices_daily as
    select *, 'list' as source_id, now()::timestamp as last_observed_at
    from (values
        (date '2026-06-01', 'openai', 'gpt-4o', 2.5::decimal(18, 9), 10, 1.25, 4.375, true, false),
        (date '2026-06-01', 'azure', 'gpt-4o', 2.5, 10, null, 4.375, true, false),
        (date '2026-06-01', 'reseller', 'gpt-4o', 5, 20, null, 8.75, true, false),
        (date '2026-06-01', 'charity', 'gpt-4o', 0, 0, null, 0, true, true),
        (date '2026-06-01', 'openai', 'gpt-4o', 1.25, 5, null, 2.1875, false, false),
        (date '2026-06-02', 'openai', 'gpt-4o', 2.5, 10, 1.25, 4.375, true, false),
        (date '2026-06-02', 'reseller', 'gpt-4o', 5, 20, null, 8.75, true, false)
    ) as t (
        price_date, host_id, model_id, input_usd_per_mtok, output_usd_per_mtok, cache_read_usd_per_mtok,
        blended_usd_per_mtok, is_primary, is_free
    )
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = Desk(tmp_path_factory.mktemp("macros") / "home")
    desk.built(*GPU_TABLES, TOKEN_TABLE)
    macros = MACROS.read_text(encoding="utf-8")
    return publish(desk.build, desk.results, desk.releases, desk.pointer, VERSIONS, GRAINS, macros).path


@pytest.fixture
def ask(release: Path) -> Iterator[Any]:
    with connect(release) as connection:
        yield lambda query: connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("call", "usd"),
    [
        ("gpu_price('h100-sxm-80gb', date '2026-06-01')", "2.5"),
        ("marts.gpu_price('H100-SXM-80GB', '2026-06-01')", "2.5"),
        ("gpu_price('h100-sxm-80gb', timestamp '2026-06-01 23:59:00')", "2.5"),
        ("gpu_price('h100-sxm-80gb', '2026-06-01', segment := 'hyperscaler')", "9.8"),
        (
            "gpu_price('h100-sxm-80gb', '2026-06-01', purchase_type := 'reserved', commitment_months := 12)",
            "1.9",
        ),
        ("gpu_price('b200-sxm-180gb', '2026-06-01')", "4.4"),
        # A level without support, a day without data, a cell nobody serves, a name nobody knows.
        ("gpu_price('h100-sxm-80gb', '2026-06-02')", None),
        ("gpu_price('h100-sxm-80gb', '2026-06-03')", None),
        ("gpu_price('h100-sxm-80gb', '2026-06-01', segment := 'marketplace')", None),
        ("gpu_price('h100', '2026-06-01')", None),
        # The median of three hosts that ask a price; a host's second line and the free offer do not count.
        ("token_price('gpt-4o', '2026-06-01')", "4.375"),
        # Of two hosts, the middle.
        ("token_price('GPT-4o', '2026-06-02')", "6.5625"),
        ("token_price('gpt-4o', '2026-06-02', host := 'openai')", "4.375"),
        ("token_price('gpt-4o', '2026-06-01', component := 'input')", "2.5"),
        ("token_price('gpt-4o', '2026-06-02', component := 'output', host := 'reseller')", "20"),
        ("token_price('gpt-4o', '2026-06-01', component := 'cache_read')", "1.25"),
        ("token_price('gpt-4o', '2026-06-01', host := 'charity')", None),
        ("token_price('gpt-4o', '2025-06-01')", None),
        ("token_price('gpt-5', '2026-06-01')", None),
    ],
)
def test_a_price_is_one_number_or_none(ask: Any, call: str, usd: str | None) -> None:
    assert ask(f"select {call}") == [(Decimal(usd) if usd else None,)]


def test_prices_join_to_days(ask: Any) -> None:
    query = (
        "select cast(day as date), gpu_price('h100-sxm-80gb', day), "
        "token_price('gpt-4o', day, host := 'openai') "
        "from range(date '2026-05-31', date '2026-06-03', interval 1 day) as days (day) order by 1"
    )
    assert ask(query) == [
        (date(2026, 5, 31), None, None),
        (date(2026, 6, 1), Decimal("2.5"), Decimal("4.375")),
        (date(2026, 6, 2), None, Decimal("4.375")),
    ]


def test_an_unknown_component_is_an_error(ask: Any) -> None:
    with pytest.raises(duckdb.Error, match="component is blended, input, output or cache_read"):
        ask("select token_price('gpt-4o', '2026-06-01', component := 'audio')")


def test_sellers_are_listed_cheapest_first(ask: Any) -> None:
    assert ask(
        "select provider_id, median_usd_per_gpu_hour from gpu_prices('h100-sxm-80gb', '2026-06-01')"
    ) == [
        ("vastai", Decimal(2)),
        ("lambda", Decimal(3)),
    ]
    assert ask("select host_id, is_free from token_prices('gpt-4o', '2026-06-01')") == [
        ("charity", True),
        ("azure", False),
        ("openai", False),
        ("reseller", False),
    ]


def test_every_macro_says_what_it_answers(ask: Any) -> None:
    macros = ask(
        "select function_name, comment from duckdb_functions() "
        "where schema_name = 'marts' and not internal order by 1"
    )
    assert [name for name, _ in macros] == ["as_of", "gpu_price", "gpu_prices", "token_price", "token_prices"]
    assert all(len(comment) > 80 for _, comment in macros)
    priced = {name: comment for name, comment in macros if name != "as_of"}
    assert all("USD" in comment for comment in priced.values())


def test_macros_answer_where_a_tool_made_the_release_its_default(release: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release}' as market (read_only); use market")
        assert connection.sql("select marts.gpu_price('h100-sxm-80gb', '2026-06-01')").fetchall() == [
            (Decimal("2.5"),)
        ]
