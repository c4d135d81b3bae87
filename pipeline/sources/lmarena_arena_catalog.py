"""LMArena's own catalogue of its boards, 2025-03 to 2025-12.

Publisher: LMArena, github.com/lmarena/arena-catalog `data/leaderboard-*.json` (no licence stated). One JSON
per board, 15 committed states of the text board; frozen since, the data set lmarena_hf took over. Quirks: the
file states no date; every state is a fit of its own, so scores compare within one state only; category `full`
is the headline; one board with style control and one without, on scales of their own.
"""

from __future__ import annotations

import re

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/lmarena/arena-catalog"
HISTORY_PATHS = ("data/leaderboard-text.json", "data/leaderboard-text-style-control.json")
FILE = re.compile(r"leaderboard-(?P<board>text(?:-style-control)?)(?:_(?P<day>\d{4}-\d{2}-\d{2})\w*)?\.json")
"""Name of a state, in the repository or kept as a file under its day."""
HEADLINE = "full"


class Rating(msgspec.Struct):
    rating: float
    rating_q975: float | None = None
    rating_q025: float | None = None


def parse(body: bytes, context: Context) -> Parsed:
    """A state of a board to `leaderboard_scores`, one row per category and model.

    Key: board, category (`overall` for the headline), model and day; metric `rating` with its 95 % interval,
    board version `arena_catalog`. The day is the one in the file's name, else that of the reading. A rating
    of 0 is rejected. Raises PayloadError when the body is not such JSON or the file no text board.
    """
    file = FILE.fullmatch(context.path.rpartition("/")[2])
    if not file:
        raise PayloadError(f"{context.path!r} is no state of a text board")
    leaderboard = f"lmarena_{file['board'].replace('-', '_')}"
    # A file kept under its day is a reading of its own board at that day, whenever it is loaded.
    times = {"observed_at": f"{file['day']}T00:00:00Z", "reading_scope": leaderboard} if file["day"] else {}
    rows = Rows("leaderboard_scores")
    for category, models in decode(body, dict[str, dict[str, Rating]]).items():
        for model, rating in models.items():
            known = {
                "leaderboard": leaderboard,
                "board_version": "arena_catalog",
                "category": "overall" if category == HEADLINE else category,
                "metric": "rating",
                "model_raw": model,
                "score": rating.rating,
                "score_unit": "elo",
                "evaluated_date": file["day"] or context.observed_at.date(),
                **times,
            }
            if rating.rating == 0:
                rows.reject(f"{category}/{model}", "0: no rating", **known)
                continue
            interval = {"score_low": rating.rating_q025, "score_high": rating.rating_q975}
            rows.add(f"{category}/{model}", **interval, **known)
    return {"leaderboard_scores": rows}
