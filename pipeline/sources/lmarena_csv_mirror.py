"""The LMArena text leaderboard as a public repository mirrored it, 2024-06 to 2025-08.

Publisher: fboulnois, https://github.com/fboulnois/llm-leaderboard-csv, MPL-2.0; the scores are LMArena's. One
CSV, `csv/lmsys.csv` and later `csv/lmarena_text.csv`, committed when the board changed, every few days.
Quirks: the file states no date; whole ratings only; until 2024-07 the score column is called arena_elo; the
scale drifts from version to version (GPT-4-0314: 1186 until 2025-05, 1204 by 2025-06-25), so scores compare
within one version; a withdrawn model just disappears (Llama-4-Maverick-03-26-Experimental, 2025-04-13).
"""

from __future__ import annotations

import re
from decimal import Decimal

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/fboulnois/llm-leaderboard-csv"
HISTORY_PATHS = ("csv/lmsys.csv", "csv/lmarena_text.csv")
FILES = ("lmsys.csv", "lmarena_text.csv")
"""Names the text board had; the repository's other boards are on scales of their own."""
COLUMNS = ("rank", "model", "95_pct_ci", "votes", "organization", "license")
SCORE_COLUMNS = ("arena_score", "arena_elo")
BOARD_VERSION = "csv_mirror"
"""Keeps these scores apart from those LMArena publishes itself: the scales differ."""
INTERVAL = re.compile(r"\+(?P<above>\d+)/-(?P<below>\d+)", re.ASCII)
"""95 % interval as distances from the score."""


def parse(body: bytes, context: Context) -> Parsed:
    """A version of the CSV to `leaderboard_scores`, one row per model of the overall text board.

    Key: model and date; metric `rating`, board version `csv_mirror`. Every version is a new fit of all
    ratings, so each one is a publication of its own; its date is that of the reading, because the file has
    none. A score of 0 means no score and is rejected. Raises PayloadError when the body is not such a CSV.
    """
    if context.path and context.path.rpartition("/")[2] not in FILES:
        raise PayloadError(f"{context.path} is not the text board; that is {' or '.join(FILES)}")
    rows = Rows("leaderboard_scores")
    for line, row in read_csv(body, COLUMNS):
        stated = next((row[name] for name in SCORE_COLUMNS if name in row), None)
        if stated is None:
            raise PayloadError(f"the CSV has neither {' nor '.join(SCORE_COLUMNS)} in line {line}")
        known = {
            "leaderboard": "lmarena_text",
            "board_version": BOARD_VERSION,
            "category": "overall",
            "metric": "rating",
            "score_unit": "elo",
            "model_raw": row.get("model"),
            "organization_raw": row.get("organization") or None,
            "evaluated_date": context.observed_at.date(),
        }
        rating, interval = decimal(stated), INTERVAL.fullmatch(row.get("95_pct_ci", ""))
        if not rating:
            rows.reject(f"line {line}", f"no rating: {stated!r}", **known)
            continue
        rows.add(
            f"line {line}",
            **known,
            score=rating,
            score_low=rating - Decimal(interval["below"]) if interval else None,
            score_high=rating + Decimal(interval["above"]) if interval else None,
            vote_count=row.get("votes") or None,
            rank=row.get("rank") or None,
            license_raw=row.get("license") or None,
        )
    return {"leaderboard_scores": rows}
