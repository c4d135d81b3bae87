"""Artificial Analysis: an index of intelligence, single evaluations and list prices of models.

Publisher: Artificial Analysis, https://artificialanalysis.ai, free key, attribution required, some 1,000
requests a day. One JSON of all models. Quirks: versions of the index do not compare and this answer does not
say which one it is; indices run to 100, single evaluations are fractions; prices are blends over a model's
hosts, 0 where there is none; speed and latency are those of one request at a host, not of a GPU, and are not
read; evaluations carry no date.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://artificialanalysis.ai/api/v2/data/llms/models"
KEY = "AIMARKET_KEY_ARTIFICIAL_ANALYSIS"
HEADLINE = "artificial_analysis_intelligence_index"
PRICES = {"price_1m_input_tokens": "input", "price_1m_output_tokens": "output"}
"""Key of a price, USD per million tokens, to component; the blend of both is derived."""


class Creator(msgspec.Struct):
    name: str | None = None


class Model(msgspec.Struct):
    slug: str
    name: str | None = None
    release_date: str | None = None
    model_creator: Creator | None = None
    evaluations: dict[str, float | None] | None = None
    pricing: dict[str, Decimal | None] | None = None


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """All models, one request."""
    http.get(URL, headers={"x-api-key": http.secret(KEY)})


def parse(body: bytes, context: Context) -> Parsed:
    """The answer to `leaderboard_scores`, `token_prices` and `model_facts`.

    Scores: one row per evaluation of a model that is stated; category `overall` is the intelligence index,
    else the evaluation's key; metric `index` or `score`, index points or fraction; the date is that of the
    reading. Prices: input and output, host `artificial_analysis`; 0 is rejected. Facts: one row per model.
    Raises PayloadError when the body is not such JSON.
    """
    scores, prices, facts = Rows("leaderboard_scores"), Rows("token_prices"), Rows("model_facts")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            scores.reject(f"data/{position}", reason)
            continue
        maker = model.model_creator.name if model.model_creator else None
        facts.add(
            f"data/{position}",
            host_raw="artificial_analysis",
            model_raw=model.slug,
            model_name=model.name,
            lab_raw=maker,
            release_date=model.release_date or None,
        )
        for key, score in (model.evaluations or {}).items():
            if score is not None:
                is_index = key.endswith("_index")
                scores.add(
                    f"data/{position}/{key}",
                    leaderboard="artificial_analysis",
                    board_version="unstated",
                    category="overall" if key == HEADLINE else key,
                    metric="index" if is_index else "score",
                    model_raw=model.slug,
                    organization_raw=maker,
                    score=score,
                    score_unit="index" if is_index else "fraction",
                    evaluated_date=context.observed_at.date(),
                )
        for key, component in PRICES.items():
            amount = (model.pricing or {}).get(key)
            if amount is None:
                continue
            price = {
                "host_raw": "artificial_analysis",
                "model_raw": model.slug,
                "component": component,
                "usd_amount": amount,
            }
            if amount == 0:
                prices.reject(f"data/{position}/{key}", "0: free or without a price", **price)
            else:
                prices.add(f"data/{position}/{key}", **price)
    return {"leaderboard_scores": scores, "token_prices": prices, "model_facts": facts}
