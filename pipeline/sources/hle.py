"""Humanity's Last Exam: 2,500 questions at the edge of expert knowledge, as Scale runs them.

Publisher: Scale, https://labs.scale.com/leaderboard/humanitys_last_exam (no licence stated); the questions
are CAIS and Scale's. A page of a JavaScript framework that carries its rows as JSON inside script calls. Seen
2026-08: effort stands in brackets in the model's name; `confidenceInterval_upper` is the half width of a 95 %
interval; the calibration error is percent, lower is better; `contaminationMessage` warns of most models newer
than the questions and disputes no row by itself.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://labs.scale.com/leaderboard/humanitys_last_exam"
ARCHIVED_PAGES = {"": URL}
PUSHED = re.compile(r'self\.__next_f\.push\(\[1,("[^"\\]*(?:\\.[^"\\]*)*")\]\)')
ROWS_START = re.compile(r'\[\s*\{\s*"')
QUESTION_COUNT = 2_500


class Entry(msgspec.Struct):
    """One row of the board; score, half width and calibration error are percent."""

    model: str
    score: Decimal
    rank: int | None = None
    company: str | None = None
    createdAt: str | None = None
    confidenceInterval_upper: Decimal | None = None
    calibrationError: Decimal | None = None


def fetch(http: Http) -> None:
    """The page of the board."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The page to `leaderboard_scores`: `accuracy` and, if stated, `calibration_error` of a model, percent.

    Key: metric, model and the day its row was created (that of the reading where none is stated). Raises
    PayloadError when the page carries no such rows.
    """
    rows = Rows("leaderboard_scores")
    for position, raw in enumerate(_board(body)):
        try:
            entry = msgspec.convert(raw, Entry)
        except msgspec.ValidationError as error:
            rows.reject(position, str(error))
            continue
        known = {
            "leaderboard": "hle",
            "board_version": "scale",
            "category": "overall",
            "model_raw": entry.model,
            "organization_raw": entry.company or None,
            "score_unit": "percent",
            "evaluated_date": entry.createdAt[:10] if entry.createdAt else context.observed_at.date(),
        }
        half = entry.confidenceInterval_upper
        rows.add(
            f"{position}/accuracy",
            metric="accuracy",
            score=entry.score,
            score_low=None if half is None else entry.score - half,
            score_high=None if half is None else entry.score + half,
            vote_count=QUESTION_COUNT,
            rank=entry.rank,
            **known,
        )
        if entry.calibrationError is not None:
            position_of_error = f"{position}/calibration_error"
            rows.add(position_of_error, metric="calibration_error", score=entry.calibrationError, **known)
    return {"leaderboard_scores": rows}


def _board(body: bytes) -> list[object]:
    """The first list among the page's data whose entries are models with score and rank."""
    pushed = PUSHED.findall(body.decode("utf-8", "replace"))
    if not pushed:
        raise PayloadError(f"no data in the page's scripts; the body starts {body[:60]!r}")
    try:
        text = "".join(json.loads(chunk) for chunk in pushed)
    except ValueError as error:
        raise PayloadError(f"the page's data are not JSON strings: {error}") from error
    decoder = json.JSONDecoder(parse_float=Decimal)
    for start in ROWS_START.finditer(text):
        try:
            found, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(found[0], dict) and {"model", "score", "rank"} <= found[0].keys():
            return list(found)
    raise PayloadError("the page's data hold no list of models with score and rank")
