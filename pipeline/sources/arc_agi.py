"""ARC Prize: abstract puzzles of three generations, with what solving one of them cost.

Publisher: ARC Prize Foundation, https://arcprize.org/leaderboard (no licence stated). Keyless JSON behind the
board: evaluations, one per model and data set, and models. The files lay under leaderboard/ before 2026-08.
Quirks: `display` false rows are not on the board; people and contest entries stand among the models, which
only the file of models tells apart; public splits are easier than the semi-private one the board ranks by;
`cost` of contest entries is not a cost per task; effort is part of the model id; evaluations carry no date.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URLS = ("https://arcprize.org/media/data/", "https://arcprize.org/media/data/leaderboard/")
"""Where the files lie and where they lay; the first that answers is read."""
HEADLINE_SPLIT = "Semi_Private"
PEOPLE = re.compile(r"human|mturk|stem[-_ ]?grad", re.IGNORECASE)
NOT_LABS = re.compile(r"Human|ARC Prize \d{4}")


class Evaluation(msgspec.Struct):
    """One result. ``score`` is a fraction, the costs are USD."""

    datasetId: str
    modelId: str
    score: float | None = None
    costPerTask: float | None = None
    cost: float | None = None
    display: bool | None = None


class Model(msgspec.Struct):
    id: str
    displayName: str | None = None
    providerId: str | None = None
    modelGroup: str | None = None
    modelReleaseDate: str | None = None


def fetch(http: Http) -> None:
    """Evaluations and models, from the newer place or else the older one."""
    newer, older = URLS
    base = newer if http.get(f"{newer}evaluations.json", optional=True) else older
    if base == older:
        http.get(f"{older}evaluations.json")
    http.get(f"{base}models.json")


def parse(body: bytes, context: Context) -> Parsed:
    """Evaluations to `leaderboard_scores`, one row per metric; models to `model_facts`, one row each.

    Key: data set (`v1`, `v2` ... as board version, its split as category, `overall` for the semi-private
    one), metric and model id. Metrics: `score`, a fraction; `cost_per_task` and `cost`, USD. The date is that
    of the reading, as the board gives none. People are rejected; contest entries stay among the scores under
    names no model has. Raises PayloadError when the body is not such a JSON list.
    """
    scores, facts = Rows("leaderboard_scores"), Rows("model_facts")
    if (context.path or context.url).endswith("models.json"):
        for position, model, reason in decode_each(decode(body, list[msgspec.Raw]), Model):
            if model is None:
                facts.reject(position, reason)
            elif not NOT_LABS.fullmatch(model.providerId or ""):
                facts.add(
                    position,
                    host_raw="arc_agi",
                    model_raw=model.id,
                    model_name=model.displayName,
                    lab_raw=model.providerId,
                    family=model.modelGroup,
                    release_date=model.modelReleaseDate or None,
                )
        return {"leaderboard_scores": scores, "model_facts": facts}
    for position, evaluation, reason in decode_each(decode(body, list[msgspec.Raw]), Evaluation):
        if evaluation is None:
            scores.reject(position, reason)
            continue
        if not evaluation.display:
            continue
        version, _, split = evaluation.datasetId.partition("_")
        known = {
            "leaderboard": "arc_agi",
            "board_version": version,
            "category": "overall" if split == HEADLINE_SPLIT else split.lower(),
            "model_raw": evaluation.modelId,
            "evaluated_date": context.observed_at.date(),
        }
        if PEOPLE.search(evaluation.modelId):
            scores.reject(position, "people, not a model", **known)
            continue
        scores.add(
            f"{position}/score", metric="score", score=evaluation.score, score_unit="fraction", **known
        )
        for metric, usd in (("cost_per_task", evaluation.costPerTask), ("cost", evaluation.cost)):
            if usd:
                scores.add(f"{position}/{metric}", metric=metric, score=usd, score_unit="usd", **known)
    return {"leaderboard_scores": scores, "model_facts": facts}
