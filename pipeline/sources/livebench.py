"""LiveBench: questions renewed in dated releases, scored without a judge model.

Publisher: LiveBench, https://livebench.ai; data files of its site in the public repository
LiveBench/livebench.github.io (no licence stated). One CSV of task scores and one JSON of categories per
release; a release gains models for months, the newest one most. Quirks: task sets change between releases, a
task never changed its category; an empty cell is a task that was not run; 0.0 is a score, and now and then a
failed run (gpt-5.5, olympiad, 2026-07); the effort is part of the model's name; the site's own script shows a
fixed 72 as the average of grok-3-thinking in one release.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError, SourceError
from pipeline.parsing import Context, Parsed, Rows, decimal, decode, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/LiveBench/livebench.github.io"
HISTORY_PATHS = ("public",)
LISTING_URL = "https://api.github.com/repos/LiveBench/livebench.github.io/contents/public"
URL = "https://raw.githubusercontent.com/LiveBench/livebench.github.io/main/public/{name}"
TABLE = re.compile(r"table_(\d{4})_(\d{2})_(\d{2})\.csv")
CATEGORIES = re.compile(r"categories_\d{4}_\d{2}_\d{2}\.json")
KNOWN_TABLES = tuple(
    f"table_{release}.csv"
    for release in (
        "2024_06_24",
        "2024_07_26",
        "2024_08_31",
        "2024_11_25",
        "2025_04_02",
        "2025_04_25",
        "2025_05_30",
        "2025_11_25",
        "2025_12_23",
        "2026_01_08",
    )
)
"""Read where the listing does not answer; newer releases wait for it."""
TASKS = {
    "Reasoning": "web_of_lies_v2 web_of_lies_v3 zebra_puzzle spatial house_traversal temporal theory_of_mind "
    "logic_with_navigation",
    "Coding": "LCB_generation coding_completion completion code_generation code_completion",
    "Agentic Coding": "javascript typescript python",
    "Mathematics": "AMPS_Hard math_comp olympiad math_proof_comp integrals_with_game",
    "Data Analysis": "cta tablejoin tablereformat consecutive_events",
    "Language": "connections plot_unscrambling movie_unscrambling typos",
    "IF": "paraphrase simplify story_generation summarize",
}
"""Category to its tasks, over all releases to 2026-06. A table does not tell; fetch compares the newest."""
CATEGORY_OF = {task: category for category, tasks in TASKS.items() for task in tasks.split()}


class Listed(msgspec.Struct):
    name: str


def fetch(http: Http) -> None:
    """The table of every release, and the newest categories."""
    try:
        listing = decode(http.get(LISTING_URL, parse=False), list[Listed])
        names = [entry.name for entry in listing]
    except SourceError:
        # The listing allows 60 requests an hour to an address without a key.
        names = list(KNOWN_TABLES)
    for name in sorted(filter(TABLE.fullmatch, names)):
        http.get(URL.format(name=name))
    for name in sorted(filter(CATEGORIES.fullmatch, names))[-1:]:
        http.get(URL.format(name=name))


def parse(body: bytes, context: Context) -> Parsed:
    """A release's table to `leaderboard_scores`, one row per model and category, and `overall`.

    Key: release (board version), category and model; metric `average`, percent. The averages are derived by
    the board's own rule, as its site does: a category is the plain mean of its tasks, overall that of the
    categories. A model with an empty task has no score in that category and none overall. The date is the
    release's. A categories file gives no rows. Raises PayloadError when the body is not such a table, or
    when a task is in no known category or has moved to another.
    """
    rows = Rows("leaderboard_scores")
    name = (context.path or context.url).rpartition("/")[2]
    if CATEGORIES.fullmatch(name):
        _require_known({task: c for c, tasks in decode(body, dict[str, list[str]]).items() for task in tasks})
        return {"leaderboard_scores": rows}
    release = TABLE.fullmatch(name)
    if not release:
        return {}
    for line, row in read_csv(body, ("model",)):
        model, tasks = row.pop("model", ""), {task: text for task, text in row.items() if task}
        _require_known({task: CATEGORY_OF.get(task, "") for task in tasks})
        known = {
            "leaderboard": "livebench",
            "board_version": "-".join(release.groups()),
            "metric": "average",
            "model_raw": model,
            "score_unit": "percent",
            "evaluated_date": "-".join(release.groups()),
        }
        scores: dict[str, list[Decimal | None]] = {}
        for task, text in tasks.items():
            scores.setdefault(CATEGORY_OF[task], []).append(decimal(text))
        averages = {category: _mean(values) for category, values in scores.items()}
        averages["overall"] = _mean(list(averages.values()))
        for category, score in averages.items():
            if score is not None:
                rows.add(f"line {line}/{category}", category=category, score=float(score), **known)
    return {"leaderboard_scores": rows}


def _mean(values: list[Decimal | None]) -> Decimal | None:
    present = [value for value in values if value is not None]
    return sum(present, Decimal()) / len(values) if values and len(present) == len(values) else None


def _require_known(category_of: dict[str, str]) -> None:
    strange = sorted(task for task, category in category_of.items() if CATEGORY_OF.get(task) != category)
    if strange or not category_of:
        raise PayloadError(f"tasks of no known category: {', '.join(strange) or 'there are none'}")
