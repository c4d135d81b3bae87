"""MMLU-Pro: questions of 14 subjects with ten answers each, run by the board or reported by makers.

Publisher: TIGER-Lab, https://huggingface.co/spaces/TIGER-Lab/MMLU-Pro, data set
TIGER-Lab/mmlu_pro_leaderboard_submission (no licence stated). One CSV, changed every few months, last seen
changed 2026-03-11. Quirks: `Data Source` is spelt several ways (TIGER-Lab, TIGER-LAb, Self-Reported); a model
may stand once per data source; exact repetitions exist; subjects may be empty; the file states no date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://huggingface.co/datasets/TIGER-Lab/mmlu_pro_leaderboard_submission/resolve/main/results.csv"
RUN_BY = {"tiger-lab": "tiger_lab", "self-reported": "self_reported"}
"""Data source in lower case to board version: the two were not run alike and do not compare."""
SUBJECTS = (
    "Biology",
    "Business",
    "Chemistry",
    "Computer Science",
    "Economics",
    "Engineering",
    "Health",
    "History",
    "Law",
    "Math",
    "Philosophy",
    "Physics",
    "Psychology",
    "Other",
)
CATEGORIES = {"Overall": "overall"} | {subject: subject.lower().replace(" ", "_") for subject in SUBJECTS}


def fetch(http: Http) -> None:
    """The whole board, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The CSV to `leaderboard_scores`, one row per subject of a model that has a score, and `overall`.

    Key: who ran it (board version), category and model; metric `accuracy`, a fraction. The date is that of
    the reading. Rejected: rows of an unknown data source, without an overall score, and repetitions. Raises
    PayloadError when the body is not such a CSV.
    """
    rows = Rows("leaderboard_scores")
    for line, row in read_csv(body, ("Models", "Data Source", *CATEGORIES)):
        run_by = RUN_BY.get(row.get("Data Source", "").strip().lower())
        known = {
            "leaderboard": "mmlu_pro",
            "board_version": run_by,
            "metric": "accuracy",
            "model_raw": row.get("Models"),
            "score_unit": "fraction",
            "evaluated_date": context.observed_at.date(),
        }
        if run_by is None or decimal(row.get("Overall", "")) is None:
            reason = "no overall score" if run_by else f"unknown data source {row.get('Data Source')!r}"
            rows.reject(f"line {line}", reason, category="overall", **known)
            continue
        for column, category in CATEGORIES.items():
            score = decimal(row.get(column, ""))
            if score is not None:
                rows.add(f"line {line}/{category}", category=category, score=score, **known)
    return {"leaderboard_scores": rows}
