"""Holistic Agent Leaderboard: agents on nine benchmarks, with what the models behind them cost.

Publisher: Princeton University, https://hal.cs.princeton.edu (no licence stated). One page per benchmark with
one HTML table. Quirks: a row is an agent with one model, or with several; the headings carry their tooltips;
accuracy is percent, cost that of one run over all tasks in USD; the brackets behind either are the distances
to the lowest and highest of several runs; the page states no dates; GAIA has three levels besides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal, read_html

if TYPE_CHECKING:
    from bs4 import Tag

    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://hal.cs.princeton.edu/{benchmark}"
BENCHMARKS = (
    "assistantbench",
    "corebench_hard",
    "gaia",
    "online_mind2web",
    "scicode",
    "scienceagentbench",
    "swebench_verified_mini",
    "taubench_airline",
    "usaco",
)
ARCHIVED_PAGES = {name: URL.format(benchmark=name) for name in BENCHMARKS}
HEADINGS = ("rank", "agent", "model", "accuracy", "cost")
"""What the first words of the columns must begin with; more columns stand between them."""
LEVEL = re.compile(r"level (\d)")
AMOUNT = re.compile(
    r"\$?(?P<value>[\d,]+(?:\.\d+)?)\s*%?(?:\s*\(\s*-(?P<below>[\d.,]+)\s*/\s*\+(?P<above>[\d.,]+))?"
)


def fetch(http: Http) -> None:
    """One page per benchmark; one that left the site is passed over."""
    pages = [http.get(URL.format(benchmark=name), scope=name, optional=True) for name in BENCHMARKS]
    if not any(pages):
        raise PayloadError(f"{URL} has none of {', '.join(BENCHMARKS)}")


def parse(body: bytes, context: Context) -> Parsed:
    """A benchmark's page to `leaderboard_scores`, one row per metric of an agent with its model.

    Key: benchmark (leaderboard `hal_<benchmark>`), agent (board version, as agents do not compare), category,
    metric and model. Metrics: `accuracy`, percent, `overall` and GAIA's levels; `total_cost`, USD. Agents of
    several models are rejected. The date is that of the reading. Raises PayloadError when the page has no
    table with these headings.
    """
    rows = Rows("leaderboard_scores")
    benchmark = context.scope or context.url.rpartition("/")[2]
    table = read_html(body).find("table")
    if table is None:
        raise PayloadError("the page has no table")
    first_line = table.find("tr") or table
    headings = [_words(heading).lower() for heading in first_line.find_all("th")]
    missing = [name for name in HEADINGS if not any(heading.startswith(name) for heading in headings)]
    if missing:
        raise PayloadError(f"the table has no column {', '.join(missing)}; it has {headings}")
    lines = [(position, line.find_all("td")) for position, line in enumerate(table.find_all("tr"))]
    if not any(cells for _, cells in lines):
        raise PayloadError("the table has no rows")
    for position, cells in lines:
        if not cells:
            continue
        if len(cells) != len(headings):
            rows.reject(f"row {position}", f"{len(cells)} cells under {len(headings)} headings")
            continue
        cell = {
            name: c for h, c in zip(headings, cells, strict=True) for name in HEADINGS if h.startswith(name)
        }
        models = [_words(link) for link in cell["model"].find_all("a")] or [_words(cell["model"])]
        known = {
            "leaderboard": f"hal_{benchmark}",
            "board_version": _words(cell["agent"].find("a") or cell["agent"]),
            "model_raw": " + ".join(models),
            "evaluated_date": context.observed_at.date(),
        }
        if len(models) > 1:
            rows.reject(f"row {position}", "an agent of several models", **known)
            continue
        percent = {"metric": "accuracy", "score_unit": "percent"}
        rows.add(
            f"row {position}/accuracy",
            category="overall",
            rank=_words(cell["rank"]),
            **percent,
            **_amount(cell["accuracy"]),
            **known,
        )
        for heading, level_cell in zip(headings, cells, strict=True):
            if level := LEVEL.match(heading):
                category = f"level_{level[1]}"
                amount = _amount(level_cell)
                rows.add(f"row {position}/{category}", category=category, **percent, **amount, **known)
        cost = {"category": "overall", "metric": "total_cost", "score_unit": "usd", **_amount(cell["cost"])}
        if cost["score"]:
            rows.add(f"row {position}/total_cost", **cost, **known)
    return {"leaderboard_scores": rows}


def _words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _amount(cell: Tag) -> dict[str, object]:
    """Score and its lowest and highest run; the score is the cell's own text where it is no amount."""
    text = _words(cell)
    found = AMOUNT.match(text)
    value = decimal(found["value"]) if found else None
    if found is None or value is None:
        return {"score": text or None}
    below, above = (decimal(found[name] or "") for name in ("below", "above"))
    return {
        "score": value,
        "score_low": None if below is None else value - below,
        "score_high": None if above is None else value + above,
    }
