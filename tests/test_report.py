"""The report, rendered from small real databases and opened in a real browser where there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from warehouse import report
from warehouse.errors import NoRelease
from warehouse.report import capability
from warehouse.report.charts import numbers
from warehouse.report.market import Point
from warehouse.settings import settings

SQL = Path(__file__).parents[1] / "sql" / "models"
RELEASE = {
    "release_id": "20260302T070000000000Z",
    "created_at": "2026-03-02T07:00:00+00:00",
    "code_version": "0.1.0",
    "methodology_version": "1.0",
    "as_of": "2026-03-02T06:00:00Z",
}
HOSTILE_MODEL = "</script><script>alert('model')</script><img src=https://evil.example/x onerror=alert(1)>"
HOSTILE_SELLER = '=HYPERLINK("https://evil.example")\u2028<!--<b onmouseover=alert(2)>'
CHROMIUM = next(
    filter(
        None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    ),
    None,
)

SCHEMA = """
    create schema core; create schema marts; create schema ops;
    create table core.dim_gpus (gpu_id varchar, gpu_name varchar);
    create table core.dim_labs (lab_id varchar, lab_name varchar);
    create table core.dim_models (model_id varchar, model_name varchar, lab_id varchar);
    create table core.dim_providers (provider_id varchar, provider_name varchar);
    create table marts.h100_rental_decline (
        series_id varchar, segment varchar, purchase_type varchar, commitment_months integer, gpu_id varchar,
        first_date date, last_date date, observed_days integer, is_thin boolean,
        latest_date date, age_days integer, latest_usd_per_gpu_hour decimal(18, 6),
        peak_usd_per_gpu_hour decimal(18, 6), trough_usd_per_gpu_hour decimal(18, 6), peak_date date,
        trough_date date, is_left_censored boolean, is_trough_confirmed boolean,
        drawdown_ratio decimal(12, 6), matched_drawdown_ratio decimal(12, 6), rebound_ratio decimal(12, 6),
        matched_provider_count integer,        status varchar, status_reason varchar
    );
    create table marts.gpu_price_trends_daily (
        price_date date, series_id varchar, smoothed_usd_per_gpu_hour decimal(18, 6),
        smoothed_day_count integer
    );
    create table marts.token_prices_daily (
        price_date date, host_id varchar, model_raw varchar, model_id varchar, lab_id varchar,
        blended_usd_per_mtok decimal(18, 6), is_primary boolean
    );
    create table marts.capability_prices_monthly (
        price_date date, leaderboard varchar, board_version varchar, score_date date, reference_model varchar,
        usd_per_mtok decimal(18, 6), model_id varchar, host_id varchar, status varchar
    );
    create table marts.token_price_changes (
        change_date date, host_id varchar, model_raw varchar, model_id varchar, component varchar,
        service_tier varchar, old_usd_per_mtok decimal(18, 6), new_usd_per_mtok decimal(18, 6), ratio double,
        days_held integer
    );
    create table marts.leaderboard_scores_daily (
        score_date date, leaderboard varchar, board_version varchar, category varchar, metric varchar,
        model_raw varchar, model_id varchar, score double, score_unit varchar, is_open_weights boolean,
        is_withdrawn boolean
    );
    create table marts.inference_margin_cases (
        stated_date date, case_id varchar, case_name varchar, utilisation_ratio double,
        gross_margin_ratio double, markup_ratio double, break_even_utilisation_ratio double
    );
    create table marts.inference_margins_daily (
        margin_date date, until_date date, model_id varchar, host_id varchar, gpu_id varchar,
        cost_basis varchar, utilisation_ratio double, throughput_tier varchar, gross_margin_ratio double,
        markup_ratio double, break_even_utilisation_ratio double
    );
    create table ops.source_freshness (
        source_id varchar, publisher varchar, kind varchar, last_attempt_at timestamp, last_outcome varchar,
        last_error_kind varchar, last_error varchar, last_reading_at timestamp, age_days integer,
        row_count bigint, rejected_count bigint, is_stalled boolean, stalled_reason varchar
    );
"""


def days(first: str, last: str) -> Iterator[date]:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        yield day
        day += timedelta(days=1)


def insert(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


def new_market(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute(SCHEMA)
    return connection


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """One H100 series that fell from 4.00 to 2.00 and came back to 2.50, one that is suppressed; GPT-4 at
    37.50 and a hostile model of its class at 0.50; one board; one stated margin; sources in every state."""
    insert(connection, "core.dim_gpus", {"gpu_id": "h100-sxm-80gb", "gpu_name": "H100 SXM 80GB"})
    insert(connection, "core.dim_labs", {"lab_id": "openai", "lab_name": "OpenAI"})
    insert(connection, "core.dim_labs", {"lab_id": "meta", "lab_name": "Meta"})
    insert(
        connection,
        "core.dim_models",
        {"model_id": "gpt-4", "model_name": "GPT-4", "lab_id": "openai"},
        {"model_id": "hostile", "model_name": HOSTILE_MODEL, "lab_id": "meta"},
        {"model_id": "small", "model_name": "Small", "lab_id": "meta"},
    )
    insert(connection, "core.dim_providers", {"provider_id": "other", "provider_name": HOSTILE_SELLER})
    insert(
        connection,
        "marts.h100_rental_decline",
        {
            "series_id": "neocloud/on_demand/0/h100-sxm-80gb",
            "segment": "neocloud",
            "purchase_type": "on_demand",
            "commitment_months": 0,
            "gpu_id": "h100-sxm-80gb",
            "first_date": "2024-01-01",
            "last_date": "2026-03-01",
            "observed_days": 700,
            "is_thin": False,
            "latest_date": "2026-03-01",
            "age_days": 1,
            "latest_usd_per_gpu_hour": "2.5",
            "peak_usd_per_gpu_hour": "4",
            "trough_usd_per_gpu_hour": "2",
            "peak_date": "2024-06-01",
            "trough_date": "2025-10-01",
            "is_left_censored": False,
            "is_trough_confirmed": True,
            "drawdown_ratio": "-0.375",
            "matched_drawdown_ratio": "-0.25",
            "matched_provider_count": 3,
            "rebound_ratio": "0.25",
            "status": "provisional",
        },
        {
            "series_id": "marketplace/spot/0/h100-sxm-80gb",
            "segment": "marketplace",
            "purchase_type": "spot",
            "commitment_months": 0,
            "gpu_id": "h100-sxm-80gb",
            "first_date": "2026-02-20",
            "last_date": "2026-03-01",
            "observed_days": 10,
            "is_thin": True,
            "latest_date": "2026-03-01",
            "age_days": 1,
            "status": "suppressed",
            "status_reason": "fewer than 30 days <seen>",
        },
    )
    series = "neocloud/on_demand/0/h100-sxm-80gb"
    for day, usd in (
        ("2024-01-01", 3),
        ("2024-01-02", 3),
        ("2024-01-03", 4),
        ("2024-01-11", 4),
        ("2024-01-20", 2),
    ):
        insert(
            connection,
            "marts.gpu_price_trends_daily",
            {
                "price_date": day,
                "series_id": series,
                "smoothed_usd_per_gpu_hour": usd,
                "smoothed_day_count": 28,
            },
        )
    for model, host, usd, first, last in (
        ("gpt-4", "openai", "37.5", "2026-01-01", "2026-03-01"),
        ("hostile", "seller", "0.5", "2026-01-01", "2026-02-10"),
        ("hostile", "seller", "0.0005", "2026-02-11", "2026-02-13"),
        ("hostile", "seller", "0.25", "2026-02-14", "2026-03-01"),
        ("hostile", "other", "1", "2026-01-01", "2026-03-01"),
        ("hostile", "third", "2", "2026-01-01", "2026-03-01"),
        ("hostile", "meta", "0.75", "2026-02-20", "2026-03-01"),
        ("withdrawn", "meta", "0.02", "2026-01-01", "2026-03-01"),
        ("small", "seller", "0.01", "2026-01-01", "2026-03-01"),
        ("small", "other", "0.01", "2026-01-01", "2026-03-01"),
    ):
        for day in days(first, last):
            insert(
                connection,
                "marts.token_prices_daily",
                {
                    "price_date": day,
                    "host_id": host,
                    "model_raw": model,
                    "model_id": model,
                    "lab_id": "openai" if model == "gpt-4" else "meta",
                    "blended_usd_per_mtok": usd,
                    "is_primary": True,
                },
            )
    for day in ("2026-01-10", "2026-02-10"):
        for model, score, is_open in (
            ("gpt-4", 1186, False),
            ("hostile", 1190, True),
            ("small", 1100, True),
            ("withdrawn", 1400, True),
        ):
            insert(
                connection,
                "marts.leaderboard_scores_daily",
                {
                    "score_date": day,
                    "leaderboard": "lmarena",
                    "board_version": "text",
                    "category": "overall",
                    "metric": "elo",
                    "model_raw": model,
                    "model_id": model,
                    "score": score,
                    "score_unit": "elo",
                    "is_open_weights": is_open,
                    "is_withdrawn": model == "withdrawn",
                },
            )
    in_class = {
        "leaderboard": "lmarena",
        "board_version": "text",
        "score_date": "2026-01-10",
        "reference_model": "gpt-4-0314",
        "model_id": "hostile",
        "host_id": "other",
        "status": "final",
    }
    insert(
        connection,
        "marts.capability_prices_monthly",
        {**in_class, "price_date": "2026-01-31", "usd_per_mtok": "0.5"},
        {**in_class, "price_date": "2026-02-28", "usd_per_mtok": "0.75"},
        {**in_class, "price_date": "2026-03-01", "status": "suppressed"},
        {**in_class, "price_date": "2026-02-28", "usd_per_mtok": "9", "reference_model": "gpt-4o"},
    )
    step = {
        "change_date": "2026-02-14",
        "host_id": "other",
        "model_raw": HOSTILE_MODEL,
        "model_id": "hostile",
        "component": "input",
        "service_tier": "standard",
        "old_usd_per_mtok": "0.4",
        "new_usd_per_mtok": "0.1",
        "ratio": 0.25,
        "days_held": 41,
    }
    smaller = {"component": "output", "old_usd_per_mtok": "0.8", "new_usd_per_mtok": "0.7", "ratio": 0.875}
    old = {"model_id": "small", "ratio": 0.1, "change_date": "2025-06-01"}
    own = {"host_id": "openai", "model_id": "gpt-4", "old_usd_per_mtok": "60", "new_usd_per_mtok": "30"}
    for changed in ({}, smaller, old, {**own, "ratio": 0.5, "change_date": "2025-06-01"}):
        insert(connection, "marts.token_price_changes", {**step, **changed})
    stated = {
        "stated_date": "2026-03-01",
        "case_id": "H04",
        "case_name": "A stated fleet day",
        "utilisation_ratio": 1,
        "gross_margin_ratio": 0.8,
        "markup_ratio": 4,
        "break_even_utilisation_ratio": 0.2,
    }
    insert(connection, "marts.inference_margin_cases", stated)
    served = {
        "margin_date": "2026-02-01",
        "until_date": "2026-03-01",
        "model_id": "small",
        "gpu_id": "h100-sxm-80gb",
        "cost_basis": "rent",
        "utilisation_ratio": 0.5,
        "throughput_tier": "measured",
        "markup_ratio": 1,
        "break_even_utilisation_ratio": 0.25,
    }
    for host_id, margin in (("one", -0.5), ("two", 0.5), ("three", 0.6)):
        insert(
            connection,
            "marts.inference_margins_daily",
            {**served, "host_id": host_id, "gross_margin_ratio": margin},
        )
    past = {
        "margin_date": "2026-01-01",
        "until_date": "2026-01-31",
        "host_id": "one",
        "gross_margin_ratio": 0.9,
    }
    insert(connection, "marts.inference_margins_daily", {**served, **past})
    source = {
        "publisher": "Publisher",
        "kind": "live",
        "row_count": 5,
        "rejected_count": 1,
        "is_stalled": False,
    }
    read = {"last_reading_at": "2026-03-01 06:00", "age_days": 1}
    tried = {"last_attempt_at": "2026-03-02 06:00", "last_outcome": "complete"}
    failed = {"last_outcome": "failed", "last_error_kind": "Unreachable", "last_error": "<html> came"}
    insert(
        connection,
        "ops.source_freshness",
        {**source, **read, **tried, "source_id": "well"},
        {
            **source,
            **read,
            **tried,
            "source_id": "late",
            "is_stalled": True,
            "stalled_reason": "the same bytes since 2026-01-01",
        },
        {**source, **read, **tried, **failed, "source_id": "dead"},
        {**source, **read, **tried, **failed, "source_id": "odd", "last_error_kind": "PayloadError"},
        {**source, **tried, **failed, "source_id": "gone"},
        {**source, "source_id": "new"},
        {**source, **read, "source_id": "closed", "kind": "history"},
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "market.duckdb"
    with new_market(path) as connection:
        fill(connection)
    return path


@pytest.fixture(scope="module")
def site(database: Path) -> dict[str, str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return report.render(connection, RELEASE)


@pytest.fixture(scope="module", params=["index", *report.PAGES])
def page(site: dict[str, str], request: pytest.FixtureRequest) -> str:
    """Each page in turn: what holds for every page."""
    return site[f"{request.param}.html"]


class Page(HTMLParser):
    """Tags with attributes, scripts, and text outside script and style, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script" and self.cdata_elem:
            self.scripts.append((attributes, data))
        elif not self.cdata_elem:
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"[\s\u00a0]+", " ", " ".join(self.text))


def pages(site: dict[str, str]) -> list[str]:
    return [text for name, text in site.items() if name.endswith(".html")]


def specs(page: str) -> dict[str, dict[str, Any]]:
    return {
        str(attributes["data-chart"]): json.loads(text)
        for attributes, text in Page(page).scripts
        if attributes.get("type") == "application/json"
    }


def values_of(spec: dict[str, Any], layer: int = 0) -> list[dict[str, Any]]:
    data = spec["layer"][layer]["data"]
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)
    return [
        [
            re.sub(r"[\s\u00a0]+", " ", cell)
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in rows
    ]


def test_the_columns_read_are_columns_of_the_published_tables(database: Path) -> None:
    """The tables here hold just what the report reads; sql/ may hold more, and must not hold less."""
    published = {
        (schema, model["name"], column["name"])
        for schema in ("core", "marts", "ops")
        for properties in (SQL / schema).rglob("*.yml")
        for model in yaml.safe_load(properties.read_text(encoding="utf-8"))["models"]
        for column in model["columns"]
    }
    with duckdb.connect(str(database), read_only=True) as connection:
        read = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
        ).fetchall()
    assert set(read) - published == set()


def test_an_h100_series_shows_its_level_and_its_legs(site: dict[str, str]) -> None:
    page = site["gpus.html"]
    row = next(row for row in cells(page) if row[0] == "neocloud, on demand")
    assert row == [
        "neocloud, on demand",
        "H100 SXM 80GB",
        "$2.50",
        "1 Mar 2026, 1 day",
        "$4.00 Jun 2024",
        "−38 %",
        "−25 %",
        "$2.00 Oct 2025",
        "+25 %",
        "provisional",
    ]
    labels = [values_of(specs(page)["chart-h100-1"], layer)[0] for layer in (-3, -2, -1)]
    assert [(label["kind"], label["label"]) for label in labels] == [
        ("peak", "$4.00"),
        ("trough", "$2.00"),
        ("latest", "$2.50"),
    ]


def test_a_suppressed_series_says_why_and_has_no_number(site: dict[str, str]) -> None:
    page = site["gpus.html"]
    row = next(row for row in cells(page) if row[0] == "marketplace, spot")
    assert row[1:] == [
        "H100 SXM 80GB",
        "20 Feb 2026 to 1 Mar 2026",
        "fewer than 30 days &lt;seen&gt;",
    ]


def test_a_line_breaks_where_more_than_seven_days_are_missing(site: dict[str, str]) -> None:
    """3 to 11 January leaves seven days without a price, 11 to 20 January eight."""
    page = site["gpus.html"]
    corners = values_of(specs(page)["chart-h100-1"])
    assert [(corner["day"], corner["value"], corner["run"][-1]) for corner in corners] == [
        ("2024-01-01", 3, "1"),
        ("2024-01-03", 4, "1"),
        ("2024-01-11", 4, "1"),
        ("2024-01-20", 2, "2"),
    ]


def test_prices_are_drawn_as_steps(site: dict[str, str]) -> None:
    lines = [
        layer["mark"]
        for page in pages(site)
        for name, spec in specs(page).items()
        if name != "chart-margins"
        for layer in spec["layer"]
        if layer["mark"]["type"] == "line"
    ]
    assert lines
    assert {line["interpolate"] for line in lines} == {"step-after"}


def test_the_gpt_4_class_costs_what_the_mart_says_month_by_month(site: dict[str, str]) -> None:
    """0.50 in January and 0.75 in February; a suppressed month and another reference model are not drawn."""
    page = site["capability.html"]
    corners = values_of(specs(page)["chart-gpt-4-class"])
    cheapest = [(c["day"], c["value"]) for c in corners if c["series"] == capability.CHEAPEST]
    assert cheapest == [("2026-01-31", 0.5), ("2026-02-28", 0.75)]
    assert "50 times cheaper than GPT-4 at $37.50" in Page(page).words


def test_the_frontier_compares_the_best_closed_with_the_best_open_model(site: dict[str, str]) -> None:
    page = site["capability.html"]
    assert "stood 4 points behind the best open-weight model" in Page(page).words


def test_recent_steps_are_real_ones_and_one_per_model_and_seller(site: dict[str, str]) -> None:
    """Left out: a smaller step of the same model, a repair of a unit, a step at a seller 258 days before."""
    page = site["tokens.html"]
    table = page[page.index('id="steps"') : page.index("</main>")]
    rows = [row for row in cells(table) if row[0] != "Day"]
    assert [(row[0], *row[3:]) for row in rows] == [
        ("1 Jun 2025", "input", "$60.00", "$30.00", "−50 %", "41"),
        ("14 Feb 2026", "input", "$0.40", "$0.10", "−75 %", "41"),
    ]


def test_a_margin_is_shown_with_its_markup_and_break_even(site: dict[str, str]) -> None:
    page = site["margins.html"]
    row = next(row for row in cells(page) if row[0] == "A stated fleet day")
    assert row[1:] == ["stated prices", "measured", "1 Mar 2026", "–", "80 %", "400 % at 100 %", "20 %"]


def test_a_model_earns_what_its_median_host_earned_last(site: dict[str, str]) -> None:
    page = site["margins.html"]
    (row,) = (row for row in cells(page) if row[0].endswith("3 hosts, rented H100"))
    assert row[1:] == ["rented machines", "measured", "1 Mar 2026", "50 %", "–", "100 % at 50 %", "25 %"]
    assert "run from 50 % to 50 %, 1 of 1 above zero" in Page(page).words


def test_every_source_has_its_state_and_age(site: dict[str, str]) -> None:
    page = site["sources.html"]
    table = page[page.index('id="sources"') : page.index("</main>")]
    assert {row[0]: (row[1], row[4]) for row in cells(table)[1:]} == {
        "closed": ("closed history", "1 day"),
        "dead": ("unreachable", "1 day"),
        "gone": ("unreachable, never read", "–"),
        "late": ("stalled", "1 day"),
        "new": ("never fetched", "–"),
        "odd": ("failing", "1 day"),
        "well": ("fresh", "1 day"),
    }


def test_the_footer_names_release_methodology_and_evidence(page: str) -> None:
    words = Page(page[page.index("<footer") :]).words
    assert "Release 20260302T070000000000Z" in words
    assert "methodology 1.0" in words
    assert "not trades" in words
    assert "levels 3 to 4" in words


def test_hostile_names_stay_text(page: str, site: dict[str, str]) -> None:
    parsed = Page(page)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"img", "b", "html>"})
    assert not [name for _, attributes in parsed.tags for name in attributes if name.startswith("on")]
    executable = [text for attributes, text in parsed.scripts if attributes.get("type") != "application/json"]
    assert len(executable) == 1
    assert HOSTILE_MODEL not in page
    assert re.sub(r"\s+", " ", HOSTILE_MODEL) in Page(site["capability.html"]).words


def test_no_chart_data_can_leave_its_element(site: dict[str, str]) -> None:
    for page in pages(site):
        for attributes, text in Page(page).scripts:
            if attributes.get("type") == "application/json":
                assert not set("<>&\u2028") & set(text)
    hints = {corner["what"] for corner in values_of(specs(site["capability.html"])["chart-gpt-4-class"])}
    assert f"{HOSTILE_MODEL}, sold by {HOSTILE_SELLER}" in hints


def test_a_name_that_is_a_formula_is_not_one_in_the_download() -> None:
    text = numbers([Point("=1+1", "@line", 1, date(2026, 1, 1), 2.0, HOSTILE_SELLER)], "usd")
    assert text.splitlines()[1].startswith("'=1+1,'@line,1,2026-01-01,2,\"'=HYPERLINK(")


def test_a_page_loads_nothing_and_links_to_the_site_alone(page: str, site: dict[str, str]) -> None:
    addresses = [
        str(attributes[name])
        for _, attributes in Page(page).tags
        for name in ("src", "href", "srcset", "poster", "data", "action")
        if name in attributes
    ]
    assert addresses
    assert set(addresses) <= set(site)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_the_one_script_and_no_request(page: str) -> None:
    parsed = Page(page)
    policy = next(
        str(attributes["content"])
        for tag, attributes in parsed.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline';")


def test_the_library_is_in_the_page_once_and_the_page_stays_small(page: str) -> None:
    assert page.count("vega.github.io/schema/vega/v6.json") <= 1
    assert len(page.encode()) < 1_200_000


def test_every_chart_has_title_words_and_numbers(page: str, site: dict[str, str]) -> None:
    parsed = Page(page)
    charts = [attributes for tag, attributes in parsed.tags if attributes.get("class") == "chart"]
    assert len(charts) == len(specs(page))
    for chart in charts:
        assert len(str(chart["aria-label"])) > 30
    assert page.count("<figcaption") == page.count("<summary>The numbers") == len(charts)
    for name, spec in specs(page).items():
        if name != "chart-margins":
            assert "USD" in spec["layer"][0]["encoding"]["y"]["title"] or name == "chart-frontier"
        assert len(site[f"data/{name}.csv"].splitlines()) > 1


def test_the_overview_has_every_fact_and_a_chart_of_each_page(site: dict[str, str]) -> None:
    assert set(specs(site["index.html"])) >= {"chart-h100-1", "chart-gpt-4-class", "chart-margins"}
    assert "Fresh live sources" in Page(site["index.html"]).words


def test_empty_marts_give_a_report_that_says_so(tmp_path: Path) -> None:
    with new_market(tmp_path / "market.duckdb") as connection:
        told = report.render(connection, RELEASE)
    assert sum(page.count('class="missing">This release') for page in pages(told)) == 7
    assert not any("<figure" in page for page in pages(told))


def test_absent_marts_give_a_report_that_says_so(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "market.duckdb")) as connection:
        told = report.render(connection, RELEASE)
    assert sum(page.count('class="missing">This release') for page in pages(told)) == 7


def test_a_report_that_fails_leaves_the_old_one_and_a_new_one_no_left_over(
    tmp_path: Path, database: Path, site: dict[str, str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "chart-of-long-ago.csv").write_text("old")
    with duckdb.connect(str(database), read_only=True) as connection:
        overview = report.write_report(connection, RELEASE, tmp_path)
        good = overview.read_text(encoding="utf-8")
        with pytest.raises(KeyError):
            report.write_report(connection, {}, tmp_path)
    assert overview.read_text(encoding="utf-8") == good
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == set(site)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AIMARKET_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_the_report_of_the_current_release_goes_to_its_place(home: Path, database: Path) -> None:
    release = home / "releases" / f"market-{RELEASE['release_id']}.duckdb"
    release.parent.mkdir()
    shutil.copy(database, release)
    release.with_suffix(".json").write_text(json.dumps(RELEASE), encoding="utf-8")
    (home / "market.duckdb").symlink_to(release)
    assert report.draw_report() == home / "report" / "index.html"
    assert RELEASE["release_id"] in (home / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("home")
def test_without_a_release_there_is_no_report() -> None:
    with pytest.raises(NoRelease, match="aimarket run"):
        report.draw_report()


def test_importing_the_report_does_not_import_the_chart_libraries() -> None:
    heavy = {"altair", "vl_convert", "jinja2", "dagster", "dbt"}
    code = f"import sys, warehouse.report; print({heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the site was not opened in a browser")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_every_chart_without_a_request_or_a_complaint(
    site: dict[str, str], database: Path, tmp_path: Path, scheme: str
) -> None:
    from playwright.sync_api import sync_playwright

    with duckdb.connect(str(database), read_only=True) as connection:
        report.write_report(connection, RELEASE, tmp_path)
    requests: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = browser.new_context(color_scheme=scheme, viewport={"width": 400, "height": 800}).new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.goto((tmp_path / "index.html").as_uri())
        titles = tab.locator("nav a").all_inner_texts()
        for title in titles:
            tab.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
            tab.wait_for_function(
                "[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg path'))"
            )
            assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            name = tab.evaluate("location.pathname.split('/').pop()")
            assert tab.locator(".chart svg").count() == len(specs(site[name]))
        browser.close()
    assert {Path(url).name for url in requests} == {name for name in site if name.endswith(".html")}
    assert all(url.startswith(tmp_path.as_uri()) for url in requests)
    assert complaints == []
