"""Terminal-Bench: agents with a terminal on some 70 to 90 tasks, by version of the test.

Publisher: Stanford, Harbor and the Laude Institute, https://www.tbench.ai (no licence stated). The keyless
read function behind the site's own pages, one POST per board. Quirks: a row is an agent with a model, often
at a stated effort; boards of different versions do not compare; rows with a status other than `display` are
withheld; labels come as text or as an object with a link; the interval is 95 %; a trial count of 0 stands for
unknown.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://ofhuhcpkvzjlejydnvyd.supabase.co/functions/v1/leaderboard-read"
BOARDS = {
    "2.0": {"package": "terminal-bench/terminal-bench-2", "name": "2-0"},
    "2.1": {"package": "terminal-bench/terminal-bench-2-1", "name": "main"},
    "3.0": {"package": "terminal-bench/terminal-bench", "name": "3-0-0"},
    "4.0": {"package": "terminal-bench/terminal-bench", "name": "4-0-0"},
}
"""Version to the question that brings its board."""


class Label(msgspec.Struct):
    label: str


class Metadata(msgspec.Struct):
    model_display: str | Label
    agent_display: str | Label
    model_org: str | Label | None = None
    reasoning_effort: str | None = None
    date: str | None = None


class Metrics(msgspec.Struct):
    """Accuracy and half width in percent, cost in USD for all trials."""

    accuracy: Decimal
    accuracy_ci95_half_width: Decimal | None = None
    total_cost_usd: Decimal | None = None
    n_trials: int | None = None


class Entry(msgspec.Struct):
    metadata: Metadata
    metrics: Metrics
    rank: int | None = None
    status: str = "display"
    updated_at: str | None = None


class Pagination(msgspec.Struct):
    total_pages: int = 1


class Board(msgspec.Struct):
    rows: list[msgspec.Raw]
    pagination: Pagination | None = None


def fetch(http: Http) -> None:
    """One request per version."""
    for version, question in BOARDS.items():
        http.post(URL, json=question, scope=version)


def parse(body: bytes, context: Context) -> Parsed:
    """A board to `leaderboard_scores`: `accuracy`, percent, and `total_cost`, USD, of agents with models.

    Key: version and agent (both in the board version, as neither compares with another), metric, model with
    its effort in brackets, and day of the submission, or else of the row's last change. Raises PayloadError
    when the answer is not such JSON or does not hold the whole board.
    """
    board = decode(body, Board)
    if board.pagination and board.pagination.total_pages > 1:
        raise PayloadError(f"the board has {board.pagination.total_pages} pages and one was asked for")
    if not board.rows:
        raise PayloadError("the board is empty")
    rows = Rows("leaderboard_scores")
    for position, entry, reason in decode_each(board.rows, Entry):
        if entry is None:
            rows.reject(position, reason)
            continue
        if entry.status != "display":
            continue
        about, metrics = entry.metadata, entry.metrics
        effort = f" ({about.reasoning_effort})" if about.reasoning_effort else ""
        known = {
            "leaderboard": "terminal_bench",
            "board_version": f"{context.scope} {_text(about.agent_display)}",
            "category": "overall",
            "model_raw": f"{_text(about.model_display)}{effort}",
            "organization_raw": _text(about.model_org) or None,
            "vote_count": metrics.n_trials or None,
            "evaluated_date": (about.date or entry.updated_at or "")[:10] or None,
        }
        half = metrics.accuracy_ci95_half_width
        rows.add(
            f"{position}/accuracy",
            metric="accuracy",
            score=metrics.accuracy,
            score_unit="percent",
            score_low=None if half is None else metrics.accuracy - half,
            score_high=None if half is None else metrics.accuracy + half,
            rank=entry.rank,
            **known,
        )
        if metrics.total_cost_usd:
            usd = {"score": metrics.total_cost_usd, "score_unit": "usd"}
            rows.add(f"{position}/total_cost", metric="total_cost", **usd, **known)
    return {"leaderboard_scores": rows}


def _text(label: str | Label | None) -> str:
    return label.label if isinstance(label, Label) else label or ""
