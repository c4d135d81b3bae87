"""Aider's polyglot leaderboard: 225 coding exercises in six languages, with the price of each run.

Publisher: Aider-AI, https://aider.chat/docs/leaderboards, Apache-2.0. One YAML list in the public repository,
one entry per run; changes every few days in 2025-02 to 2025-06, last changed 2025-10-04. Quirks: total_cost
0 stands for unknown or free; the model name carries the effort or thinking budget only in words; a few runs
end with 223 or 224 of the 225 exercises; a model run again on another day is a second entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/Aider-AI/aider"
HISTORY_PATHS = ("aider/website/_data/polyglot_leaderboard.yml",)
URL = "https://raw.githubusercontent.com/Aider-AI/aider/main/aider/website/_data/polyglot_leaderboard.yml"
BOARD_VERSION = "polyglot"
"""The test of 225 exercises; the older one of 133 is another board."""
METRICS = {
    "pass_rate_2": "percent",
    "pass_rate_1": "percent",
    "percent_cases_well_formed": "percent",
    "total_cost": "usd",
}
"""Key of an entry to unit. pass_rate_2, solved within two attempts, is the board's headline."""


def fetch(http: Http) -> None:
    """The whole board, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The board, live or any version of its history, to `leaderboard_scores`: one row per metric of a run.

    Key: model as the board names it, metric and day of the run. Percentages are 0 to 100; total_cost is USD
    for the whole run and gives no row where it is 0. The vote count is the number of exercises. Of two runs
    of one model on one day the first entry stays, as no field says which is the better one. Raises
    PayloadError when the body is not a YAML list.
    """
    rows = Rows("leaderboard_scores")
    for position, run in enumerate(_read(body)):
        if not isinstance(run, Mapping):
            rows.reject(position, f"not an entry: {str(run)[:80]}")
            continue
        for metric, unit in METRICS.items():
            if metric == "total_cost" and not run.get(metric):
                continue
            rows.add(
                f"{position}/{metric}",
                leaderboard="aider_polyglot",
                board_version=BOARD_VERSION,
                category="overall",
                metric=metric,
                model_raw=_text(run, "model"),
                score=_text(run, metric),
                score_unit=unit,
                vote_count=_text(run, "test_cases"),
                evaluated_date=_text(run, "date"),
            )
    return {"leaderboard_scores": rows}


def _read(body: bytes) -> list[object]:
    try:
        # Not the C loader: it takes the process down on deep nesting, this one raises.
        board = yaml.safe_load(body)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PayloadError(f"not YAML: {error}") from error
    if not isinstance(board, list) or not board:
        raise PayloadError(f"the YAML holds no list of runs; the body starts {body[:60]!r}")
    return board


def _text(run: Mapping[str, object], key: str) -> str | None:
    value = run.get(key)
    return None if value is None else str(value)
