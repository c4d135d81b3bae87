"""The whole way of the data, by the command a user types: from served bytes and bundled history to SQL."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from pipeline.registry import live_sources
from tests.conftest import FIXTURES
from tests.replay import Answer, LoopbackServer, ReplayServer
from warehouse.archive import Archive
from warehouse.settings import DBT_PROJECT, HISTORY

AIMARKET = str(Path(sys.executable).with_name("aimarket"))
LONGEST_RUN_SECONDS = 300
KEYLESS = [source.source_id for source in live_sources() if not source.key_env]

pytestmark = pytest.mark.xdist_group("run")


@dataclass(frozen=True)
class Home:
    """A data folder and the environment that leads the command to it."""

    path: Path
    mirror_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIMARKET_")}
        mirror = {"AIMARKET_MIRROR_URL": self.mirror_url} if self.mirror_url else {}
        return kept | mirror | {"AIMARKET_HOME": str(self.path), "AIMARKET_REQUESTS_PER_SECOND": "1000"}

    def aimarket(self, *arguments: str, expected_exit: int = 0) -> str:
        done = subprocess.run(
            [AIMARKET, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_RUN_SECONDS,
            check=False,
        )
        assert done.returncode == expected_exit, done.stdout + done.stderr
        return done.stdout

    def ask(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.aimarket("sql", query, "--format", "json"))
        return found

    def digests(self) -> dict[str, str]:
        """Digest of every fact and mart of the current release."""
        manifest = json.loads(self.aimarket("releases", "--json"))[0]
        return {
            name: table["digest"]
            for name, table in manifest["tables"].items()
            if name.startswith(("core.", "marts."))
        }


@pytest.fixture(scope="module")
def served() -> Iterator[ReplayServer]:
    with ReplayServer(FIXTURES) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, served: ReplayServer) -> Home:
    return Home(tmp_path_factory.mktemp("online"), served.url)


@pytest.fixture(scope="module")
def first_run(home: Home) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(home.aimarket("run", "--json"))
    return told


def test_every_source_without_a_key_is_fetched_and_loaded(first_run: dict[str, Any]) -> None:
    outcomes = {result["source_id"]: result["outcome"] for result in first_run["results"]}
    assert outcomes == dict.fromkeys(KEYLESS, "complete")


@pytest.mark.usefixtures("first_run")
def test_every_dbt_model_and_test_passed(home: Home) -> None:
    nodes = json.loads((home.path / "build" / "run_results.json").read_text())["results"]
    kinds = {node["unique_id"].partition(".")[0] for node in nodes}
    assert {"model", "seed", "test"} <= kinds
    assert {node["status"] for node in nodes} <= {"success", "pass", "no-op"}


@pytest.mark.usefixtures("first_run")
def test_every_dbt_unit_test_passes(home: Home) -> None:
    places = {
        "DBT_MARKET_BUILD": home.path / "build" / "market.duckdb",
        "DBT_MARKET_LAKE": home.path / "lake",
        "DBT_MARKET_HISTORY": HISTORY,
        "DBT_TARGET_PATH": home.path / "unit",
    }
    project = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    done = subprocess.run(
        [str(Path(AIMARKET).with_name("dbt")), "test", "--select", "test_type:unit", *project],
        env=home.environment | {name: str(path) for name, path in places.items()},
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    properties = [yaml.safe_load(path.read_text()) for path in (DBT_PROJECT / "models").rglob("*.yml")]
    stated = sum(len(found.get("unit_tests", [])) for found in properties)
    assert stated >= 7
    assert f"PASS={stated} " in done.stdout


@pytest.mark.usefixtures("first_run")
def test_the_decline_of_the_h100_goes_back_to_2023_in_several_series(home: Home) -> None:
    series = home.ask("select * from marts.h100_rental_decline where status <> 'suppressed'")
    assert len(series) >= 3
    assert min(row["first_date"] for row in series) < "2024-01-01"
    assert len({row["gpu_id"] for row in series}) >= 2


@pytest.mark.usefixtures("first_run")
def test_an_a100_hour_of_aws_is_an_eighth_of_its_machine_in_2023(home: Home) -> None:
    """A p4d.24xlarge at 32.77 USD holds eight: 4.09625. A card of 34,000 USD is 8,300 of them, 346 days."""
    (price,) = home.ask(
        "select distinct median_usd_per_gpu_hour as usd from marts.gpu_prices_daily "
        "where provider_id = 'aws' and gpu_id = 'a100-sxm-40gb' and purchase_type = 'on_demand' "
        "and price_date between '2023-06-01' and '2023-12-31'"
    )
    assert price["usd"] == 32.77 / 8
    assert round(34_000 / price["usd"]) == 8_300
    assert round(34_000 / price["usd"] / 24, 1) == 345.8


@pytest.mark.usefixtures("first_run")
def test_eight_h100_cost_under_40_an_hour_outside_the_hyperscalers_in_2024(home: Home) -> None:
    rows = home.ask(
        "select gpu_id, max(8 * level_usd_per_gpu_hour) as usd_per_hour from marts.gpu_price_trends_daily "
        "where segment = 'neocloud' and purchase_type = 'on_demand' and gpu_id like 'h100%' "
        "and price_date between '2024-04-01' and '2024-07-31' and status <> 'suppressed' group by 1"
    )
    assert {row["gpu_id"] for row in rows} >= {"h100-unstated", "h100-sxm-80gb"}
    assert all(row["usd_per_hour"] < 40 for row in rows)


@pytest.mark.usefixtures("first_run")
def test_whether_the_h100_fell_every_month_until_may_2024_is_not_answered_by_a_table_kept_by_hand(
    home: Home,
) -> None:
    """The one source of those months shows levels; that its rows stand still says nothing of the market."""
    rows = home.ask(
        "select index_value, status_reason from marts.gpu_rental_index_monthly "
        "where gpu_id like 'h100%' and index_month between '2023-09-01' and '2024-05-01'"
    )
    assert rows
    assert all(row["index_value"] is None and row["status_reason"] for row in rows)


@pytest.mark.usefixtures("first_run")
def test_the_h100_index_of_the_methodology_is_the_published_one(home: Home) -> None:
    (row,) = home.ask(
        "select index_value, base_month, matched_provider_count, status from marts.gpu_rental_index_monthly "
        "where series_id = 'neocloud/on_demand/0/h100-pcie-80gb' and index_month = '2025-03-01'"
    )
    worked_out = 100 * (1 * 1.98 / 3.25 * 2.39 / 3.29) ** (1 / 3)
    assert row["index_value"] == pytest.approx(worked_out, abs=0.0001)
    assert (row["base_month"], row["matched_provider_count"], row["status"]) == ("2024-07-01", 3, "imputed")


@pytest.mark.usefixtures("first_run")
def test_a_published_price_leads_back_to_the_bytes_it_came_from(home: Home) -> None:
    (offer,) = home.ask(
        "select payload_ref, usd_per_hour from core.fct_gpu_offer_prices_daily "
        "where source_id = 'vastai' and purchase_type = 'on_demand' order by offer_key, price_date limit 1"
    )
    digest, position = offer["payload_ref"].removeprefix("sha256:").split("#offers/")
    served_offer = json.loads(Archive(home.path / "raw").get(digest))["offers"][int(position)]
    assert offer["usd_per_hour"] == pytest.approx(served_offer["dph_base"], abs=1e-9)


@pytest.mark.usefixtures("first_run")
def test_the_release_follows_from_the_lake_and_its_rows_lead_to_whole_objects(home: Home) -> None:
    found = json.loads(home.aimarket("verify", "--json"))
    assert found["differing"] == []
    assert found["rows"] > 100_000
    assert found["objects"] >= 40
    assert found["damaged_objects"] == []


@pytest.mark.usefixtures("first_run")
def test_verify_names_what_was_tampered_with(home: Home, tmp_path: Path) -> None:
    (offer,) = home.ask(
        "select payload_ref from core.fct_gpu_offer_prices_daily where source_id = 'vastai' limit 1"
    )
    digest = offer["payload_ref"].removeprefix("sha256:").partition("#")[0]
    changed = Home(tmp_path / "changed")
    shutil.copytree(home.path, changed.path, symlinks=True)
    (changed.path / "raw" / "objects" / digest[:2] / f"{digest}.zst").write_bytes(b"not what was served")
    release = (changed.path / "market.duckdb").resolve()
    manifest = json.loads(release.with_suffix(".json").read_text())
    manifest["tables"]["marts.gpu_prices_daily"]["digest"] = "1"
    release.with_suffix(".json").write_text(json.dumps(manifest))
    found = json.loads(changed.aimarket("verify", "--json", expected_exit=1))
    assert found["differing"] == ["marts.gpu_prices_daily"]
    assert found["damaged_objects"] == [digest]


@pytest.mark.usefixtures("first_run")
def test_a_past_day_is_what_was_known_then_and_publishes_nothing(home: Home) -> None:
    """The bundled history was recorded before the first fetch of this home; what it fetched came after."""
    current = json.loads(home.aimarket("releases", "--json"))[0]["release_id"]
    moment = next(Archive(home.path / "raw").fetches()).started_at
    answer = home.aimarket("build", "--as-of", f"{moment:%Y-%m-%dT%H:%M:%S}", "--json")
    with duckdb.connect(json.loads(answer)["path"], read_only=True) as known:
        ((history, live),) = known.execute(
            "select count(*) filter (source_id = 'full_stack_cloud_gpus'), "
            "count(*) filter (source_id = 'vastai') from core.fct_gpu_offer_prices_daily"
        ).fetchall()
    assert history > 1000
    assert live == 0
    assert json.loads(home.aimarket("releases", "--json"))[0]["release_id"] == current


@pytest.mark.usefixtures("first_run")
def test_a_day_before_anything_was_recorded_is_an_error(home: Home) -> None:
    assert not home.aimarket("build", "--as-of", "2020-01-01", expected_exit=1)


@pytest.mark.usefixtures("first_run")
def test_deepseek_v2_was_cheaper_than_all_but_two_models_as_good_as_gpt_3_5_turbo(home: Home) -> None:
    # The claim, "markedly cheaper than any other competitive model", is of May 2024; the first snapshot that
    # rates it is of July.
    prices = home.ask(
        """
        with rated as (
            select
                model_id,
                score >= max(score) filter (where model_raw = 'GPT-3.5-Turbo-0125') over () as is_as_good
            from marts.leaderboard_scores_daily
            where leaderboard = 'lmarena_text' and category = 'overall' and score_date = '2024-07-31'
        )
        select model_id, min(blended_usd_per_mtok)::double as usd
        from rated
        join marts.token_prices_blended_daily using (model_id)
        where is_as_good and price_date = '2024-07-31' and service_tier = 'standard'
        group by model_id
        """
    )
    usd = {row["model_id"]: row["usd"] for row in prices}
    assert usd["deepseek-v2"] == pytest.approx(0.175)
    assert sorted(set(usd.values())).index(usd["deepseek-v2"]) <= 2
    assert usd["gpt-3-5-turbo"] / usd["deepseek-v2"] >= 4


@pytest.mark.usefixtures("first_run")
def test_models_of_spring_2024_beat_gpt_3_5_turbo_or_undercut_it(home: Home) -> None:
    # The claim is of May 2024; the bundled snapshots begin in June.
    scores = home.ask(
        "select model_id, max(score) as score from marts.leaderboard_scores_daily "
        "where leaderboard = 'lmarena_text' and category = 'overall' and score_date = '2024-06-19' group by 1"
    )
    points = {row["model_id"]: row["score"] for row in scores}
    prices = home.ask(
        "select model_id, min(blended_usd_per_mtok)::double as usd from marts.token_prices_blended_daily "
        "where price_date = '2024-06-19' and service_tier = 'standard' group by 1"
    )
    usd = {row["model_id"]: row["usd"] for row in prices}
    assert points["claude-3-sonnet"] > points["gpt-3-5-turbo"]
    assert points["llama-3-70b"] > points["gpt-3-5-turbo"]
    assert usd["mixtral-8x7b"] < usd["gpt-3-5-turbo"]
    assert usd["llama-3-70b"] < usd["gpt-3-5-turbo"]


@pytest.mark.usefixtures("first_run")
def test_an_open_model_had_reached_the_first_gpt_4_by_the_summer_of_2024(home: Home) -> None:
    (lag,) = home.ask(
        "select * from marts.catch_up_lags "
        "where board_id = 'lmarena_text' and reference_model = 'gpt-4-0314' and criterion = 'first'"
    )
    assert "2024-04-01" <= lag["caught_up_date"] <= "2024-07-31"
    # The board begins after it happened: the date is the latest it can have been.
    assert lag["is_left_censored"]


@pytest.mark.usefixtures("first_run")
def test_tokens_fall_faster_at_equal_quality_and_fastest_for_a_capability(home: Home) -> None:
    # Published orders of magnitude, log points a year: -0.1 matched, -0.7 at equal quality, -2 or more for a
    # capability.
    rows = home.ask(
        "select index_kind, price_month, index_value from marts.token_price_index_monthly "
        "where price_month in ('2024-06-01', '2026-04-01') and status = 'final' "
        "and series in ('blended', 'lmarena_text/gpt-4o-2024-05-13')"
    )
    value = {(row["index_kind"], row["price_month"]): row["index_value"] for row in rows}
    years = 22 / 12
    fall = {
        kind: math.log(value[kind, "2026-04-01"] / value[kind, "2024-06-01"]) / years
        for kind in ("matched", "hedonic", "fixed_capability")
    }
    assert -0.2 < fall["matched"] < 0
    assert -1 < fall["hedonic"] < -0.2
    assert fall["fixed_capability"] < -2


@pytest.mark.usefixtures("first_run")
def test_the_report_stands_beside_the_release(home: Home) -> None:
    page = (home.path / "report" / "index.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")


@pytest.mark.usefixtures("first_run")
def test_how_far_names_are_resolved_is_told_and_what_is_left_open_with_its_row(home: Home) -> None:
    coverage = {
        (part["kind"], part["population"]): part
        for part in json.loads(home.aimarket("status", "--json"))["names"]
    }
    assert {kind for kind, _ in coverage} == {"gpu", "provider", "model"}
    assert coverage["gpu", "flagships"]["resolved_ratio"] == 1
    for population in ("first_party_labs", "largest_hosts"):
        assert coverage["model", population]["resolved_ratio"] >= 0.97
    (left_open,) = home.ask("select count(distinct (kind, market, name_key)) as n from ops.unresolved_names")
    assert len(json.loads(home.aimarket("names", "--limit", "100000", "--json"))) == left_open["n"] > 0


@pytest.mark.usefixtures("first_run")
def test_a_second_run_of_the_day_fetches_nothing_and_publishes_the_same_numbers(home: Home) -> None:
    before = home.digests()
    told = json.loads(home.aimarket("run", "--json"))
    assert told["results"] == []
    assert home.digests() == before


@pytest.mark.usefixtures("first_run")
def test_a_price_in_euros_waits_for_a_rate_and_is_converted_when_one_comes(home: Home) -> None:
    prices = (
        "select native_price::double as eur, usd_per_hour::double as usd, usd_per_gpu_hour as usd_per_gpu, "
        "fx_usd_per_unit::double as rate, fx_rate_date::varchar as rate_date, exclusion_reason as reason "
        "from core.fct_gpu_offer_prices_daily where currency = 'EUR' and source_id = 'skypilot_catalog' "
        "and price_date = (select max(price_date) from core.fct_gpu_offer_prices_daily) order by eur"
    )
    unknown = {"usd": None, "usd_per_gpu": None, "rate": None, "rate_date": None}
    # The recorded rate is months old.
    reason = {"reason": "no exchange rate of the day"}
    assert home.ask(prices) == [{"eur": 1.25, **unknown, **reason}, {"eur": 1.89, **unknown, **reason}]
    today = datetime.now(UTC).date().isoformat()
    recorded = (FIXTURES / "ecb_rates" / "eurofxref-daily.xml").read_text()
    rates = recorded.replace("2026-05-29", today).replace("'1.1523'", "'1.2'")
    with LoopbackServer(lambda _: Answer(rates.encode())) as server:
        Home(home.path, server.url).aimarket("fetch", "ecb_rates")
    home.aimarket("build")
    assert home.ask(prices) == [
        {"eur": 1.25, "usd": 1.5, "usd_per_gpu": 1.5, "rate": 1.2, "rate_date": today, "reason": None},
        {
            "eur": 1.89,
            "usd": pytest.approx(2.268),
            "usd_per_gpu": pytest.approx(2.268),
            "rate": pytest.approx(1.2),
            "rate_date": today,
            "reason": None,
        },
    ]


@pytest.mark.usefixtures("first_run")
def test_the_build_file_can_be_deleted_and_the_next_build_gives_the_same_tables(home: Home) -> None:
    before = home.digests()
    (home.path / "build" / "market.duckdb").unlink()
    home.aimarket("build")
    assert home.digests() == before


@pytest.mark.usefixtures("first_run")
def test_the_published_file_opens_in_plain_duckdb(home: Home) -> None:
    with duckdb.connect(str(home.path / "market.duckdb"), read_only=True) as connection:
        ((count,),) = connection.execute("select count(*) from marts.gpu_prices_daily").fetchall()
    assert count > 1000


def test_without_a_network_the_history_is_published_and_strict_calls_it_a_failure(tmp_path: Path) -> None:
    # A mirror on a name that never resolves stands for a machine without a network.
    offline = Home(tmp_path, "http://network.invalid")
    begun = time.monotonic()
    told = json.loads(offline.aimarket("fetch", "--json", expected_exit=1))
    assert {result["error_kind"] for result in told} == {"Unreachable"}
    assert time.monotonic() - begun < 60
    offline.aimarket("run", "--strict", "--json", expected_exit=1)
    assert (
        offline.ask("select count(*) as n from marts.h100_rental_decline where status <> 'suppressed'")[0][
            "n"
        ]
        >= 3
    )
    status = json.loads(offline.aimarket("status", "--json"))
    ages = {source["source_id"]: source["age_days"] for source in status["sources"]}
    assert ages["models_dev"] > 0
    assert ages["vastai"] is None


@pytest.mark.parametrize("seconds", [2.0, 9.0, 16.0, 20.0])
def test_a_killed_run_loses_nothing_and_the_next_one_completes(
    home: Home, tmp_path: Path, seconds: float
) -> None:
    killed = Home(tmp_path, home.mirror_url)
    with subprocess.Popen([AIMARKET, "run"], env=killed.environment, stdout=-3, stderr=-3) as run:
        time.sleep(seconds)
        run.send_signal(signal.SIGKILL)
    acknowledged = {fetch.name for fetch in Archive(tmp_path / "raw").fetches()}
    killed.aimarket("run", "--json")
    assert acknowledged <= {fetch.name for fetch in Archive(tmp_path / "raw").fetches()}
    freshness = killed.ask(
        "select source_id from ops.source_freshness where last_outcome in ('complete', 'unchanged')"
    )
    assert {row["source_id"] for row in freshness} == set(KEYLESS)
