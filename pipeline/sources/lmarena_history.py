"""LMArena's text board by day, 2023-05 to 2025-02, as a public repository collected it.

Publisher: nakasyou, github.com/nakasyou/lmarena-history `output/result.csv` (no licence stated); the scores
are LMArena's. One CSV of 98 days by 227 models; frozen. Give the file with --file. Quirks: 0.0 stands for no
score; before 2024-06-29 the column is not the overall board: the file has gpt-4-1106-preview first at 1170 on
2024-03-26, when the board had Claude 3 Opus first at about 1255; every day is a fit of its own, so scores
compare within one day only.
"""

from __future__ import annotations

from datetime import date

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

PARSER_VERSION = 1
FIRST_OVERALL_DAY = date(2024, 6, 29)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The table to `leaderboard_scores`, one row per day and model that has a score.

    Key: model and day; metric `rating`, board version `lmarena_history`, category `overall`. Each line is a
    reading of its own day. Lines of days before the overall board are rejected, one reject each. Raises
    PayloadError when the body is not such a CSV.
    """
    rows = Rows("leaderboard_scores")
    for line, row in read_csv(body, ("",)):
        stated = row.pop("")
        day = _day(stated)
        known = {
            "leaderboard": "lmarena_text",
            "board_version": "lmarena_history",
            "category": "overall",
            "metric": "rating",
            "score_unit": "elo",
            "evaluated_date": day,
            "observed_at": f"{day}T00:00:00Z" if day else None,
        }
        if day is None or day < FIRST_OVERALL_DAY:
            reason = "not the overall board before 2024-06-29" if day else f"no day: {stated!r}"
            rows.reject(f"line {line}", reason, **known)
            continue
        for model, text in row.items():
            if rating := decimal(text):
                rows.add(f"line {line}/{model}", model_raw=model, score=rating, **known)
    return {"leaderboard_scores": rows}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("20240629") else None
    except ValueError:
        return None
