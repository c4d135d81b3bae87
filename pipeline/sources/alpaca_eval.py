"""AlpacaEval 2: answers to 805 instructions against GPT-4 Turbo's, judged by a model.

Publisher: tatsu-lab, https://tatsu-lab.github.io/alpaca_eval (no licence in the file). One CSV in the public
repository tatsu-lab/alpaca_eval; last changed 2025-08, stale. Quirks: anybody could submit; of 211 entries
the board vouches for 67 (`filter` minimal or verified), the rest are the community's, first among them a null
model that answers nothing and wins 86 %; one name stands on both sides; the length-controlled rate is the
headline; the file states no date.
"""

from __future__ import annotations

import re

from pipeline.parsing import Context, Parsed, Rows, read_csv

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/tatsu-lab/alpaca_eval"
HISTORY_PATHS = ("docs/data_AlpacaEval_2/weighted_alpaca_eval_gpt4_turbo_leaderboard.csv",)
METRICS = ("length_controlled_winrate", "win_rate")
SHOWN = ("minimal", "verified")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse(body: bytes, context: Context) -> Parsed:
    """The CSV to `leaderboard_scores`, one row per win rate of an entry the board vouches for.

    Key: metric and model; percent, board version `2`. The day is the one in a given file's name, else that of
    the reading. Entries of the community are rejected. Raises PayloadError when the body is not such a CSV.
    """
    rows = Rows("leaderboard_scores")
    named = DAY.search(context.path.rpartition("/")[2])
    for line, row in read_csv(body, ("name", "filter", *METRICS)):
        known = {
            "leaderboard": "alpaca_eval",
            "board_version": "2",
            "category": "overall",
            "model_raw": row.get("name"),
            "score_unit": "percent",
            "evaluated_date": named[0] if named else context.observed_at.date(),
        }
        if row.get("filter") not in SHOWN:
            reason = f"not vouched for by the board: {row.get('filter')!r}"
            rows.reject(f"line {line}", reason, **known)
            continue
        for metric in METRICS:
            rows.add(f"line {line}/{metric}", metric=metric, score=row.get(metric) or None, **known)
    return {"leaderboard_scores": rows}
