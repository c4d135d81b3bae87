"""The contracts judge every row: good ones come out typed, broken ones with their reason, each once."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parsing import Rows, decimal, usd_per_mtok
from tests.helpers import RECORDED_AT, faults, gpu_offer, provenance, token_price
from warehouse.contracts import (
    CONTRACTS,
    FX_RATES,
    GPU_OFFERS,
    HARDWARE_PRICES,
    LEADERBOARD_SCORES,
    MODEL_FACTS,
    QUARANTINE_SCHEMA,
    REFERENCE_INDEX_LEVELS,
    THROUGHPUT,
    TOKEN_PRICES,
    Conformed,
    Contract,
    conform,
)


def judged(contract: Contract, *rows: dict[str, Any], **changes: Any) -> Conformed:
    collected = Rows(contract.name)
    for position, row in enumerate(rows):
        collected.add(f"rows/{position}", **row)
    return conform(contract, collected.frame(), provenance(**changes))


def score(**changes: Any) -> dict[str, Any]:
    known = {
        "leaderboard": "board",
        "board_version": "v1",
        "category": "overall",
        "metric": "rating",
        "model_raw": "model",
        "score": "1300",
        "score_unit": "elo",
        "evaluated_date": "2026-05-30",
    }
    return {**known, **changes}


def fact(**changes: Any) -> dict[str, Any]:
    return {"host_raw": "host", "model_raw": "model", **changes}


def measured(**changes: Any) -> dict[str, Any]:
    known = {
        "model_raw": "model",
        "gpu_raw": "H100",
        "gpu_count": 8,
        "total_tokens_per_second_per_gpu": 900.5,
    }
    return {**known, **changes}


def purchase(**changes: Any) -> dict[str, Any]:
    return {"seller_raw": "shop", "gpu_raw": "H100", "usd_per_gpu": "25000", **changes}


def fx_rate(**changes: Any) -> dict[str, Any]:
    return {"currency": "USD", "units_per_eur": "1.0850", "rate_date": "2026-05-29", **changes}


def index_level(**changes: Any) -> dict[str, Any]:
    known = {"index_raw": "cloud-H100", "gpu_raw": "H100", "level_date": "2026-05-29"}
    return {**known, "usd_per_gpu_hour": "2.44", **changes}


@pytest.mark.parametrize(
    ("contract", "row", "reason"),
    [
        pytest.param(
            REFERENCE_INDEX_LEVELS, index_level(usd_per_gpu_hour="0"), "must be above 0", id="level of zero"
        ),
        pytest.param(
            REFERENCE_INDEX_LEVELS,
            index_level(level_date="2026-06-20"),
            "more than a day after",
            id="level of a day to come",
        ),
        pytest.param(FX_RATES, fx_rate(units_per_eur="0"), "must be above 0", id="rate of zero"),
        pytest.param(
            FX_RATES, fx_rate(rate_date="2026-06-20"), "more than a day after", id="rate of a day to come"
        ),
        pytest.param(GPU_OFFERS, gpu_offer(usd_per_hour=None), "no price", id="offer without a price"),
        pytest.param(GPU_OFFERS, gpu_offer(usd_per_hour="0"), "must be above 0", id="offer at zero"),
        pytest.param(GPU_OFFERS, gpu_offer(usd_per_hour="-1"), "must be above 0", id="offer below zero"),
        pytest.param(
            GPU_OFFERS, gpu_offer(usd_per_hour="100000.01"), "must be at most 100000", id="offer of a fortune"
        ),
        pytest.param(GPU_OFFERS, gpu_offer(usd_per_hour="NaN"), "cannot be read as Decimal", id="NaN price"),
        pytest.param(
            GPU_OFFERS, gpu_offer(usd_per_hour="inf"), "cannot be read as Decimal", id="endless price"
        ),
        pytest.param(GPU_OFFERS, gpu_offer(usd_per_hour="sold out"), "sold out", id="words for a price"),
        pytest.param(GPU_OFFERS, gpu_offer(usd_per_hour=""), "cannot be read", id="empty text for a price"),
        pytest.param(
            GPU_OFFERS, gpu_offer(usd_per_hour="1000000000"), "cannot be read", id="price over the column"
        ),
        pytest.param(GPU_OFFERS, gpu_offer(native_price="-2"), "native_price", id="native price below zero"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count=0), "gpu_count: 0.0 must be above 0", id="no GPU"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count=None), "gpu_count: missing", id="unknown GPU count"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count=float("nan")), "not a finite number", id="NaN GPUs"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count="inf"), "not a finite number", id="endless GPUs"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count="8x"), "cannot be read as Float64: 8x", id="8x GPUs"),
        pytest.param(GPU_OFFERS, gpu_offer(provider_raw=""), "provider_raw: empty", id="empty provider"),
        pytest.param(GPU_OFFERS, gpu_offer(provider_raw=" \t"), "provider_raw: empty", id="blank provider"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_raw=None), "gpu_raw: missing", id="unknown GPU"),
        pytest.param(
            GPU_OFFERS, gpu_offer(purchase_type="rented"), "rented is not one of", id="unknown kind of sale"
        ),
        pytest.param(
            GPU_OFFERS, gpu_offer(purchase_type="reserved"), "reserved without a term", id="reserved, no term"
        ),
        pytest.param(GPU_OFFERS, gpu_offer(commitment_months=0), "commitment_months", id="term of no months"),
        pytest.param(GPU_OFFERS, gpu_offer(available_count=-1), "must be at least 0", id="negative stock"),
        pytest.param(
            GPU_OFFERS, gpu_offer(available_count=1.5), "cannot be read as Int32: 1.5", id="half a unit"
        ),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(available_count=3_000_000_000),
            "cannot be read as Int32",
            id="stock over i32",
        ),
        pytest.param(
            GPU_OFFERS, gpu_offer(available_count=10**40), "cannot be read as Int32", id="stock over any int"
        ),
        pytest.param(
            GPU_OFFERS, gpu_offer(is_available="perhaps"), "cannot be read as Boolean: perhaps", id="perhaps"
        ),
        pytest.param(GPU_OFFERS, gpu_offer(evidence="hearsay"), "hearsay is not one of", id="hearsay"),
        pytest.param(
            GPU_OFFERS, gpu_offer(observed_at="yesterday"), "observed_at: cannot be read", id="no instant"
        ),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(observed_at="2026-06-02T07:00:01Z"),
            "more than a day after",
            id="of the future",
        ),
        pytest.param(
            GPU_OFFERS, gpu_offer(observed_at="0000-05-02T00:00:00Z"), "before the year 2000", id="year 0"
        ),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(effective_from="1970-01-01T00:00:00Z"),
            "before the year 2000",
            id="unset instant",
        ),
        pytest.param(MODEL_FACTS, fact(release_date="0001-01-01"), "before the year 2000", id="unset date"),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(observed_at="2026-05-02T00:00:00Z", observed_until="2026-05-01T00:00:00Z"),
            "observed_until lies before observed_at",
            id="ends before it begins",
        ),
        pytest.param(
            TOKEN_PRICES, token_price(usd_amount="0"), "not stated to be free", id="zero is not free"
        ),
        pytest.param(
            TOKEN_PRICES, token_price(is_free=True), "price on a free offer", id="free with a price"
        ),
        pytest.param(TOKEN_PRICES, token_price(usd_amount="-1"), "must be at least 0", id="price below zero"),
        pytest.param(TOKEN_PRICES, token_price(usd_amount=None), "usd_amount: missing", id="no token price"),
        pytest.param(TOKEN_PRICES, token_price(usd_amount="10000.01"), "a unit error", id="price of a token"),
        pytest.param(TOKEN_PRICES, token_price(component="tokens"), "not one of", id="unknown component"),
        pytest.param(TOKEN_PRICES, token_price(unit="usd_per_token"), "not one of", id="unknown unit"),
        pytest.param(TOKEN_PRICES, token_price(service_tier="fast"), "not one of", id="unknown tier"),
        pytest.param(TOKEN_PRICES, token_price(min_context_tokens=-1), "at least 0", id="negative band"),
        pytest.param(TOKEN_PRICES, token_price(context_tokens=0), "must be above 0", id="context of nothing"),
        pytest.param(LEADERBOARD_SCORES, score(score="nan"), "not a finite number", id="score that is none"),
        pytest.param(LEADERBOARD_SCORES, score(score=None), "score: missing", id="no score"),
        pytest.param(LEADERBOARD_SCORES, score(score_unit="points"), "not one of", id="unknown score unit"),
        pytest.param(
            LEADERBOARD_SCORES, score(evaluated_date="2026-02-30"), "cannot be read as Date", id="30 February"
        ),
        pytest.param(
            LEADERBOARD_SCORES,
            score(evaluated_date="2026-06-03"),
            "more than a day after",
            id="score of tomorrow",
        ),
        pytest.param(LEADERBOARD_SCORES, score(rank=0), "must be at least 1", id="rank zero"),
        pytest.param(
            LEADERBOARD_SCORES, score(vote_count="12.5"), "cannot be read as Int64", id="half a vote"
        ),
        pytest.param(
            MODEL_FACTS, fact(release_date=20_250_101), "read as Date: 20250101", id="date as number"
        ),
        pytest.param(
            GPU_OFFERS, gpu_offer(observed_at=1_780_000_000), "observed_at: cannot", id="epoch seconds"
        ),
        pytest.param(MODEL_FACTS, fact(release_date="2025"), "cannot be read as Date: 2025", id="year only"),
        pytest.param(MODEL_FACTS, fact(total_params_b=0), "must be above 0", id="model without parameters"),
        pytest.param(THROUGHPUT, measured(concurrency=0), "must be above 0", id="no request in flight"),
        pytest.param(
            THROUGHPUT,
            measured(total_tokens_per_second_per_gpu=None, output_tokens_per_second_per_user=30.5),
            "no rate of tokens",
            id="speed of one user alone",
        ),
        pytest.param(
            THROUGHPUT,
            measured(evaluated_date="2027-01-01"),
            "more than a day after",
            id="measured next year",
        ),
        pytest.param(
            HARDWARE_PRICES, purchase(usd_per_gpu="0"), "must be above 0", id="hardware for nothing"
        ),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_with_its_reason(
    contract: Contract, row: dict[str, Any], reason: str
) -> None:
    rows, rejects = judged(contract, row)
    assert rows.is_empty()
    assert rejects.schema == pl.Schema(QUARANTINE_SCHEMA)
    assert reason in rejects["reason"].item()
    assert rejects["payload_ref"].item() == "sha256:00ff#rows/0"


@pytest.mark.parametrize(
    ("contract", "row", "expected"),
    [
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count=" 8 "), {"gpu_count": 8.0}, id="count as text"),
        pytest.param(GPU_OFFERS, gpu_offer(gpu_count=0.125), {"gpu_count": 0.125}, id="slice of a GPU"),
        pytest.param(GPU_OFFERS, gpu_offer(is_available="True"), {"is_available": True}, id="yes as text"),
        pytest.param(GPU_OFFERS, gpu_offer(is_available="false"), {"is_available": False}, id="no as text"),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(observed_at="2026-05-01T02:00:00+02:00"),
            {
                "observed_at": datetime(2026, 5, 1, tzinfo=UTC),
                "observed_until": datetime(2026, 5, 1, tzinfo=UTC),
            },
            id="stated instant in another zone",
        ),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(),
            {"price_statistic": "offer", "currency": "USD", "evidence": "polled", "reading_scope": ""},
            id="defaults",
        ),
        pytest.param(
            GPU_OFFERS,
            gpu_offer(usd_per_hour=None, native_price="1.80", currency="EUR"),
            {"usd_per_hour": None, "native_price": Decimal("1.80"), "currency": "EUR"},
            id="price in euro only",
        ),
        pytest.param(
            TOKEN_PRICES,
            token_price(),
            {"unit": "usd_per_mtok", "service_tier": "standard", "min_context_tokens": 0, "is_free": False},
            id="defaults of a token price",
        ),
        pytest.param(
            TOKEN_PRICES,
            token_price(usd_amount="0", is_free=True),
            {"usd_amount": Decimal(0), "is_free": True},
            id="stated to be free",
        ),
        pytest.param(
            LEADERBOARD_SCORES, score(), {"evaluated_date": date(2026, 5, 30), "score": 1300.0}, id="score"
        ),
        pytest.param(
            MODEL_FACTS,
            fact(release_date="2027-03-01"),
            {"release_date": date(2027, 3, 1)},
            id="announced model",
        ),
    ],
)
def test_values_are_cast_as_the_contract_says(
    contract: Contract, row: dict[str, Any], expected: dict[str, Any]
) -> None:
    rows, rejects = judged(contract, row)
    assert rejects.is_empty()
    assert {name: rows[name].item() for name in expected} == expected


@pytest.mark.parametrize("contract_name", CONTRACTS)
def test_what_a_source_does_not_state_stays_unknown(contract_name: str) -> None:
    contract = CONTRACTS[contract_name]
    row = {
        "gpu_offers": gpu_offer(),
        "token_prices": token_price(),
        "leaderboard_scores": score(),
        "model_facts": fact(),
        "throughput": measured(),
        "hardware_prices": purchase(),
        "fx_rates": fx_rate(),
        "reference_index_levels": index_level(),
    }[contract_name]
    rows, _ = judged(contract, row)
    stated = {*row, *(column.name for column in contract.columns if column.default is not None)}
    unstated = [column.name for column in contract.columns if column.name not in stated]
    assert {name: rows[name].item() for name in unstated} == dict.fromkeys(unstated)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("0.24666666666666665", "0.246666667", id="seventeen digits are rounded to nine"),
        pytest.param("3e-06", "0.000003000", id="small exponent"),
        pytest.param("1E+2", "100.000000000", id="large exponent"),
        pytest.param("98765.123456789", "98765.123456789", id="all nine decimals"),
    ],
)
@pytest.mark.parametrize("form", [str, Decimal], ids=["text", "Decimal"])
def test_money_is_kept_exactly_to_nine_decimals(
    text: str, kept: str, form: type[str] | type[Decimal]
) -> None:
    rows, rejects = judged(GPU_OFFERS, gpu_offer(usd_per_hour=form(text)))
    assert rejects.is_empty()
    assert str(rows["usd_per_hour"].item()) == kept


@given(st.decimals(min_value=Decimal("1e-9"), max_value=100_000, places=9), st.sampled_from(["f", "E"]))
def test_every_price_of_nine_decimals_survives_unchanged(price: Decimal, form: str) -> None:
    rows, _ = judged(
        GPU_OFFERS, gpu_offer(usd_per_hour=format(price, form)), gpu_offer("b", usd_per_hour=price)
    )
    assert rows["usd_per_hour"].to_list() == [price, price]


@pytest.mark.parametrize(
    ("per_token", "per_million"),
    [("3e-06", "3"), ("0.0000025", "2.5"), ("1.500002e-05", "15.00002"), ("0", "0")],
)
def test_a_price_per_token_becomes_one_per_million_exactly(per_token: str, per_million: str) -> None:
    price = decimal(per_token)
    assert price is not None
    assert usd_per_mtok(price) == Decimal(per_million)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "NaN", "-inf", "", "free", "0x10"])
def test_text_that_is_no_usable_number_is_no_decimal(text: str) -> None:
    assert decimal(text) is None


def test_a_number_too_large_for_the_memory_is_rejected_as_text() -> None:
    rows, rejects = judged(GPU_OFFERS, gpu_offer(usd_per_hour=Decimal("1E+999999999")))
    assert rows.is_empty()
    assert rejects["reason"].item().endswith("1E+999999999")


def test_money_that_went_through_a_float_stops_the_parser() -> None:
    with pytest.raises(TypeError, match="usd_per_hour is money and came as float"):
        judged(GPU_OFFERS, gpu_offer(usd_per_hour=0.1))


def test_one_float_among_exact_prices_stops_the_parser() -> None:
    with pytest.raises(TypeError, match="usd_per_hour is money and came as float"):
        judged(GPU_OFFERS, gpu_offer("a", usd_per_hour=Decimal("0.1")), gpu_offer("b", usd_per_hour=0.1))


def test_a_frame_with_float_money_is_refused() -> None:
    frame = pl.DataFrame([gpu_offer(usd_per_hour=0.1)])
    with pytest.raises(TypeError, match=r"gpu_offers\.usd_per_hour is money and came as float"):
        conform(GPU_OFFERS, frame, provenance())


def test_a_column_the_contract_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="gpu_offers has no column colour, usd_per_gpu_hour"):
        judged(GPU_OFFERS, gpu_offer(usd_per_gpu_hour="1", colour="red"))


def test_the_second_row_of_a_key_is_rejected_and_the_first_stays() -> None:
    rows, rejects = judged(GPU_OFFERS, gpu_offer(usd_per_hour="1"), gpu_offer(usd_per_hour="2"))
    assert rows["usd_per_hour"].to_list() == [Decimal(1)]
    assert rejects["payload_ref"].to_list() == ["sha256:00ff#rows/1"]
    assert "duplicate" in rejects["reason"].item()


def test_rows_of_one_key_at_two_instants_or_in_two_scopes_are_no_duplicates() -> None:
    rows, rejects = judged(
        GPU_OFFERS,
        gpu_offer(),
        gpu_offer(observed_at="2026-05-01T00:00:00Z"),
        gpu_offer(reading_scope="north"),
    )
    assert (rows.height, rejects.height) == (3, 0)


def test_an_unstated_part_of_a_key_equals_another_unstated_one() -> None:
    rows, rejects = judged(TOKEN_PRICES, token_price(), token_price(), token_price(quantization="fp8"))
    assert rows["quantization"].to_list() == [None, "fp8"]
    assert rejects.height == 1


def test_a_broken_row_does_not_take_its_key_from_a_good_one() -> None:
    rows, rejects = judged(GPU_OFFERS, gpu_offer(usd_per_hour="0"), gpu_offer(usd_per_hour="2"))
    assert rows["payload_ref"].to_list() == ["sha256:00ff#rows/1"]
    assert rejects["payload_ref"].to_list() == ["sha256:00ff#rows/0"]


def test_a_parsers_own_reason_stands_before_the_rules() -> None:
    collected = Rows("gpu_offers")
    collected.reject("offers/0", "a test offer", provider_raw="Some Cloud", usd_per_hour="0")
    collected.add("offers/1", **gpu_offer(observed_at="2026-05-01T00:00:00Z"))
    rows, rejects = conform(GPU_OFFERS, collected.frame(), provenance())
    assert rows["observed_at"].item() == datetime(2026, 5, 1, tzinfo=UTC)
    assert rejects["reason"].item() == "a test offer"
    assert rejects["observed_at"].item() == datetime(2026, 6, 1, 6, tzinfo=UTC)


def test_a_reject_keeps_the_values_as_they_came() -> None:
    _, rejects = judged(GPU_OFFERS, gpu_offer(usd_per_hour="from 2.00", gpu_count="8x"))
    kept = json.loads(rejects["row_json"].item())
    assert (kept["usd_per_hour"], kept["gpu_count"], kept["gpu_memory_gb"]) == ("from 2.00", "8x", None)
    assert rejects["recorded_at"].item() == RECORDED_AT


@pytest.mark.parametrize("contract_name", CONTRACTS)
def test_a_payload_without_rows_gives_empty_tables_of_the_right_shape(contract_name: str) -> None:
    contract = CONTRACTS[contract_name]
    rows, rejects = judged(contract)
    assert rows.schema == pl.Schema(contract.schema)
    assert rejects.schema == pl.Schema(QUARANTINE_SCHEMA)


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.text(max_size=6),
    st.sampled_from(["0", "1.5", "-1", "2026-05-01", "true", "on_demand", "input", "elo", "overall"]),
)


@pytest.mark.parametrize("contract_name", CONTRACTS)
@given(data=st.data())
def test_every_row_ends_exactly_once_among_the_rows_or_the_rejects(contract_name: str, data: Any) -> None:
    contract = CONTRACTS[contract_name]
    money = {name for name, dtype in contract.schema.items() if dtype == pl.Decimal(18, 9)}
    good = {"gpu_offers": gpu_offer(), "token_prices": token_price(), "leaderboard_scores": score()}
    names = st.sampled_from([column.name for column in contract.columns])
    given_rows = data.draw(st.lists(st.dictionaries(names, ODD_VALUES, max_size=4), max_size=5))
    rows_in = [
        {
            **good.get(contract_name, {}),
            **{
                name: str(value) if name in money and isinstance(value, float) else value
                for name, value in row.items()
            },
        }
        for row in given_rows
    ]
    rows, rejects = judged(contract, *rows_in)
    came_out = sorted(rows["payload_ref"].to_list() + rejects["payload_ref"].to_list())
    assert came_out == [f"sha256:00ff#rows/{position}" for position in range(len(rows_in))]
    assert faults(contract, rows) == []
    assert rejects["reason"].null_count() == 0
