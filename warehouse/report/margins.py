"""What selling tokens earns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from warehouse.report import say
from warehouse.report.charts import (
    COLOURS,
    DASHES,
    FAINT,
    INK,
    Rows,
    csv_of,
    finished,
    legend,
    numbers,
    scale_of,
    span,
    step_chart,
    steps_table,
)
from warehouse.report.content import MODELLED, Figure, Filter, Part, Section, Table
from warehouse.report.market import Market, Row, following, monthly

_COLUMNS: Final = (
    "case_id",
    "case_name",
    "price_basis",
    "throughput_tier",
    "margin_date",
    "utilisation_ratio",
    "gross_margin_ratio",
    "markup_ratio",
    "break_even_utilisation_ratio",
)
HALF: Final = 0.5
"""Utilisation at which margins are summed up."""
MOST_MODELS: Final = 12
"""Models drawn on each basis of cost: those with the most hosts."""

_STATED_CASES: Final = """
    select
        case_id, case_name, 'stated' as price_basis, 'measured' as throughput_tier,
        stated_date as margin_date, utilisation_ratio, gross_margin_ratio, markup_ratio,
        break_even_utilisation_ratio
    from marts.inference_margin_cases
    where gross_margin_ratio is not null
    order by case_id, utilisation_ratio
"""
_MODELS: Final = f"""
    with served as (
        from marts.inference_margins_daily
        where gpu_id = 'h100-sxm-80gb' and throughput_tier != 'none'
    ),

    last_days as (
        select cost_basis, until_date as last_day
        from (
            select cost_basis, model_id, host_id, max(until_date) as until_date
            from served
            group by all
        )
        group by 1, 2
        qualify row_number() over (partition by cost_basis order by count(*) desc, until_date desc) = 1
    ),

    middling as (
        select
            model_id, cost_basis, throughput_tier, utilisation_ratio, last_day as margin_date,
            count(*) as hosts,
            median(gross_margin_ratio) as gross_margin_ratio,
            median(markup_ratio) as markup_ratio,
            median(break_even_utilisation_ratio) as break_even_utilisation_ratio
        from served
        inner join last_days using (cost_basis)
        where last_day between margin_date and until_date
        group by all
        having count(*) >= 3
    )

    select
        model_id || '/' || cost_basis as case_id,
        model_name || ', ' || hosts || ' hosts' as case_name,
        cost_basis as price_basis, throughput_tier, margin_date, utilisation_ratio,
        gross_margin_ratio, markup_ratio, break_even_utilisation_ratio
    from middling
    inner join core.dim_models using (model_id)
    qualify dense_rank() over (partition by cost_basis order by hosts desc, model_id) <= {MOST_MODELS}
    order by cost_basis desc, model_id, utilisation_ratio
"""
"""The median host of each model on the day on which most were last seen, on rented and on owned machines."""


_INDEX: Final = """
    select
        *, index_month as month, throughput_scope as line, gross_margin_ratio as value,
        low_gross_margin_ratio as low, high_gross_margin_ratio as high,
        count(gross_margin_ratio) over (partition by gpu_id, cost_basis) as month_count
    from marts.inference_margin_index_monthly
    order by gpu_id <> 'h100-sxm-80gb', gpu_id, cost_basis desc, throughput_scope desc, month
"""
"""Suppressed months have no value."""

SCOPES: Final = {"measured": "models with measured throughput", "all": "scaled throughput too"}


def margin_index(market: Market) -> Part:
    """The index of margins over time, one small chart for each accelerator and basis of cost."""
    section = ("margin-index", "The margin index: all hosts of all models")
    rows = market.rows(_INDEX) if market.has("marts.inference_margin_index_monthly") else []
    shown = [row for row in rows if row["month_count"]]
    if not shown:
        return Section(*section, missing="This release holds no margin index."), []
    figures = []
    for gpu_id, basis in dict.fromkeys((row["gpu_id"], row["cost_basis"]) for row in shown):
        mine = [
            {**row, "series": SCOPES[row["throughput_scope"]]}
            for row in shown
            if (row["gpu_id"], row["cost_basis"]) == (gpu_id, basis) and row["value"] is not None
        ]
        for row in mine:
            row["hint"] = row["status_reason"] or ""
        points = monthly(mine)
        names = [name for name in SCOPES.values() if any(point.series == name for point in points)]
        last = {row["series"]: row for row in mine}
        name = market.name("gpu", gpu_id)
        figures.append(
            Figure(
                f"chart-margin-index-{gpu_id}-{basis}",
                f"{name}, {basis_words(basis)}",
                " ".join(
                    f"{scope[0].upper()}{scope[1:]}: {_index_words(row)}" for scope, row in last.items()
                ),
                step_chart(
                    points,
                    names,
                    "gross margin",
                    values=(-1.0, 1.0),
                    is_zero_based=False,
                    y_format="%",
                    days=(
                        min(row["month"] for row in shown),
                        max(following(row["month"]) for row in shown),
                    ),
                    height=220,
                ),
                legend(names),
                steps_table(
                    points,
                    "Gross margin",
                    "Remark",
                    worded=say.percent,
                    band="Worst to best scenario",
                    dated=say.month,
                ),
                numbers(points, "gross_margin_ratio"),
                "gross margin, percent of revenue",
                MODELLED,
                say.month(max(row["month"] for row in mine)),
                keys=(name,),
                explained=say.explained(
                    "inference_margin_index_monthly",
                    gpu_id=gpu_id,
                    cost_basis=basis,
                    throughput_scope=mine[-1]["throughput_scope"],
                    index_month=mine[-1]["month"],
                ),
            )
        )
    suppressed = (row["status_reason"] for row in rows if row["value"] is None)
    lead = (
        f"Mean over the models of the median host's margin at {say.percent(shown[0]['utilisation_ratio'])} "
        "use of the machines. The band runs from the worst to the best scenario of costs and throughput; "
        "charts end at −100 %, the numbers do not. A few models sold far below cost pull the mean down, and "
        "models come and go, so a change is not one of prices alone. " + say.left_out("months", suppressed)
    )
    choice = Filter("Show accelerator", {figure.keys[0]: () for figure in figures})
    return Section(*section, lead.strip(), tuple(figures), is_grid=True, choice=choice), []


def _index_words(row: Row) -> str:
    return (
        f"{say.percent(row['value'])} in {say.month(row['month'])} (scenarios "
        f"{span(row['low'], row['high'], say.percent)}; median model "
        f"{say.percent(row['median_gross_margin_ratio'])}, breaks even at "
        f"{say.percent(row['break_even_utilisation_ratio'])} use; {row['model_count']} models)."
    )


def margins(market: Market) -> Part:
    """Gross margin of serving tokens: stated cases beside the models of the market."""
    section = ("margins", "Inference margins: stated cases against the market")
    rows = [
        row
        for table, query in (
            ("marts.inference_margin_cases", _STATED_CASES),
            ("marts.inference_margins_daily", _MODELS),
        )
        if market.has(table)
        for row in market.rows(query)
    ]
    if not rows:
        return Section(*section, missing="This release holds no inference margin."), []
    spans: dict[str, list[Row]] = {}
    for row in rows:
        spans.setdefault(row["case_id"], []).append(row)
    bases = list(dict.fromkeys(row["price_basis"] for row in rows))
    shares = sorted({float(row["utilisation_ratio"]) for row in rows})
    figure = Figure(
        "chart-margins",
        "Gross margin of serving tokens at different utilisation of the machines",
        " ".join(
            f"{cases[0]['case_name']}: {margin_words(cases[0])}, {margin_words(cases[-1])}."
            for cases in spans.values()
        ),
        margin_chart(spans, bases),
        legend(basis_words(basis) for basis in bases),
        _margin_table(spans, shares),
        csv_of(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows)),
        "gross margin, percent of revenue",
        MODELLED,
        say.day(max(row["margin_date"] for row in rows)),
        f"Dots from left to right: utilisation of {', '.join(map(say.percent, shares))}. A triangle at the "
        "left edge stands for a margin below −100 %. Gross margin is profit over revenue; markup, in the "
        "table, is profit over cost. Even: the utilisation at which a case breaks even. Scaled: its "
        "throughput is taken from a like model.",
        explained=next(
            (
                say.explained("inference_margin_cases", case_id=row["case_id"], utilisation_ratio=HALF)
                for row in rows
                if row["price_basis"] == "stated" and row["utilisation_ratio"] == HALF
            ),
            "",
        ),
    )
    lead = (
        "What serving an open-weight model earns: token prices against the rent of the machines, or what "
        "owning them costs, with throughput that was measured or, where the table says so, scaled from a "
        "like model. Stated cases repeat their source's figures."
    )
    for basis, how in (("rent", "rented"), ("owner", "owned")):
        half = [row for row in rows if row["price_basis"] == basis and row["utilisation_ratio"] == HALF]
        if half:
            earned = sorted(float(row["gross_margin_ratio"]) for row in half)
            lead += (
                f" On {how} H100s, on {say.day(half[0]['margin_date'])} and at {say.percent(HALF)} "
                f"utilisation, the median hosts of these models run from {say.percent(earned[0])} to "
                f"{say.percent(earned[-1])}, {sum(margin > 0 for margin in earned)} of {len(earned)} above "
                "zero."
            )
    return Section(*section, lead, figures=(figure,)), []


def _margin_table(spans: Mapping[str, Sequence[Row]], shares: Sequence[float]) -> Table:
    columns = tuple(f"Margin at {say.percent(share)}" for share in shares)
    rows = []
    for cases in spans.values():
        margins = {float(row["utilisation_ratio"]): say.percent(row["gross_margin_ratio"]) for row in cases}
        full = cases[-1]
        rows.append(
            (
                full["case_name"],
                basis_words(full["price_basis"]),
                full["throughput_tier"] or "–",
                say.day(full["margin_date"]),
                *(margins.get(share, "–") for share in shares),
                f"{say.percent(full['markup_ratio'])} at {say.percent(full['utilisation_ratio'])}",
                say.percent(full["break_even_utilisation_ratio"]),
            )
        )
    return Table(
        ("Case", "Prices", "Throughput", "Day", *columns, "Markup", "Breaks even at"),
        rows,
        frozenset((*columns, "Markup", "Breaks even at")),
        "Gross margin by utilisation",
    )


def basis_words(basis: str) -> str:
    return {"rent": "rented machines", "owner": "owned machines"}.get(basis, f"{basis} prices")


def margin_words(row: Row) -> str:
    return f"{say.percent(row['gross_margin_ratio'])} at {say.percent(row['utilisation_ratio'])} utilisation"


def _label(row: Row) -> str:
    """Name of a case, where it breaks even, and whether its throughput is scaled."""
    share = row["break_even_utilisation_ratio"]
    known = [] if share is None else ["never even"] if share > 1 else [f"even at {say.percent(share)}"]
    scaled = ["scaled"] if row["throughput_tier"] == "scaled" else []
    return "; ".join([row["case_name"], *known, *scaled])


def margin_chart(spans: Mapping[str, Sequence[Row]], bases: Sequence[str]) -> dict[str, Any]:
    import altair as alt

    rows_of = Rows()
    dots = [
        {
            "case": case_id,
            "prices": row["price_basis"],
            "margin": max(-1.0, float(row["gross_margin_ratio"])),
            "below": float(row["gross_margin_ratio"]) < -1,
            "at": margin_words(row),
            "name": _label(row),
            "day": say.day(row["margin_date"]),
        }
        for case_id, rows in spans.items()
        for row in rows
    ]
    names = {dot["case"]: {**dot, "margin": -1} for dot in dots}
    x = alt.X(
        "margin:Q",
        title="gross margin",
        scale=alt.Scale(domain=[-1, 1]),
        axis=alt.Axis(format="%", tickCount=5, orient="top"),
    )
    full_y = alt.Y("case:N", sort=list(spans), axis=None, scale=alt.Scale(padding=0.9))
    y = alt.Y("case:N", sort=list(spans))
    colour = alt.Color("prices:N", legend=None, scale=scale_of(alt, bases, COLOURS))
    dash = alt.StrokeDash("prices:N", legend=None, scale=scale_of(alt, bases, DASHES))
    shape = alt.Shape(
        "below:N", legend=None, scale=alt.Scale(domain=[False, True], range=["circle", "triangle-left"])
    )
    base = alt.Chart(rows_of.named(dots))
    layers = [
        base.mark_line(strokeWidth=2).encode(x=x, y=full_y, color=colour, strokeDash=dash, detail="case:N"),
        alt.Chart(rows_of.named([{"margin": 0}])).mark_rule(stroke=FAINT).encode(x="margin:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x="margin:Q",
            y=y,
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(name, type="nominal") for name in ("name", "prices", "day", "at")],
        ),
        alt.Chart(rows_of.named(list(names.values())))
        .mark_text(align="left", dx=2, dy=-12, fontSize=12, fill=INK, limit=460)
        .encode(x="margin:Q", y=y, text="name:N"),
    ]
    return finished(alt.layer(*layers).properties(width="container", height=36 * len(spans)), rows_of)
