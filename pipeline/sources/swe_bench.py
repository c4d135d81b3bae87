"""SWE-bench: repository issues solved by models in one fixed scaffold, and by agents of all kinds.

Publisher: SWE-bench, https://www.swebench.com; one JSON of 4 MB in the public repository of its site (scores
CC BY-NC by second-hand account, none stated in the file). Changes when somebody submits. Quirks: only
`bash-only` holds the scaffold (mini-swe-agent) constant, the other boards rank agents, some of several
models; the same runs stand under Verified once more; `per_instance_details` is 94 % of the bytes; `warning`
marks a disputed entry; the scaffold's first runs are labelled 0.0.0, its second major version is another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://raw.githubusercontent.com/SWE-bench/swe-bench.github.io/master/data/leaderboards.json"
HEADLINE = "bash-only"


class Result(msgspec.Struct):
    """One entry. ``resolved`` is percent of the issues, ``instance_cost`` USD per issue."""

    name: str
    date: str | None = None
    resolved: float | None = None
    instance_cost: float | None = None
    tags: list[str] | None = None
    warning: str | bool | None = None
    scaffold_version: str | None = msgspec.field(name="mini-swe-agent_version", default=None)


class Board(msgspec.Struct):
    name: str
    results: list[msgspec.Raw]


class Boards(msgspec.Struct):
    leaderboards: list[Board]


def fetch(http: Http) -> None:
    """All boards, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The boards to `leaderboard_scores`, one row per metric of an entry.

    Key: category (`overall` for bash-only, else the board's name), board version (the scaffold's major
    version, or `agents`), metric, entry and its day. Metrics: `resolved`, percent, and `instance_cost`, USD
    per issue. On the boards of agents the entry's name is an agent's. Disputed entries are rejected, those
    repeated from bash-only passed over. Raises PayloadError when the body is not such JSON.
    """
    rows = Rows("leaderboard_scores")
    for board in decode(body, Boards).leaderboards:
        for position, result, reason in decode_each(board.results, Result):
            place = f"{board.name}/{position}"
            if result is None:
                rows.reject(place, reason, category=board.name)
                continue
            is_headline = board.name == HEADLINE
            if result.scaffold_version and not is_headline:
                continue
            major = (result.scaffold_version or "unstated").partition(".")[0]
            major = "1" if major == "0" else major
            makers = [tag.removeprefix("Org: ") for tag in result.tags or () if tag.startswith("Org: ")]
            known = {
                "leaderboard": "swe_bench",
                "board_version": f"mini-swe-agent {major}" if is_headline else "agents",
                "category": "overall" if is_headline else board.name,
                "model_raw": result.name,
                "organization_raw": ", ".join(makers) or None,
                "evaluated_date": result.date,
            }
            if result.warning:
                rows.reject(place, f"disputed by the board: {result.warning}", score=result.resolved, **known)
                continue
            rows.add(
                f"{place}/resolved", metric="resolved", score=result.resolved, score_unit="percent", **known
            )
            if result.instance_cost:
                usd = {"score": result.instance_cost, "score_unit": "usd"}
                rows.add(f"{place}/instance_cost", metric="instance_cost", **usd, **known)
    return {"leaderboard_scores": rows}
