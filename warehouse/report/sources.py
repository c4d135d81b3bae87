"""How fresh and how sound the inputs are."""

from __future__ import annotations

from collections import Counter

from warehouse.report import say
from warehouse.report.content import Fact, Part, Section, Table
from warehouse.report.market import Market, Row


def freshness(market: Market) -> Part:
    """Every source: fresh, stalled, unreachable or never fetched, and how old."""
    section = ("sources", "How fresh the sources are")
    rows = (
        market.rows("select * from ops.source_freshness order by source_id")
        if market.has("ops.source_freshness")
        else []
    )
    if not rows:
        return Section(*section, missing="This release does not say how fresh its sources are."), []
    states = [_state(row) for row in rows]
    table = Table(
        (
            "Source",
            "State",
            "Publisher",
            "Last reading",
            "Age",
            "Last attempt",
            "Rows",
            "Set aside",
            "Last error, or why stalled",
        ),
        [
            (
                row["source_id"],
                state,
                row["publisher"],
                say.day(row["last_reading_at"]),
                say.age(row["age_days"]),
                say.day(row["last_attempt_at"]),
                say.count(row["row_count"]),
                say.count(row["rejected_count"]),
                say.shortened(row["last_error"] or row["stalled_reason"] or ""),
            )
            for row, state in zip(rows, states, strict=True)
        ],
        frozenset(("Age", "Rows", "Set aside")),
        "Rows: observations of the last day read. Set aside: rows of that day that broke a rule.",
        tuple({"fresh": "good", "closed history": "muted"}.get(state, "bad") for state in states),
    )
    live = Counter(state for state in states if state != "closed history")
    shares = ", ".join(f"{count} {state}" for state, count in sorted(live.items()))
    lead = (
        f"Of {live.total()} live sources: {shares}. Closed histories, which no longer move: "
        f"{len(states) - live.total()}."
    )
    fact = Fact("Fresh live sources", f"{live['fresh']} of {live.total()}", shares)
    return Section(*section, lead, tables=(table,)), [fact]


def _state(row: Row) -> str:
    if row["kind"] == "history":
        return "closed history"
    if row["last_outcome"] == "failed":
        state = "unreachable" if row["last_error_kind"] == "Unreachable" else "failing"
        return state if row["last_reading_at"] else f"{state}, never read"
    if row["last_attempt_at"] is None:
        return "never fetched"
    if row["last_reading_at"] is None:
        return "never read"
    return "stalled" if row["is_stalled"] else "fresh"
