"""Vals AI: private tests of work in finance, law, code and more, with cost and latency per test.

Publisher: Vals AI, https://www.vals.ai/benchmarks (no licence stated). One page per benchmark; the scores
stand in the properties of its `astro-island` elements, as JSON in which every value is a [tag, value] pair.
Quirks: the effort is a field of its own and not part of the model's name; a few boards score in points beyond
100 (Poker Agent) under the same key; the index rsi_index is drawn by a script and carries no data; standard
errors are not intervals.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from bs4 import BeautifulSoup
from bs4.exceptions import ParserRejectedMarkup

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://www.vals.ai/benchmarks"
ARCHIVED_PAGES = {"": f"{URL}/*"}
LINK = re.compile(r'href=["\']/benchmarks/([A-Za-z0-9_-]+)')
WITHOUT_DATA = frozenset({"rsi_index"})
COMPONENT = "BenchmarkView"
LIST_TAG = 1
"""Of a wrapped value that is a list; the others seen or documented wrap one value."""
METRICS = {"accuracy": "percent", "cost_per_test": "usd", "latency": "seconds"}


class Score(msgspec.Struct):
    """One model in one task. Percent, USD per test, seconds."""

    accuracy: float | None = None
    cost_per_test: float | None = None
    latency: float | None = None
    provider: str | None = None


class Metadata(msgspec.Struct):
    benchmark: str
    slug: str
    updated: str | None = None


class View(msgspec.Struct):
    metadata: Metadata
    tasks: dict[str, dict[str, Any]]


def fetch(http: Http) -> None:
    """The index, then every benchmark it links."""
    index = http.get(URL, parse=False).decode("utf-8", "replace")
    slugs = sorted(set(LINK.findall(index)) - WITHOUT_DATA)
    if not slugs:
        raise PayloadError(f"{URL} links no benchmark")
    for slug in slugs:
        http.get(f"{URL}/{slug}", scope=slug)


def parse(body: bytes, context: Context) -> Parsed:
    """A benchmark's page to `leaderboard_scores`, one row per task, model and metric that is stated.

    Key: benchmark (leaderboard `vals_<slug>`, its name with version as board version), task, metric, model
    and the benchmark's day of update, or else that of the reading. A board that scores beyond 100 is not
    percent and is rejected whole. Raises PayloadError when the page carries no such scores.
    """
    view = _view(body)
    if not any(view.tasks.values()):
        raise PayloadError(f"{view.metadata.slug} has no scores")
    rows = Rows("leaderboard_scores")
    known = {
        "leaderboard": f"vals_{view.metadata.slug}",
        "board_version": view.metadata.benchmark,
        "evaluated_date": (view.metadata.updated or context.observed_at.date().isoformat())[:10],
    }
    scores: list[tuple[str, str, Score]] = []
    for task, models in view.tasks.items():
        for model, raw in models.items():
            try:
                scores.append((task, model, msgspec.convert(raw, Score)))
            except msgspec.ValidationError as error:
                rows.reject(f"{task}/{model}", str(error), category=task, model_raw=model, **known)
    if any((score.accuracy or 0) > 100 for _, _, score in scores):
        rows.reject("tasks", "scores beyond 100: points of an unknown scale", category="overall", **known)
        return {"leaderboard_scores": rows}
    for task, model, score in scores:
        for metric, unit in METRICS.items():
            value = getattr(score, metric)
            if value is not None:
                rows.add(
                    f"{task}/{model}/{metric}",
                    category=task,
                    metric=metric,
                    model_raw=model,
                    organization_raw=score.provider,
                    score=value,
                    score_unit=unit,
                    **known,
                )
    return {"leaderboard_scores": rows}


def _view(body: bytes) -> View:
    if b"<" not in body or body.lstrip().startswith(b"<?xml"):
        raise PayloadError(f"not an HTML page; the body starts {body[:60]!r}")
    try:
        islands = BeautifulSoup(body, "html.parser").find_all("astro-island")
    except ParserRejectedMarkup as error:
        raise PayloadError(f"not an HTML page: {error}") from error
    for island in islands:
        if COMPONENT in str(island.get("component-url", "")):
            try:
                properties = _unwrap(decode(str(island.get("props", "")).encode(), dict[str, Any]))
                view = properties["benchmarkView"]
                return msgspec.convert(view.get("default", view), View)
            except (KeyError, AttributeError, RecursionError, msgspec.ValidationError) as error:
                raise PayloadError(f"the properties of {COMPONENT} have another shape: {error!r}") from error
    raise PayloadError(f"the page has no astro-island of {COMPONENT}")


def _unwrap(value: Any) -> Any:
    """The value inside [tag, value] pairs; [tag] alone stands for undefined."""
    if isinstance(value, dict):
        return {key: _unwrap(inner) for key, inner in value.items()}
    if isinstance(value, list):
        tag, *rest = value or [None]
        if tag == LIST_TAG and rest and isinstance(rest[0], list):
            return [_unwrap(item) for item in rest[0]]
        return _unwrap(rest[0]) if rest else None
    return value
