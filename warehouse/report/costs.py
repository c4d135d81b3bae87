"""What training costs, and whether to rent or to buy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from warehouse.report import say
from warehouse.report.charts import COLOURS, legend, numbers, step_chart, steps_table
from warehouse.report.content import MODELLED, Fact, Figure, Filter, Part, Section, Table
from warehouse.report.market import Market, Row, following, monthly

FIRST_RUN: Final = "llama-2-70b"

BASES: Final = {
    "list_on_demand": "hyperscalers, on demand",
    "list_1yr": "hyperscalers, for a year",
    "neocloud_on_demand": "neoclouds, on demand",
    "neocloud_1yr": "neoclouds, for a year",
    "owner": "cost of owning",
    "stated": "as stated by the source",
}
"""Bases of a training cost, in the order of the legend."""

HARDWARE: Final = {"own": "the chips it was trained on", "best": "the cheapest chip for it in each month"}

BANDS: Final = {
    "own": "The band runs from the lower to the upper quartile of the sellers' rents.",
    "best": "The band runs from 50 % to 30 % of the chip's peak rate; the line is at 40 %.",
}

_TRAINING: Final = f"""
    select
        *, run_id || '/' || hardware as figure, cost_month as month,
        cost_basis || '/' || if(hardware = 'own', gpu_id, '') as line,
        cast(cost_usd as double) / 1e6 as value, cast(low_cost_usd as double) / 1e6 as low,
        cast(high_cost_usd as double) / 1e6 as high,
        count(cost_usd) over (partition by figure) as month_count
    from marts.training_costs_monthly
    qualify month_count > 0
    order by
        run_id <> '{FIRST_RUN}', run_id, hardware <> 'own',
        list_position({list(BASES)}, cost_basis), gpu_id = trained_on_gpu_id desc, line, month
"""

_RENT_OR_BUY: Final = """
    select
        *, rent_month as month, series_id as line,
        case when status <> 'suppressed' then rent_usd_per_gpu_hour end as value
    from marts.rent_vs_buy_monthly
    where is_headline
    order by gpu_id <> 'h100-sxm-80gb', gpu_id, purchase_type, commitment_months, series_id, month
"""

_SCENARIOS: Final = """
    select
        utilisation_ratio, residual_ratio, rent_decline_per_month_ratio, discounted_payback_months
    from marts.rent_vs_buy_monthly
    where series_id = ? and gpu_id = ? and rent_month = ? and status <> 'suppressed'
    order by utilisation_ratio, residual_ratio, rent_decline_per_month_ratio
"""


def training(market: Market) -> Part:
    """What the same published run costs at each month's rents, one chart for each run and hardware."""
    section = ("training", "What the same training run costs over time")
    known = market.has("marts.training_costs_monthly")
    rows = market.rows(_TRAINING) if known else []
    if not rows:
        return Section(*section, missing="This release holds no training cost."), []
    figures: list[Figure] = []
    facts: list[Fact] = []
    seen = [row["month"] for row in rows if row["value"] is not None]
    for key in dict.fromkeys(row["figure"] for row in rows):
        mine = [row for row in rows if row["figure"] == key and row["value"] is not None]
        for row in mine:
            row["series"] = _basis(market, row)
            row["hint"] = "; ".join(filter(None, (market.name("gpu", row["gpu_id"]), row["status_reason"])))
        names = list(dict.fromkeys(row["series"] for row in mine))[: len(COLOURS)]
        points = [point for point in monthly(mine) if point.series in names]
        first, last = _ends([row for row in mine if row["series"] in names])
        name, hardware = mine[0]["run_name"], HARDWARE[mine[0]["hardware"]]
        figures.append(
            Figure(
                f"chart-training-{mine[0]['run_id']}-{mine[0]['hardware']}",
                name if mine[0]["is_converted"] else f"{name} on {hardware}",
                " ".join(
                    f"{name}: {say.million_usd(last[name]['value'])} in {say.month(last[name]['month'])}, "
                    f"{say.million_usd(first[name]['value'])} in {say.month(first[name]['month'])}."
                    for name in names
                ),
                step_chart(points, names, "million USD", height=260, days=(min(seen), following(max(seen)))),
                legend(names),
                steps_table(points, "million USD", "Machine, remark", band="Low to high", dated=say.month),
                numbers(points, "cost_million_usd"),
                "million USD for the accelerators of the final run",
                MODELLED,
                say.month(max(row["month"] for row in mine)),
                BANDS[mine[0]["hardware"]] if any(row["low"] != row["high"] for row in mine) else "",
                (name,),
                _explained(last[names[0]]),
            )
        )
        if not facts:
            facts = [_cost_fact(name, last[names[0]], first[names[0]], names[0])]
    missing = sum(row["value"] is None for row in rows)
    lead = (
        "The accelerator-hours of published final runs at the rents of each month, the same hours "
        "throughout; experiments, staff and storage are not in it. Where a run is priced on the best chip "
        "of the month, its operations are taken at 40 % of the peak rate. A month without a rent within 60 "
        f"days is left out: {say.count(missing)} of {say.count(len(rows))} months of these lines."
    )
    choice = Filter("Show run", {figure.keys[0]: () for figure in figures})
    return Section(*section, lead, tuple(figures), is_grid=True, choice=choice), facts


def _basis(market: Market, row: Row) -> str:
    """Words for the basis of a cost; with the accelerator where it is not the one of the run."""
    basis = BASES.get(row["cost_basis"], say.words(row["cost_basis"]))
    if row["hardware"] == "own" and row["gpu_id"] != row["trained_on_gpu_id"]:
        return f"{basis}, {market.name('gpu', row['gpu_id'])}"
    return basis


def _ends(rows: Sequence[Row]) -> tuple[dict[str, Row], dict[str, Row]]:
    first: dict[str, Row] = {}
    last: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row["series"], row)
        last[row["series"]] = row
    return first, last


def _cost_fact(run: str, last: Row, first: Row, basis: str) -> Fact:
    return Fact(
        f"Training {run} again",
        say.million_usd(last["value"]),
        f"{basis}, {say.month(last['month'])}; {say.million_usd(first['value'])} in "
        f"{say.month(first['month'])}",
        _explained(last),
    )


def _explained(row: Row) -> str:
    key = ("run_id", "hardware", "cost_basis", "gpu_id", "cost_month")
    return say.explained("training_costs_monthly", **{name: row[name] for name in key})


def rent_or_buy(market: Market) -> Part:
    """The rent of each month against the rent at which owning pays, one chart for each accelerator."""
    section = ("rent-or-buy", "Rent or buy")
    known = market.has("marts.rent_vs_buy_monthly")
    rows = market.rows(_RENT_OR_BUY) if known else []
    published = [row for row in rows if row["value"] is not None]
    if not published:
        return Section(*section, missing="This release holds no rent beside a purchase price."), []
    figures, latest = [], {}
    for gpu_id in dict.fromkeys(row["gpu_id"] for row in published):
        mine = [row for row in published if row["gpu_id"] == gpu_id]
        for row in mine:
            row["series"] = _seller(market, row)
            row["hint"] = row["status_reason"] or ""
            latest[gpu_id, row["series_id"]] = row
        on_demand = [row for row in mine if row["purchase_type"] == "on_demand"]
        names = list(dict.fromkeys(row["series"] for row in on_demand))[: len(COLOURS) - 1]
        points = [point for point in monthly(on_demand) if point.series in names]
        share = on_demand[0]["utilisation_ratio"]
        owner = f"break-even rent of an owner at {say.percent(share)} use"
        owned = {row["month"]: {**row, "series": owner, "line": owner, "hint": ""} for row in on_demand}
        points += monthly(
            [{**row, "value": row["break_even_rent_usd_per_gpu_hour"]} for _, row in sorted(owned.items())]
        )
        names.append(owner)
        name = market.name("gpu", gpu_id)
        figures.append(
            Figure(
                f"chart-rent-or-buy-{gpu_id}",
                f"{name}: rent against the cost of owning",
                " ".join(
                    f"{row['series']}: {say.usd(row['value'])} an hour in {say.month(row['month'])} against "
                    f"a break-even of {say.usd(row['break_even_rent_usd_per_gpu_hour'])}."
                    for (gpu, _), row in latest.items()
                    if gpu == gpu_id and row["purchase_type"] == "on_demand"
                ),
                step_chart(points, names, "USD per GPU-hour", height=260),
                legend(names),
                steps_table(points, "USD per GPU-hour", "Remark", dated=say.month),
                numbers(points, "usd_per_gpu_hour"),
                "USD per GPU-hour",
                MODELLED,
                say.month(max(row["month"] for row in on_demand)),
                keys=(name,),
                explained=say.explained(
                    "rent_vs_buy_monthly",
                    gpu_id=gpu_id,
                    series_id=on_demand[-1]["series_id"],
                    rent_month=on_demand[-1]["month"],
                    is_headline="true",
                ),
            )
        )
    lead = (
        "Owning pays where the rent stands above the break-even: the unchanging rent that returns server, "
        "network and facility with 10 % a year over 48 months, electricity paid, 40 % of the capital left "
        "at the end. Rents are list prices: discounts and long contracts are not seen here, and an owner "
        "who grants them waits "
        "longer. " + _stops(market, rows, latest)
    )
    tables = [_paybacks(market, latest)]
    first = next(
        (row for row in latest.values() if row["segment"] == "neocloud"), next(iter(latest.values()))
    )
    scenarios = market.rows(_SCENARIOS, first["series_id"], first["gpu_id"], first["month"])
    if scenarios:
        tables.append(_scenario_table(market, first, scenarios))
    choice = Filter("Show accelerator", {figure.keys[0]: () for figure in figures})
    return Section(*section, lead, tuple(figures), tuple(tables), is_grid=True, choice=choice), []


def _stops(market: Market, rows: Sequence[Row], latest: dict[tuple[str, str], Row]) -> str:
    """Why the last month of each accelerator that has numbers is not the last month of the release."""
    words = []
    for gpu_id in dict.fromkeys(gpu for gpu, _ in latest):
        mine = [row for row in rows if row["gpu_id"] == gpu_id]
        until = max(row["month"] for row in mine if row["value"] is not None)
        newest = max(mine, key=lambda row: row["month"])
        if newest["month"] > until:
            words.append(
                f"{market.name('gpu', gpu_id)} ends in {say.month(until)}, as there is "
                f"{newest['status_reason']} of {say.month(newest['month'])}."
            )
    return " ".join(words)


def _seller(market: Market, row: Row) -> str:
    term = f" for {row['commitment_months']} months" if row["commitment_months"] else ""
    gpu = market.name("gpu", row["series_id"].rsplit("/", 1)[-1])
    return f"{row['segment']}, {say.words(row['purchase_type'])}{term}, {gpu}"


def _paybacks(market: Market, latest: dict[tuple[str, str], Row]) -> Table:
    columns = ("Rent", "Break-even rent", "Capital", "Used", "Steady rent", "Falling rent", "Discounted")
    return Table(
        ("Bought", "Rented out as", "Month", *columns),
        [
            (
                market.name("gpu", gpu_id),
                row["series"],
                say.month(row["month"]),
                say.usd(row["value"]),
                say.usd(row["break_even_rent_usd_per_gpu_hour"]),
                f"${row['capital_usd_per_gpu']:,.0f}",
                say.percent(row["utilisation_ratio"]),
                say.months(row["simple_payback_months"]),
                say.months(row["falling_rent_payback_months"]),
                say.months(row["discounted_payback_months"]),
            )
            for (gpu_id, _), row in latest.items()
        ],
        frozenset(columns),
        "Months until the capital is earned, in the last month with a rent and a purchase price; the rent "
        "falls by 1 % a month in the last two columns, and the last one discounts at 10 % a year. An "
        "estimate.",
    )


def _scenario_table(market: Market, row: Row, scenarios: Sequence[Row]) -> Table:
    """Discounted payback by use, residual value and fall of the rent."""
    falls = sorted({found["rent_decline_per_month_ratio"] for found in scenarios})
    columns = tuple(f"Rent falls {say.percent(fall)} a month" for fall in falls)
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for found in scenarios:
        case = (say.percent(found["utilisation_ratio"]), say.percent(found["residual_ratio"]))
        column = columns[falls.index(found["rent_decline_per_month_ratio"])]
        cells.setdefault(case, {})[column] = say.months(found["discounted_payback_months"])
    return Table(
        ("Used", "Capital left at the end", *columns),
        [(*case, *(found.get(column, "–") for column in columns)) for case, found in cells.items()],
        frozenset(columns),
        f"How the discounted payback of {market.name('gpu', row['gpu_id'])} depends on the guesses: "
        f"{row['series']}, {say.month(row['month'])}, {say.usd(row['value'])} an hour. Never: not within 72 "
        "months.",
    )
