"""Berkeley Function Calling Leaderboard: calling tools rightly, in one turn and over many.

Publisher: UC Berkeley Gorilla project, https://gorilla.cs.berkeley.edu/leaderboard.html; the repository
ShishirPatil/gorilla, whose branch gh-pages holds every state, is Apache-2.0. One CSV, last changed
2025-12-16. Quirks: percent signs; N/A; a model stands once per way of calling, "(FC)" or "(Prompt)"; the
fourth version of the test added web search and memory and weighs the overall score otherwise; its cost is
that of the whole run, the third version's that of 1000 calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://gorilla.cs.berkeley.edu/data_overall.csv"
COLUMNS = ("Rank", "Overall Acc", "Model", "Multi Turn Acc", "Organization", "License")
CATEGORIES = {
    "Overall Acc": "overall",
    "Non-Live AST Acc": "non_live_ast",
    "Non-Live Exec Acc": "non_live_exec",
    "Live Acc": "live",
    "Multi Turn Acc": "multi_turn",
    "Web Search Acc": "web_search",
    "Memory Acc": "memory",
    "Relevance Detection": "relevance_detection",
    "Irrelevance Detection": "irrelevance_detection",
}
"""Column to category; their parts are not read."""
COSTS = {"Total Cost ($)": "total_cost", "Cost ($ Per 1k Function Calls)": "cost_per_1k_calls"}
LATENCY = "Latency Mean (s)"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def fetch(http: Http) -> None:
    """The whole board, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The CSV to `leaderboard_scores`, one row per category of a model, and one each for cost and latency.

    Key: board version (`v4` where it has web search, else `v3`), category, metric and model. Metrics:
    `accuracy`, percent; `total_cost` or `cost_per_1k_calls`, USD; `latency_mean`, seconds. N/A gives no row,
    a missing overall score a reject. The date is that in a given file's name, else that of the reading, as
    the file has none. Raises PayloadError when the body is not such a CSV.
    """
    rows = Rows("leaderboard_scores")
    named = DAY.search(context.path)
    for line, row in read_csv(body, COLUMNS):
        known = {
            "leaderboard": "bfcl",
            "board_version": "v4" if "Web Search Acc" in row else "v3",
            "model_raw": row.get("Model"),
            "organization_raw": row.get("Organization") or None,
            "license_raw": row.get("License") or None,
            "evaluated_date": named[0] if named else context.observed_at.date(),
        }
        if decimal(row.get("Overall Acc", "").removesuffix("%")) is None:
            rows.reject(f"line {line}", "no overall accuracy", category="overall", **known)
            continue
        for column, category in CATEGORIES.items():
            score = decimal(row.get(column, "").removesuffix("%"))
            if score is not None:
                rows.add(
                    f"line {line}/{category}",
                    category=category,
                    metric="accuracy",
                    score=score,
                    score_unit="percent",
                    rank=row.get("Rank") if category == "overall" else None,
                    **known,
                )
        for column, metric, unit in (
            *((column, metric, "usd") for column, metric in COSTS.items()),
            (LATENCY, "latency_mean", "seconds"),
        ):
            score = decimal(row.get(column, ""))
            if score:
                usual = {"category": "overall", "metric": metric, "score_unit": unit}
                rows.add(f"line {line}/{metric}", score=score, **usual, **known)
    return {"leaderboard_scores": rows}
