"""Hugging Face Open LLM Leaderboard 2: open models on six tests, 2024-06 to 2025-03.

Publisher: Hugging Face (no licence stated); read from fboulnois/llm-leaderboard-csv `csv/huggingface_v2.csv`
(MPL-2.0), a commit on most days. Frozen 2025-03. Quirks: two layouts in six sets of columns, scores to two
places in the older one; they are percent above chance; a model stands once per precision and revision it was
submitted in; `flagged` is TRUE for every row of the older layout and for one model of the newer; a few rows
have no submission day.
"""

from __future__ import annotations

from pipeline.parsing import Context, Parsed, Rows, read_csv

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/fboulnois/llm-leaderboard-csv"
HISTORY_PATHS = ("csv/huggingface_v2.csv",)
OLDER = {
    "fullname": "model",
    "precision": "precision",
    "submission_date": "day",
    "hub_license": "license",
    "average": "score",
}
NEWER = {
    "model_name": "model",
    "model_precision": "precision",
    "metadata_submission_date": "day",
    "metadata_hub_license": "license",
    "model_average_score": "score",
    "features_is_flagged": "flagged",
}
"""Column to what it holds, by layout."""


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A version of the CSV to `leaderboard_scores`, one row per submission: the mean of the six tests.

    Key: model with its precision in brackets, and day of submission; metric `average`, normalised percent,
    board version `v2`. The tests themselves are not read: 190 versions of 4,500 models would be 3 million
    rows that hardly change. Of one model's revisions of one day and precision the first stays. Rejected: rows
    without a day, and withdrawn models. Raises PayloadError when the body is not such a CSV.
    """
    rows = Rows("leaderboard_scores")
    columns = NEWER if b"model_average_score" in body.partition(b"\n")[0] else OLDER
    for line, row in read_csv(body, columns):
        held = {name: row.get(column, "") for column, name in columns.items()}
        known = {
            "leaderboard": "open_llm_leaderboard",
            "board_version": "v2",
            "category": "overall",
            "metric": "average",
            "model_raw": f"{held['model']} ({held['precision']})" if held["model"] else None,
            "score": held["score"] or None,
            "score_unit": "percent",
            "license_raw": held["license"] or None,
            "evaluated_date": held["day"] or None,
        }
        if not held["day"]:
            rows.reject(f"line {line}", "no day of submission", **known)
        elif held.get("flagged") == "TRUE":
            rows.reject(f"line {line}", "withdrawn by the board", **known)
        else:
            rows.add(f"line {line}", **known)
    return {"leaderboard_scores": rows}
