"""The observation tables: one strict schema each.

What belongs here: columns, types, units, keys and the rules a row must keep. Parsers, the lake, the
tests and the data dictionary all read these objects; nothing else states a schema.
What does not: how a vendor's bytes become rows (pipeline/sources) and what the rows mean together (sql/).

A parser hands over a frame with a contract's own columns, all optional ones free to be missing. It may add

* ``payload_position``: where in the payload the row stands ("offers/12", "line 7"), and ``payload_object``
  where one frame holds rows of several payloads;
* ``reject_reason``: why this row must not become an observation (null for good rows);
* ``observed_at``, ``observed_until``, ``reading_scope``, ``evidence``: where the payload itself states them.

``conform`` casts strictly, checks every rule and splits the frame into rows and rejects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import polars as pl

MONEY: Final = pl.Decimal(18, 9)
"""USD or native money. Nine decimals hold a price of one token in USD per million of them exactly."""

Schema = dict[str, pl.DataType | type[pl.DataType]]

UTC_TIME: Final = pl.Datetime("us", "UTC")

FIRST_YEAR: Final = 2000
"""No date of this market is older; 0001 and 1970 stand for an unset one."""

PURCHASE_TYPES: Final = ("on_demand", "spot", "reserved", "capacity_block", "community", "unstated")
"""``unstated``: the source mixes or hides the kind of sale. Never joined with another kind."""

PRICE_STATISTICS: Final = ("offer", "minimum", "median", "mean")
"""``offer``: one thing on sale. The others: a statistic over a provider's offers."""

EVIDENCES: Final = ("polled", "listed", "reconstructed", "estimate")
COMPONENTS: Final = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "input_audio",
    "output_audio",
    "image",
    "request",
    "web_search",
)
TOKEN_UNITS: Final = ("usd_per_mtok", "usd_per_image", "usd_per_request", "usd_per_search")
SERVICE_TIERS: Final = ("standard", "batch", "flex", "priority")
SCORE_UNITS: Final = ("elo", "percent", "fraction", "usd", "seconds", "index")


@dataclass(frozen=True)
class Column:
    """One column: its type, its unit or meaning, and the rules its values keep."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    above: float | None = None
    """Values must be greater than this."""
    at_least: float | None = None
    at_most: float | None = None
    default: str | float | None = None


class Rule(NamedTuple):
    """A rule over several columns. A row for which ``broken_when`` is true goes to quarantine."""

    reason: str
    broken_when: pl.Expr


@dataclass(frozen=True)
class Contract:
    """One observation table. ``key`` names what is observed; one reading holds each key once."""

    name: str
    domain: str
    """Part of the market it tells of, for lists of sources."""
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = field(default=())

    @property
    def schema(self) -> Schema:
        """Column name to polars type, in table order, common columns last."""
        return {column.name: column.dtype for column in (*self.columns, *COMMON_COLUMNS)}

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Columns that can change while the key stays: what a change of an observation is."""
        times = ("effective_from", "effective_to")
        return tuple(c.name for c in self.columns if c.name not in self.key) + times

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.schema)


class Conformed(NamedTuple):
    """``rows`` carry the contract's schema; ``rejects`` carry the QUARANTINE schema."""

    rows: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class Provenance:
    """What the loader knows and the parser must not invent: the same for every row of one payload."""

    source_id: str
    observed_at: datetime
    recorded_at: datetime
    evidence: str
    payload_object: str
    """``sha256:<hex>`` of an archived body, or ``git:<commit>:<path>`` of a published file version."""
    parser_version: int
    reading_scope: str = ""


COMMON_COLUMNS: Final = (
    Column("source_id", pl.String, "Row of the sources seed this came from.", required=True),
    Column(
        "reading_scope",
        pl.String,
        "Part of the source one reading covers (a provider, a file); empty when it covers all of it.",
        required=True,
    ),
    Column("observed_at", UTC_TIME, "UTC instant of the first reading that showed this row.", required=True),
    Column(
        "observed_until",
        UTC_TIME,
        "UTC instant of the last reading in an unbroken run that showed the row unchanged; "
        "equals observed_at for a single poll.",
        required=True,
    ),
    Column("recorded_at", UTC_TIME, "UTC instant at which this warehouse learned it.", required=True),
    Column("effective_from", UTC_TIME, "UTC instant from which the source says it held."),
    Column("effective_to", UTC_TIME, "UTC instant until which (exclusive) the source says it held."),
    Column("evidence", pl.String, "How it is known.", required=True, allowed=EVIDENCES),
    Column("payload_ref", pl.String, "Object and position of the bytes it was read from.", required=True),
    Column("parser_version", pl.Int32, "Version of the parser that read it.", required=True),
)

COMMON_RULES: Final = (
    # A day of slack: clocks differ, and some publishers date by their own midnight.
    Rule(
        "observed more than a day after it was recorded",
        pl.col("observed_at") > pl.col("recorded_at") + pl.duration(days=1),
    ),
    Rule("observed_until lies before observed_at", pl.col("observed_until") < pl.col("observed_at")),
)
NOT_OF_THE_FUTURE: Final = Rule(
    "evaluated more than a day after it was recorded",
    pl.col("evaluated_date") > pl.col("recorded_at").dt.date() + pl.duration(days=1),
)

GPU_OFFERS: Final = Contract(
    name="gpu_offers",
    domain="gpu",
    grain="One offer of accelerators at one reading.",
    key=("offer_key",),
    rules=(
        Rule("no price", pl.col("usd_per_hour").is_null() & pl.col("native_price").is_null()),
        Rule(
            "reserved without a term",
            (pl.col("purchase_type") == "reserved") & pl.col("commitment_months").is_null(),
        ),
    ),
    columns=(
        Column("offer_key", pl.String, "Same thing on sale, same key on every day.", required=True),
        Column("provider_raw", pl.String, "Seller, in the source's words.", required=True),
        Column("gpu_raw", pl.String, "Accelerator, in the source's words.", required=True),
        Column(
            "gpu_count", pl.Float64, "Accelerators in the offer; a slice of one is below 1.", True, above=0
        ),
        Column("gpu_memory_gb", pl.Float64, "Memory of one accelerator, GB as stated.", above=0),
        Column("interconnect_raw", pl.String, "Form factor or link, in the source's words."),
        Column("instance_type", pl.String, "Vendor's product name."),
        Column("region_raw", pl.String, "Place, in the source's words."),
        Column("purchase_type", pl.String, "Kind of sale.", True, allowed=PURCHASE_TYPES),
        Column("commitment_months", pl.Int16, "Months committed; null where none.", above=0),
        Column("price_statistic", pl.String, "What the price is.", True, PRICE_STATISTICS, default="offer"),
        Column("usd_per_hour", MONEY, "USD per hour for the whole offer.", above=0, at_most=100_000),
        Column("native_price", MONEY, "Price per hour as billed, in `currency`.", above=0),
        Column("currency", pl.String, "ISO 4217 code of native_price.", True, default="USD"),
        Column("vcpus", pl.Float64, "Virtual CPUs of the whole offer.", above=0),
        Column("memory_gb", pl.Float64, "Main memory of the whole offer, GB as stated.", above=0),
        Column("is_available", pl.Boolean, "Rentable at the reading; null when the source does not say."),
        Column("available_count", pl.Int32, "Units of the offer on sale at the reading.", at_least=0),
    ),
)

TOKEN_PRICES: Final = Contract(
    name="token_prices",
    domain="token",
    grain="One price component of one model at one host at one reading.",
    key=(
        "host_raw",
        "model_raw",
        "component",
        "unit",
        "service_tier",
        "utc_window",
        "min_context_tokens",
        "quantization",
    ),
    rules=(
        Rule("a price of 0 that is not stated to be free", (pl.col("usd_amount") == 0) & ~pl.col("is_free")),
        Rule(
            "over 10,000 USD per million tokens: a unit error",
            (pl.col("unit") == "usd_per_mtok") & (pl.col("usd_amount") > 10_000),
        ),
        Rule("a price on a free offer", (pl.col("usd_amount") > 0) & pl.col("is_free")),
    ),
    columns=(
        Column("host_raw", pl.String, "Seller of the tokens, in the source's words.", required=True),
        Column("model_raw", pl.String, "Model, in the source's words.", required=True),
        Column("component", pl.String, "What is billed.", True, allowed=COMPONENTS),
        Column("unit", pl.String, "Unit of usd_amount.", True, TOKEN_UNITS, default="usd_per_mtok"),
        Column("usd_amount", MONEY, "USD per `unit`; 0 only where is_free is true.", True, at_least=0),
        Column("service_tier", pl.String, "Speed or delay class.", True, SERVICE_TIERS, default="standard"),
        Column(
            "utc_window", pl.String, "Daily UTC window HH:MM-HH:MM the price holds in; empty for all day."
        ),
        Column(
            "min_context_tokens",
            pl.Int64,
            "Prompt length from which this price applies.",
            True,
            at_least=0,
            default=0,
        ),
        Column("quantization", pl.String, "Weight format served; null when unstated."),
        Column("context_tokens", pl.Int64, "Longest prompt plus answer.", above=0),
        Column("max_output_tokens", pl.Int64, "Longest answer.", above=0),
        Column("is_free", pl.Boolean, "Stated to be free of charge.", True, default=0),
    ),
)

LEADERBOARD_SCORES: Final = Contract(
    name="leaderboard_scores",
    domain="leaderboard",
    grain="One metric of one model in one category of one board version at one evaluation date.",
    key=("leaderboard", "board_version", "category", "metric", "model_raw", "evaluated_date"),
    rules=(NOT_OF_THE_FUTURE,),
    columns=(
        Column("leaderboard", pl.String, "Board.", required=True),
        Column(
            "board_version", pl.String, "Release or scale; scores compare within one only.", required=True
        ),
        Column("category", pl.String, "Category of the board; `overall` for its headline.", required=True),
        Column("metric", pl.String, "What was measured.", required=True),
        Column("model_raw", pl.String, "Model, in the board's words, effort suffix included.", required=True),
        Column("organization_raw", pl.String, "Maker, in the board's words."),
        Column("score", pl.Float64, "Value in `score_unit`.", required=True),
        Column("score_unit", pl.String, "Unit of score, score_low, score_high.", True, SCORE_UNITS),
        Column("score_low", pl.Float64, "Lower end of the board's interval."),
        Column("score_high", pl.Float64, "Upper end of the board's interval."),
        Column("vote_count", pl.Int64, "Votes or test cases behind the score.", at_least=0),
        Column("rank", pl.Int32, "Rank as published.", at_least=1),
        Column("license_raw", pl.String, "Licence, in the board's words."),
        Column("evaluated_date", pl.Date, "Publisher's date of the score.", required=True),
    ),
)

MODEL_FACTS: Final = Contract(
    name="model_facts",
    domain="model",
    grain="One model as one host or catalogue describes it at one reading.",
    key=("host_raw", "model_raw"),
    columns=(
        Column("host_raw", pl.String, "Catalogue section or host describing the model.", required=True),
        Column("model_raw", pl.String, "Model id, in the source's words.", required=True),
        Column("model_name", pl.String, "Display name."),
        Column("lab_raw", pl.String, "Maker, in the source's words."),
        Column("family", pl.String, "Model family, in the source's words."),
        Column("release_date", pl.Date, "Stated release day."),
        Column("is_open_weights", pl.Boolean, "Weights downloadable; null when unstated."),
        Column("license", pl.String, "Licence of the weights."),
        Column("context_tokens", pl.Int64, "Context length.", above=0),
        Column("total_params_b", pl.Float64, "Parameters, 1e9.", above=0),
        Column("active_params_b", pl.Float64, "Parameters used per token, 1e9.", above=0),
    ),
)

THROUGHPUT: Final = Contract(
    name="throughput",
    domain="throughput",
    grain="One measured serving configuration.",
    key=(
        "model_raw",
        "gpu_raw",
        "gpu_count",
        "precision",
        "engine",
        "configuration_raw",
        "concurrency",
        "input_tokens",
        "output_tokens",
        "evaluated_date",
    ),
    rules=(
        NOT_OF_THE_FUTURE,
        Rule(
            "no rate of tokens",
            pl.all_horizontal(
                pl.col(f"{kind}_tokens_per_second_per_gpu").is_null() for kind in ("input", "output", "total")
            ),
        ),
    ),
    columns=(
        Column("model_raw", pl.String, "Model, in the source's words.", required=True),
        Column("gpu_raw", pl.String, "Accelerator, in the source's words.", required=True),
        Column("gpu_count", pl.Float64, "Accelerators in the measured unit.", True, above=0),
        Column("precision", pl.String, "Weight and arithmetic format."),
        Column("engine", pl.String, "Serving software."),
        Column(
            "configuration_raw",
            pl.String,
            "Layout of the engine (parallelism, split of prompts and answers, speculation), "
            "as far as the source tells configurations apart.",
        ),
        Column("concurrency", pl.Int32, "Requests in flight.", above=0),
        Column("input_tokens", pl.Int32, "Prompt length of the test.", above=0),
        Column("output_tokens", pl.Int32, "Answer length of the test.", above=0),
        Column("output_tokens_per_second_per_gpu", pl.Float64, "Generated tokens.", above=0),
        Column("input_tokens_per_second_per_gpu", pl.Float64, "Prompt tokens.", above=0),
        Column("total_tokens_per_second_per_gpu", pl.Float64, "Prompt and generated tokens.", above=0),
        Column(
            "output_tokens_per_second_per_user",
            pl.Float64,
            "Interactivity: generated tokens one request sees per second, median.",
            above=0,
        ),
        Column("evaluated_date", pl.Date, "Day of the measurement."),
    ),
)

HARDWARE_PRICES: Final = Contract(
    name="hardware_prices",
    domain="hardware",
    grain="One purchase price of one accelerator, alone or as its share of a server, at one reading.",
    key=("seller_raw", "gpu_raw", "gpu_count", "description_raw"),
    columns=(
        Column("seller_raw", pl.String, "Seller or publisher of the price.", required=True),
        Column("gpu_raw", pl.String, "Accelerator, in the source's words.", required=True),
        Column("gpu_count", pl.Float64, "Accelerators in the thing sold.", above=0),
        Column("description_raw", pl.String, "What was sold, in the source's words."),
        Column("usd_per_gpu", MONEY, "USD per accelerator, its share of the server included.", True, above=0),
    ),
)

FX_RATES: Final = Contract(
    name="fx_rates",
    domain="fx",
    grain="One euro reference rate of one currency on one day at one reading.",
    key=("currency", "rate_date"),
    rules=(
        Rule(
            "dated more than a day after it was recorded",
            pl.col("rate_date") > pl.col("recorded_at").dt.date() + pl.duration(days=1),
        ),
    ),
    columns=(
        Column("currency", pl.String, "ISO 4217 code.", required=True),
        Column("units_per_eur", MONEY, "Units of the currency per euro, as published.", True, above=0),
        Column("rate_date", pl.Date, "Working day the rate was set for.", required=True),
    ),
)

REFERENCE_INDEX_LEVELS: Final = Contract(
    name="reference_index_levels",
    domain="index",
    grain="One level of somebody else's rental index on one day at one reading.",
    key=("index_raw", "level_date"),
    rules=(
        Rule(
            "dated more than a day after it was recorded",
            pl.col("level_date") > pl.col("recorded_at").dt.date() + pl.duration(days=1),
        ),
    ),
    columns=(
        Column("index_raw", pl.String, "Index, in its publisher's words.", required=True),
        Column("segment_raw", pl.String, "Kind of sellers it covers, in its publisher's words."),
        Column("gpu_raw", pl.String, "Accelerator, in its publisher's words.", required=True),
        Column("level_date", pl.Date, "Day of the level.", required=True),
        Column("usd_per_gpu_hour", MONEY, "Level, USD per accelerator-hour.", True, above=0, at_most=1_000),
    ),
)

CONTRACTS: Final = {
    contract.name: contract
    for contract in (
        GPU_OFFERS,
        TOKEN_PRICES,
        LEADERBOARD_SCORES,
        MODEL_FACTS,
        THROUGHPUT,
        HARDWARE_PRICES,
        FX_RATES,
        REFERENCE_INDEX_LEVELS,
    )
}

QUARANTINE_SCHEMA: Final[Schema] = {
    "contract": pl.String,
    "source_id": pl.String,
    "reading_scope": pl.String,
    "observed_at": UTC_TIME,
    "recorded_at": UTC_TIME,
    "reason": pl.String,
    "payload_ref": pl.String,
    "row_json": pl.String,
    "parser_version": pl.Int32,
}

READINGS_SCHEMA: Final[Schema] = {
    "contract": pl.String,
    "source_id": pl.String,
    "reading_scope": pl.String,
    "read_at": UTC_TIME,
    "recorded_at": UTC_TIME,
    "evidence": pl.String,
    "row_count": pl.Int64,
    "rejected_count": pl.Int64,
    "parser_version": pl.Int32,
}
"""One row per reading of a source: it says when the source was seen, so that absence means something."""


def conform(contract: Contract, frame: pl.DataFrame, provenance: Provenance) -> Conformed:
    """Cast ``frame`` to ``contract``, add provenance, and split off every row that breaks a rule.

    Returns rows in the contract's schema and rejects in QUARANTINE_SCHEMA; together they hold each input
    row exactly once. Raises TypeError where the frame itself is wrong for every row: a column the contract
    does not know, or money that went through a float.
    """
    own = {column.name: column for column in contract.columns}
    optional = {
        "payload_object",
        "payload_position",
        "reject_reason",
        "observed_at",
        "observed_until",
        "reading_scope",
        "evidence",
    }
    unknown = set(frame.columns) - set(own) - optional - {"effective_from", "effective_to"}
    if unknown:
        raise TypeError(f"{contract.name} has no column {', '.join(sorted(unknown))}")
    for name, dtype in frame.schema.items():
        if name in own and own[name].dtype == MONEY and dtype.is_float():
            raise TypeError(f"{contract.name}.{name} is money and came as float; hand over the vendor's text")
    if frame.is_empty():
        return Conformed(contract.empty(), pl.DataFrame(schema=QUARANTINE_SCHEMA))

    columns = (*contract.columns, *COMMON_COLUMNS)
    raw = frame.with_columns(
        _given_or(frame, "reading_scope", provenance.reading_scope),
        _given_or(frame, "observed_at", provenance.observed_at),
        _given_or(frame, "evidence", provenance.evidence),
        pl.lit(provenance.source_id).alias("source_id"),
        pl.lit(provenance.recorded_at, UTC_TIME).alias("recorded_at"),
        pl.lit(provenance.parser_version, pl.Int32).alias("parser_version"),
        (
            _given_or(frame, "payload_object", provenance.payload_object)
            + "#"
            + _given_or(frame, "payload_position", "")
        )
        .cast(pl.String)
        .alias("payload_ref"),
        *(
            pl.lit(None, column.dtype).alias(column.name)
            for column in columns
            if column.name not in frame.columns and column.default is None and column.name in own
        ),
        *(
            pl.lit(None, UTC_TIME).alias(name)
            for name in ("effective_from", "effective_to")
            if name not in frame.columns
        ),
    ).with_columns(
        _given_or_column(frame, "observed_until", "observed_at"),
        *(
            (
                pl.col(column.name).fill_null(column.default)
                if column.name in frame.columns
                else pl.lit(column.default)
            ).alias(column.name)
            for column in columns
            if column.default is not None
        ),
    )
    cast = raw.select(
        *(_cast(raw.schema[column.name], column) for column in columns),
        *(pl.col(column.name).alias(f"raw:{column.name}") for column in columns),
        (pl.col("reject_reason") if "reject_reason" in raw.columns else pl.lit(None, pl.String)).alias(
            "raw:reason"
        ),
    )
    reasons = [pl.col("raw:reason")]
    for column in columns:
        reasons.extend(_broken(column, raw.schema[column.name]))
    reasons.extend(
        pl.when(rule.broken_when).then(pl.lit(rule.reason)) for rule in (*contract.rules, *COMMON_RULES)
    )
    judged = cast.with_columns(pl.coalesce(reasons).alias("reason"))
    is_good = pl.col("reason").is_null()
    rejects = _rejects(contract, judged.filter(~is_good), "raw:")
    good = without_duplicates(contract, judged.filter(is_good).select(*contract.schema))
    return Conformed(good.rows, pl.concat([rejects, good.rejects]))


def without_duplicates(contract: Contract, rows: pl.DataFrame) -> Conformed:
    """Split off every row whose key an earlier row of the same reading has."""
    is_first = pl.struct("reading_scope", "observed_at", *contract.key).is_first_distinct()
    reason = f"duplicate: an earlier row of this reading has the same {', '.join(contract.key)}"
    repeated = rows.filter(~is_first).with_columns(pl.lit(reason).alias("reason"))
    return Conformed(rows.filter(is_first), _rejects(contract, repeated, ""))


def _rejects(contract: Contract, rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    values = pl.struct(
        pl.col(prefix + column.name).cast(pl.String).alias(column.name) for column in contract.columns
    )
    return rows.select(
        pl.lit(contract.name).alias("contract"),
        "source_id",
        "reading_scope",
        "observed_at",
        "recorded_at",
        "reason",
        "payload_ref",
        values.struct.json_encode().alias("row_json"),
        "parser_version",
    )


def _given_or(frame: pl.DataFrame, name: str, value: object) -> pl.Expr:
    if name in frame.columns:
        return pl.col(name).fill_null(value)
    return pl.lit(value).alias(name)


def _given_or_column(frame: pl.DataFrame, name: str, other: str) -> pl.Expr:
    return (pl.coalesce(name, other) if name in frame.columns else pl.col(other)).alias(name)


def _cast(found: pl.DataType, column: Column) -> pl.Expr:
    expression = pl.col(column.name)
    if found == pl.String and column.dtype != pl.String:
        expression = expression.str.strip_chars()
        if column.dtype == pl.Date:
            return expression.str.to_date("%Y-%m-%d", strict=False)
        if column.dtype == UTC_TIME:
            # RFC 3339: an instant without its offset is no instant.
            return expression.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        if column.dtype == pl.Boolean:
            return expression.str.to_lowercase().replace_strict(
                ["true", "false"], [True, False], default=None, return_dtype=pl.Boolean
            )
    return expression.cast(column.dtype, strict=False)


def _broken(column: Column, found: pl.DataType) -> Sequence[pl.Expr]:
    """Reasons, each null where the value keeps the rule."""
    name, value, raw = column.name, pl.col(column.name), pl.col(f"raw:{column.name}")
    is_lost = value.is_null() & raw.is_not_null()
    if found.is_float() and column.dtype.is_integer():
        is_lost |= value != raw
    reasons: list[pl.Expr] = [
        pl.when(is_lost).then(
            pl.format(f"{name}: cannot be read as {column.dtype}: {{}}", raw.cast(pl.String))
        )
    ]
    if column.dtype == pl.Float64:
        reasons.append(pl.when(~value.is_finite()).then(pl.lit(f"{name}: not a finite number")))
    if column.dtype in (pl.Date, UTC_TIME):
        too_old = pl.lit(f"{name}: before the year {FIRST_YEAR}")
        reasons.append(pl.when(value.dt.year() < FIRST_YEAR).then(too_old))
    if column.required:
        reasons.append(pl.when(value.is_null()).then(pl.lit(f"{name}: missing")))
        if column.dtype == pl.String and name != "reading_scope":
            reasons.append(pl.when(value.str.strip_chars() == "").then(pl.lit(f"{name}: empty")))
    if column.allowed:
        reasons.append(
            pl.when(~value.is_in(column.allowed)).then(
                pl.format(f"{name}: {{}} is not one of the known values", value)
            )
        )
    for bound, compare, words in (
        (column.above, value.le, "must be above"),
        (column.at_least, value.lt, "must be at least"),
        (column.at_most, value.gt, "must be at most"),
    ):
        if bound is not None:
            reason = pl.format(f"{name}: {{}} {words} {bound:g}", value.cast(pl.String))
            reasons.append(pl.when(compare(bound)).then(reason))
    return reasons
