"""LLM Stats: scores that makers report of their own models, and facts on the models, kept by hand.

Publisher: LLM Stats, public repository JonathanChavezTamales/llm-leaderboard (no licence stated here), frozen
2025-10-16; the live interface needs a key. Two JSON files per model. Quirks: every score is the maker's own,
run in the maker's way (the way is told in words and not read); nearly all are fractions; a benchmark has
several ids (swe-bench-verified, swe-bench-verified-(agentic-coding)); the effort is not part of the model id.
"""

from __future__ import annotations

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/JonathanChavezTamales/llm-leaderboard"
HISTORY_PATHS = ("data/organizations",)
FULL_DATE = len("2025-12-31")


class Score(msgspec.Struct):
    benchmark_id: str
    model_id: str
    updated_at: str
    score: float | None = None
    is_self_reported: bool | None = None


class Model(msgspec.Struct):
    model_id: str
    name: str | None = None
    organization_id: str | None = None
    release_date: str | None = None
    license_id: str | None = None
    param_count: float | None = None
    source_weights_link: str | None = None


def parse(body: bytes, context: Context) -> Parsed:
    """A model's `benchmarks.json` to `leaderboard_scores`, its `model.json` to `model_facts`.

    Scores: one row per benchmark, key benchmark (category), model and day of the last edit; metric `score`, a
    fraction; board version `self_reported` or `verified`. Other files give no rows. Weights are open where a
    link to them is given, else unstated. Rejected: scores outside 0 to 1, whose unit nobody states. Raises
    PayloadError when the body is not such JSON.
    """
    scores, facts = Rows("leaderboard_scores"), Rows("model_facts")
    if context.path.endswith("benchmarks.json"):
        for position, score, reason in decode_each(decode(body, list[msgspec.Raw]), Score):
            if score is None:
                scores.reject(position, reason)
                continue
            known = {
                "leaderboard": "llm_stats",
                "board_version": "self_reported" if score.is_self_reported is not False else "verified",
                "category": score.benchmark_id,
                "metric": "score",
                "model_raw": score.model_id,
                "score": score.score,
                "score_unit": "fraction",
                "evaluated_date": score.updated_at[:FULL_DATE],
            }
            if score.score is not None and not 0 <= score.score <= 1:
                scores.reject(position, "not a fraction: its unit is not stated", **known)
            else:
                scores.add(position, **known)
    elif context.path.endswith(("/model.json", "__model.json")):
        model = decode(body, Model)
        facts.add(
            model.model_id,
            host_raw="llm_stats",
            model_raw=model.model_id,
            model_name=model.name,
            lab_raw=model.organization_id,
            release_date=(model.release_date or "")[:FULL_DATE] or None,
            is_open_weights=True if model.source_weights_link else None,
            license=model.license_id,
            total_params_b=model.param_count / 1e9 if model.param_count else None,
        )
    return {"leaderboard_scores": scores, "model_facts": facts}
